//! Odds of a battle from the model in memory.

use std::cmp::Ordering;
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use dex::pokedex::Pokemon;
use dex::predict::Side;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::request::BattleRequest;
use super::{Route, json};
use crate::edge::Access;
use crate::extract::JsonBody;
use crate::problem::{Problem, ProblemDocument};
use crate::state::{Api, LoadedModel};

mod request;

pub(super) fn routes() -> [Route; 1] {
    [(Access::Limited, routes!(battle))]
}

/// What the model says about the battle.
#[derive(Serialize, ToSchema)]
struct BattlePrediction<'a> {
    /// English name of the favourite; of the one with the lower id when the odds are even.
    winner: &'a str,
    #[schema(minimum = 0, maximum = 1)]
    probability_a: f64,
    /// `1 - probability_a`.
    #[schema(minimum = 0, maximum = 1)]
    probability_b: f64,
    /// Odds of the favourite.
    #[schema(minimum = 0.5, maximum = 1)]
    confidence: f64,
    /// English name of the move that opens best; `null` for a Pokémon without a damaging move.
    #[schema(required = true)]
    best_move_a: Option<&'a str>,
    /// English name of the move that opens best; `null` for a Pokémon without a damaging move.
    #[schema(required = true)]
    best_move_b: Option<&'a str>,
    model: ModelVersion<'a>,
}

/// The model that answered.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(super) struct ModelVersion<'a> {
    name: &'a str,
    version: &'a str,
}

impl<'a> ModelVersion<'a> {
    pub(super) fn of(loaded: &'a LoadedModel) -> Self {
        Self { name: loaded.model.name(), version: loaded.model.version() }
    }
}

/// Odds of a battle between two Pokémon
///
/// Swapping the sides swaps the answer exactly, and the two probabilities add up to 1.
#[utoipa::path(post, path = "/predict/battle", tag = "predictions", operation_id = "predict_battle",
    request_body = BattleRequest, responses(
    (status = 200, description = "The odds", body = BattlePrediction<'static>),
    (status = 400, description = "The body is not JSON", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
    (status = 408, description = "The body did not arrive in time", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 KiB", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 415, description = "The content type is not JSON", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 422, description = "A field is wrong; `errors` points at it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn battle(State(api): State<Api>, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let request = BattleRequest::from_json(&body)?;
    let snapshot = api.snapshot();
    let catalogue = snapshot.catalogue()?;
    let loaded = snapshot.model()?;
    let [a, b] = request.sides(catalogue)?;
    api.metrics().count_types(&a.pokemon.types, &b.pokemon.types);
    let start = Instant::now();
    let prediction = loaded.model.predict(&catalogue.dex, &a, &b);
    let confidence = prediction.probability_a.max(prediction.probability_b);
    loaded.metrics.observe(start.elapsed().as_secs_f64(), confidence);
    let name_of = |id: Option<u16>| id.and_then(|id| catalogue.dex.move_(id)).map(|m| m.name_en.as_str());
    json(&BattlePrediction {
        winner: &favourite(&a, &b, prediction.probability_a).name_en,
        probability_a: prediction.probability_a,
        probability_b: prediction.probability_b,
        confidence,
        best_move_a: name_of(prediction.best_move_a),
        best_move_b: name_of(prediction.best_move_b),
        model: ModelVersion::of(loaded),
    })
}

/// The same Pokémon whichever side it stands on.
fn favourite<'a>(a: &Side<'a>, b: &Side<'a>, probability_a: f64) -> &'a Pokemon {
    let is_a = match probability_a.total_cmp(&0.5) {
        Ordering::Greater => true,
        Ordering::Less => false,
        Ordering::Equal => a.pokemon.id <= b.pokemon.id,
    };
    if is_a { a.pokemon } else { b.pokemon }
}
