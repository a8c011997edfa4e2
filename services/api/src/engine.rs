//! What answers battles: a Pokédex and a model that belong to one moment. Pure; counting is the routes' business.

use dex::battle::{Fighter, Matchup, Rng};
use dex::predict::Side;

use crate::catalogue::Catalogue;
use crate::state::LoadedModel;

/// A Pokédex and a model.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    pub catalogue: &'a Catalogue,
    pub loaded: &'a LoadedModel,
}

impl Engine<'_> {
    /// Two sides made ready for each other.
    pub fn matchup(&self, a: &Side<'_>, b: &Side<'_>) -> Matchup {
        matchup(self.catalogue, a, b)
    }
}

/// Two sides made ready for each other.
pub fn matchup(catalogue: &Catalogue, a: &Side<'_>, b: &Side<'_>) -> Matchup {
    Matchup::new(&catalogue.dex.chart, &catalogue.fighter(a), &catalogue.fighter(b))
}

/// Battles fought for one answer.
pub const BATTLES: u32 = 2_000;
const SEED: u64 = 1;

/// What [`BATTLES`] battles say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulation {
    /// Wins of side 0, a draw counting half, by the battles.
    pub probability_a: f64,
    /// Where the true odds are with 95 % confidence (Wilson's interval).
    pub interval: [f64; 2],
    pub draws: u32,
}

/// Fights battles with random numbers that follow from the fighters: the same question has the same answer, and swapping the
/// sides swaps it exactly.
pub fn simulate(matchup: &Matchup, chart: &dex::pokedex::TypeChart) -> Simulation {
    let [a, b] = [matchup.fighter(0), matchup.fighter(1)];
    let swapped = order(a) > order(b);
    let fought = if swapped { Matchup::new(chart, b, a) } else { *matchup };
    let parts: Vec<u64> =
        std::iter::once(SEED).chain([0, 1].map(|i| order(fought.fighter(i))).concat()).collect();
    let mut rng = Rng::of(&parts);
    let (mut wins, mut draws) = (0, 0);
    for _ in 0..BATTLES {
        match fought.fight(&mut rng).winner {
            Some(0) => wins += 1,
            Some(_) => {}
            None => draws += 1,
        }
    }
    let share = (f64::from(wins) + f64::from(draws) / 2.0) / f64::from(BATTLES);
    let mirrored = a == b;
    let share = if mirrored { 0.5 } else { share };
    let [low, high] = wilson(share, f64::from(BATTLES));
    let (probability_a, interval) =
        if swapped { (1.0 - share, [1.0 - high, 1.0 - low]) } else { (share, [low, high]) };
    Simulation { probability_a, interval, draws }
}

/// What tells one fighter from another: its Pokémon and its moves.
fn order(fighter: &Fighter) -> Vec<u64> {
    std::iter::once(fighter.id).chain(fighter.moves().iter().map(|m| m.id)).map(u64::from).collect()
}

/// The 95 % interval of a share of `n`.
fn wilson(share: f64, n: f64) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let z2 = Z * Z / n;
    let middle = (share + z2 / 2.0) / (1.0 + z2);
    let half = Z / (1.0 + z2) * (share * (1.0 - share) / n + z2 / (4.0 * n)).sqrt();
    [(middle - half).clamp(0.0, share), (middle + half).clamp(share, 1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // 10 of 100: 0.0552 to 0.1744, as in every table.
        let [low, high] = wilson(0.1, 100.0);
        assert!((low - 0.0552).abs() < 1e-4 && (high - 0.1744).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson(0.0, 100.0)[0].to_bits(), 0.0_f64.to_bits());
        assert_eq!(wilson(1.0, 100.0)[1].to_bits(), 1.0_f64.to_bits());
    }
}
