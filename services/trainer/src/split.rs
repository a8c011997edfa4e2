//! Which rows are learned from and which are held out. Decided by the unordered pair of Pokémon alone, so that no matchup
//! stands on both sides, in either order or with other moves. Pure.

use dex::battle::Rng;

/// A part of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Never learned from: one matchup in five.
    HeldOut,
    /// The rest.
    Training,
    /// One of `of` groups of training matchups.
    Fold { fold: u32, of: u32 },
    /// The other groups.
    AllButFold { fold: u32, of: u32 },
}

impl Part {
    /// Whether a pair belongs to this part.
    pub fn has(self, pokemon: [u16; 2]) -> bool {
        let draw = |salt: u64, below: u32| {
            let [a, b] = [pokemon[0].min(pokemon[1]), pokemon[0].max(pokemon[1])];
            Rng::of(&[0x5eed_5b17, salt, a.into(), b.into()]).below(below)
        };
        let held_out = draw(0, 5) == 0;
        match self {
            Self::HeldOut => held_out,
            Self::Training => !held_out,
            Self::Fold { fold, of } => !held_out && draw(1, of) == fold,
            Self::AllButFold { fold, of } => !held_out && draw(1, of) != fold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_stands_on_one_side_in_either_order() {
        let mut held_out = 0;
        for a in 1..150 {
            for b in 1..150 {
                let (test, train) = (Part::HeldOut.has([a, b]), Part::Training.has([a, b]));
                assert!(test != train);
                assert_eq!(test, Part::HeldOut.has([b, a]));
                held_out += u32::from(test);
            }
        }
        assert!((4000..4900).contains(&held_out), "{held_out}");
    }

    #[test]
    fn folds_share_the_training_part_among_them() {
        for (a, b) in (1..60).flat_map(|a| (1..60).map(move |b| (a, b))) {
            let folds = (0..3).filter(|&fold| Part::Fold { fold, of: 3 }.has([a, b])).count();
            let rest = (0..3).filter(|&fold| Part::AllButFold { fold, of: 3 }.has([a, b])).count();
            let training = usize::from(Part::Training.has([a, b]));
            assert_eq!((folds, rest), (training, 2 * training));
        }
    }
}
