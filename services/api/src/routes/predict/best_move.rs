//! Which of its moves a Pokémon should open with.

use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use dex::battle::Matchup;
use dex::pokedex::{Category, Move, Type};
use serde::Serialize;
use utoipa::ToSchema;

use super::request::{self, BestMoveRequest};
use super::{ModelVersion, count, json};
use crate::extract::JsonBody;
use crate::openapi;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Api;

/// The moves, best first.
#[derive(Serialize, ToSchema)]
struct BestMoves<'a> {
    /// English name of the first move; `null` for a Pokémon without a damaging move.
    #[schema(required = true)]
    best_move: Option<&'a str>,
    /// By odds, then by expected damage, then by id.
    moves: Vec<RankedMove<'a>>,
    model: ModelVersion<'a>,
}

/// A move against this foe.
#[derive(Serialize, ToSchema)]
struct RankedMove<'a> {
    id: u16,
    slug: &'a str,
    name_en: &'a str,
    name_fr: &'a str,
    #[serde(rename = "type")]
    #[schema(schema_with = openapi::type_slug)]
    type_: Type,
    #[schema(schema_with = openapi::category)]
    category: Category,
    /// Odds of `pokemon_a` when it opens with this move.
    #[schema(minimum = 0, maximum = 1)]
    probability_a: f64,
    /// Factor of the foe's types: 0, 0.25, 0.5, 1, 2 or 4.
    #[schema(minimum = 0, maximum = 4)]
    effectiveness: f32,
    /// Whether the move has the user's type.
    same_type: bool,
    /// Chance to hit, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    accuracy: f32,
    damage: Damage,
}

/// HP one use takes from a foe that has lost none, when it hits, without critical hits; all hits of a move with several.
#[derive(Serialize, ToSchema)]
struct Damage {
    #[schema(minimum = 0)]
    min: f32,
    #[schema(minimum = 0)]
    mean: f32,
    #[schema(minimum = 0)]
    max: f32,
    /// Mean damage times the chance to hit.
    #[schema(minimum = 0)]
    expected: f32,
    /// HP of the foe.
    foe_hp: u16,
}

impl<'a> RankedMove<'a> {
    /// `matchup` has the move alone on side 0.
    fn new(m: &'a Move, matchup: &Matchup, probability_a: f64) -> Self {
        let spec = &matchup.fighter(0).moves()[0];
        let rolls = matchup.rolls(0, 0, false).map(|roll| f32::from(roll) * spec.mean_hits());
        let mean = rolls.iter().sum::<f32>() / rolls.len() as f32;
        let accuracy = spec.hit_chance();
        Self {
            id: m.id,
            slug: &m.slug,
            name_en: &m.name_en,
            name_fr: &m.name_fr,
            type_: m.type_,
            category: m.category,
            probability_a,
            effectiveness: matchup.effectiveness(0, 0).factor(),
            same_type: matchup.stab(0, 0),
            accuracy,
            damage: Damage {
                min: rolls[0],
                mean,
                max: rolls[rolls.len() - 1],
                expected: mean * accuracy,
                foe_hp: matchup.fighter(1).hp,
            },
        }
    }
}

/// The moves of a Pokémon against another, best first
///
/// Each move is judged as if the Pokémon opened with it.
#[utoipa::path(post, path = "/predict/best-move", tag = "predictions", operation_id = "predict_best_move",
    request_body = BestMoveRequest, responses(
    (status = 200, description = "The moves", body = BestMoves<'static>),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 16 KiB", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 422, description = "A field is wrong; `errors` points at it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
pub(super) async fn best_move(State(api): State<Api>, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let contenders = request::best_move(&body)?;
    let snapshot = api.snapshot();
    let engine = snapshot.engine()?;
    let [mut a, b] = request::resolve_pair(engine.catalogue, &contenders)?;
    let named = std::mem::take(&mut a.moves);
    let moves: Vec<&Move> =
        if named.is_empty() { engine.catalogue.attacks(a.pokemon).collect() } else { named };
    api.metrics().count_types(&a.pokemon.types, &b.pokemon.types);
    let start = Instant::now();
    let (own, foe) = (engine.catalogue.fighter(&a), engine.catalogue.fighter(&b));
    let chart = &engine.catalogue.dex.chart;
    let matchups: Vec<Matchup> =
        moves.iter().map(|m| Matchup::new(chart, &own.with_move((*m).into()), &foe)).collect();
    let odds = engine.loaded.model.odds_if(&matchups);
    count(engine, start, &odds);
    let ranked = moves.iter().zip(&matchups).zip(&odds);
    let mut ranked: Vec<RankedMove<'_>> =
        ranked.map(|((m, matchup), odds)| RankedMove::new(m, matchup, *odds)).collect();
    ranked.sort_by(|x, y| {
        let by_odds = y.probability_a.total_cmp(&x.probability_a);
        by_odds.then(y.damage.expected.total_cmp(&x.damage.expected)).then(x.id.cmp(&y.id))
    });
    let best = ranked.first().filter(|_| matchups.iter().any(|m| m.opening(0).is_some()));
    json(&BestMoves {
        best_move: best.map(|m| m.name_en),
        moves: ranked,
        model: ModelVersion::of(engine.loaded),
    })
}
