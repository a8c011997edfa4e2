//! The scheduler against random graphs and faults on a virtual clock: no Docker, no I/O, a seed reproduces a run.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use proptest::prelude::*;

use super::{Action, Scheduler, Settings};
use crate::definition::model::{
    Condition, Definition, Dependency, HealthTest, Healthcheck, ImageUnavailable, Restart, Service,
    ServiceName,
};
use crate::event::{Event, Failure, ImageSource, Phase};
use crate::plan::{self, Goal, Plan};
use crate::probe::Answer;
use crate::world::{ContainerId, End, Exit, ImageId, Instance, World};

/// What a service of the simulation does.
#[derive(Debug, Clone)]
struct Script {
    /// Indexes of earlier services, with the condition's number.
    depends: Vec<(usize, u8, bool)>,
    fault: Fault,
    image_ms: u64,
    start_ms: u64,
    ready_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    ImageMissing,
    ImageMissingTolerated,
    CreateFails,
    StartFails,
    NeverReady,
    DiesOnStart,
    JobFails,
}

fn script() -> impl Strategy<Value = Script> {
    let fault = prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::ImageMissing),
        1 => Just(Fault::ImageMissingTolerated),
        1 => Just(Fault::CreateFails),
        1 => Just(Fault::StartFails),
        1 => Just(Fault::NeverReady),
        1 => Just(Fault::DiesOnStart),
        1 => Just(Fault::JobFails),
    ];
    let depends = proptest::collection::vec((0_usize..16, 0_u8..3, proptest::bool::weighted(0.9)), 0..3);
    (depends, fault, 0_u64..3_000, 0_u64..1_000, 0_u64..5_000).prop_map(
        |(depends, fault, image_ms, start_ms, ready_ms)| Script {
            depends,
            fault,
            image_ms,
            start_ms,
            ready_ms,
        },
    )
}

fn name(index: usize) -> ServiceName {
    ServiceName::new(format!("s{index:02}"))
}

fn definition(scripts: &[Script]) -> Definition {
    let services = scripts.iter().enumerate().map(|(index, script)| {
        let depends_on = script
            .depends
            .iter()
            .filter(|(upstream, ..)| *upstream < index)
            .map(|&(upstream, condition, required)| {
                let condition = match condition {
                    0 => Condition::ServiceStarted,
                    1 => Condition::ServiceHealthy,
                    _ => Condition::ServiceCompletedSuccessfully,
                };
                (name(upstream), Dependency { condition, required, restart: false })
            })
            .collect();
        let service = Service {
            name: name(index),
            image: format!("image-{index}"),
            depends_on,
            restart: Some(if index % 2 == 0 { Restart::UnlessStopped } else { Restart::No }),
            healthcheck: Some(Healthcheck {
                test: HealthTest::Shell("true".to_owned()),
                interval: None,
                timeout: None,
                retries: None,
                start_period: None,
                start_interval: None,
            }),
            pdex: crate::definition::model::Extension {
                image_unavailable: if script.fault == Fault::ImageMissingTolerated {
                    ImageUnavailable::Skip
                } else {
                    ImageUnavailable::Fail
                },
                ..Default::default()
            },
            ..Service::default()
        };
        (name(index), service)
    });
    Definition {
        project: "test".to_owned(),
        directory: "/".into(),
        files: vec![],
        services: services.collect(),
        ..Definition::default()
    }
}

/// The engine's side: answers actions with events at later times.
struct Simulation<'a> {
    scripts: &'a [Script],
    jobs: BTreeSet<ServiceName>,
    now: Duration,
    /// Earliest first; the counter keeps equal times in order.
    queue: BinaryHeap<std::cmp::Reverse<(Duration, u64, usize)>>,
    events: Vec<Event>,
    started: BTreeMap<ServiceName, Duration>,
    starts: BTreeMap<ServiceName, u32>,
    phases: BTreeMap<ServiceName, Phase>,
    busy_images: usize,
    /// The one timer, set anew after every event, as the driver does it.
    wake: Option<Duration>,
}

