//! One `up` or `down` on the simulated engine, and what can be read off it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pdex::definition::model::Definition;
use pdex::definition::render::config_hash;
use pdex::engine::teardown::{Extent, teardown};
use pdex::engine::{Outcome, Run, Settings, drive};
use pdex::event::{Event, Phase};
use pdex::plan::{self, Goal, Plan};
use pdex::runtime::Runtime as _;
use pdex::runtime::sim::Simulated;
use pdex::world::{Instance, State, World};

/// Nothing in these stacks takes longer: a run that does is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_hours(1);

/// What a run left behind for the properties to look at.
pub(crate) struct Record {
    pub(crate) plan: Plan,
    pub(crate) outcome: Outcome,
    /// In order, with the time since the run began.
    pub(crate) events: Vec<(Duration, Event)>,
}

impl Record {
    /// The phases that were entered, in order.
    pub(crate) fn entered(&self) -> impl Iterator<Item = (Duration, &Instance, &Phase)> {
        self.events.iter().filter_map(|(at, event)| match event {
            Event::Entered { instance, phase } => Some((*at, instance, phase)),
            _ => None,
        })
    }
}

/// Runs a test on a clock that jumps.
pub(crate) fn simulated<T>(test: impl Future<Output = T>) -> T {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    clock.unwrap().block_on(test)
}

pub(crate) async fn up(runtime: &Simulated, definition: &Definition) -> Record {
    up_with(runtime, definition, Settings::default(), None).await.unwrap()
}

/// `None` when the program was killed at that call.
pub(crate) async fn up_with(
    runtime: &Simulated,
    definition: &Definition,
    settings: Settings,
    killed_at: Option<u64>,
) -> Option<Record> {
    // An engine that is away does not end the test: `up` would say so and be run again.
    let world = loop {
        match runtime.observe(definition).await {
            Ok(world) => break world,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    };
    let plan = plan::make(definition, &world, &Goal::default(), &config_hash);
    let environment = BTreeMap::new();
    let run = Run {
        runtime,
        definition,
        plan: &plan,
        environment: &environment,
        deadline: Some(DEADLINE),
        no_registry: false,
        offline: false,
        settings,
    };
    let mut events = Vec::new();
    let mut sink = |at: Duration, event: &Event| events.push((at, event.clone()));
    let begun = runtime.calls();
    let outcome = {
        let mut driving = pin!(drive(&run, &mut sink, std::future::pending()));
        poll_fn(|context| match driving.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if killed_at.is_some_and(|calls| runtime.calls() >= begun + calls) => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        })
        .await?
    };
    Some(Record { plan, outcome, events })
}

pub(crate) async fn observed(runtime: &Simulated, definition: &Definition) -> World {
    runtime.observe(definition).await.unwrap()
}

pub(crate) async fn planned(runtime: &Simulated, definition: &Definition) -> Plan {
    plan::make(definition, &observed(runtime, definition).await, &Goal::default(), &config_hash)
}

pub(crate) async fn down(runtime: &Simulated, definition: &Definition) {
    let world = observed(runtime, definition).await;
    let extent = Extent { remove: true, volumes: true, ..Extent::default() };
    teardown(runtime, definition, &world, &extent, &mut |_| {}).await;
}

/// What the engine holds, without identifiers and times.
pub(crate) fn state(world: &World) -> String {
    let line = |c: &pdex::world::Container| {
        let state = match &c.state {
            // What the engine is about to start again runs a moment later.
            State::Running { .. } | State::Restarting => "runs".to_owned(),
            other => format!("{other:?}"),
        };
        format!("{} {} {state}", c.name, c.config_hash)
    };
    let mut lines: Vec<String> = world.containers.iter().map(line).collect();
    lines.sort();
    format!("{}\n{:?} {:?}", lines.join("\n"), world.networks, world.volumes)
}

/// Phases without times.
pub(crate) fn ends(outcome: &Outcome) -> Vec<String> {
    let end = |phase: &Phase| match phase {
        Phase::Ready { .. } => "ready".to_owned(),
        Phase::Completed { .. } => "completed".to_owned(),
        Phase::Failed(failure) => format!("failed {:?}", failure.kind),
        Phase::Skipped { .. } => "skipped".to_owned(),
        other => format!("{other:?}"),
    };
    outcome.phases.iter().map(|(instance, phase)| format!("{instance} {}", end(phase))).collect()
}
