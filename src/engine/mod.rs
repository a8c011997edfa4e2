//! The engine: carries out a plan. The scheduler decides and does no I/O; the driver does the I/O and decides nothing.

mod driver;
mod evidence;
mod hands;
mod hooks;
mod obtain;
mod patience;
pub mod scheduler;
pub mod teardown;

pub use driver::{Outcome, Run, drive};
pub use scheduler::Settings;
