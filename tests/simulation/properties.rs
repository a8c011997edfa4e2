//! What has to hold on every seed. Each property builds its own engine and says in one sentence what went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pdex::definition::model::{Condition, Definition, ServiceName};
use pdex::engine::Settings;
use pdex::event::Phase;
use pdex::plan::Gate;
use pdex::runtime::container_name;
use pdex::runtime::sim::{CALL, CREATE, Deed, Draw, Faults, START, Simulated};
use pdex::world::{Instance, State};

use crate::run::{DEADLINE, Record, down, ends, observed, planned, simulated, state, up, up_with};
use crate::stack::{Fault, Stack, Traits};

type Verdict = Result<(), String>;

fn check(holds: bool, why: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(why()) }
}

/// An engine on which every name is taken that the stack says is.
fn engine(stack: &Stack, definition: &Definition, faults: Faults) -> Simulated {
    let runtime = Simulated::with(faults);
    for traits in stack.services.iter().filter(|traits| traits.fault == Some(Fault::NameTaken)) {
        runtime.occupy(&container_name(&definition.project, &definition.services[&traits.name()], 1));
    }
    runtime
}

pub(crate) fn every_service_comes_to_an_end_and_starts_after_its_gates(_: u64, stack: &Stack) -> Verdict {
    let definition = stack.definition();
    simulated(async {
        let runtime = engine(stack, &definition, Faults::default());
        let record = up(&runtime, &definition).await;
        check(record.outcome.took < DEADLINE, || "the run does not end by itself".to_owned())?;
        for (instance, phase) in &record.outcome.phases {
            check(phase.is_final(), || format!("{instance} ends as {phase:?}"))?;
        }
        gates_held_at_every_start(&record)?;
        no_temporary_server_was_taken_for_ready(stack, &record)?;
        let most = Settings::default().calls;
        let busiest = runtime.busiest();
        check(busiest <= most, || format!("{busiest} containers were made or started at once"))?;
        jobs_ran_once(stack, &definition, &runtime)
    })
}

fn gates_held_at_every_start(record: &Record) -> Verdict {
    let mut phases: BTreeMap<&Instance, &Phase> = BTreeMap::new();
    for (_, instance, phase) in record.entered() {
        phases.insert(instance, phase);
        if *phase != Phase::Starting {
            continue;
        }
        let service = record.plan.service(&instance.service).unwrap();
        for gate in service.gates.iter().filter(|gate| gate.required) {
            let upstream = record.plan.service(&gate.service).unwrap();
            for number in upstream.instances.iter().map(|i| i.number) {
                let own = Instance { service: gate.service.clone(), number };
                let seen = phases.get(&own).copied();
                let why = || format!("{instance} starts while {own} is {seen:?} and {gate:?} is asked");
                check(seen.is_some_and(|seen| holds(gate, seen)), why)?;
            }
        }
    }
    Ok(())
}

fn holds(gate: &Gate, phase: &Phase) -> bool {
    match (gate.condition, phase) {
        (Condition::ServiceStarted, phase) => {
            matches!(phase, Phase::Probing | Phase::Running | Phase::Ready { .. } | Phase::Completed { .. })
        }
        (Condition::ServiceHealthy, phase) => matches!(phase, Phase::Ready { .. }),
        (Condition::ServiceCompletedSuccessfully, phase) => matches!(phase, Phase::Completed { .. }),
    }
}

fn no_temporary_server_was_taken_for_ready(stack: &Stack, record: &Record) -> Verdict {
    for (at, instance, phase) in record.entered() {
        let traits = stack.traits(&instance.service);
        let (Some(flaps), Phase::Ready { .. }, None) = (traits.flaps_ms, phase, traits.fault) else {
            continue;
        };
        let started = record.entered().find(|(_, own, phase)| *own == instance && **phase == Phase::Probing);
        let lasting = Duration::from_millis(u64::from(traits.ready_ms + flaps) + 1_000);
        let after = at.saturating_sub(started.unwrap().0);
        check(after >= lasting, || format!("{instance} is called ready after {after:?}, not {lasting:?}"))?;
    }
    Ok(())
}

fn jobs_ran_once(stack: &Stack, definition: &Definition, runtime: &Simulated) -> Verdict {
    let journal = runtime.journal();
    for traits in stack.services.iter().filter(|traits| traits.job) {
        for number in 1..=traits.replicas {
            let service = &definition.services[&traits.name()];
            let name = container_name(&definition.project, service, number);
            let starts = journal.iter().filter(|deed| **deed == Deed::Started(name.clone())).count();
            check(starts <= 1, || format!("{name} ran {starts} times"))?;
        }
    }
    Ok(())
}

