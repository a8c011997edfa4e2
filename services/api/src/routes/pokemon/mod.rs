//! Pokémon: the list and one with its stats and the moves it learns.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use dex::names::fold;
use dex::pokedex::{Form, Learn, LearnMethod, Pokemon, Type};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Route, json};
use crate::catalogue::Catalogue;
use crate::edge::Access;
use crate::extract::{ListQuery, PathName};
use crate::openapi;
use crate::problem::{FieldError, Kind, Problem, ProblemDocument};
use crate::state::Api;

pub(super) fn routes() -> [Route; 2] {
    [(Access::Limited, routes!(list)), (Access::Limited, routes!(one))]
}

#[derive(Serialize, ToSchema)]
struct PokemonList<'a> {
    /// Pokémon that match, on all pages.
    total: usize,
    limit: usize,
    offset: usize,
    items: Vec<PokemonItem<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PokemonSummary)]
struct PokemonItem<'a> {
    /// `PokéAPI`'s id: the national number for base forms, 10 000 and up for others.
    id: u16,
    /// National Pokédex number.
    species_id: u16,
    slug: &'a str,
    name_en: &'a str,
    name_fr: &'a str,
    #[schema(schema_with = openapi::form)]
    form: Form,
    #[schema(schema_with = openapi::type_slugs)]
    types: &'a [Type],
}

impl<'a> PokemonItem<'a> {
    fn of(pokemon: &'a Pokemon) -> Self {
        Self {
            id: pokemon.id,
            species_id: pokemon.species_id,
            slug: &pokemon.slug,
            name_en: &pokemon.name_en,
            name_fr: &pokemon.name_fr,
            form: pokemon.form,
            types: &pokemon.types,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Pokemon)]
struct PokemonDetail<'a> {
    #[serde(flatten)]
    summary: PokemonItem<'a>,
    /// Base stats.
    stats: BaseStats,
    /// Decimetres.
    height_dm: u16,
    /// Hectograms.
    weight_hg: u16,
    /// By method, level and move id.
    learnset: Vec<LearnItem<'a>>,
}

#[derive(Serialize, ToSchema)]
struct BaseStats {
    hp: u16,
    attack: u16,
    defense: u16,
    special_attack: u16,
    special_defense: u16,
    speed: u16,
    total: u16,
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
    fn of(catalogue: &'a Catalogue, pokemon: &'a Pokemon) -> Self {
        let stats = pokemon.stats;
        Self {
            summary: PokemonItem::of(pokemon),
            stats: BaseStats {
                hp: stats.hp,
                attack: stats.attack,
                defense: stats.defense,
                special_attack: stats.special_attack,
                special_defense: stats.special_defense,
                speed: stats.speed,
                total: stats.total(),
            },
            height_dm: pokemon.height_dm,
            weight_hg: pokemon.weight_hg,
            learnset: pokemon.learnset.iter().filter_map(|learn| LearnItem::of(catalogue, learn)).collect(),
        }
    }
}

impl<'a> LearnItem<'a> {
    /// `None` for a move the Pokédex does not have, which its foreign keys rule out.
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

/// Pokémon, by id
#[utoipa::path(get, path = "/pokemon", tag = "pokedex", operation_id = "list_pokemon", params(
    ("type" = Option<String>, Query, description = "Slug or name of a type, in English or French",
     min_length = 1, max_length = 64),
    ("name" = Option<String>, Query, description = "Part of a name in English or French, or of a slug",
     min_length = 1, max_length = 64),
    ("limit" = Option<u16>, Query, description = "At most this many; 50 unless given", minimum = 1, maximum = 500),
    ("offset" = Option<u32>, Query, description = "Leaves out this many first", minimum = 0, maximum = 100_000),
), responses(
    (status = 200, description = "The Pokémon that match", body = PokemonList<'static>),
    (status = 422, description = "A parameter is wrong; `errors` names it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = ListQuery::parse(query.as_deref().unwrap_or_default())?;
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    let type_ = query.type_filter(catalogue)?;
    let key = query.name.as_deref().map(fold).unwrap_or_default();
    let found: Vec<&Pokemon> = catalogue
        .pokemon_named(&key)
        .filter(|p| type_.is_none_or(|type_| p.types.contains(&type_)))
        .collect();
    let items = found.iter().skip(query.offset).take(query.limit).map(|p| PokemonItem::of(p)).collect();
    json(&PokemonList { total: found.len(), limit: query.limit, offset: query.offset, items })
}

/// One Pokémon, by id, slug or name
#[utoipa::path(get, path = "/pokemon/{id_or_name}", tag = "pokedex", operation_id = "get_pokemon", params(
    ("id_or_name" = String, Path, description = "Id, slug, or name in English or French", min_length = 1),
), responses(
    (status = 200, description = "The Pokémon", body = PokemonDetail<'static>),
    (status = 400, description = "The path is not UTF-8", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
))]
async fn one(State(api): State<Api>, PathName(name): PathName) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    match catalogue.find_pokemon(&name) {
        Some(pokemon) => json(&PokemonDetail::of(catalogue, pokemon)),
        None => Err(Problem::new(Kind::NotFound, "No Pokémon has this id or name.")
            .at(FieldError::parameter("id_or_name", "names no Pokémon"))
            .suggesting(catalogue.suggest_pokemon(&name))),
    }
}
