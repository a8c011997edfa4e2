//! The list of Pokémon: filtered, sorted, in pages, with the fields that were asked for.

use std::cmp::Ordering;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use dex::names::fold;
use dex::pokedex::{Form, Pokemon, Type};
use serde::Serialize;
use utoipa::ToSchema;

use super::BaseStats;
use crate::conditional;
use crate::openapi;
use crate::problem::{Problem, ProblemDocument};
use crate::query::Query;
use crate::routes::{Page, type_filter};
use crate::state::Api;

#[derive(Serialize, ToSchema)]
struct PokemonList<'a> {
    /// Pokémon that match, on all pages.
    total: usize,
    limit: usize,
    offset: usize,
    items: Vec<Item<'a>>,
}

/// A Pokémon of the list: without `fields` it has all but `stats`, `height_dm` and `weight_hg`; fields that were not asked
/// for are absent.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = PokemonListItem)]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<u16>,
    /// National Pokédex number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    species_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    slug: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name_en: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name_fr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = openapi::form, required = false)]
    form: Option<Form>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = openapi::type_slugs, required = false)]
    types: Option<&'a [Type]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stats: Option<BaseStats>,
    /// Decimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    height_dm: Option<u16>,
    /// Hectograms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    weight_hg: Option<u16>,
}

type Fill = for<'a> fn(&mut Item<'a>, &'a Pokemon);

/// The first [`SUMMARY`] are what is shown when nobody says.
const FIELDS: &[(&str, Fill)] = &[
    ("id", |item, p| item.id = Some(p.id)),
    ("species_id", |item, p| item.species_id = Some(p.species_id)),
    ("slug", |item, p| item.slug = Some(&p.slug)),
    ("name_en", |item, p| item.name_en = Some(&p.name_en)),
    ("name_fr", |item, p| item.name_fr = Some(&p.name_fr)),
    ("form", |item, p| item.form = Some(p.form)),
    ("types", |item, p| item.types = Some(&p.types)),
    ("stats", |item, p| item.stats = Some(BaseStats::of(p))),
    ("height_dm", |item, p| item.height_dm = Some(p.height_dm)),
    ("weight_hg", |item, p| item.weight_hg = Some(p.weight_hg)),
];
const SUMMARY: usize = 7;

type Order = fn(&Pokemon, &Pokemon) -> Ordering;

/// What the list can be sorted by. A name is sorted as people look it up, without accents.
const ORDERS: &[(&str, Order)] = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name_en", |a, b| fold(&a.name_en).cmp(&fold(&b.name_en))),
    ("name_fr", |a, b| fold(&a.name_fr).cmp(&fold(&b.name_fr))),
    ("hp", |a, b| a.stats.hp.cmp(&b.stats.hp)),
    ("attack", |a, b| a.stats.attack.cmp(&b.stats.attack)),
    ("defense", |a, b| a.stats.defense.cmp(&b.stats.defense)),
    ("special_attack", |a, b| a.stats.special_attack.cmp(&b.stats.special_attack)),
    ("special_defense", |a, b| a.stats.special_defense.cmp(&b.stats.special_defense)),
    ("speed", |a, b| a.stats.speed.cmp(&b.stats.speed)),
    ("total", |a, b| a.stats.total().cmp(&b.stats.total())),
    ("height", |a, b| a.height_dm.cmp(&b.height_dm)),
    ("weight", |a, b| a.weight_hg.cmp(&b.weight_hg)),
];

const FORMS: &[(&str, Form)] =
    &[("base", Form::Base), ("alola", Form::Alola), ("mega", Form::Mega), ("starter", Form::Starter)];

/// Pokémon, by id
#[utoipa::path(get, path = "/pokemon", tag = "pokedex", operation_id = "list_pokemon", params(
    ("type" = Option<String>, Query, description = "Slug or name of a type, in English or French",
     min_length = 1, max_length = 64),
    ("name" = Option<String>, Query, description = "Part of a name in English or French, or of a slug",
     min_length = 1, max_length = 64),
    ("form" = inline(Option<FormParameter>), Query, description = "Only this form"),
    ("sort" = Option<String>, Query,
     pattern = "^-?(id|name_en|name_fr|hp|attack|defense|special_attack|special_defense|speed|total|height|weight)$",
     description = "What to sort by, with `-` before it from high to low; equal ones stay in order of id"),
    ("fields" = Option<String>, Query,
     pattern = "^(id|species_id|slug|name_en|name_fr|form|types|stats|height_dm|weight_hg)(,(id|species_id|slug|name_en|name_fr|form|types|stats|height_dm|weight_hg))*$",
     description = "Only these fields, separated by commas"),
    ("limit" = Option<u16>, Query, description = "At most this many; 50 unless given", minimum = 1, maximum = 500),
    ("offset" = Option<u32>, Query, description = "Leaves out this many first", minimum = 0, maximum = 100_000),
), responses(
    (status = 200, description = "The Pokémon that match", body = PokemonList<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
    (status = 422, description = "A parameter is wrong; `errors` names it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let known = ["type", "name", "form", "sort", "fields", "limit", "offset"];
    let mut query = Query::parse(query.as_deref(), &known);
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    let type_ = type_filter(&mut query, catalogue);
    let key = query.text("name").as_deref().map(fold).unwrap_or_default();
    let form = query.choice("form", FORMS);
    let order = query.order("sort", ORDERS);
    let fields = query.choices("fields", FIELDS);
    let page = Page::read(&mut query);
    query.finish()?;
    let mut found: Vec<&Pokemon> = catalogue
        .pokemon_named(&key)
        .filter(|p| type_.is_none_or(|type_| p.types.contains(&type_)))
        .filter(|p| form.is_none_or(|form| p.form == form))
        .collect();
    if let Some((order, reverse)) = order {
        found.sort_by(|a, b| if reverse { order(b, a) } else { order(a, b) });
    }
    let items = page.of(&found).iter().map(|pokemon| item(pokemon, fields.as_deref())).collect();
    conditional::json(
        &headers,
        &PokemonList { total: found.len(), limit: page.limit, offset: page.offset, items },
    )
}

fn item<'a>(pokemon: &'a Pokemon, fields: Option<&[Fill]>) -> Item<'a> {
    let mut item = Item::default();
    match fields {
        Some(fields) => fields.iter().for_each(|fill| fill(&mut item, pokemon)),
        None => FIELDS[..SUMMARY].iter().for_each(|(_, fill)| fill(&mut item, pokemon)),
    }
    item
}

/// The forms, as a parameter.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the schema of what is read by hand")]
enum FormParameter {
    Base,
    Alola,
    Mega,
    Starter,
}
