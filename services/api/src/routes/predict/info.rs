//! What is known about the model that answers.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::conditional;
use crate::problem::Problem;
use crate::state::Api;

/// The model and how it came to be.
#[derive(Serialize, ToSchema)]
struct ModelInfo<'a> {
    name: &'a str,
    /// Short content version: the first digits of `model_sha256`.
    version: &'a str,
    model_sha256: &'a str,
    /// RFC 3339, UTC.
    trained_at: &'a str,
    xgboost_version: &'a str,
    /// Hash of the Pokédex and of everything that shapes the data it learned from.
    data_hash: &'a str,
    scenarios: &'a [String],
    /// Names of the features, in the model's order.
    features: &'a [String],
    /// Measured on battles that were held out.
    metrics: &'a BTreeMap<String, f64>,
    parameters: &'a BTreeMap<String, String>,
    split: Split,
}

/// Matchups and rows of both parts of the data.
#[derive(Serialize, ToSchema)]
struct Split {
    train_matchups: usize,
    test_matchups: usize,
    train_rows: usize,
    test_rows: usize,
}

/// The model that is served
#[utoipa::path(get, path = "/predict/model-info", tag = "predictions", operation_id = "model_info", responses(
    (status = 200, description = "The model", body = ModelInfo<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
))]
pub(super) async fn info(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    let metadata = snapshot.model()?.model.metadata();
    let split = &metadata.split;
    conditional::json(
        &headers,
        &ModelInfo {
            name: &metadata.name,
            version: &metadata.version,
            model_sha256: &metadata.model_sha256,
            trained_at: &metadata.trained_at,
            xgboost_version: &metadata.xgboost_version,
            data_hash: &metadata.data_hash,
            scenarios: &metadata.scenarios,
            features: &metadata.features,
            metrics: &metadata.metrics,
            parameters: &metadata.parameters,
            split: Split {
                train_matchups: split.train_matchups,
                test_matchups: split.test_matchups,
                train_rows: split.train_rows,
                test_rows: split.test_rows,
            },
        },
    )
}
