//! Everything the database holds of the games: the Pokédex that the other services read, and what only the schema has. No I/O.

use dex::pokedex::Pokedex;
use serde::{Deserialize, Serialize};

/// A complete data set, as a source gives it and the database holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub pokedex: Pokedex,
    /// By evolved Pokémon.
    pub evolutions: Vec<Evolution>,
    /// By number.
    pub machines: Vec<Machine>,
    /// By move and attribute.
    pub later_values: Vec<LaterValue>,
}

/// How a Pokémon evolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    LevelUp,
    UseItem,
    Trade,
}

impl Trigger {
    /// `PokéAPI`'s identifier.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::LevelUp => "level-up",
            Self::UseItem => "use-item",
            Self::Trade => "trade",
        }
    }
}

/// What a Pokémon evolves from within the games.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evolution {
    pub pokemon_id: u16,
    pub from_pokemon_id: u16,
    pub trigger: Trigger,
    pub min_level: Option<u8>,
    pub item: Option<String>,
    pub friendship: bool,
    /// The document that says so: `evolution-chain/{chain}`.
    pub chain: u16,
}

/// A Technical Machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub number: u8,
    pub move_id: u16,
    /// The document that says so: `machine/{document}`.
    pub document: u16,
}

/// A value that later games gave a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterValue {
    pub move_id: u16,
    pub attribute: Attribute,
    pub value: Option<u16>,
}

/// Attributes of a move that games change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attribute {
    Accuracy,
    Power,
    Pp,
}

impl Attribute {
    /// The column of the moves table.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Power => "power",
            Self::Pp => "pp",
        }
    }
}
