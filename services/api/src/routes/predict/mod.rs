//! Odds of battles from the model in memory, or from battles fought.

use std::cmp::Ordering;
use std::time::Instant;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use dex::battle::Matchup;
use dex::pokedex::Pokemon;
use dex::predict::{Side, opening_move};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::request::BattleRequest;
use super::{Route, json};
use crate::catalogue::Catalogue;
use crate::edge::Access;
use crate::engine::{self, BATTLES, Engine, Simulation};
use crate::extract::JsonBody;
use crate::problem::{Problem, ProblemDocument};
use crate::query::Query;
use crate::state::{Api, LoadedModel};

mod batch;
mod best_move;
mod explain;
mod info;
mod request;
mod team;

/// Battles in one batch.
pub(crate) const BATCH_MAX: usize = 1_000;
/// Members of a team.
pub(crate) const TEAM_MAX: usize = 6;
/// Moves ranked when they are named; no Pokémon can have more.
pub(crate) const MOVES_RANKED_MAX: usize = 100;

pub(super) fn routes() -> [Route; 6] {
    [
        (Access::Limited, routes!(battle)),
        (Access::Limited, routes!(best_move::best_move)),
        (Access::Limited, routes!(batch::batch)),
        (Access::Limited, routes!(team::team)),
        (Access::Limited, routes!(explain::explain)),
        (Access::Limited, routes!(info::info)),
    ]
}

/// What is said about a battle, and by whom.
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
    #[schema(inline)]
    method: Method,
    /// `null` with the method `simulate`.
    #[schema(required = true)]
    model: Option<ModelVersion<'a>>,
    /// `null` with the method `model`.
    #[schema(required = true)]
    simulation: Option<Fought>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Method {
    Model,
    Simulate,
}

/// Battles that were fought for the answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Simulation)]
struct Fought {
    battles: u32,
    /// Battles without a winner after 1,000 turns; they count half for each side.
    draws: u32,
    /// `probability_a` is within these bounds with 95 % confidence.
    #[schema(minimum = 0, maximum = 1)]
    low: f64,
    #[schema(minimum = 0, maximum = 1)]
    high: f64,
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
        let metadata = loaded.model.metadata();
        Self { name: &metadata.name, version: &metadata.version }
    }
}

impl<'a> BattlePrediction<'a> {
    /// All but who answers.
    fn new(catalogue: &'a Catalogue, sides: [&Side<'a>; 2], matchup: &Matchup, probability_a: f64) -> Self {
        let best_move = |side| {
            let id = opening_move(matchup, side)?;
            catalogue.dex.move_(id).map(|m| m.name_en.as_str())
        };
        Self {
            winner: &favourite(sides, probability_a).name_en,
            probability_a,
            probability_b: 1.0 - probability_a,
            confidence: probability_a.max(1.0 - probability_a),
            best_move_a: best_move(0),
            best_move_b: best_move(1),
            method: Method::Model,
            model: None,
            simulation: None,
        }
    }
}

/// Odds of a battle between two Pokémon
///
/// Swapping the sides swaps the answer exactly, and the two probabilities add up to 1. The same question has the same answer as
/// long as model and Pokédex stay, with either method.
#[utoipa::path(post, path = "/predict/battle", tag = "predictions", operation_id = "predict_battle", params(
    ("method" = inline(Option<Method>), Query,
     description = "`model` (the default), or `simulate`: 2,000 battles are fought with numbers that follow from the request"),
), request_body = BattleRequest, responses(
    (status = 200, description = "The odds", body = BattlePrediction<'static>),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 KiB", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 422, description = "A field or parameter is wrong; `errors` points at it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
async fn battle(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref(), &["method"]);
    let method = query.choice("method", &[("model", Method::Model), ("simulate", Method::Simulate)]);
    query.finish()?;
    let contenders = request::battle(&body)?;
    let snapshot = api.snapshot();
    if method == Some(Method::Simulate) {
        let catalogue = snapshot.catalogue()?;
        let [a, b] = request::resolve_pair(catalogue, &contenders)?;
        let matchup = engine::matchup(catalogue, &a, &b);
        let chart = catalogue.dex.chart.clone();
        let fought = api.compute(move || engine::simulate(&matchup, &chart)).await?;
        return json(&simulated(catalogue, [&a, &b], &matchup, fought));
    }
    let engine = snapshot.engine()?;
    let [a, b] = request::resolve_pair(engine.catalogue, &contenders)?;
    api.metrics().count_types(&a.pokemon.types, &b.pokemon.types);
    let start = Instant::now();
    let matchup = engine.matchup(&a, &b);
    let probability_a = engine.loaded.model.odds(&matchup);
    count(engine, start, &[probability_a]);
    let mut answer = BattlePrediction::new(engine.catalogue, [&a, &b], &matchup, probability_a);
    answer.model = Some(ModelVersion::of(engine.loaded));
    json(&answer)
}

fn simulated<'a>(
    catalogue: &'a Catalogue,
    sides: [&Side<'a>; 2],
    matchup: &Matchup,
    fought: Simulation,
) -> BattlePrediction<'a> {
    let Simulation { probability_a, interval: [low, high], draws } = fought;
    let mut answer = BattlePrediction::new(catalogue, sides, matchup, probability_a);
    answer.method = Method::Simulate;
    answer.simulation = Some(Fought { battles: BATTLES, draws, low, high });
    answer
}

/// Counts predictions that were made together.
fn count(engine: Engine<'_>, start: Instant, odds: &[f64]) {
    let seconds = start.elapsed().as_secs_f64() / odds.len().max(1) as f64;
    for odds in odds {
        engine.loaded.metrics.observe(seconds, odds.max(1.0 - odds));
    }
}

/// The same Pokémon whichever side it stands on.
fn favourite<'a>([a, b]: [&Side<'a>; 2], probability_a: f64) -> &'a Pokemon {
    let is_a = match probability_a.total_cmp(&0.5) {
        Ordering::Greater => true,
        Ordering::Less => false,
        Ordering::Equal => a.pokemon.id <= b.pokemon.id,
    };
    if is_a { a.pokemon } else { b.pokemon }
}
