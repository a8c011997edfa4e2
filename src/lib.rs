//! pdex (map to be completed with the layers).
pub mod definition;
pub mod finding;
