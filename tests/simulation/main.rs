//! The engine on the simulated runtime: random stacks, random faults, and what has to hold whatever comes. Everything about a run
//! follows from its seed. `PDEX_SEEDS=N` runs so many (default a few hundred), `PDEX_SEED=S` begins at that one; a failure
//! prints its seed and the smallest stack that still fails. `make simulate` runs 100,000 in an optimised build.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

mod properties;
mod run;
mod shrink;
mod stack;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use stack::Stack;

/// Where nothing else is asked for: what an ordinary test run can spare.
const SEEDS: u64 = 300;

#[expect(clippy::disallowed_methods, reason = "how much is run is told by the environment")]
fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    // A commit's hash is a seed, too.
    text.parse().ok().or_else(|| u64::from_str_radix(&text, 16).ok())
}

/// Checks a property on every seed, on all cores.
fn on_every_seed(property: fn(u64, &Stack) -> Result<(), String>) {
    let (first, count) = (asked("PDEX_SEED").unwrap_or(1), asked("PDEX_SEEDS").unwrap_or(SEEDS));
    let next = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let search = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return None;
            }
            let seed = first.wrapping_add(number);
            if let Err(why) = holds(property, seed, &Stack::random(seed)) {
                // The others need not go on.
                next.store(count, Ordering::Relaxed);
                return Some((seed, why));
            }
        }
    };
    let failure = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(search)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).min()
    });
    if let Some((seed, why)) = failure {
        let smallest = shrink::smallest(Stack::random(seed), |stack| holds(property, seed, stack).is_err());
        let why = holds(property, seed, &smallest).err().unwrap_or(why);
        panic!("PDEX_SEED={seed} PDEX_SEEDS=1: {why}\nthe smallest stack that fails:\n{smallest}");
    }
}

/// A panic is a failure of the property like any other.
fn holds(property: fn(u64, &Stack) -> Result<(), String>, seed: u64, stack: &Stack) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| property(seed, stack))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        Err(words.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned())).unwrap_or_default())
    })
}

/// Each property as a test of its own.
macro_rules! properties {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            on_every_seed(properties::$name);
        })*
    };
}

properties! {
    every_service_comes_to_an_end_and_starts_after_its_gates
    a_failure_touches_its_dependents_alone
    lost_late_and_repeated_events_change_nothing_but_time
    after_any_fault_the_next_run_comes_to_the_same_end
    a_kill_at_any_step_is_mended_by_the_next_run
    what_is_stopped_is_stopped_before_what_it_needs
    a_run_is_as_long_as_its_longest_path
}
