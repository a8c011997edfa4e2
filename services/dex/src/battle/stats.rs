//! Computed stats of a Pokémon in Let's Go.
//!
//! Source: the stat formula of Generation 7 with the friendship bonus and awakening values of Let's Go, as in `Pokémon`
//! Showdown's mod `gen7letsgo` (`scripts.ts`, `spreadModify` and `natureModify`) and Bulbapedia's page "Stat".

use crate::pokedex::Stats;

/// What two players agree on before a battle. The default is a link battle under normal rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// 1 to 100.
    pub level: u8,
    /// Individual value of every stat, 0 to 31.
    pub individual_value: u8,
    /// 0 to 255; raises every stat but HP by up to a tenth.
    pub friendship: u8,
    /// Awakening value of every stat, 0 to 200, added last.
    pub awakening_value: u8,
}

impl Default for Rules {
    fn default() -> Self {
        Self { level: 50, individual_value: 31, friendship: 70, awakening_value: 0 }
    }
}

/// Index of a computed stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stat {
    Attack,
    Defense,
    SpecialAttack,
    SpecialDefense,
    Speed,
}

impl Rules {
    /// Computed HP: `trunc((2B + IV + 100) · L / 100) + 10 + AV`. Friendship does not count.
    pub fn hp(&self, base: u16) -> u16 {
        let sum = 2 * u32::from(base) + u32::from(self.individual_value) + 100;
        narrow(sum * u32::from(self.level) / 100 + 10 + u32::from(self.awakening_value))
    }

    /// A computed stat other than HP, neutral nature: `trunc(trunc((2B + IV) · L / 100 + 5) · F / 100) + AV` where the
    /// friendship factor `F` is `trunc((friendship / 255 / 10 + 1) · 100)`, 102 at friendship 70.
    pub fn stat(&self, base: u16) -> u16 {
        let raw = (2 * u32::from(base) + u32::from(self.individual_value)) * u32::from(self.level) / 100 + 5;
        let factor = 100 + u32::from(self.friendship) * 10 / 255;
        narrow(raw * factor / 100 + u32::from(self.awakening_value))
    }

    /// The five stats that stages apply to, in the order of [`Stat`].
    pub fn stats(&self, base: &Stats) -> [u16; 5] {
        [base.attack, base.defense, base.special_attack, base.special_defense, base.speed]
            .map(|b| self.stat(b))
    }
}

/// Base stats are at most 255 and levels at most 100 in the games; a larger number from elsewhere saturates.
fn narrow(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_stats_are_those_of_the_games() {
        let rules = Rules::default();
        // Bulbasaur 45/49/49/65/65/45 and Chansey's 250 HP.
        assert_eq!(rules.hp(45), 120);
        assert_eq!([49, 65, 45].map(|b| rules.stat(b)), [70, 86, 66]);
        assert_eq!(rules.hp(250), 325);
        assert_eq!(Rules { friendship: 255, ..rules }.stat(49), 75);
        assert_eq!(Rules { level: 100, awakening_value: 200, friendship: 0, ..rules }.stat(49), 334);
    }
}
