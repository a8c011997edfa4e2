//! What the model sees of a battle: one ordered list of named numbers, raw and in the battle's own units. The trainer and the
//! API build rows with this same code. Pure, no allocation.

use crate::battle::Rules;
use crate::pokedex::{Pokedex, Pokemon};

/// Names, in column order.
pub const NAMES: [&str; COUNT] = [
    "a_hp",
    "a_attack",
    "a_defense",
    "a_special_attack",
    "a_special_defense",
    "a_speed",
    "b_hp",
    "b_attack",
    "b_defense",
    "b_special_attack",
    "b_special_defense",
    "b_speed",
];

/// Number of features.
pub const COUNT: usize = 12;

/// One model input.
pub type Row = [f32; COUNT];

/// The row for `a` against `b`.
pub fn row(_dex: &Pokedex, rules: &Rules, a: &Pokemon, b: &Pokemon) -> Row {
    let mut row = [0.0; COUNT];
    for (half, pokemon) in row.chunks_exact_mut(6).zip([a, b]) {
        half[0] = f32::from(rules.hp(pokemon.stats.hp));
        for (value, stat) in half[1..].iter_mut().zip(rules.stats(&pokemon.stats)) {
            *value = f32::from(stat);
        }
    }
    row
}
