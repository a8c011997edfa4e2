//! Moves with their Let's Go values: the list and one.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use dex::names::fold;
use dex::pokedex::{Category, Move, Type};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Page, Route, type_filter};
use crate::conditional;
use crate::edge::Access;
use crate::extract::PathName;
use crate::openapi;
use crate::problem::{FieldError, Kind, Problem, ProblemDocument};
use crate::query::Query;
use crate::state::Api;

pub(super) fn routes() -> [Route; 2] {
    [(Access::Limited, routes!(list)), (Access::Limited, routes!(one))]
}

#[derive(Serialize, ToSchema)]
struct MoveList<'a> {
    /// Moves that match, on all pages.
    total: usize,
    limit: usize,
    offset: usize,
    items: Vec<MoveItem<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Move)]
struct MoveItem<'a> {
    id: u16,
    slug: &'a str,
    name_en: &'a str,
    name_fr: &'a str,
    #[serde(rename = "type")]
    #[schema(schema_with = openapi::type_slug)]
    type_: Type,
    #[schema(schema_with = openapi::category)]
    category: Category,
    /// `null` for status moves and moves whose damage is computed another way.
    #[schema(required = true)]
    power: Option<u16>,
    /// Per cent; `null` for a move that never misses.
    #[schema(required = true)]
    accuracy: Option<u8>,
    pp: u8,
    priority: i8,
    min_hits: u8,
    max_hits: u8,
}

impl<'a> MoveItem<'a> {
    fn of(move_: &'a Move) -> Self {
        Self {
            id: move_.id,
            slug: &move_.slug,
            name_en: &move_.name_en,
            name_fr: &move_.name_fr,
            type_: move_.type_,
            category: move_.category,
            power: move_.power,
            accuracy: move_.accuracy,
            pp: move_.pp,
            priority: move_.priority,
            min_hits: move_.min_hits,
            max_hits: move_.max_hits,
        }
    }
}

/// Moves, by id
#[utoipa::path(get, path = "/moves", tag = "pokedex", operation_id = "list_moves", params(
    ("type" = Option<String>, Query, description = "Slug or name of a type, in English or French",
     min_length = 1, max_length = 64),
    ("name" = Option<String>, Query, description = "Part of a name in English or French, or of a slug",
     min_length = 1, max_length = 64),
    ("limit" = Option<u16>, Query, description = "At most this many; 50 unless given", minimum = 1, maximum = 500),
    ("offset" = Option<u32>, Query, description = "Leaves out this many first", minimum = 0, maximum = 100_000),
), responses(
    (status = 200, description = "The moves that match", body = MoveList<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
    (status = 422, description = "A parameter is wrong; `errors` names it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn list(
    State(api): State<Api>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref(), &["type", "name", "limit", "offset"]);
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    let type_ = type_filter(&mut query, catalogue);
    let key = query.text("name").as_deref().map(fold).unwrap_or_default();
    let page = Page::read(&mut query);
    query.finish()?;
    let found: Vec<&Move> =
        catalogue.moves_named(&key).filter(|m| type_.is_none_or(|type_| m.type_ == type_)).collect();
    let items = page.of(&found).iter().map(|m| MoveItem::of(m)).collect();
    conditional::json(
        &headers,
        &MoveList { total: found.len(), limit: page.limit, offset: page.offset, items },
    )
}

/// One move, by id, slug or name
#[utoipa::path(get, path = "/moves/{id_or_name}", tag = "pokedex", operation_id = "get_move", params(
    ("id_or_name" = String, Path, description = "Id, slug, or name in English or French", min_length = 1),
), responses(
    (status = 200, description = "The move", body = MoveItem<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
    (status = 400, description = "The path is not UTF-8", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 404, description = "No such move; `suggestions` has names like it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn one(
    State(api): State<Api>,
    headers: HeaderMap,
    PathName(name): PathName,
) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    match catalogue.find_move(&name) {
        Some(move_) => conditional::json(&headers, &MoveItem::of(move_)),
        None => Err(Problem::new(Kind::NotFound, "No move has this id or name.")
            .at(FieldError::parameter("id_or_name", "names no move"))
            .suggesting(catalogue.suggest_move(&name))),
    }
}
