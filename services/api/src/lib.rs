//! The HTTP service of `PredictionDex`. It answers from memory: a watcher keeps the Pokédex of the database and the model of
//! the models folder in one snapshot, requests read the snapshot and never wait for a disk or a database.
//!
//! ```text
//! main ─ settings ─┬─ watch::database ─┐ (Pokédex, readiness)
//!                  ├─ watch::model ────┤ (predictor)
//!                  │                   ▼
//!                  └─ serve ─ app ─ edge ─ routes::* ─ state::Api ─ catalogue
//!                                   │
//!                                   └ problem · metrics: one place words errors, one place counts
//! ```
//!
//! - [`app::app`] builds the router from the resources in [`routes`]; tests call it without a socket.
//! - [`edge`] stands around every route: key, limits, time, panics, request id, metrics, problem documents.
//! - [`problem::Problem`] is the only error a client sees; causes go to the log.

pub mod app;
pub mod catalogue;
pub mod edge;
pub mod extract;
pub mod healthcheck;
pub mod metrics;
pub mod openapi;
pub mod problem;
mod process;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod state;
pub mod watch;
