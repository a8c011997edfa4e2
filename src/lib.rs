//! pdex (map to be completed with the layers).
pub mod checks;
pub mod cli;
pub mod definition;
pub mod engine;
pub mod event;
pub mod finding;
pub mod images;
pub mod plan;
pub mod probe;
pub mod report;
pub mod runtime;
pub mod world;
