//! Twenty-five faults, and what `pdex validate` says to each: the right service, the right check, by what it was seen, and nothing
//! else. A platform that is well gives no alarm. The README shows the table (`PDEX_SESSIONS=update cargo test --test diagnosis`
//! writes it anew).

#![expect(clippy::disallowed_methods, reason = "the switch is a variable")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

mod stage;
mod stub;
mod table;

use std::fmt::Write as _;
use std::path::Path;

use pdex::definition::model::ServiceName;
use serde_json::json;
use stage::{Fault, Stage};
use table::FAULTS;

/// Runs on one thread, with the servers beside.
fn on_stage<T>(play: impl Future<Output = T>) -> T {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&threads, play)
}

#[test]
fn each_fault_is_named_and_nothing_else() {
    let mut wrong = String::new();
    for (fault, inject, expected) in FAULTS {
        let found = on_stage(async { Stage::set(*inject).await.failed().await });
        if found != *expected {
            let _ = writeln!(wrong, "{fault}\n  expected {expected:#?}\n  found {found:#?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(FAULTS.len(), 25);
}

#[test]
fn a_platform_that_is_well_gives_no_alarm() {
    on_stage(async {
        let stage = Stage::set(Fault::None).await;
        for _ in 0..20 {
            assert_eq!(stage.failed().await, [""; 0]);
        }
        assert_eq!(stage.ailments().await, [""; 0]);
    });
}

#[test]
fn the_doctor_tells_a_cause_once_and_not_by_its_effects() {
    let ailments = on_stage(async { Stage::set(Fault::Killed("db")).await.ailments().await });
    assert_eq!(ailments, ["db: ended with exit code 137 (SIGKILL) [doctor/ended]"]);
    // Nothing is registered because nothing was trained.
    let untrained = Fault::Both(
        |definition| {
            let trainer = definition.services.get_mut(&ServiceName::new("ml_builder")).unwrap();
            trainer.labels.insert("sim.exit".to_owned(), "1".to_owned());
        },
        |platform| {
            platform.mlflow.set("/api/2.0/mlflow/registered-models/search", stub::Answer::ok("{}"));
        },
    );
    let ailments = on_stage(async { Stage::set(untrained).await.ailments().await });
    assert_eq!(ailments, ["ml_builder: ended with exit code 1 [doctor/ended]"]);
    let unseen = Fault::Answers(|platform| {
        platform.prometheus.set("/api/v1/targets", stub::targets("down", "refused"));
    });
    let ailments = on_stage(async { Stage::set(unseen).await.ailments().await });
    assert_eq!(ailments, ["prometheus: targets up: api: refused [doctor/metrics]"]);
}

#[test]
fn an_alert_about_what_is_up_again_is_believed_after_the_next_scrape_only() {
    // The API is back, Prometheus has not seen it yet; what fires is of the last scrape.
    fn back(prometheus: &stub::Stub) {
        let labels = json!({"alertname": "ApiDown", "severity": "critical"});
        let alert =
            json!({"state": "firing", "labels": labels, "annotations": {"summary": "nobody answers"}});
        prometheus.set("/api/v1/rules", stub::rules("ok", "", &json!([alert])));
        prometheus.set("/api/v1/targets", stub::scraped("down", "refused", "2020-01-01T08:00:00Z"));
    }
    fn holds(holds: bool) -> stub::Answer {
        let result = if holds { json!([{"value": [0, "1"]}]) } else { json!([]) };
        stub::Answer::ok(json!({"data": {"result": result}}).to_string())
    }
    fn seen(health: &str, still: bool) -> Vec<(&'static str, stub::Answer)> {
        vec![
            ("/api/v1/targets", stub::scraped(health, "refused", "{now}")),
            ("/api/v1/query query=ratio", holds(still)),
        ]
    }
    on_stage(async {
        // Later than an alert is given to settle: one that is asked about before the scrape is believed.
        let well = Stage::set(Fault::Answers(|platform| {
            back(&platform.prometheus);
            platform.prometheus.turn("/api/v1/targets", 20, seen("up", false));
        }));
        assert_eq!(well.await.failed().await, [""; 0]);
        let unwell = Stage::set(Fault::Answers(|platform| {
            back(&platform.prometheus);
            platform.prometheus.turn("/api/v1/targets", 20, seen("down", true));
        }));
        let failed = unwell.await.failed().await;
        let wanted = ["prometheus/targets-up: api: refused", "prometheus/alerts: ApiDown: nobody answers"];
        assert!(wanted.iter().all(|line| failed.iter().any(|found| found == line)), "{failed:?}");
    });
}

#[test]
fn a_prometheus_that_has_just_come_up_is_given_time_to_find_its_targets() {
    fn none() -> stub::Answer {
        stub::Answer::ok(json!({"data": {"activeTargets": []}}).to_string())
    }
    on_stage(async {
        let new = Stage::set(Fault::Answers(|platform| {
            platform.prometheus.set("/api/v1/targets", none());
            platform.prometheus.turn(
                "/api/v1/targets",
                6,
                vec![("/api/v1/targets", stub::targets("up", ""))],
            );
        }));
        assert_eq!(new.await.failed().await, [""; 0]);
        let without =
            Stage::set(Fault::Answers(|platform| platform.prometheus.set("/api/v1/targets", none())));
        assert_eq!(without.await.failed().await, ["prometheus/targets-up: prometheus has no targets"]);
    });
}

#[test]
fn the_readme_shows_the_table() {
    const BEGIN: &str = "<!-- faults: begin -->\n";
    const END: &str = "<!-- faults: end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (now, after) = rest.split_once(END).unwrap();
    let mut rows = "| what was done | what `pdex validate` said |\n|---|---|\n".to_owned();
    for (fault, _, expected) in FAULTS {
        let said: Vec<String> =
            expected.iter().map(|line| format!("`{}`", line.replace('`', "'").replace('|', "/"))).collect();
        let _ = writeln!(rows, "| {fault} | {} |", said.join("<br>"));
    }
    if std::env::var("PDEX_SESSIONS").is_ok_and(|v| v == "update") {
        std::fs::write(&path, [before, BEGIN, &rows, END, after].concat()).unwrap();
    } else {
        assert!(now == rows, "PDEX_SESSIONS=update cargo test --test diagnosis writes it anew:\n{rows}");
    }
}
