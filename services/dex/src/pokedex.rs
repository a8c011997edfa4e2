//! The Pokédex as plain data: what the ETL loads, the trainer battles with and the API serves. No I/O.

use serde::{Deserialize, Serialize};

/// The eighteen types, in the order of `PokéAPI`'s ids (1 = normal … 18 = fairy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Type {
    Normal = 1,
    Fighting,
    Flying,
    Poison,
    Ground,
    Rock,
    Bug,
    Ghost,
    Steel,
    Fire,
    Water,
    Grass,
    Electric,
    Psychic,
    Ice,
    Dragon,
    Dark,
    Fairy,
}

impl Type {
    /// Every type, by id.
    pub const ALL: [Self; 18] = [
        Self::Normal,
        Self::Fighting,
        Self::Flying,
        Self::Poison,
        Self::Ground,
        Self::Rock,
        Self::Bug,
        Self::Ghost,
        Self::Steel,
        Self::Fire,
        Self::Water,
        Self::Grass,
        Self::Electric,
        Self::Psychic,
        Self::Ice,
        Self::Dragon,
        Self::Dark,
        Self::Fairy,
    ];

    /// `PokéAPI`'s id, 1 to 18.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The type of a `PokéAPI` id; `None` outside 1 to 18.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id).checked_sub(1)?).copied()
    }

    /// Position in tables of eighteen, 0 to 17.
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// `PokéAPI`'s identifier, e.g. `"fire"`.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Fighting => "fighting",
            Self::Flying => "flying",
            Self::Poison => "poison",
            Self::Ground => "ground",
            Self::Rock => "rock",
            Self::Bug => "bug",
            Self::Ghost => "ghost",
            Self::Steel => "steel",
            Self::Fire => "fire",
            Self::Water => "water",
            Self::Grass => "grass",
            Self::Electric => "electric",
            Self::Psychic => "psychic",
            Self::Ice => "ice",
            Self::Dragon => "dragon",
            Self::Dark => "dark",
            Self::Fairy => "fairy",
        }
    }

    /// The type of a `PokéAPI` identifier.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.slug() == slug)
    }
}

/// Base stats, each 1 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    pub hp: u16,
    pub attack: u16,
    pub defense: u16,
    pub special_attack: u16,
    pub special_defense: u16,
    pub speed: u16,
}

impl Stats {
    /// The base-stat total.
    pub const fn total(&self) -> u16 {
        self.hp + self.attack + self.defense + self.special_attack + self.special_defense + self.speed
    }
}

/// Which form of its species a Pokémon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Base,
    Alola,
    Mega,
    Starter,
}

/// How a move is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnMethod {
    LevelUp,
    Machine,
    Tutor,
}

/// One way a Pokémon learns a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learn {
    pub move_id: u16,
    pub method: LearnMethod,
    /// Level for [`LearnMethod::LevelUp`]: 0 on evolution, 1 known at start; 0 for the other methods.
    pub level: u8,
}

/// A combatant: a species in one of its forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pokemon {
    /// `PokéAPI`'s pokemon id: the national number for base forms, 10 000 and up for others.
    pub id: u16,
    /// National Pokédex number.
    pub species_id: u16,
    /// `PokéAPI`'s identifier, e.g. `"raichu-alola"`.
    pub slug: String,
    /// Display names; forms carry their form, e.g. `"Alolan Raichu"`, `"Raichu d'Alola"`.
    pub name_en: String,
    pub name_fr: String,
    pub form: Form,
    /// One or two types, in the games' order.
    pub types: Vec<Type>,
    pub stats: Stats,
    /// Hectograms, as `PokéAPI` gives it (Low Kick).
    pub weight_hg: u16,
    /// Decimetres.
    pub height_dm: u16,
    /// Ordered by (method, level, move id). A Mega form carries its base form's learnset.
    pub learnset: Vec<Learn>,
}

