//! Timelines of made-up runs: what was waited for, what had time to spare, what is left over.

use std::time::Duration;

use super::{Timeline, Work, bars, html, metrics, text, trace};
use crate::definition::model::{Condition, ImageUnavailable, ServiceName};
use crate::event::{Event, Phase};
use crate::plan::{Decision, Gate, ImagePlan, InstancePlan, Plan, ServicePlan};
use crate::world::Instance;
use crate::world::time::Timestamp;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn service(name: &str, containers: u32, gates: &[(&str, Condition)]) -> ServicePlan {
    let instance = |number| InstancePlan { number, decision: Decision::Create, existing: None };
    let gate = |(service, condition): &(&str, Condition)| Gate {
        service: ServiceName::new(*service),
        condition: *condition,
        required: true,
        restart: false,
    };
    ServicePlan {
        name: ServiceName::new(name),
        instances: (1..=containers).map(instance).collect(),
        surplus: Vec::new(),
        gates: gates.iter().map(gate).collect(),
        job: false,
        image: ImagePlan { reference: String::new(), present: None, obtain: false, compiled: false },
        config_hash: String::new(),
        unavailable: ImageUnavailable::Fail,
    }
}

fn plan(services: Vec<ServicePlan>) -> Plan {
    Plan {
        project: "shop".to_owned(),
        networks: Vec::new(),
        volumes: Vec::new(),
        services,
        stale: Vec::new(),
        orphans: Vec::new(),
        remove_orphans: false,
    }
}

/// Lets a container be made, started and ready at these milliseconds.
fn lives(timeline: &mut Timeline, name: &str, number: u32, at: [u64; 5]) {
    let instance = Instance { service: ServiceName::new(name), number };
    let phases = [
        Phase::Creating,
        Phase::Waiting { on: Vec::new() },
        Phase::Starting,
        Phase::Probing,
        Phase::Ready { took: Duration::ZERO },
    ];
    for (at, phase) in at.into_iter().zip(phases) {
        timeline.event(ms(at), &Event::Entered { instance: instance.clone(), phase });
    }
}

/// A database, two that wait for it, and one that waits for nothing; 5 ms of pdex's own before and 20 after.
fn run() -> Timeline {
    let healthy = Condition::ServiceHealthy;
    let services = vec![
        service("db", 1, &[]),
        service("alone", 1, &[]),
        service("fast", 1, &[("db", healthy)]),
        service("slow", 1, &[("db", healthy)]),
    ];
    let mut timeline = Timeline::new(&plan(services), ms(5));
    timeline.event(ms(10), &Event::Prepared);
    lives(&mut timeline, "db", 1, [10, 40, 40, 140, 1_000]);
    lives(&mut timeline, "alone", 1, [10, 45, 45, 150, 200]);
    lives(&mut timeline, "fast", 1, [45, 75, 1_001, 1_100, 1_300]);
    lives(&mut timeline, "slow", 1, [75, 99, 1_001, 1_100, 2_000]);
    timeline.end(ms(5 + 2_000 + 20));
    timeline
}

#[test]
fn the_path_goes_along_what_released_each_step() {
    let timeline = run();
    let path: Vec<(Option<&str>, Work, u128)> = timeline
        .critical_path()
        .iter()
        .map(|leg| (leg.row.map(|row| timeline.rows[row].label.as_str()), leg.work, leg.took().as_millis()))
        .collect();
    assert_eq!(
        path,
        [
            (None, Work::Prepare, 10),
            (Some("db"), Work::Create, 30),
            (Some("db"), Work::Start, 100),
            (Some("db"), Work::Run, 860),
            (Some("slow"), Work::Start, 99),
            (Some("slow"), Work::Run, 900),
        ]
    );
    assert_eq!(timeline.overhead(), ms(5 + 20 + 1), "before, after, and from one's end to the other's start");
}

#[test]
fn what_could_have_taken_longer_has_time_to_spare() {
    let timeline = run();
    let slack: Vec<u128> = timeline.slack().iter().map(Duration::as_millis).collect();
    assert_eq!(slack, [1, 1_800, 700, 0], "{:?}", timeline.rows);
}

