//! The damage of one hit, with the integers of the games truncated at the same steps.
//!
//! Source: Generation 7 as written in `Pokémon` Showdown (`sim/battle-actions.ts`, `getDamage` and `modifyDamage`), which Let's
//! Go inherits, and Bulbapedia's page "Damage". Abilities, items and weather do not exist in battles of Let's Go.

use super::constants::{Constant, Constants};

/// How a move's type meets the target's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effectiveness {
    /// No damage and no effect.
    Immune,
    /// Doubled that many times, or halved when negative: -2 to 2.
    Steps(i8),
}

impl Effectiveness {
    /// From the type chart's halves for each of the target's types.
    pub fn of(halves: impl IntoIterator<Item = u8>) -> Self {
        let mut steps = 0;
        for h in halves {
            match h {
                0 => return Self::Immune,
                1 => steps -= 1,
                4 => steps += 1,
                _ => {}
            }
        }
        Self::Steps(steps)
    }

    /// 0, 0.25, 0.5, 1, 2 or 4.
    pub fn factor(self) -> f32 {
        match self {
            Self::Immune => 0.0,
            Self::Steps(n) => f32::from(n).exp2(),
        }
    }
}

/// Everything the formula needs about one hit but the random factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub level: u8,
    /// After changes such as Facade's doubling.
    pub power: u16,
    /// Computed stat of the attacker (of the target for Foul Play), before stages.
    pub attack: u16,
    /// Computed stat of the target, before stages.
    pub defense: u16,
    /// -6 to 6.
    pub attack_stage: i8,
    pub defense_stage: i8,
    pub critical: bool,
    /// Same-type attack bonus.
    pub stab: bool,
    pub effectiveness: Effectiveness,
    /// The attacker is burned, the move physical and not Facade.
    pub burned: bool,
    /// Reflect or Light Screen, whichever applies, stands on the target's side.
    pub screen: bool,
    /// Earthquake on a Pokémon underground, Gust on one in the air.
    pub doubled: bool,
}

/// Number of random factors: 85 % to 100 %, all equally likely.
pub const ROLLS: u16 = 16;

impl Hit {
    /// Damage before the random factor; the same for all sixteen rolls.
    fn base(&self, k: &Constants) -> u32 {
        // A critical hit ignores what would weaken it: own negative and the target's positive stages.
        let (attack_stage, defense_stage) = if self.critical {
            (self.attack_stage.max(0), self.defense_stage.min(0))
        } else {
            (self.attack_stage, self.defense_stage)
        };
        let base =
            base(k, self.level, self.power, (self.attack, attack_stage), (self.defense, defense_stage));
        if self.critical {
            base * k.get(Constant::CriticalNumerator) / k.get(Constant::CriticalDivisor)
        } else {
            base
        }
    }

    /// What follows the random factor, up to the minimum of 1.
    fn finish(&self, k: &Constants, randomised: u32) -> u16 {
        let Effectiveness::Steps(steps) = self.effectiveness else { return 0 };
        let mut damage = randomised;
        if self.stab {
            damage = modify(k, damage, Constant::SameType);
        }
        // Halving must truncate at each step: 7 → 3 → 1 and not 7 → 1.75.
        if steps >= 0 {
            damage <<= steps;
        } else {
            damage >>= -steps;
        }
        if self.burned {
            damage = modify(k, damage, Constant::Burn);
        }
        // The final modifiers are chained into one factor.
        match (self.screen && !self.critical, self.doubled) {
            (true, false) => damage = modify(k, damage, Constant::Screen),
            (false, true) => damage = modify(k, damage, Constant::Doubled),
            _ => {}
        }
        // Damage is a 16-bit number in the games.
        (damage.max(k.get(Constant::LeastDamage)) & 0xffff) as u16
    }

    /// Damage for random factor `85 + roll` per cent, `roll` from 0 to 15.
    pub fn damage(&self, roll: u16) -> u16 {
        if self.effectiveness == Effectiveness::Immune {
            return 0;
        }
        let k = &Constants::GAMES;
        self.finish(k, randomised(k, self.base(k), roll.into()))
    }

    /// Damage for all sixteen random factors.
    pub fn rolls(&self) -> [u16; ROLLS as usize] {
        self.rolls_by(&Constants::GAMES)
    }

    /// The same with other numbers than the games'; for tests that ask whether a number matters.
    pub fn rolls_by(&self, k: &Constants) -> [u16; ROLLS as usize] {
        if self.effectiveness == Effectiveness::Immune {
            return [0; ROLLS as usize];
        }
        let base = self.base(k);
        std::array::from_fn(|roll| self.finish(k, randomised(k, base, roll as u32)))
    }
}

/// Level, power, attack and defence, each of the two with its stage.
fn base(k: &Constants, level: u8, power: u16, attack: (u16, i8), defense: (u16, i8)) -> u32 {
    let attack = staged_by(k, attack.0, attack.1);
    let defense = staged_by(k, defense.0, defense.1).max(1);
    let level = k.get(Constant::LevelFactor) * u32::from(level) / k.get(Constant::LevelDivisor)
        + k.get(Constant::LevelSum);
    level * u32::from(power) * attack / defense / k.get(Constant::BaseDivisor) + k.get(Constant::BaseSum)
}