pub(crate) fn a_failure_touches_its_dependents_alone(_: u64, stack: &Stack) -> Verdict {
    let definition = stack.definition();
    let (touched, stopped) = (touched(stack), never_started(stack));
    simulated(async {
        let runtime = engine(stack, &definition, Faults::default());
        let record = up(&runtime, &definition).await;
        for (instance, phase) in &record.outcome.phases {
            let well = matches!(phase, Phase::Ready { .. } | Phase::Completed { .. });
            check(well || touched.contains(&instance.service), || {
                format!("{instance} is {phase:?} and nothing it needs has a fault")
            })?;
            // The name that is taken is that of the first.
            let other =
                instance.number > 1 && stack.traits(&instance.service).fault == Some(Fault::NameTaken);
            check(!(well && !other && stopped.contains(&instance.service)), || {
                format!("{instance} is {phase:?} and something it needs cannot be")
            })?;
            if let Phase::Skipped { because } = phase {
                check(touched.contains(because), || format!("{instance} is skipped because of {because}"))?;
            }
        }
        Ok(())
    })
}

/// Services with a fault, and whatever requires them.
fn touched(stack: &Stack) -> BTreeSet<ServiceName> {
    spread(stack, |traits| traits.fault.is_some(), |_, _| true)
}

/// Services that cannot start, and whatever cannot for that reason.
fn never_started(stack: &Stack) -> BTreeSet<ServiceName> {
    let fails = |traits: &Traits| {
        let job = traits.job && matches!(traits.fault, Some(Fault::Dies(_) | Fault::OutOfMemory));
        job || starts_never(traits)
    };
    // Who only waits for the start of a job that fails later may have started before it did.
    spread(stack, fails, |upstream, done| done || !upstream.job || starts_never(upstream))
}

fn starts_never(traits: &Traits) -> bool {
    let refused = Some(Fault::NameTaken);
    // The name of the first container is taken, and a service is there when all of its containers are.
    matches!(
        traits.fault,
        Some(Fault::ImageMissing | Fault::CreateRefused | Fault::NoSpace | Fault::StartRefused)
    ) || traits.fault == refused
}

fn spread(
    stack: &Stack,
    begins: impl Fn(&Traits) -> bool,
    passes: impl Fn(&Traits, bool) -> bool,
) -> BTreeSet<ServiceName> {
    let mut reached: BTreeSet<u32> = BTreeSet::new();
    for traits in &stack.services {
        let through = traits.depends.iter().any(|d| {
            let upstream = stack.services.iter().find(|upstream| upstream.number == d.on);
            d.required && reached.contains(&d.on) && upstream.is_some_and(|upstream| passes(upstream, d.done))
        });
        // A service none of whose faults begins one is left out, though it may be reached.
        if begins(traits) || through {
            reached.insert(traits.number);
        }
    }
    let named = stack.services.iter().filter(|traits| reached.contains(&traits.number));
    named.map(Traits::name).collect()
}

pub(crate) fn lost_late_and_repeated_events_change_nothing_but_time(seed: u64, stack: &Stack) -> Verdict {
    let mut stack = stack.clone();
    // What dies by the clock may do so before or after something that takes longer now.
    let by_the_clock = |fault: &Fault| matches!(fault, Fault::Dies(_) | Fault::OutOfMemory);
    stack.services.iter_mut().for_each(|traits| traits.fault = traits.fault.filter(|f| !by_the_clock(f)));
    let definition = stack.definition();
    let run = |faults: Faults| {
        simulated(async {
            let runtime = engine(&stack, &definition, faults);
            let record = up(&runtime, &definition).await;
            // What is made ahead for a start that does not come may be there or not.
            let mut world = observed(&runtime, &definition).await;
            world.containers.retain(|container| container.state != State::Created);
            // Whether one that has a fault of its own gets as far as that, is a matter of time.
            let ends = ends(&record.outcome).into_iter();
            let ends: Vec<String> = ends.map(|end| end.replace("failed Step", "skipped")).collect();
            (ends, state(&world))
        })
    };
    let faults = Faults::of_time(seed);
    let (calm, stormy) = (run(Faults::default()), run(faults.clone()));
    check(calm == stormy, || format!("{faults:?} lead to\n{stormy:?}\ninstead of\n{calm:?}"))
}

pub(crate) fn after_any_fault_the_next_run_comes_to_the_same_end(seed: u64, stack: &Stack) -> Verdict {
    let stack = stack.sound();
    let definition = stack.definition();
    let faults = Faults::of_any_kind(seed);
    simulated(async {
        let calm = Simulated::default();
        up(&calm, &definition).await;
        let runtime = Simulated::with(faults.clone());
        let first = up(&runtime, &definition).await;
        check(first.outcome.took < DEADLINE, || format!("with {faults:?} the run does not end"))?;
        gates_held_at_every_start(&first)?;
        let runtime = runtime.then(Faults::default());
        let second = up(&runtime, &definition).await;
        check(second.outcome.is_success(), || format!("after {faults:?}: {:?}", ends(&second.outcome)))?;
        is_settled(&runtime, &definition, &calm).await
    })
}