#[test]
fn a_slot_that_came_free_is_on_the_path() {
    let mut timeline = Timeline::new(&plan(vec![service("web", 3, &[])]), Duration::ZERO);
    timeline.event(ms(0), &Event::Prepared);
    // One call at a time.
    lives(&mut timeline, "web", 1, [0, 100, 300, 400, 400]);
    lives(&mut timeline, "web", 2, [100, 200, 400, 500, 500]);
    lives(&mut timeline, "web", 3, [200, 300, 500, 600, 600]);
    timeline.end(ms(600));
    assert_eq!(timeline.overhead(), Duration::ZERO, "{:?}", timeline.critical_path());
    let labels: Vec<&str> = timeline.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["web-1", "web-2", "web-3"]);
}

#[test]
fn a_run_without_a_start_has_no_path() {
    let mut timeline = Timeline::new(&plan(vec![service("db", 1, &[])]), ms(3));
    timeline.end(ms(7));
    assert!(!timeline.has_started_anything());
    assert!(timeline.critical_path().is_empty());
    assert_eq!(timeline.overhead(), ms(7));
}

#[test]
fn many_rows_are_cut_to_those_with_least_to_spare() {
    let mut timeline = Timeline::new(&plan(vec![service("web", 60, &[])]), Duration::ZERO);
    timeline.event(ms(0), &Event::Prepared);
    for number in 1..=60 {
        let end = 100 + u64::from(number);
        lives(&mut timeline, "web", number, [0, 10, 10, 20, end]);
    }
    timeline.end(ms(160));
    let text = text(&timeline);
    assert!(text.contains("… and 30 more"), "{text}");
    assert!(text.contains("web-60 ") && !text.contains("web-1 "), "{text}");
}

#[test]
fn a_page_and_a_trace_show_every_container_and_let_no_name_become_markup() {
    let mut timeline = run();
    timeline.rows[0].label = "<db>".to_owned();
    let page = html(&timeline, "a&b");
    assert!(page.contains("&lt;db&gt;") && page.contains("a&amp;b") && !page.contains("<db>"), "{page}");
    assert!(!page.contains("http"), "it needs nothing from elsewhere");
    let trace: serde_json::Value = serde_json::from_str(&trace(&timeline)).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let complete = events.iter().filter(|event| event["ph"] == "X");
    assert_eq!(complete.count(), 6 + 4 * 3, "the path, and create, start, run of each");
    let path = timeline.critical_path();
    assert_eq!(bars::described(&timeline, &path), "networks and volumes 10 ms → <db> 990 ms → slow 999 ms");
}

#[test]
fn metrics_tell_when_each_started_and_was_ready() {
    let mut timeline = Timeline::new(&plan(vec![service("db", 1, &[]), service("web", 2, &[])]), ms(5));
    timeline.event(ms(0), &Event::Prepared);
    lives(&mut timeline, "db", 1, [0, 10, 20, 140, 1_000]);
    lives(&mut timeline, "web", 1, [0, 10, 1_000, 1_250, 1_500]);
    let second = Instance { service: ServiceName::new("web"), number: 2 };
    timeline.event(ms(1_000), &Event::Entered { instance: second.clone(), phase: Phase::Starting });
    timeline.event(ms(1_250), &Event::Entered { instance: second, phase: Phase::Probing });
    timeline.end(ms(5 + 2_000));
    let found = metrics(&timeline, Timestamp::from_seconds(1_767_225_602));
    let values: Vec<&str> = found.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        values,
        [
            "pdex_up_started_timestamp_seconds{service=\"db\"} 1767225600.140000000",
            "pdex_up_started_timestamp_seconds{service=\"web-1\"} 1767225601.250000000",
            "pdex_up_started_timestamp_seconds{service=\"web-2\"} 1767225601.250000000",
            "pdex_up_ready_timestamp_seconds{service=\"db\"} 1767225601.000000000",
            "pdex_up_ready_timestamp_seconds{service=\"web-1\"} 1767225601.500000000",
            "pdex_up_duration_seconds 2.005",
        ],
        "{found}"
    );
}

#[test]
fn metrics_are_those_of_the_projects_list() {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/services/dex/src/metrics.rs");
    let list = std::fs::read_to_string(list).unwrap();
    let found = metrics(&run(), Timestamp::default());
    let names: Vec<&str> =
        found.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| list.contains(&format!("\"{name}\""))), "{names:?}");
}
