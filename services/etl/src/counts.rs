//! How many of everything the games have: counted before loading and again in the database.

use std::collections::BTreeSet;

use dex::pokedex::{Form, LearnMethod};
use serde::{Deserialize, Serialize};

use crate::facts::Facts;

/// Rows per kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub types: i64,
    pub type_effectiveness: i64,
    pub species: i64,
    pub pokemon: i64,
    pub moves: i64,
    /// Moves that some learnset names.
    pub learnable_moves: i64,
    pub level_up: i64,
    pub machine: i64,
    pub tutor: i64,
    pub evolutions: i64,
    pub machines: i64,
    pub later_values: i64,
}

/// What the games have.
pub const EXPECTED: Counts = Counts {
    types: 18,
    type_effectiveness: 324,
    species: 153,
    pokemon: 188,
    moves: 226,
    learnable_moves: 223,
    level_up: 2258,
    machine: 3507,
    tutor: 11,
    evolutions: 80,
    machines: 60,
    later_values: 31,
};

/// Counts that are not what they must be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("wrong counts: {}", .0.join(", "))]
pub struct WrongCounts(Vec<String>);

impl Counts {
    /// Counts facts in memory.
    pub fn of(facts: &Facts) -> Self {
        let dex = &facts.pokedex;
        let learnt: BTreeSet<u16> =
            dex.pokemon.iter().flat_map(|p| &p.learnset).map(|learn| learn.move_id).collect();
        let rows =
            |method| dex.pokemon.iter().flat_map(|p| &p.learnset).filter(|l| l.method == method).count();
        Self {
            types: count(dex.types.len()),
            type_effectiveness: count(dex.chart.0.iter().flatten().count()),
            species: count(dex.pokemon.iter().filter(|p| p.form == Form::Base).count()),
            pokemon: count(dex.pokemon.len()),
            moves: count(dex.moves.len()),
            learnable_moves: count(learnt.len()),
            level_up: count(rows(LearnMethod::LevelUp)),
            machine: count(rows(LearnMethod::Machine)),
            tutor: count(rows(LearnMethod::Tutor)),
            evolutions: count(facts.evolutions.len()),
            machines: count(facts.machines.len()),
            later_values: count(facts.later_values.len()),
        }
    }

    /// Every count that differs from what is expected, at once.
    pub fn check(&self, expected: &Self) -> Result<(), WrongCounts> {
        let wrong: Vec<String> = self
            .named()
            .into_iter()
            .zip(expected.named())
            .filter(|((_, found), (_, wanted))| found != wanted)
            .map(|((name, found), (_, wanted))| format!("{found} {name} instead of {wanted}"))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(WrongCounts(wrong)) }
    }

    /// Every count with its name.
    pub fn named(&self) -> [(&'static str, i64); 12] {
        [
            ("types", self.types),
            ("type effectiveness rows", self.type_effectiveness),
            ("species", self.species),
            ("pokemon", self.pokemon),
            ("moves", self.moves),
            ("learnable moves", self.learnable_moves),
            ("level-up rows", self.level_up),
            ("machine rows", self.machine),
            ("tutor rows", self.tutor),
            ("evolutions", self.evolutions),
            ("machines", self.machines),
            ("later values", self.later_values),
        ]
    }
}

fn count(n: usize) -> i64 {
    // Lengths of vectors are at most isize::MAX.
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Counts, EXPECTED};

    #[test]
    fn every_wrong_count_is_named() {
        let found = Counts { pokemon: 187, moves: 0, ..EXPECTED };
        let message = found.check(&EXPECTED).unwrap_err().to_string();
        assert_eq!(message, "wrong counts: 187 pokemon instead of 188, 0 moves instead of 226");
        assert_eq!(EXPECTED.check(&EXPECTED), Ok(()));
    }
}
