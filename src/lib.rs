//! pdex (map to be completed with the layers).
pub mod definition;
pub mod engine;
pub mod event;
pub mod finding;
pub mod images;
pub mod plan;
pub mod probe;
pub mod runtime;
pub mod world;
