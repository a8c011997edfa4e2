//! The engine: carries out a plan. The scheduler decides and does no I/O; the driver does the I/O and decides nothing.

pub mod backup;
pub mod bundle;
mod driver;
mod evidence;
pub mod follow;
pub mod handle;
mod hands;
mod hooks;
pub mod listening;
pub mod measure;
mod obtain;
pub mod one_off;
mod patience;
mod progress;
pub mod scheduler;
pub mod select;
pub mod supply;
mod tar_head;
pub mod teardown;

pub use driver::{Outcome, Run, drive};
pub use scheduler::Settings;
