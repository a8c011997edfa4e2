//! The trainer as a library. Reading order: [`settings`] says what is asked, [`scenario`] which battles are fought,
//! [`dataset`] fights them and makes rows, [`split`] holds matchups out, [`tune`] and [`booster`] train, [`evaluate`] and
//! [`metrics`] judge, [`job`] composes all of it and writes the result with [`artifact`]; [`mlflow`] records it.

pub mod artifact;
pub mod booster;
pub mod clock;
pub mod dataset;
pub mod evaluate;
pub mod job;
pub mod metrics;
pub mod mlflow;
pub mod scenario;
pub mod settings;
pub mod split;
pub mod tune;
