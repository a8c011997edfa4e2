//! The run of every night on a real PostgreSQL: both live sources, every fault of theirs and ours, and kills at any instant.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they skip and their seeds"
)]

#[path = "../support/mod.rs"]
mod support;

mod clock;
mod diff;
mod dump;
mod faults;
mod kills;
mod loading;
mod mutations;
mod sources;
