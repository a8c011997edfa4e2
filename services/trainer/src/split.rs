//! Which rows are learned from and which are held out. Decided by the two Pokémon alone, in either order and with any moves, so
//! that no matchup stands on both sides. Pure.

use dex::battle::Rng;
use dex::pokedex::Pokedex;

/// Training matchups are divided into so many groups for cross-validation.
pub const FOLDS: u8 = 5;

/// Apart from every other use of random numbers. Another salt is another division: raise the trainer's recipe with it.
const SALT: u64 = 0x5eed_5b17;

/// Where a matchup stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Learned from.
    Training {
        /// 0 to [`FOLDS`] - 1.
        fold: u8,
    },
    /// Never learned from, though both Pokémon are known from other matchups: one in six.
    HeldOutPair,
    /// One of the two is of a species that is never learned from, in any form.
    UnseenSpecies,
}

/// The division of a Pokédex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// Ids of Pokémon of species never learned from, ascending.
    unseen: Vec<u16>,
}

impl Division {
    /// Holds out one species in ten with all of its forms.
    pub fn of(dex: &Pokedex) -> Self {
        let is_unseen = |species: u16| Rng::of(&[SALT, 2, species.into()]).below(10) == 0;
        Self { unseen: dex.pokemon.iter().filter(|p| is_unseen(p.species_id)).map(|p| p.id).collect() }
    }

    /// Where the matchup of two Pokémon stands.
    pub fn place(&self, pokemon: [u16; 2]) -> Place {
        if pokemon.iter().any(|&id| self.is_unseen(id)) {
            return Place::UnseenSpecies;
        }
        let [a, b] = [pokemon[0].min(pokemon[1]), pokemon[0].max(pokemon[1])];
        let mut rng = Rng::of(&[SALT, 0, a.into(), b.into()]);
        if rng.below(6) == 0 {
            return Place::HeldOutPair;
        }
        let fold = u8::try_from(rng.below(FOLDS.into())).unwrap_or_default();
        Place::Training { fold }
    }

    /// Whether a Pokémon's species is never learned from.
    pub fn is_unseen(&self, id: u16) -> bool {
        self.unseen.binary_search(&id).is_ok()
    }

    /// Ids of the Pokémon never learned from, ascending.
    pub fn unseen(&self) -> &[u16] {
        &self.unseen
    }
}

/// Whether a training matchup belongs to a sample of one in `of`. Samples are independent of folds.
pub fn is_sampled(pokemon: [u16; 2], of: u32) -> bool {
    let [a, b] = [pokemon[0].min(pokemon[1]), pokemon[0].max(pokemon[1])];
    Rng::of(&[SALT, 1, a.into(), b.into()]).below(of) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_stands_in_one_place_in_either_order() {
        let dex = crate::shipped::pokedex();
        let division = Division::of(dex);
        assert!((12..30).contains(&division.unseen().len()), "{:?}", division.unseen());
        let mut counts = [0_u32; 3];
        let mut folds = [0_u32; FOLDS as usize];
        for (i, a) in dex.pokemon.iter().enumerate() {
            for b in &dex.pokemon[i + 1..] {
                let place = division.place([a.id, b.id]);
                assert_eq!(place, division.place([b.id, a.id]));
                match place {
                    Place::Training { fold } => {
                        counts[0] += 1;
                        folds[usize::from(fold)] += 1;
                    }
                    Place::HeldOutPair => counts[1] += 1,
                    Place::UnseenSpecies => counts[2] += 1,
                }
            }
        }
        let all = counts.iter().sum::<u32>();
        assert_eq!(all, 188 * 187 / 2);
        assert!(counts[1] > all / 9 && counts[2] > all / 9 && counts[0] > all * 3 / 5, "{counts:?}");
        assert!(folds.iter().all(|&n| n > counts[0] / 6), "{folds:?}");
    }

    #[test]
    fn forms_of_a_species_stand_together() {
        let dex = crate::shipped::pokedex();
        let division = Division::of(dex);
        for a in &dex.pokemon {
            for b in dex.pokemon.iter().filter(|b| b.species_id == a.species_id) {
                assert_eq!(division.is_unseen(a.id), division.is_unseen(b.id), "{} {}", a.slug, b.slug);
            }
        }
    }
}
