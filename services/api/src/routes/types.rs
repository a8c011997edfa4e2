//! The eighteen types and how they meet.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use dex::pokedex::{Type, TypeNames};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Route;
use crate::conditional;
use crate::edge::Access;
use crate::openapi;
use crate::problem::Problem;
use crate::state::Api;

pub(super) fn routes() -> [Route; 2] {
    [(Access::Limited, routes!(list)), (Access::Limited, routes!(affinities))]
}

#[derive(Serialize, ToSchema)]
struct TypeList<'a> {
    total: usize,
    items: Vec<TypeItem<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TypeNames)]
struct TypeItem<'a> {
    id: u8,
    #[schema(schema_with = openapi::type_slug)]
    slug: Type,
    name_en: &'a str,
    name_fr: &'a str,
}

impl<'a> TypeItem<'a> {
    fn of(names: &'a TypeNames) -> Self {
        Self { id: names.type_.id(), slug: names.type_, name_en: &names.name_en, name_fr: &names.name_fr }
    }
}

/// The types, by id
#[utoipa::path(get, path = "/types", tag = "pokedex", operation_id = "list_types", responses(
    (status = 200, description = "Every type", body = TypeList<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
))]
async fn list(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    let items: Vec<_> = catalogue.dex.types.iter().map(TypeItem::of).collect();
    conditional::json(&headers, &TypeList { total: items.len(), items })
}

/// Every pair of types.
#[derive(Serialize, ToSchema)]
struct Affinities {
    total: usize,
    /// By id of the attacking type, then of the defending one.
    items: Vec<Affinity>,
}

/// How moves of one type meet Pokémon of another.
#[derive(Serialize, ToSchema)]
struct Affinity {
    #[schema(schema_with = openapi::type_slug)]
    attack: Type,
    #[schema(schema_with = openapi::type_slug)]
    defend: Type,
    /// 0, 0.5, 1 or 2; for a Pokémon of two types both are multiplied.
    #[schema(minimum = 0, maximum = 2)]
    factor: f32,
}

/// How strong each type is against each other
#[utoipa::path(get, path = "/types/affinities", tag = "pokedex", operation_id = "type_affinities", responses(
    (status = 200, description = "The chart of the games", body = Affinities),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
))]
async fn affinities(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let chart = &snapshot.catalogue()?.dex.chart;
    let pairs = Type::ALL.into_iter().flat_map(|attack| Type::ALL.map(|defend| (attack, defend)));
    let items: Vec<Affinity> = pairs
        .map(|(attack, defend)| Affinity { attack, defend, factor: chart.factor(attack, &[defend]) })
        .collect();
    conditional::json(&headers, &Affinities { total: items.len(), items })
}