impl Simulation<'_> {
    fn later(&mut self, ms: u64, event: Event) {
        let order = self.events.len() as u64;
        self.events.push(event);
        self.queue.push(std::cmp::Reverse((
            self.now + Duration::from_millis(ms),
            order,
            self.events.len() - 1,
        )));
    }

    fn next(&mut self) -> (Duration, Event) {
        let head = self.queue.peek().map(|std::cmp::Reverse((at, ..))| *at);
        match (self.wake, head) {
            (Some(wake), head) if head.is_none_or(|head| wake < head) => (wake.max(self.now), Event::Woke),
            _ => {
                let popped = self.queue.pop().expect("the run ends before events run out");
                (popped.0.0, self.events[popped.0.2].clone())
            }
        }
    }

    fn script(&self, service: &ServiceName) -> &Script {
        &self.scripts[service.as_str()[1..].parse::<usize>().unwrap()]
    }

    fn act(&mut self, action: Action, plan: &Plan) {
        match action {
            Action::Prepare => self.later(5, Event::Prepared),
            Action::ObtainImage(service) => {
                self.busy_images += 1;
                assert!(self.busy_images <= Settings::default().images, "image work is bounded");
                let Script { fault, image_ms, .. } = *self.script(&service);
                let event = match fault {
                    Fault::ImageMissing | Fault::ImageMissingTolerated => {
                        Event::ImageFailed { service, failure: Failure::new("not found") }
                    }
                    _ => Event::ImageReady {
                        service,
                        image: ImageId("i".into()),
                        source: ImageSource::Registry,
                    },
                };
                self.later(image_ms, event);
            }
            Action::Create { instance, .. } => {
                let service = instance.service.clone();
                let event = match self.script(&service).fault {
                    Fault::CreateFails => Event::StepFailed { instance, failure: Failure::new("no") },
                    _ => Event::Created { container: ContainerId(service.to_string()), instance },
                };
                self.later(10, event);
            }
            Action::Start { instance, .. } => self.start(instance, plan),
            Action::Restart { .. } => panic!("nothing runs before"),
            Action::Ask { instance, probe } => {
                let service = instance.service.clone();
                let script = self.script(&service);
                let since = self.now.saturating_sub(self.started[&service]);
                let ready =
                    script.fault != Fault::NeverReady && since >= Duration::from_millis(script.ready_ms);
                let answer = if ready { Answer::Yes } else { Answer::No("not yet".to_owned()) };
                self.later(40, Event::Answered { instance, probe, answer });
            }
            Action::WakeAt(at) => self.wake = Some(self.wake.map_or(at, |wake| wake.min(at))),
            Action::Adopt { .. } | Action::Finish => {}
            Action::Announce(Event::Entered { instance, phase }) => {
                self.phases.insert(instance.service, phase);
            }
            Action::Announce(other) => panic!("announced {other:?}"),
        }
    }

    fn start(&mut self, instance: Instance, plan: &Plan) {
        let service = instance.service.clone();
        *self.starts.entry(service.clone()).or_default() += 1;
        for gate in &plan.service(&service).unwrap().gates {
            let phase = self.phases.get(&gate.service);
            let held = match (gate.condition, phase) {
                (_, Some(Phase::Failed(_) | Phase::Skipped { .. } | Phase::Unavailable { .. })) => {
                    !gate.required
                }
                (Condition::ServiceStarted, Some(Phase::Probing | Phase::Running))
                | (Condition::ServiceStarted | Condition::ServiceHealthy, Some(Phase::Ready { .. }))
                | (
                    Condition::ServiceStarted | Condition::ServiceCompletedSuccessfully,
                    Some(Phase::Completed { .. }),
                ) => true,
                (Condition::ServiceHealthy, Some(Phase::Completed { .. }))
                | (Condition::ServiceCompletedSuccessfully, Some(Phase::Ready { .. })) => !gate.required,
                _ => false,
            };
            assert!(held, "{service} was started while {gate:?} stood at {phase:?}");
        }
        let Script { fault, start_ms, ready_ms, .. } = *self.script(&service);
        if fault == Fault::StartFails {
            self.later(start_ms, Event::StepFailed { instance, failure: Failure::new("no") });
            return;
        }
        self.started.insert(service.clone(), self.now + Duration::from_millis(start_ms));
        self.later(start_ms, Event::Started { instance: instance.clone() });
        if self.jobs.contains(&service) {
            let code = i64::from(matches!(fault, Fault::JobFails | Fault::DiesOnStart | Fault::NeverReady));
            let exit = Exit { code, out_of_memory: false };
            // Twice: a lost or repeated event changes nothing.
            let end = End { exit, mark: "1".to_owned() };
            self.later(start_ms + ready_ms, Event::Exited { instance: instance.clone(), end: end.clone() });
            self.later(start_ms + ready_ms + 1, Event::Exited { instance, end });
        } else if fault == Fault::DiesOnStart {
            let exit = Exit { code: 1, out_of_memory: false };
            for death in 1..=3 {
                let end = End { exit, mark: death.to_string() };
                // Each is told twice, and counts once.
                for again in 0..2 {
                    let event = Event::Exited { instance: instance.clone(), end: end.clone() };
                    self.later(start_ms + death * 10 + again, event);
                }
            }
        }
    }
}

