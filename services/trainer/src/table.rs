//! Rows in memory: what the model learns from and is judged by. The two orders of a bout stand side by side.

use dex::features;

use crate::scenario::Scenario;
use crate::split::{Division, Place};

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub scenario: Scenario,
    /// `PokéAPI` ids in the row's order.
    pub pokemon: [u16; 2],
}

/// Rows, column by column but for the features, which stand row by row.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Table {
    /// [`features::COUNT`] values per row.
    pub values: Vec<f32>,
    /// Share of battles won by the row's first side.
    pub rates: Vec<f32>,
    /// Battles behind a share.
    pub battles: Vec<f32>,
    pub keys: Vec<Key>,
}

impl Table {
    /// An empty table with room for so many rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            values: Vec::with_capacity(rows * features::COUNT),
            rates: Vec::with_capacity(rows),
            battles: Vec::with_capacity(rows),
            keys: Vec::with_capacity(rows),
        }
    }

    /// The rows whose key is wanted, both orders of a bout together.
    #[must_use]
    pub fn select(&self, mut wanted: impl FnMut(&Key) -> bool) -> Self {
        let chosen: Vec<usize> = (0..self.len() / 2).filter(|&bout| wanted(&self.keys[2 * bout])).collect();
        let mut table = Self::with_capacity(2 * chosen.len());
        for bout in chosen {
            let rows = 2 * bout..2 * bout + 2;
            table
                .values
                .extend_from_slice(&self.values[rows.start * features::COUNT..rows.end * features::COUNT]);
            table.rates.extend_from_slice(&self.rates[rows.clone()]);
            table.battles.extend_from_slice(&self.battles[rows.clone()]);
            table.keys.extend_from_slice(&self.keys[rows]);
        }
        table
    }

    /// The rows of matchups that stand where asked.
    #[must_use]
    pub fn part(&self, division: &Division, wanted: impl Fn(Place) -> bool) -> Self {
        self.select(|key| wanted(division.place(key.pokemon)))
    }

    /// Weights for training: battles behind each label, 1 on average.
    #[expect(clippy::cast_possible_truncation, reason = "weights are single precision")]
    pub fn weights(&self) -> Vec<f32> {
        let mean = self.battles.iter().map(|&n| f64::from(n)).sum::<f64>() / self.len().max(1) as f64;
        self.battles.iter().map(|&n| (f64::from(n) / mean) as f32).collect()
    }

    /// One row's features.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * features::COUNT..(i + 1) * features::COUNT]
    }

    /// Unordered pairs of Pokémon.
    pub fn matchups(&self) -> usize {
        let mut pairs: Vec<_> = self.keys.iter().step_by(2).map(|key| key.pokemon).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.len()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rates.len()
    }

    /// Whether there is nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }
}
