//! The driver on the simulated engine, on a clock that jumps: what a person relies on when things go wrong.

mod lost;
mod random;
mod readiness;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Outcome, Run, Settings, drive};
use crate::definition::model::{Definition, ServiceName};
use crate::definition::render::config_hash;
use crate::definition::{Request, load};
use crate::engine::teardown::{Extent, teardown};
use crate::event::{Event, FailureKind, Phase};
use crate::plan::{self, Goal, Plan};
use crate::runtime::Runtime as _;
use crate::runtime::sim::{Faults, Simulated};
use crate::world::{State, World};

const STACK: &str = r#"
name: shop
services:
  db:
    image: postgres:15
    ports: ["127.0.0.1:5432:5432"]
    x-pdex: { ready: { tcp: 5432 } }
    healthcheck: { test: [CMD, pg_isready] }
    labels: { sim.ready_ms: "400" }
    volumes: ["data:/data"]
  load:
    image: load:1
    depends_on: { db: { condition: service_healthy } }
    labels: { sim.exit: "0", sim.exit_ms: "700", sim.log: "loaded 188 rows" }
  train:
    image: train:1
    depends_on: { load: { condition: service_completed_successfully } }
    labels: { sim.exit: "0", sim.exit_ms: "900" }
  api:
    image: api:1
    depends_on: { train: { condition: service_completed_successfully } }
    ports: ["127.0.0.1:8000:8000"]
    healthcheck: { test: [CMD, curl, "http://localhost:8000/health"] }
    labels: { sim.ready_ms: "100" }
volumes: { data: {} }
"#;

fn definition(text: &str) -> Definition {
    let folder = tempfile::tempdir().unwrap();
    definition_in(folder.path(), text)
}

fn definition_in(folder: &std::path::Path, text: &str) -> Definition {
    let file = folder.join("stack.yaml");
    std::fs::write(&file, text).unwrap();
    load(&Request { files: vec![file], ..Request::default() }).unwrap().definition
}

/// Runs a test on a paused clock.
fn simulated<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

async fn observed(runtime: &Simulated, definition: &Definition) -> World {
    runtime.observe(definition).await.unwrap()
}

async fn planned(runtime: &Simulated, definition: &Definition, goal: &Goal) -> Plan {
    plan::make(definition, &observed(runtime, definition).await, goal, &config_hash)
}

/// One `up`, ended where asked, and when each service entered which phase.
struct Up<'a> {
    runtime: &'a Simulated,
    definition: &'a Definition,
    goal: Goal,
    deadline: Option<Duration>,
    interrupt_at: Option<Duration>,
    /// The program is gone at this many calls.
    killed_at: Option<u64>,
}

impl<'a> Up<'a> {
    fn of(runtime: &'a Simulated, definition: &'a Definition) -> Self {
        let goal = Goal::default();
        Self { runtime, definition, goal, deadline: None, interrupt_at: None, killed_at: None }
    }

    /// `None` when it was killed.
    async fn run(self) -> Option<(Outcome, Vec<(Duration, ServiceName, Phase)>)> {
        let plan = planned(self.runtime, self.definition, &self.goal).await;
        let environment = BTreeMap::new();
        let Self { runtime, definition, deadline, .. } = self;
        let run = Run {
            runtime,
            definition,
            plan: &plan,
            environment: &environment,
            deadline,
            no_registry: false,
            offline: false,
            settings: Settings::default(),
        };
        let mut entered = Vec::new();
        let mut sink = |at: Duration, event: &Event| {
            if let Event::Entered { instance, phase } = event {
                entered.push((at, instance.service.clone(), phase.clone()));
            }
        };
        let interrupt = async {
            match self.interrupt_at {
                Some(at) => tokio::time::sleep(at).await,
                None => std::future::pending().await,
            }
        };
        let begun = runtime.calls();
        let outcome = {
            let mut driving = pin!(drive(&run, &mut sink, interrupt));
            poll_fn(|context| match driving.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if self.killed_at.is_some_and(|calls| runtime.calls() >= begun + calls) => {
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            })
            .await
        };
        Some((outcome?, entered))
    }

    async fn outcome(self) -> Outcome {
        self.run().await.expect("it is not killed").0
    }
}

/// What the engine holds, without identifiers and times.
fn state(world: &World) -> String {
    let mut lines: Vec<String> = world
        .containers
        .iter()
        .map(|c| {
            let state = match c.state {
                State::Running { .. } => "runs".to_owned(),
                ref other => format!("{other:?}"),
            };
            format!("{} {} {state}", c.name, c.config_hash)
        })
        .collect();
    lines.sort();
    format!("{}\n{:?} {:?}", lines.join("\n"), world.networks, world.volumes)
}