fn run(scripts: &[Script]) -> (BTreeMap<ServiceName, Phase>, BTreeMap<ServiceName, u32>) {
    let definition = definition(scripts);
    let plan = plan::make(&definition, &World::default(), &Goal::default(), &|_| String::new());
    let mut scheduler = Scheduler::new(&plan, &definition, Settings::default());
    let mut simulation = Simulation {
        scripts,
        jobs: definition.jobs(),
        now: Duration::ZERO,
        queue: BinaryHeap::new(),
        events: Vec::new(),
        started: BTreeMap::new(),
        starts: BTreeMap::new(),
        phases: BTreeMap::new(),
        busy_images: 0,
        wake: None,
    };
    let mut actions = scheduler.begin(Duration::ZERO);
    let mut steps = 0;
    loop {
        simulation.wake = None;
        for action in actions {
            simulation.act(action, &plan);
        }
        if scheduler.is_finished() {
            break;
        }
        steps += 1;
        assert!(steps < 100_000, "the run ends");
        let (at, event) = simulation.next();
        simulation.now = at;
        if matches!(event, Event::ImageReady { .. } | Event::ImageFailed { .. }) {
            simulation.busy_images -= 1;
        }
        actions = scheduler.on(at, &event);
    }
    (scheduler.phases().map(|(n, p)| (n.service.clone(), p.clone())).collect(), simulation.starts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_service_ends_and_a_failure_touches_its_dependents_alone(
        scripts in proptest::collection::vec(script(), 1..16)
    ) {
        let definition = definition(&scripts);
        let jobs = definition.jobs();
        let (phases, starts) = run(&scripts);
        for (index, script) in scripts.iter().enumerate() {
            let phase = &phases[&name(index)];
            prop_assert!(phase.is_final(), "{} ended as {phase:?}", name(index));
            prop_assert!(starts.get(&name(index)).copied().unwrap_or_default() <= 1, "started once");
            let service = &definition.services[&name(index)];
            let broken = |upstream: &ServiceName, dependency: &Dependency| {
                let condition = dependency.condition;
                dependency.required && match &phases[upstream] {
                    Phase::Failed(_) | Phase::Skipped { .. } | Phase::Unavailable { .. } => true,
                    Phase::Ready { .. } => condition == Condition::ServiceCompletedSuccessfully,
                    Phase::Completed { .. } => condition == Condition::ServiceHealthy,
                    _ => false,
                }
            };
            let harmless = match script.fault {
                Fault::None => true,
                Fault::JobFails => !jobs.contains(&name(index)),
                _ => false,
            };
            match phase {
                Phase::Skipped { because } => {
                    prop_assert!(broken(because, &service.depends_on[because]), "{because} is to blame");
                }
                Phase::Failed(_) => prop_assert!(!harmless, "{} failed without a fault", name(index)),
                Phase::Unavailable { .. } => prop_assert_eq!(script.fault, Fault::ImageMissingTolerated),
                _ => {}
            }
        }
    }
}

#[test]
fn dependent_starts_at_the_first_instant_its_gate_holds() {
    let script = |depends: Vec<(usize, u8, bool)>| Script {
        depends,
        fault: Fault::None,
        image_ms: 0,
        start_ms: 100,
        ready_ms: 300,
    };
    // A job, and a service that waits for it.
    let scripts = [script(vec![]), script(vec![(0, 2, true)])];
    let (phases, _) = run(&scripts);
    assert_eq!(phases[&name(0)], Phase::Completed { took: Duration::from_millis(400), ran: true });
    assert!(matches!(phases[&name(1)], Phase::Ready { .. }));
}

#[test]
fn an_interrupt_ends_the_run_at_once() {
    let scripts = [Script { depends: vec![], fault: Fault::None, image_ms: 5, start_ms: 5, ready_ms: 5 }];
    let definition = definition(&scripts);
    let plan = plan::make(&definition, &World::default(), &Goal::default(), &|_| String::new());
    let mut scheduler = Scheduler::new(&plan, &definition, Settings::default());
    scheduler.begin(Duration::ZERO);
    assert_eq!(scheduler.on(Duration::from_millis(1), &Event::Interrupted), vec![Action::Finish]);
    assert_eq!(
        scheduler.on(Duration::from_millis(2), &Event::Prepared),
        vec![],
        "nothing is begun afterwards"
    );
}

#[test]
fn one_death_that_is_seen_at_every_look_counts_once() {
    let scripts = [Script { depends: vec![], fault: Fault::None, image_ms: 0, start_ms: 0, ready_ms: 0 }];
    let definition = definition(&scripts);
    let plan = plan::make(&definition, &World::default(), &Goal::default(), &|_| String::new());
    let mut scheduler = Scheduler::new(&plan, &definition, Settings::default());
    let instance = Instance::first(name(0));
    let service = name(0);
    scheduler.begin(Duration::ZERO);
    let image = Event::ImageReady { service, image: ImageId("i".into()), source: ImageSource::Registry };
    let container = ContainerId("c".into());
    let created = Event::Created { instance: instance.clone(), container };
    for event in [Event::Prepared, image, created, Event::Started { instance: instance.clone() }] {
        scheduler.on(Duration::ZERO, &event);
    }
    let dies = |scheduler: &mut Scheduler, mark: &str| {
        let end = End { exit: Exit { code: 1, out_of_memory: false }, mark: mark.to_owned() };
        scheduler.on(Duration::ZERO, &Event::Exited { instance: instance.clone(), end });
        scheduler.phases().next().unwrap().1.clone()
    };
    for _ in 0..10 {
        assert_eq!(dies(&mut scheduler, "first"), Phase::Probing, "the engine starts it again");
    }
    assert_eq!(dies(&mut scheduler, "second"), Phase::Probing);
    assert!(matches!(dies(&mut scheduler, "third"), Phase::Failed(_)), "three deaths are enough");
}
