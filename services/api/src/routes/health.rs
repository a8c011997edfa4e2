//! Whether the service lives and whether it is ready. Reads what the watcher last saw, so that asking costs nothing and
//! never piles up behind a database that hangs.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Route, json};
use crate::edge::Access;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Api;

pub(super) fn routes() -> [Route; 2] {
    [(Access::Open, routes!(ready)), (Access::Open, routes!(live))]
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ready` or `live`.
    status: &'static str,
}

/// Ready to answer: Pokédex and model are loaded, the database answers
#[utoipa::path(get, path = "/health", tag = "operations", operation_id = "health", responses(
    (status = 200, description = "Ready", body = Health),
    (status = 503, description = "Not ready; `failing` names what fails", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn ready(State(api): State<Api>) -> Result<Response, Problem> {
    let failing = api.failing();
    if failing.is_empty() { json(&Health { status: "ready" }) } else { Err(Problem::not_ready(failing)) }
}

/// Alive: the process answers
#[utoipa::path(get, path = "/health/live", tag = "operations", operation_id = "live", responses(
    (status = 200, description = "Alive", body = Health),
))]
async fn live() -> Result<Response, Problem> {
    json(&Health { status: "live" })
}
