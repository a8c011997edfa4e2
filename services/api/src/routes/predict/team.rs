//! Team against team: who should go first.

use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use dex::battle::Matchup;
use dex::predict::Side;
use serde::Serialize;
use utoipa::ToSchema;

use super::request::{self, TeamRequest};
use super::{ModelVersion, count, json};
use crate::extract::JsonBody;
use crate::openapi;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Api;

/// Every member against every other.
#[derive(Serialize, ToSchema)]
struct TeamPrediction<'a> {
    /// English names, in the order of the request.
    team_a: Vec<&'a str>,
    team_b: Vec<&'a str>,
    /// A row per member of team a, with its odds against each member of team b.
    #[schema(schema_with = openapi::matrix)]
    matrix: Vec<Vec<f64>>,
    /// Mean of the matrix: odds of team a in a duel of members drawn by lot.
    #[schema(minimum = 0, maximum = 1)]
    probability_a: f64,
    /// Whom team a should send first when it does not know who comes.
    lead_a: Lead<'a>,
    lead_b: Lead<'a>,
    model: ModelVersion<'a>,
}

/// The member with the best odds against the other team; the first of several.
#[derive(Serialize, ToSchema)]
struct Lead<'a> {
    name: &'a str,
    /// Place in its team, from 0.
    index: usize,
    /// Mean of its odds.
    #[schema(minimum = 0, maximum = 1)]
    mean: f64,
    /// Its odds against who is worst for it.
    #[schema(minimum = 0, maximum = 1)]
    worst: f64,
}

impl<'a> Lead<'a> {
    /// `odds` has a row per member.
    fn of(team: &[Side<'a>], odds: &[Vec<f64>]) -> Option<Self> {
        let lead = |(index, (side, odds)): (usize, (&Side<'a>, &Vec<f64>))| Self {
            name: &side.pokemon.name_en,
            index,
            mean: mean(odds),
            worst: odds.iter().copied().fold(1.0, f64::min),
        };
        let leads = team.iter().zip(odds).enumerate().map(lead);
        // The first of equals stays.
        leads.reduce(|best, next| if next.mean > best.mean { next } else { best })
    }
}

fn names<'a>(team: &[Side<'a>]) -> Vec<&'a str> {
    team.iter().map(|side| side.pokemon.name_en.as_str()).collect()
}

fn mean(odds: &[f64]) -> f64 {
    odds.iter().sum::<f64>() / odds.len().max(1) as f64
}

/// Odds of every member of a team against every member of another, and who should lead
#[utoipa::path(post, path = "/predict/team", tag = "predictions", operation_id = "predict_team",
    request_body = TeamRequest, responses(
    (status = 200, description = "The odds", body = TeamPrediction<'static>),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 KiB", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 422, description = "A field is wrong; `errors` points at it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
pub(super) async fn team(State(api): State<Api>, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let [contenders_a, contenders_b] = request::teams(&body)?;
    let snapshot = api.snapshot();
    let engine = snapshot.engine()?;
    let mut contenders = contenders_a;
    let split = contenders.len();
    contenders.extend(contenders_b);
    let sides = request::resolve(engine.catalogue, &contenders)?;
    let (team_a, team_b) = sides.split_at(split);
    let start = Instant::now();
    let pairs = team_a.iter().flat_map(|a| team_b.iter().map(move |b| (a, b)));
    let matchups: Vec<Matchup> = pairs.map(|(a, b)| engine.matchup(a, b)).collect();
    let odds = engine.loaded.model.odds_of(&matchups);
    count(engine, start, &odds);
    let matrix: Vec<Vec<f64>> = odds.chunks(team_b.len()).map(<[f64]>::to_vec).collect();
    let against: Vec<Vec<f64>> =
        (0..team_b.len()).map(|j| matrix.iter().map(|row| 1.0 - row[j]).collect()).collect();
    let (Some(lead_a), Some(lead_b)) = (Lead::of(team_a, &matrix), Lead::of(team_b, &against)) else {
        return Err(Problem::internal("a team has a member"));
    };
    json(&TeamPrediction {
        team_a: names(team_a),
        team_b: names(team_b),
        probability_a: mean(&odds),
        matrix,
        lead_a,
        lead_b,
        model: ModelVersion::of(engine.loaded),
    })
}
