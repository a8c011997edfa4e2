//! The documentation: the OpenAPI document, written out once, and Swagger UI from the binary.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::edge::{Access, EdgeLayer};
use crate::metrics::Statuses;
use crate::problem::{Kind, Problem};
use crate::state::Api;

const DOCUMENT_PATH: &str = "/openapi.json";
const PAGE_PATH: &str = "/docs";

/// The routes, which stay out of the document they serve.
pub(crate) fn router(api: &Api, document: &OpenApi) -> Router<Api> {
    // A document of plain maps and strings always serialises.
    let text = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let json = get(async move || ([(CONTENT_TYPE, "application/json")], text));
    let to_page = || (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/docs/")]);
    let page: MethodRouter<Api> = get(file).layer(axum::Extension(config()));
    let layer = edge(api, PAGE_PATH, &[200, 307, 404, 500]);
    Router::new()
        .route(DOCUMENT_PATH, json.layer(edge(api, DOCUMENT_PATH, &[200, 500])))
        .route(PAGE_PATH, get(async move || to_page()).layer(layer.clone()))
        .route("/docs/", page.clone().layer(layer.clone()))
        .route("/docs/{*file}", page.layer(layer))
}

fn edge(api: &Api, template: &str, statuses: &[u16]) -> EdgeLayer {
    let statuses = Statuses::from([("GET", statuses.to_vec()), (dex::metrics::OTHER_METHOD, vec![405])]);
    EdgeLayer::new(api.clone(), Access::Open, template, api.metrics().endpoint(template, &statuses))
}

fn config() -> Arc<Config<'static>> {
    Arc::new(Config::from(DOCUMENT_PATH).try_it_out_enabled(true).display_request_duration(true))
}

async fn file(
    State(_): State<Api>,
    axum::Extension(config): axum::Extension<Arc<Config<'static>>>,
    name: Option<Path<String>>,
) -> Result<Response, Problem> {
    let name = name.as_ref().map_or("", |Path(name)| name.as_str());
    let file =
        utoipa_swagger_ui::serve(name, config).map_err(|error| Problem::internal(error.to_string()))?;
    let file = file.ok_or_else(|| Problem::new(Kind::NotFound, "No such file of the documentation."))?;
    Ok(([(CONTENT_TYPE, file.content_type)], file.bytes).into_response())
}