/// The engine holds what the other one holds, and nothing is left to do.
async fn is_settled(runtime: &Simulated, definition: &Definition, calm: &Simulated) -> Verdict {
    let (got, wanted) = (observed(runtime, definition).await, observed(calm, definition).await);
    let (got, wanted) = (state(&got), state(&wanted));
    check(got == wanted, || format!("there is\n{got}\ninstead of\n{wanted}"))?;
    let plan = planned(runtime, definition).await;
    check(plan.is_empty(), || format!("there is something to do:\n{plan}"))
}

pub(crate) fn a_kill_at_any_step_is_mended_by_the_next_run(seed: u64, stack: &Stack) -> Verdict {
    let stack = stack.sound();
    let (before, mut after) = (stack.definition(), stack.definition());
    // Some services change, so that containers are replaced.
    let draw = Draw::new(!seed);
    for service in after.services.values_mut().filter(|_| draw.below(2) == 0) {
        service.labels.insert("changed".to_owned(), "yes".to_owned());
    }
    simulated(async {
        let calm = Simulated::default();
        up(&calm, &before).await;
        let begun = calm.calls();
        up(&calm, &after).await;
        let calls = u32::try_from(calm.calls() - begun).unwrap();
        let runtime = Simulated::default();
        up(&runtime, &before).await;
        for _ in 0..2 {
            let at = u64::from(draw.below(calls + 5));
            up_with(&runtime, &after, Settings::default(), Some(at)).await;
        }
        let last = up(&runtime, &after).await;
        check(last.outcome.is_success(), || format!("{:?}", ends(&last.outcome)))?;
        is_settled(&runtime, &after, &calm).await
    })
}

pub(crate) fn what_is_stopped_is_stopped_before_what_it_needs(_: u64, stack: &Stack) -> Verdict {
    let stack = stack.sound();
    let definition = stack.definition();
    simulated(async {
        let runtime = Simulated::default();
        up(&runtime, &definition).await;
        let runtime = runtime.then(Faults::default());
        down(&runtime, &definition).await;
        let journal = runtime.journal();
        let stops = |name: &ServiceName| -> Vec<usize> {
            let service = &definition.services[name];
            let names: Vec<String> =
                (1..=service.replicas()).map(|n| container_name(&definition.project, service, n)).collect();
            let stopped = |deed: &Deed| matches!(deed, Deed::Stopped(name) if names.contains(name));
            journal.iter().enumerate().filter(|(_, deed)| stopped(deed)).map(|(at, _)| at).collect()
        };
        for (name, service) in &definition.services {
            for needed in service.depends_on.keys() {
                let (last, first) = (stops(name).into_iter().max(), stops(needed).into_iter().min());
                let ordered = last.zip(first).is_none_or(|(last, first)| last < first);
                check(ordered, || {
                    format!("{needed} was stopped before {name}, which needs it: {journal:?}")
                })?;
            }
        }
        let left = observed(&runtime, &definition).await;
        check(left.containers.is_empty() && left.networks.is_empty(), || format!("left: {left:?}"))
    })
}

pub(crate) fn a_run_is_as_long_as_its_longest_path(_: u64, stack: &Stack) -> Verdict {
    let mut stack = stack.sound();
    for traits in &mut stack.services {
        // Ready as soon as it runs, so that no question's timing comes in.
        (traits.tested, traits.flaps_ms, traits.published, traits.replicas) = (false, None, false, 1);
    }
    let definition = stack.definition();
    let longest = longest_path(&stack);
    let settings = Settings { images: usize::MAX, calls: usize::MAX, ..Settings::default() };
    simulated(async {
        let runtime = Simulated::default();
        let record = up_with(&runtime, &definition, settings, None).await.unwrap();
        let took = record.outcome.took;
        // A look that was under way anyway may find an end up to a call's time sooner.
        let sooner = CALL * u32::try_from(stack.services.len()).unwrap();
        let fits = took <= longest && took + sooner >= longest;
        check(fits, || format!("it took {took:?}, the longest path {longest:?}"))
    })
}

/// From the definition and the costs of the engine alone.
fn longest_path(stack: &Stack) -> Duration {
    /// Of a pull.
    const PULL: Duration = Duration::from_secs(1);
    let made = PULL + CALL + CREATE;
    let mut started: BTreeMap<u32, Duration> = BTreeMap::new();
    let mut done: BTreeMap<u32, Duration> = BTreeMap::new();
    for traits in &stack.services {
        // One that need not be there is waited for all the same, until it has come to an end of any kind.
        let gates =
            traits.depends.iter().filter_map(|d| if d.done { done.get(&d.on) } else { started.get(&d.on) });
        let begins = gates.copied().max().unwrap_or_default().max(made);
        let runs = begins + START;
        let work = if traits.job {
            Duration::from_millis(u64::from(traits.ready_ms)) + CALL
        } else {
            Duration::ZERO
        };
        started.insert(traits.number, runs);
        done.insert(traits.number, runs + work);
    }
    done.into_values().max().unwrap_or_default()
}