fn randomised(k: &Constants, base: u32, roll: u32) -> u32 {
    base * (k.get(Constant::LeastRoll) + roll) / k.get(Constant::RollDivisor)
}

/// A stat with its stage: ×(2 + n)/2 up, ×2/(2 + n) down, truncated.
pub(super) fn staged(stat: u16, stage: i8) -> u32 {
    staged_by(&Constants::GAMES, stat, stage)
}

fn staged_by(k: &Constants, stat: u16, stage: i8) -> u32 {
    let one = k.get(Constant::StageOne);
    let (stat, n) = (u32::from(stat), u32::from(stage.unsigned_abs()));
    if stage >= 0 { stat * (one + n) / one } else { stat * one / (one + n) }
}

/// Multiplies by a factor in 4096ths, rounding half down.
fn modify(k: &Constants, value: u32, factor: Constant) -> u32 {
    (value * k.get(factor) + k.get(Constant::ModifierRounding)) / k.get(Constant::ModifierOne)
}

/// Power of Low Kick by the target's weight in hectograms.
pub const fn weight_power(weight_hg: u16) -> u16 {
    match weight_hg {
        0..100 => 20,
        100..250 => 40,
        250..500 => 60,
        500..1000 => 80,
        1000..2000 => 100,
        _ => 120,
    }
}

/// The blow a confused Pokémon deals itself: typeless, power 40, its own stats, never critical.
/// Source: `getConfusionDamage` in `sim/battle-actions.ts`.
pub(super) fn confusion(level: u8, attack: (u16, i8), defense: (u16, i8), roll: u16) -> u16 {
    confusion_by(&Constants::GAMES, level, attack, defense, roll)
}

/// The same with other numbers than the games'.
pub fn confusion_by(k: &Constants, level: u8, attack: (u16, i8), defense: (u16, i8), roll: u16) -> u16 {
    let power = k.get(Constant::ConfusionPower) as u16;
    let damage = randomised(k, base(k, level, power, attack, defense), roll.into());
    (damage.max(k.get(Constant::LeastDamage)) & 0xffff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Hit = Hit {
        level: 50,
        power: 70,
        attack: 83,
        defense: 81,
        attack_stage: 0,
        defense_stage: 0,
        critical: false,
        stab: false,
        effectiveness: Effectiveness::Steps(0),
        burned: false,
        screen: false,
        doubled: false,
    };

    #[track_caller]
    fn check(hit: Hit, first: u16, last: u16) {
        let rolls = hit.rolls();
        assert_eq!((rolls[0], rolls[15]), (first, last), "{hit:?}");
        for (i, roll) in rolls.into_iter().enumerate() {
            assert_eq!(hit.damage(i as u16), roll);
        }
    }

    /// Worked by hand: 22 × 70 × 83 / 81 = 1578, / 50 = 31, + 2 = 33.
    #[test]
    fn each_step_truncates_where_the_games_do() {
        check(PLAIN, 28, 33);
        // 33 × 3 / 2 = 49; 49 × 85 / 100 = 41.
        check(Hit { critical: true, ..PLAIN }, 41, 49);
        // 28 × 1.5 = 42; 33 × 1.5 = 49.5, half rounds down.
        check(Hit { stab: true, ..PLAIN }, 42, 49);
        check(Hit { effectiveness: Effectiveness::Steps(2), ..PLAIN }, 112, 132);
        check(Hit { effectiveness: Effectiveness::Steps(-2), ..PLAIN }, 7, 8);
        check(Hit { effectiveness: Effectiveness::Immune, ..PLAIN }, 0, 0);
        check(Hit { burned: true, ..PLAIN }, 14, 16);
        check(Hit { screen: true, ..PLAIN }, 14, 16);
        check(Hit { doubled: true, ..PLAIN }, 56, 66);
        // Attack 83 × 3 / 2 = 124; 22 × 70 × 124 / 81 = 2357, / 50 = 47, + 2 = 49.
        check(Hit { attack_stage: 1, ..PLAIN }, 41, 49);
        // Defence 81 × 2 / 3 = 54; 22 × 70 × 83 / 54 = 2367, / 50 = 47, + 2 = 49.
        check(Hit { defense_stage: -1, ..PLAIN }, 41, 49);
    }

    #[test]
    fn critical_hit_ignores_what_would_weaken_it() {
        let weakened = Hit { attack_stage: -6, defense_stage: 6, screen: true, ..PLAIN };
        assert_eq!(Hit { critical: true, ..weakened }.rolls(), Hit { critical: true, ..PLAIN }.rolls());
        assert!(weakened.damage(15) < PLAIN.damage(0));
    }

    #[test]
    fn a_hit_that_connects_deals_at_least_one() {
        let feather =
            Hit { power: 10, attack: 5, defense: 300, effectiveness: Effectiveness::Steps(-2), ..PLAIN };
        check(feather, 1, 1);
    }

    #[test]
    fn low_kick_follows_weight() {
        for (hectograms, power) in [
            (1, 20),
            (99, 20),
            (100, 40),
            (250, 60),
            (499, 60),
            (500, 80),
            (1000, 100),
            (1999, 100),
            (2000, 120),
        ] {
            assert_eq!(weight_power(hectograms), power, "{hectograms}");
        }
    }
}