/// How one Pokémon comes from another within the games.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evolution {
    pub pokemon_id: u16,
    pub from_pokemon_id: u16,
    /// `level-up`, `use-item` or `trade`.
    pub trigger: String,
    pub min_level: Option<u8>,
    /// Identifier of the stone that is used.
    pub item: Option<String>,
    /// Whether it takes high friendship.
    pub friendship: bool,
}

/// Damage class of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    Physical,
    Special,
    Status,
}

/// A stat stage change that comes with a move, on its target (or the user when [`Move::targets_user`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatChange {
    /// `attack`, `defense`, `special-attack`, `special-defense`, `speed`, `accuracy`, `evasion`.
    pub stat: String,
    pub change: i8,
}

/// A move with its Let's Go values (`past_values` applied).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub id: u16,
    /// `PokéAPI`'s identifier, e.g. `"thunderbolt"`.
    pub slug: String,
    pub name_en: String,
    pub name_fr: String,
    #[serde(rename = "type")]
    pub type_: Type,
    pub category: Category,
    /// `None` for status moves and moves whose damage is computed another way.
    pub power: Option<u16>,
    /// Per cent; `None` never misses.
    pub accuracy: Option<u8>,
    pub pp: u8,
    pub priority: i8,
    /// Hits per use; (1, 1) for ordinary moves, (2, 5) for multi-hit ones.
    pub min_hits: u8,
    pub max_hits: u8,
    /// Per cent of the damage: positive drains to the user, negative is recoil.
    pub drain: i8,
    /// Per cent of the user's maximum HP: positive heals, negative costs (none in these games but kept as in the source).
    pub healing: i8,
    /// Bonus critical-hit stages.
    pub crit_rate: u8,
    /// Per cent.
    pub flinch_chance: u8,
    /// `PokéAPI`'s ailment identifier (`"none"`, `"paralysis"`, `"burn"`, `"trap"`, …) and its chance in per cent (0 with an
    /// ailment means always, as in the source).
    pub ailment: String,
    pub ailment_chance: u8,
    pub stat_chance: u8,
    pub stat_changes: Vec<StatChange>,
    /// `PokéAPI`'s move category (`meta.category`), e.g. `"damage"`, `"damage+lower"`, `"damage+raise"`, `"ohko"`.
    pub effect_class: String,
    /// `PokéAPI`'s target identifier, e.g. `"selected-pokemon"`, `"user"`.
    pub target: String,
}

/// Effectiveness of one type against another, in halves: 0 none, 1 half, 2 normal, 4 double.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeChart(pub [[u8; 18]; 18]);

impl TypeChart {
    /// Factor in halves of `attack` against one defending type.
    pub fn halves(&self, attack: Type, defend: Type) -> u8 {
        self.0[attack.index()][defend.index()]
    }

    /// Factor of `attack` against a Pokémon's types: 0, 0.25, 0.5, 1, 2 or 4.
    pub fn factor(&self, attack: Type, defend: &[Type]) -> f32 {
        defend.iter().map(|&t| f32::from(self.halves(attack, t)) / 2.0).product()
    }
}

/// A type with its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeNames {
    #[serde(rename = "type")]
    pub type_: Type,
    pub name_en: String,
    pub name_fr: String,
}

/// The whole of what a battle, a prediction or a page needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pokedex {
    /// By id, ascending.
    pub pokemon: Vec<Pokemon>,
    /// By id, ascending.
    pub moves: Vec<Move>,
    /// Eighteen, by id.
    pub types: Vec<TypeNames>,
    pub chart: TypeChart,
}

impl Pokedex {
    /// The Pokémon of a `PokéAPI` id.
    pub fn pokemon(&self, id: u16) -> Option<&Pokemon> {
        self.pokemon.binary_search_by_key(&id, |p| p.id).ok().map(|i| &self.pokemon[i])
    }

    /// The move of a `PokéAPI` id.
    pub fn move_(&self, id: u16) -> Option<&Move> {
        self.moves.binary_search_by_key(&id, |m| m.id).ok().map(|i| &self.moves[i])
    }
}
