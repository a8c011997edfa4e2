//! Faults on the real engine: the built program is killed, interrupted, starved and lied to, and has to end in the documented exit
//! code with a message that names the cause and the next step, and with nothing lost. `PDEX_TEST_DOCKER=1` says that this machine's
//! Docker may be used; every test has a project of its own and removes it.

#![expect(clippy::disallowed_methods, reason = "the program is tested from outside")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of a test fail it, and say what is skipped or was measured"
)]

mod backup;
mod daemon;
mod database;
mod ends;
mod image;
mod inside;
mod killed;
mod logs;
mod ports;
mod proxy;
mod ready;
mod signals;
mod stage;
mod together;
mod wire;
