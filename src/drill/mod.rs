//! A drill: an alert is made to fire on the running stack, and to end. What is done is what could happen, through doors that are
//! there anyway: the engine's, and requests that a client may send. `recipe` says what is done for which alert, `pace` how much of it,
//! `phase` when (a state machine without a clock), `sight` reads Prometheus' answers; all of them pure. `journal` keeps on disk what is
//! to be put back, before it is touched, so that whoever comes after a drill that was killed can do it. `touch` and `play` act.
//!
//! Why each alert is made to fire as it is:
//!
//! - *`HighPredictionLatency`*: a prediction of the model costs some hundred microseconds, which no limit of an engine's stretches to half
//!   a second. A battle that is fought out (`method=simulate`) costs milliseconds, counts as a request to the same endpoint, and waits for
//!   a processor like any other: with the share that [`pace::cut`] leaves, a request takes about a second and a half. Such
//!   battles do not enter the model's watch over its inputs either.
//! - *`LowModelConfidence`*: the odds of a Pokémon against itself are even by construction, whatever the model has learned.
//! - *`HighErrorRate`*: model and Pokédex are in memory, so that a database that hangs costs the API its readiness and no answer; `/health`
//!   is not counted. It costs answers when the API is started anew while the database hangs: it serves at once, without a Pokédex, and says
//!   503 to everything. (The other 503 of its own are refusals of what is too much: more than 512 requests in flight. To get there
//!   takes a load that would drown the machine's other services.)
//! - *`ApiDown`*: the API is stopped.

pub mod journal;
pub mod pace;
pub mod phase;
pub mod play;
pub mod recipe;
pub mod sight;
mod touch;

pub use touch::restore;
