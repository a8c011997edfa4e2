//! Which battles are fought: the matchups of a scenario with the moves each side brings. Pure.

use dex::battle::{BattleMove, MOVES, Rng, Strike, sets};
use dex::pokedex::{Move, Pokedex, Pokemon};

use crate::settings::DatasetSettings;

/// A rule for what both sides bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Each its best four.
    BestMove,
    /// Each four random damaging moves.
    RandomMove,
    /// Each one move: the combinations of both, at most so many per matchup, drawn without repetition.
    AllCombinations,
}

impl Scenario {
    pub const ALL: [Self; 3] = [Self::BestMove, Self::RandomMove, Self::AllCombinations];

    /// The name used in the environment and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BestMove => "best_move",
            Self::RandomMove => "random_move",
            Self::AllCombinations => "all_combinations",
        }
    }

    /// Most bouts of one matchup.
    pub const fn most_per_pair(self, settings: &DatasetSettings) -> usize {
        match self {
            Self::BestMove => 1,
            Self::RandomMove => settings.random_samples as usize,
            Self::AllCombinations => settings.max_combinations as usize,
        }
    }

    /// The scenario of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// A Pokémon with what it could bring.
#[derive(Debug)]
pub struct Entrant<'a> {
    pub pokemon: &'a Pokemon,
    best: Vec<&'a Move>,
    candidates: Vec<&'a Move>,
}

impl<'a> Entrant<'a> {
    /// Every Pokémon of the Pokédex.
    pub fn all(dex: &'a Pokedex) -> Vec<Self> {
        let answers = |m: &Move| {
            matches!(BattleMove::from(m).strike, Strike::Counter | Strike::MirrorCoat | Strike::Bide)
        };
        dex.pokemon
            .iter()
            .map(|pokemon| Self {
                pokemon,
                best: sets::best(dex, pokemon),
                // Answers to the foe's attack are no plan for a policy that looks at damage alone.
                candidates: sets::candidates(dex, pokemon).into_iter().filter(|m| !answers(m)).collect(),
            })
            .collect()
    }
}

/// What both sides bring to one row of the data set.
pub type Loadout<'a> = [Vec<&'a Move>; 2];

/// The loadouts of one matchup under a scenario. Depends on nothing but the seed, the scenario and the two Pokémon.
pub fn loadouts<'a>(
    scenario: Scenario,
    a: &Entrant<'a>,
    b: &Entrant<'a>,
    settings: &DatasetSettings,
) -> Vec<Loadout<'a>> {
    let parts = [settings.seed, scenario as u64, u64::from(a.pokemon.id), u64::from(b.pokemon.id)];
    let mut rng = Rng::of(&parts);
    match scenario {
        Scenario::BestMove => vec![[a.best.clone(), b.best.clone()]],
        Scenario::RandomMove => (0..settings.random_samples)
            .map(|_| [some(&a.candidates, &mut rng), some(&b.candidates, &mut rng)])
            .collect(),
        Scenario::AllCombinations => {
            // A Pokémon without a damaging move brings none and struggles.
            let (rows, columns) = (a.candidates.len().max(1), b.candidates.len().max(1));
            let one = |from: &[&'a Move], i: usize| from.get(i).copied().into_iter().collect();
            drawn(rows * columns, settings.max_combinations as usize, &mut rng)
                .into_iter()
                .map(|i| [one(&a.candidates, i / columns), one(&b.candidates, i % columns)])
                .collect()
        }
    }
}

/// At most four of the moves, drawn without repetition, by id.
fn some<'a>(from: &[&'a Move], rng: &mut Rng) -> Vec<&'a Move> {
    drawn(from.len(), MOVES, rng).into_iter().map(|i| from[i]).collect()
}

/// At most `count` of the numbers below `of`, each equally likely, ascending (Floyd's sampling).
fn drawn(of: usize, count: usize, rng: &mut Rng) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(count.min(of));
    for last in of.saturating_sub(count)..of {
        let candidate = rng.below(u32::try_from(last + 1).unwrap_or(u32::MAX)) as usize;
        chosen.push(if chosen.contains(&candidate) { last } else { candidate });
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_takes_each_number_once_and_all_when_asked_for_more() {
        let mut rng = Rng::new(1);
        assert_eq!(drawn(3, 9, &mut rng), [0, 1, 2]);
        assert_eq!(drawn(0, 4, &mut rng), [0; 0]);
        let mut counts = [0; 6];
        for _ in 0..6000 {
            let chosen = drawn(6, 2, &mut rng);
            assert!(chosen.len() == 2 && chosen[0] < chosen[1]);
            for i in chosen {
                counts[i] += 1;
            }
        }
        assert!(counts.iter().all(|n| (1800..2200).contains(n)), "{counts:?}");
    }
}
