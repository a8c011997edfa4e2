//! The eighteen types.

use axum::extract::State;
use axum::response::Response;
use dex::pokedex::{Type, TypeNames};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Route, json};
use crate::edge::Access;
use crate::openapi;
use crate::problem::Problem;
use crate::state::Api;

pub(super) fn routes() -> [Route; 1] {
    [(Access::Limited, routes!(list))]
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
))]
async fn list(State(api): State<Api>) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    let items: Vec<_> = catalogue.dex.types.iter().map(TypeItem::of).collect();
    json(&TypeList { total: items.len(), items })
}
