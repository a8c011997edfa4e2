//! The ETL: `PokéAPI` (or the snapshot of it that ships with the project) → the Pokédex of Let's Go → PostgreSQL.
//!
//! ```text
//! run:    wait → load::Lock → dex::schema::migrate → source → load (stage, upsert, count) → etl_runs
//! source: pokeapi (client, crawl, documents) → transform ─┐
//!                                            snapshot ────┴→ validate → counts
//! ```

pub mod counts;
pub mod reject;

pub mod letsgo;
pub mod pokeapi;
pub mod transform;

pub mod snapshot;
pub mod validate;

pub mod source;

pub mod load;
pub mod settings;
pub mod wait;

pub mod check;
pub mod run;
