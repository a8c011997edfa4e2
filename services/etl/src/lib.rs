//! The ETL: `PokéAPI` (or the snapshot of it that ships with the project) → the facts of Let's Go → PostgreSQL, with `Poképédia` as
//! witness.
//!
//! ```text
//! run:   wait → load::Lock → dex::schema::migrate → facts → load (stage, upsert, count) → etl_runs
//! facts: fetch → pokeapi (client, crawl, documents) → transform ─┐
//!                                                       snapshot ┴→ validate → counts, rules ─┐
//!        fetch → pokepedia (robots, page) ───────────────────────────────────────→ reconcile ─┴→ findings
//! ```

pub mod facts;
pub mod progress;
pub mod reject;

pub mod fetch;

pub mod counts;
pub mod letsgo;
pub mod pokeapi;
pub mod pokepedia;
pub mod transform;

pub mod rules;
pub mod snapshot;
pub mod validate;

pub mod reconcile;
pub mod source;

pub mod load;
pub mod settings;
pub mod wait;

pub mod live;

pub mod check;
pub mod metrics;
pub mod run;
