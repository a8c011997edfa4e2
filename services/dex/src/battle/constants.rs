//! Every number of the damage formula in one place, by name, so that a test can change each of them and ask who notices.
//!
//! Source: Bulbapedia's page "Damage" (Generation 5 onward) and `Pokémon` Showdown's `sim/battle-actions.ts`.

/// The numbers; an array, so that a test reaches them one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constants(pub [u32; Constants::COUNT]);

/// Declares names with the games' values.
macro_rules! constants {
    ($($name:ident = $value:literal, $what:literal;)*) => {
        /// Place of a constant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Constant { $(#[doc = $what] $name),* }

        impl Constant {
            /// Every constant.
            pub const ALL: [Self; Constants::COUNT] = [$(Self::$name),*];
        }

        impl Constants {
            /// How many there are.
            pub const COUNT: usize = [$($value),*].len();
            /// As the games have them.
            pub const GAMES: Self = Self([$($value),*]);
        }
    };
}

constants! {
    LevelFactor = 2, "factor of the level";
    LevelDivisor = 5, "divisor of the level";
    LevelSum = 2, "what the level's part is at level 0";
    BaseDivisor = 50, "divisor of the base damage";
    BaseSum = 2, "added to the base damage";
    CriticalNumerator = 3, "a critical hit multiplies by this";
    CriticalDivisor = 2, "and divides by this";
    LeastRoll = 85, "least random factor, per cent";
    RollDivisor = 100, "divisor of the random factor";
    ModifierOne = 4096, "a modifier of one";
    ModifierRounding = 2047, "added before a modifier divides: half rounds down";
    SameType = 6144, "modifier of the same-type bonus";
    Burn = 2048, "modifier of a burned attacker's physical moves";
    Screen = 2048, "modifier of Reflect and Light Screen";
    Doubled = 8192, "modifier of a blow on a Pokémon under the ground or in the air";
    LeastDamage = 1, "what a hit that connects deals at least";
    StageOne = 2, "a stat's stage of 0, numerator and divisor";
    ConfusionPower = 40, "power of the blow a confused Pokémon deals itself";
}

impl Constants {
    /// The value of a constant.
    pub const fn get(&self, constant: Constant) -> u32 {
        self.0[constant as usize]
    }

    /// The same numbers but one.
    #[must_use]
    pub fn with(mut self, constant: Constant, value: u32) -> Self {
        self.0[constant as usize] = value;
        self
    }
}
