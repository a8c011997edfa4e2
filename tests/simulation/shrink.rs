//! From a stack that fails to the smallest one found that still does.

use crate::stack::{Stack, Traits};

/// Takes things away one by one for as long as the rest still fails.
pub(crate) fn smallest(mut stack: Stack, fails: impl Fn(&Stack) -> bool) -> Stack {
    while let Some(smaller) = candidates(&stack).into_iter().find(&fails) {
        stack = smaller;
    }
    stack
}

/// Each with one thing less, the biggest things first.
fn candidates(stack: &Stack) -> Vec<Stack> {
    let mut smaller = Vec::new();
    for at in (0..stack.services.len()).filter(|_| stack.services.len() > 1) {
        let mut without = stack.clone();
        without.services.remove(at);
        smaller.push(without);
    }
    for (at, traits) in stack.services.iter().enumerate() {
        for simpler in simpler(traits) {
            let mut with = stack.clone();
            with.services[at] = simpler;
            smaller.push(with);
        }
    }
    smaller
}

fn simpler(traits: &Traits) -> Vec<Traits> {
    let mut all: Vec<Traits> = (0..traits.depends.len())
        .map(|at| {
            let mut fewer = traits.clone();
            fewer.depends.remove(at);
            fewer
        })
        .collect();
    all.extend([
        Traits { fault: None, ..traits.clone() },
        Traits { flaps_ms: None, ..traits.clone() },
        Traits { replicas: 1, ..traits.clone() },
        Traits { restarts: false, ..traits.clone() },
        Traits { published: false, flaps_ms: None, ..traits.clone() },
        Traits { ready_ms: traits.ready_ms / 2, ..traits.clone() },
    ]);
    all.retain(|simpler| simpler != traits);
    all
}

#[test]
fn what_has_nothing_to_do_with_a_failure_is_taken_away() {
    let stack = Stack::random(7);
    assert!(stack.services.len() > 3, "it has something to take away");
    let jobs = |stack: &Stack| stack.services.iter().filter(|traits| traits.job).count();
    let smallest = smallest(stack, |stack| jobs(stack) > 0);
    assert_eq!((smallest.services.len(), jobs(&smallest)), (1, 1), "{smallest}");
    assert!(smallest.services[0].depends.is_empty());
}
