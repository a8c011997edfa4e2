//! Bouts: the battles of one pair with the same moves, fought by the shared engine. Pure and in parallel; the result depends on
//! the settings and the Pokédex alone, never on the threads.

use std::fmt::Write as _;

use dex::battle::{Fighter, MOVES, Matchup, Rng, Rules};
use dex::features;
use dex::pokedex::{Move, Pokedex};
use rayon::prelude::*;

use crate::scenario::{Entrant, Scenario, loadouts};
use crate::settings::DatasetSettings;

/// Raised whenever the same settings and Pokédex would give other battles or rows: engine, scenarios, features.
const RECIPE: u32 = 2;

/// Battles of one pair with the same moves, and what the model sees of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Bout {
    pub scenario: Scenario,
    /// `PokéAPI` ids, the smaller first.
    pub pokemon: [u16; 2],
    /// Move ids by side; 0 fills up.
    pub moves: [[u16; MOVES]; 2],
    pub battles: u32,
    pub wins_a: u32,
    pub draws: u32,
    /// Features in both orders.
    pub rows: [features::Row; 2],
}

impl Bout {
    /// Share of the battles won by the first side; a draw is half a win.
    pub fn win_rate(&self) -> f32 {
        (self.wins_a as f32 + self.draws as f32 / 2.0) / self.battles as f32
    }
}

/// SHA-256 over everything the data set depends on: the Pokédex, the settings, the features, the recipe.
pub fn hash(dex: &Pokedex, settings: &DatasetSettings) -> Result<String, serde_json::Error> {
    let names: Vec<_> = settings.scenarios.iter().map(|s| s.name()).collect();
    let mut text = serde_json::to_string(dex)?;
    let DatasetSettings { repeats, random_samples, max_combinations, seed, .. } = settings;
    let _ = write!(
        text,
        "|{RECIPE}|{:?}|{names:?}|{repeats}|{random_samples}|{max_combinations}|{seed}",
        features::NAMES
    );
    Ok(dex::model::sha256_hex(text.as_bytes()))
}

/// Fights every bout of the scenarios in groups, one after the other; `take` gets each group in order.
pub fn generate<E>(
    dex: &Pokedex,
    settings: &DatasetSettings,
    mut take: impl FnMut(Vec<Bout>) -> Result<(), E>,
) -> Result<(), E> {
    /// Pairs per group: some thousand rows, whatever the settings.
    const GROUP: usize = 2_000;
    let entrants = Entrant::all(dex);
    let pairs: Vec<_> =
        (0..entrants.len()).flat_map(|i| (i + 1..entrants.len()).map(move |j| (i, j))).collect();
    for &scenario in &settings.scenarios {
        let per_pair = scenario.most_per_pair(settings);
        for group in pairs.chunks((GROUP / per_pair).max(16)) {
            let bouts = group.par_iter().flat_map_iter(|&(i, j)| {
                let (a, b) = (&entrants[i], &entrants[j]);
                loadouts(scenario, a, b, settings)
                    .into_iter()
                    .enumerate()
                    .map(|(n, moves)| fight(dex, scenario, [a, b], &moves, n, settings))
                    .collect::<Vec<_>>()
            });
            take(bouts.collect())?;
        }
    }
    Ok(())
}

fn fight(
    dex: &Pokedex,
    scenario: Scenario,
    entrants: [&Entrant<'_>; 2],
    moves: &[Vec<&Move>; 2],
    sample: usize,
    settings: &DatasetSettings,
) -> Bout {
    let pokemon = entrants.map(|e| e.pokemon.id);
    let [a, b] = [0, 1].map(|i| Fighter::new(dex, &Rules::default(), entrants[i].pokemon, &moves[i]));
    let matchup = Matchup::new(&dex.chart, &a, &b);
    // Apart from the sequence that drew the moves.
    let place =
        [settings.seed ^ 0x0ba7_71e5, scenario as u64, pokemon[0].into(), pokemon[1].into(), sample as u64];
    let mut rng = Rng::of(&place);
    let (mut wins_a, mut draws) = (0, 0);
    for _ in 0..settings.repeats {
        match matchup.fight(&mut rng).winner {
            Some(0) => wins_a += 1,
            Some(_) => {}
            None => draws += 1,
        }
    }
    let ids = |moves: &[&Move]| std::array::from_fn(|slot| moves.get(slot).map_or(0, |m| m.id));
    let moves = [ids(&moves[0]), ids(&moves[1])];
    let rows = features::rows(&matchup);
    Bout { scenario, pokemon, moves, battles: settings.repeats, wins_a, draws, rows }
}
