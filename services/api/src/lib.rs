//! The HTTP service of `PredictionDex`. It answers from memory: a watcher keeps the Pokédex of the database and the model of
//! the models folder in one snapshot, requests read the snapshot and never wait for a disk or a database.
//!
//! ```text
//! main ─ settings ─┬─ watch::database ─┐ (Pokédex, readiness)
//!                  ├─ watch::model ────┤ (predictor)
//!                  │                   ▼
//!                  └─ serve ─ app ─ edge ─ routes::* ─ state::Api ─ engine ─ catalogue
//!                       │           │
//!                       │           ├ gate: keys, quotas, rates of addresses · cors
//!                       │           └ problem · metrics: one place words errors, one place counts
//!                       └ connections: how many, and which one makes room · lag: how far behind
//! ```
//!
//! - [`app::app`] builds the router from the resources in [`routes`]; tests call it without a socket.
//! - [`edge`] stands around every route: key, limits, time, panics, request id, metrics, problem documents.
//! - [`problem::Problem`] is the only error a client sees; causes go to the log.

pub mod app;
pub mod catalogue;
mod conditional;
mod connections;
pub mod cors;
pub mod edge;
pub mod engine;
pub mod extract;
pub mod gate;
pub mod healthcheck;
pub mod keys;
mod lag;
pub mod metrics;
pub mod openapi;
pub mod problem;
mod process;
pub mod query;
pub mod rate;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod state;
pub mod watch;
