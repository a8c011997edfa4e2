//! The production profile. `rules`: its resolved definition against each hardening rule, without Docker. `refused`: the whole
//! platform on this machine's Docker, where what must be refused is refused from inside the containers; runs where
//! `PDEX_TEST_PRODUCTION=1` says so (`make test-production`), under names, ports and folders of its own, all removed at the end. `switched`: a stack
//! that has data becomes a production stack.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the program from outside runs programs and reads its switch"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of a test fail it, and say what they did"
)]

mod outside;
mod refused;
mod rules;
mod stage;
mod switched;
