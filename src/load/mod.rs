//! Load: what is sent when (`schedule` and what it is made of; pure), who sends it (`drive`, on connections of `line`: the only files
//! here with sockets and a clock), what came of it (`tally`, `slo`; pure). Requests leave on schedule whatever the server does,
//! and their time counts from when they were due: a server that stalls is seen as its users would see it.

mod cast;
mod curve;
pub mod drive;
pub mod line;
mod patience;
mod random;
pub mod scenario;
pub mod schedule;
mod session;
mod shot;
pub mod slo;
pub mod span;
#[cfg(test)]
mod stub;
pub mod tally;
pub mod target;
pub mod tls;
mod together;
pub mod trace;
pub mod witness;

pub use curve::Mode;
pub use shot::{Ask, Method, Shot};

/// More per second than one machine sends.
const MOST_PER_SECOND: f64 = 1_000_000.0;

/// A rate that a run can have.
pub fn checked_rate(rate: f64) -> Result<f64, String> {
    if rate.is_finite() && rate > 0.0 && rate <= MOST_PER_SECOND {
        return Ok(rate);
    }
    Err(format!("a rate of {rate} is none; it is above 0 and at most {MOST_PER_SECOND} requests per second"))
}
