//! Battles of Let's Go as the games compute them, with the games' integers. Pure: no I/O, no clock, no global randomness, and
//! no allocation once a matchup is prepared.
//!
//! A [`Fighter`] is a Pokémon made ready for battle (computed stats, at most four compact moves).

mod stats;

pub use stats::{Rules, Stat};