fn phase<'a>(outcome: &'a Outcome, service: &str) -> &'a Phase {
    let found = outcome.phases.iter().find(|(instance, _)| instance.service.as_str() == service);
    &found.expect("it is planned").1
}

fn names(world: &World) -> BTreeSet<&str> {
    world.containers.iter().map(|c| c.name.as_str()).collect()
}

#[test]
fn a_run_killed_at_any_call_is_finished_by_the_next_one() {
    let definition = definition(STACK);
    let force = Goal { force_recreate: true, ..Goal::default() };
    for (goal, begun_before) in [(Goal::default(), false), (force, true)] {
        for killed_at in 1.. {
            let (wanted, found, killed) = simulated(async {
                let (whole, broken) = (Simulated::default(), Simulated::default());
                for runtime in [&whole, &broken] {
                    if begun_before {
                        assert!(Up::of(runtime, &definition).outcome().await.is_success());
                    }
                }
                assert!(
                    Up { goal: goal.clone(), ..Up::of(&whole, &definition) }.outcome().await.is_success()
                );
                let up =
                    Up { goal: goal.clone(), killed_at: Some(killed_at), ..Up::of(&broken, &definition) };
                let killed = up.run().await.is_none();
                let mended = Up::of(&broken, &definition).outcome().await;
                assert!(mended.is_success(), "killed at call {killed_at}: {mended:?}");
                assert!(planned(&broken, &definition, &Goal::default()).await.is_empty());
                (
                    state(&observed(&whole, &definition).await),
                    state(&observed(&broken, &definition).await),
                    killed,
                )
            });
            assert_eq!(found, wanted, "killed at call {killed_at}");
            if !killed {
                assert!(killed_at > 30, "it was killed at {killed_at} calls only");
                break;
            }
        }
    }
}

#[test]
fn down_leaves_nothing_wherever_up_was_killed() {
    let definition = definition(STACK);
    for killed_at in 1..60 {
        simulated(async {
            let runtime = Simulated::default();
            Up { killed_at: Some(killed_at), ..Up::of(&runtime, &definition) }.run().await;
            let world = observed(&runtime, &definition).await;
            let extent = Extent { remove: true, volumes: true, ..Extent::default() };
            teardown(&runtime, &definition, &world, &extent, &mut |_| {}).await;
            let left = observed(&runtime, &definition).await;
            assert_eq!(state(&left), state(&World::default()), "killed at call {killed_at}");
        });
    }
}

#[test]
fn an_engine_that_tells_of_no_end_is_asked() {
    simulated(async {
        let definition = definition(STACK);
        let outcome = Up::of(&Simulated::default(), &definition).outcome().await;
        let deaf = Simulated::with(Faults { deaf: true, ..Faults::default() });
        let later =
            Up { deadline: Some(Duration::from_mins(10)), ..Up::of(&deaf, &definition) }.outcome().await;
        assert!(later.is_success(), "{later:?}");
        let jobs = 2;
        assert!(later.took < outcome.took + jobs * Duration::from_millis(500), "{:?}", later.took);
    });
}

#[test]
fn a_service_that_dies_again_and_again_is_given_up_after_three_times() {
    let text = r#"
name: shop
services:
  api:
    image: api:1
    restart: unless-stopped
    healthcheck: { test: [CMD, check] }
    labels: { sim.exit: "139", sim.exit_ms: "250", sim.log: "no configuration" }
  other: { image: other:1, depends_on: { api: { condition: service_healthy } } }
"#;
    for deaf in [false, true] {
        simulated(async {
            let definition = definition(text);
            let runtime = Simulated::with(Faults { deaf, ..Faults::default() });
            let outcome = Up::of(&runtime, &definition).outcome().await;
            let Phase::Failed(failure) = phase(&outcome, "api") else { panic!("{outcome:?}") };
            assert_eq!(failure.what, "ended with exit code 139 (SIGSEGV) before it was ready (3 times)");
            assert_eq!(
                (&failure.evidence[..], failure.kind),
                (&["no configuration".to_owned()][..], FailureKind::Unhealthy)
            );
            assert_eq!(*phase(&outcome, "other"), Phase::Skipped { because: ServiceName::new("api") });
            assert!(
                outcome.took < Duration::from_secs(10),
                "not after the patience of a slow start: {:?}",
                outcome.took
            );
        });
    }
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    simulated(async {
        let definition = definition(STACK);
        for interrupt_ms in (0..5_000).step_by(250) {
            let runtime = Simulated::default();
            let interrupt_at = Some(Duration::from_millis(interrupt_ms));
            let outcome = Up { interrupt_at, ..Up::of(&runtime, &definition) }.outcome().await;
            assert_eq!(outcome.is_success(), !outcome.interrupted);
            let at_once = Duration::from_millis(interrupt_ms + 10);
            assert!(outcome.took < at_once || !outcome.interrupted, "{:?}", outcome.took);
            assert!(outcome.interrupted || interrupt_ms > 3_000, "it takes longer than {interrupt_ms} ms");
            assert!(
                Up::of(&runtime, &definition).outcome().await.is_success(),
                "interrupted at {interrupt_ms} ms"
            );
        }
    });
}

