//! The definition: what the user wants to run, in Compose format. Read from disk in `load`, resolved to the plain data of
//! `model`, printed by `render`. Nothing here talks to Docker.

pub mod graph;
pub mod load;
pub mod model;
pub mod render;

pub use load::{Loaded, Request, load};
