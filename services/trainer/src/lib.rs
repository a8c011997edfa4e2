//! The trainer as a library. Reading order: [`settings`] says what is asked, [`scenario`] which battles are fought, [`bout`]
//! fights them, [`dataset`] keeps them in a file, [`table`] holds rows in memory, [`split`] holds matchups out, [`tune`] and
//! [`booster`] train, [`evaluate`], [`metrics`] and [`baseline`] judge, [`report`] tells, [`job`] composes all of it and writes
//! the result with [`artifact`]; [`mlflow`] records it. [`vectors`] holds mechanics and model against an independent simulator.

pub mod artifact;
pub mod baseline;
pub mod booster;
pub mod bout;
pub mod clock;
pub mod dataset;
pub mod evaluate;
pub mod job;
pub mod metrics;
pub mod mlflow;
pub mod report;
pub mod scenario;
pub mod settings;
pub mod shipped;
pub mod split;
pub mod table;
pub mod tune;
pub mod vectors;
