//! Battles of Let's Go as the games compute them, with the games' integers. Pure: no I/O, no clock, no global randomness, and
//! no allocation once a matchup is prepared.
//!
//! A [`Fighter`] is a Pokémon made ready (computed stats, at most four compact moves), a [`Matchup`] two fighters who met (type
//! effectiveness and move rankings), and [`Matchup::fight`] one battle with the random numbers of an [`Rng`].
//!
//! Rules of a link battle: level 50, no abilities (Let's Go has none), no items, one Pokémon each, no status moves chosen.
//! Damage equals an independent simulator's to the last point, see `tests/vectors.rs`. Known limit: a Pokémon without a
//! damaging move (Ditto) struggles.

#![expect(
    clippy::cast_possible_truncation,
    reason = "slots, sides, rolls and damages are small by construction"
)]
#![expect(clippy::struct_excessive_bools, reason = "conditions of a battle are independent yes-or-no facts")]

mod constants;
mod damage;
mod fight;
mod fighter;
mod matchup;
mod moves;
mod policy;
mod rng;
pub mod sets;
mod state;
mod stats;
mod strike;

pub use constants::{Constant, Constants};
pub use damage::{Effectiveness, Hit, ROLLS, confusion_by, weight_power};
pub use fight::{Outcome, TURN_LIMIT};
pub use fighter::{Fighter, MOVES};
pub use matchup::Matchup;
pub use moves::{Ailment, BattleMove, Quirk, Strike, Tempo};
pub use policy::Policy;
pub use rng::Rng;
pub use stats::{Rules, Stat};
