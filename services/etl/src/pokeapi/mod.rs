//! Reading `PokéAPI`: its documents, a polite client, and the walk from the games to everything they need.

mod client;
mod crawl;
pub mod documents;

pub use crate::fetch::{FetchError, Politeness};
pub use client::Client;
pub use crawl::{Documents, crawl};
