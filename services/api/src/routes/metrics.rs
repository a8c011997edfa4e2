//! What Prometheus scrapes.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::routes;

use super::Route;
use crate::edge::Access;
use crate::problem::Problem;
use crate::state::Api;

pub(super) fn routes() -> [Route; 1] {
    [(Access::Open, routes!(scrape))]
}

/// Metrics in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics", responses(
    (status = 200, description = "Metrics", body = String, content_type = "text/plain"),
))]
async fn scrape(State(api): State<Api>) -> Result<Response, Problem> {
    // The index is computed when somebody looks, not while battles are predicted.
    if let Some(loaded) = &api.snapshot().model
        && let Some(drift) = loaded.model.drift()
    {
        api.metrics().set_drift(&loaded.model.metadata().name, drift);
    }
    let text = api.metrics().render(api.in_flight()).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
