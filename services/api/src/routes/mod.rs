//! The resources, one module each. A resource lists its routes with who may call them.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use dex::pokedex::Type;
use serde::Serialize;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::catalogue::Catalogue;
use crate::edge::Access;
use crate::problem::Problem;
use crate::query::Query;
use crate::state::Api;

pub mod docs;
pub mod health;
pub mod metrics;
pub mod moves;
pub mod pokemon;
pub mod predict;
pub mod types;
pub mod version;

/// A route and who may call it.
pub type Route = (Access, UtoipaMethodRouter<Api>);

/// Every documented route.
pub fn all() -> impl Iterator<Item = Route> {
    predict::routes()
        .into_iter()
        .chain(pokemon::routes())
        .chain(moves::routes())
        .chain(types::routes())
        .chain(health::routes())
        .chain(metrics::routes())
        .chain(version::routes())
}

/// `value` as the JSON body of a 200. It may borrow from the snapshot: it is written out here.
fn json(value: &impl Serialize) -> Result<Response, Problem> {
    // Most answers fit, so that writing them does not move them.
    let mut body = Vec::with_capacity(512);
    serde_json::to_writer(&mut body, value).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Which part of a list.
struct Page {
    limit: usize,
    offset: usize,
}

impl Page {
    const LIMIT_DEFAULT: usize = 50;
    const LIMIT_MAX: usize = 500;
    const OFFSET_MAX: usize = 100_000;

    fn read(query: &mut Query<'_>) -> Self {
        Self {
            limit: query.number("limit", Self::LIMIT_DEFAULT, 1, Self::LIMIT_MAX),
            offset: query.number("offset", 0, 0, Self::OFFSET_MAX),
        }
    }

    fn of<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let rest = all.get(self.offset..).unwrap_or_default();
        &rest[..self.limit.min(rest.len())]
    }
}

/// The type that the parameter `type` names, when it is given.
fn type_filter(query: &mut Query<'_>, catalogue: &Catalogue) -> Option<Type> {
    let name = query.text("type")?;
    let found = catalogue.find_type(&name);
    if found.is_none() {
        query.unknown("type", "names no type", catalogue.suggest_type(&name));
    }
    found
}
