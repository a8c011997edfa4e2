//! Pokémon: the list, the search, and one with all that is known of it.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use dex::pokedex::{Form, Pokemon, Type};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::detail::PokemonDetail;
use super::Route;
use crate::conditional;
use crate::edge::Access;
use crate::extract::PathName;
use crate::openapi;
use crate::problem::{FieldError, Kind, Problem, ProblemDocument};
use crate::query::Query;
use crate::state::Api;

mod detail;
mod list;

pub(super) fn routes() -> [Route; 3] {
    [
        (Access::Limited, routes!(list::list)),
        (Access::Limited, routes!(search)),
        (Access::Limited, routes!(one)),
    ]
}

/// A Pokémon in short.
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

/// Base stats.
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

impl BaseStats {
    fn of(pokemon: &Pokemon) -> Self {
        let stats = pokemon.stats;
        Self {
            hp: stats.hp,
            attack: stats.attack,
            defense: stats.defense,
            special_attack: stats.special_attack,
            special_defense: stats.special_defense,
            speed: stats.speed,
            total: stats.total(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PokemonFound)]
struct Found<'a> {
    /// Best first; equally near ones by id.
    items: Vec<FoundItem<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PokemonMatch)]
struct FoundItem<'a> {
    /// 1 for the very name, above 0.9 for its beginning, above 0.8 for a part of it, below for names with other letters.
    #[schema(minimum = 0, maximum = 1)]
    score: f64,
    /// The name that was found.
    matched: &'a str,
    /// Its language: `en` or `fr`.
    language: &'static str,
    pokemon: PokemonItem<'a>,
}

/// Pokémon with a name like this, in English or French
///
/// Case, accents and punctuation do not matter, and letters may be wrong, missing or swapped.
#[utoipa::path(get, path = "/pokemon/search", tag = "pokedex", operation_id = "search_pokemon", params(
    ("q" = String, Query, description = "A name or a part of one, as well as one remembers", min_length = 1, max_length = 64),
    ("limit" = Option<u16>, Query, description = "At most this many; 10 unless given", minimum = 1, maximum = 50),
), responses(
    (status = 200, description = "What was found; nothing may be", body = Found<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
    (status = 422, description = "A parameter is wrong; `errors` names it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn search(
    State(api): State<Api>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref(), &["q", "limit"]);
    let text = query.required_text("q");
    let limit = query.number("limit", 10, 1, 50);
    query.finish()?;
    let snapshot = api.snapshot();
    let found = snapshot.catalogue()?.search(&text, limit);
    let items = found.into_iter().map(|(score, pokemon, matched)| FoundItem {
        score,
        matched: matched.name,
        language: matched.language,
        pokemon: PokemonItem::of(pokemon),
    });
    conditional::json(&headers, &Found { items: items.collect() })
}

/// One Pokémon, by id, slug or name
#[utoipa::path(get, path = "/pokemon/{id_or_name}", tag = "pokedex", operation_id = "get_pokemon", params(
    ("id_or_name" = String, Path, description = "Id, slug, or name in English or French", min_length = 1),
), responses(
    (status = 200, description = "The Pokémon", body = PokemonDetail<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
    (status = 400, description = "The path is not UTF-8", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
))]
async fn one(
    State(api): State<Api>,
    headers: HeaderMap,
    PathName(name): PathName,
) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    match catalogue.find_pokemon(&name) {
        Some(pokemon) => conditional::json(&headers, &PokemonDetail::of(catalogue, pokemon)),
        None => Err(Problem::new(Kind::NotFound, "No Pokémon has this id or name.")
            .at(FieldError::parameter("id_or_name", "names no Pokémon"))
            .suggesting(catalogue.suggest_pokemon(&name))),
    }
}
