//! The resources, one module each. A resource lists its routes with who may call them.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::edge::Access;
use crate::problem::Problem;
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
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
