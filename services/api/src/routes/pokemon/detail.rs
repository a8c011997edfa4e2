//! All that is known of one Pokémon.

use dex::pokedex::{Evolution, Learn, LearnMethod, Pokemon, Type};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BaseStats, PokemonItem};
use crate::catalogue::Catalogue;
use crate::openapi;

#[derive(Serialize, ToSchema)]
#[schema(as = Pokemon)]
pub(super) struct PokemonDetail<'a> {
    #[serde(flatten)]
    summary: PokemonItem<'a>,
    stats: BaseStats,
    /// Decimetres.
    height_dm: u16,
    /// Hectograms.
    weight_hg: u16,
    /// Types whose moves do not have their plain effect, the strongest first, then by id.
    weaknesses: Vec<Weakness>,
    evolutions: Evolutions<'a>,
    /// By method, level and move id.
    learnset: Vec<LearnItem<'a>>,
}

/// How a type's moves meet a Pokémon.
#[derive(Serialize, ToSchema)]
struct Weakness {
    #[serde(rename = "type")]
    #[schema(schema_with = openapi::type_slug)]
    type_: Type,
    /// 0, 0.25, 0.5, 2 or 4: below 1 it is a resistance, 0 an immunity.
    #[schema(minimum = 0, maximum = 4)]
    factor: f32,
}

/// Where a Pokémon stands in its line.
#[derive(Serialize, ToSchema)]
struct Evolutions<'a> {
    /// `null` for a Pokémon that does not evolve from another.
    #[schema(required = true)]
    from: Option<EvolutionItem<'a>>,
    /// By id.
    to: Vec<EvolutionItem<'a>>,
}

/// Another Pokémon of the line and how the later one of both comes to be.
#[derive(Serialize, ToSchema)]
#[schema(as = Evolution)]
struct EvolutionItem<'a> {
    id: u16,
    slug: &'a str,
    name_en: &'a str,
    name_fr: &'a str,
    /// `level-up`, `use-item` or `trade`.
    trigger: &'a str,
    /// `null` when no level is asked for.
    #[schema(required = true)]
    min_level: Option<u8>,
    /// Identifier of the stone; `null` when none is used.
    #[schema(required = true)]
    item: Option<&'a str>,
    /// Whether it takes high friendship.
    friendship: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LearnedMove)]
struct LearnItem<'a> {
    move_id: u16,
    slug: &'a str,
    name_en: &'a str,
    name_fr: &'a str,
    #[schema(schema_with = openapi::learn_method)]
    method: LearnMethod,
    /// 0 on evolution, 1 known at start; `null` for machines and tutors.
    #[schema(required = true)]
    level: Option<u8>,
}

impl<'a> PokemonDetail<'a> {
    pub(super) fn of(catalogue: &'a Catalogue, pokemon: &'a Pokemon) -> Self {
        let from = catalogue.evolved_from(pokemon.id);
        let to = catalogue.evolves_to(pokemon.id);
        Self {
            summary: PokemonItem::of(pokemon),
            stats: BaseStats::of(pokemon),
            height_dm: pokemon.height_dm,
            weight_hg: pokemon.weight_hg,
            weaknesses: weaknesses(catalogue, pokemon),
            evolutions: Evolutions {
                from: from.and_then(|e| EvolutionItem::of(catalogue, e.from_pokemon_id, e)),
                to: to.filter_map(|e| EvolutionItem::of(catalogue, e.pokemon_id, e)).collect(),
            },
            learnset: pokemon.learnset.iter().filter_map(|learn| LearnItem::of(catalogue, learn)).collect(),
        }
    }
}

fn weaknesses(catalogue: &Catalogue, pokemon: &Pokemon) -> Vec<Weakness> {
    let factor = |type_| catalogue.dex.chart.factor(type_, &pokemon.types);
    let mut all: Vec<Weakness> =
        Type::ALL.into_iter().map(|type_| Weakness { type_, factor: factor(type_) }).collect();
    all.retain(|weakness| (weakness.factor - 1.0).abs() > f32::EPSILON);
    all.sort_by(|a, b| b.factor.total_cmp(&a.factor));
    all
}

impl<'a> EvolutionItem<'a> {
    /// `None` for a Pokémon the Pokédex does not have, which its foreign keys rule out; the same below.
    fn of(catalogue: &'a Catalogue, other: u16, evolution: &'a Evolution) -> Option<Self> {
        let other = catalogue.dex.pokemon(other)?;
        Some(Self {
            id: other.id,
            slug: &other.slug,
            name_en: &other.name_en,
            name_fr: &other.name_fr,
            trigger: &evolution.trigger,
            min_level: evolution.min_level,
            item: evolution.item.as_deref(),
            friendship: evolution.friendship,
        })
    }
}

impl<'a> LearnItem<'a> {
    fn of(catalogue: &'a Catalogue, learn: &Learn) -> Option<Self> {
        let move_ = catalogue.dex.move_(learn.move_id)?;
        Some(Self {
            move_id: move_.id,
            slug: &move_.slug,
            name_en: &move_.name_en,
            name_fr: &move_.name_fr,
            method: learn.method,
            level: (learn.method == LearnMethod::LevelUp).then_some(learn.level),
        })
    }
}