#[test]
fn the_deadline_bounds_the_run_and_says_what_was_open() {
    simulated(async {
        let definition = definition(&STACK.replace("sim.exit_ms: \"700\"", "sim.exit_ms: \"86400000\""));
        let runtime = Simulated::default();
        let deadline = Some(Duration::from_secs(30));
        let outcome = Up { deadline, ..Up::of(&runtime, &definition) }.outcome().await;
        assert!(outcome.took < Duration::from_secs(31), "{:?}", outcome.took);
        let Phase::Failed(failure) = phase(&outcome, "load") else { panic!("{outcome:?}") };
        assert_eq!(
            (failure.what.as_str(), failure.kind),
            ("still running when the time was up", FailureKind::Deadline)
        );
        assert!(matches!(phase(&outcome, "db"), Phase::Ready { .. }), "what was ready stays so");
    });
}

#[test]
fn a_replacement_that_cannot_start_leaves_the_old_container_alone() {
    simulated(async {
        let runtime = Simulated::default();
        let before = definition(STACK);
        assert!(Up::of(&runtime, &before).outcome().await.is_success());
        let text = STACK
            .replace("sim.exit: \"0\", sim.exit_ms: \"700\"", "sim.exit: \"1\"")
            .replace("api:1", "api:2");
        let after = definition(&text);
        let outcome = Up::of(&runtime, &after).outcome().await;
        assert_eq!(*phase(&outcome, "api"), Phase::Skipped { because: ServiceName::new("train") });
        let world = observed(&runtime, &after).await;
        assert_eq!(names(&world), BTreeSet::from(["shop-api-1", "shop-db-1", "shop-load-1", "shop-train-1"]));
        let api = world.containers.iter().find(|c| c.service.as_str() == "api").unwrap();
        assert!(matches!(api.state, State::Running { .. }), "{api:?}");
    });
}

#[test]
fn what_an_earlier_run_printed_is_no_evidence_of_this_one() {
    simulated(async {
        let runtime = Simulated::default();
        let before = definition(STACK);
        assert!(Up::of(&runtime, &before).outcome().await.is_success());
        let after = definition(
            &STACK.replace("sim.exit: \"0\", sim.exit_ms: \"700\"", "sim.start: exec format error"),
        );
        let outcome = Up::of(&runtime, &after).outcome().await;
        let Phase::Failed(failure) = phase(&outcome, "load") else { panic!("{outcome:?}") };
        assert_eq!(failure.what, "could not start it: exec format error");
        assert!(failure.evidence.is_empty(), "{failure:?}");
    });
}

#[test]
fn a_one_shot_runs_again_when_the_image_of_one_above_it_turns_out_new() {
    simulated(async {
        let folder = tempfile::tempdir().unwrap();
        let text = STACK.replace("image: load:1", "build: .");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("Dockerfile", "FROM scratch\nCOPY one /\n");
        write("one", "1");
        let definition = definition_in(folder.path(), &text);
        let runtime = Simulated::default();
        let build = Goal { build: true, ..Goal::default() };
        assert!(Up::of(&runtime, &definition).outcome().await.is_success());
        let ran =
            |outcome: &Outcome, job: &str| matches!(phase(outcome, job), Phase::Completed { ran: true, .. });
        let same = Up { goal: build.clone(), ..Up::of(&runtime, &definition) }.outcome().await;
        assert_eq!((ran(&same, "load"), ran(&same, "train")), (false, false), "the same image: {same:?}");
        write("one", "2");
        let new = Up { goal: build, ..Up::of(&runtime, &definition) }.outcome().await;
        assert_eq!((ran(&new, "load"), ran(&new, "train")), (true, true), "{new:?}");
        assert!(new.is_success());
    });
}
