//! The definition: what the user wants to run, in Compose format. Read from disk in `load`, resolved to the plain data of
//! `model`, printed by `render`. Nothing here talks to Docker.

mod context;
mod dotenv;
mod field;
pub mod graph;
mod interpolate;
pub mod load;
mod merge;
pub mod model;
mod node;
pub mod render;
mod resolve;
mod rules;
mod values;
mod yaml;

pub use load::{Attribute, Loaded, Request, alone, load, profiles};
pub use values::{bytes as size, duration};
