//! Why the model says what it says.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use dex::features;
use dex::pokedex::Pokemon;
use dex::predict::Side;
use serde::Serialize;
use utoipa::ToSchema;

use super::ModelVersion;
use crate::catalogue::Catalogue;
use crate::conditional;
use crate::problem::{FieldError, Kind, Problem, ProblemDocument};
use crate::query::Query;
use crate::state::Api;

/// The odds and what they are made of.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
struct Explained<'a> {
    /// English names.
    pokemon_a: &'a str,
    pokemon_b: &'a str,
    #[schema(minimum = 0, maximum = 1)]
    probability_a: f64,
    /// What all contributions and `base` add up to: half the difference of the log-odds that the model gives the two orders.
    log_odds: f64,
    /// Log-odds before anything is known: 0 but for rounding.
    base: f64,
    /// The largest first, by size.
    contributions: Vec<Contribution>,
    /// Sum of the contributions that were left out.
    rest: f64,
    model: ModelVersion<'a>,
}

/// What one feature adds to the log-odds of `pokemon_a`.
#[derive(Serialize, ToSchema)]
struct Contribution {
    feature: &'static str,
    /// The feature's value.
    value: f32,
    #[serde(rename = "contribution")]
    log_odds: f64,
}

/// Which features decide a battle, and how much each
///
/// A contribution is what a feature moves the mean of the trees' leaves by, along the way the battle takes down the trees.
#[utoipa::path(get, path = "/predict/explain", tag = "predictions", operation_id = "explain", params(
    ("pokemon_a" = String, Query, description = "Id, slug, or name in English or French", min_length = 1, max_length = 64),
    ("pokemon_b" = String, Query, description = "Id, slug, or name in English or French", min_length = 1, max_length = 64),
    ("limit" = Option<u16>, Query, description = "At most this many contributions; 10 unless given", minimum = 1, maximum = 100),
), responses(
    (status = 200, description = "The odds and what they are made of", body = Explained<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
    (status = 422, description = "A parameter is wrong; `errors` names it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
pub(super) async fn explain(
    State(api): State<Api>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::parse(query.as_deref(), &["pokemon_a", "pokemon_b", "limit"]);
    let names = ["pokemon_a", "pokemon_b"].map(|name| (name, query.required_text(name)));
    let limit = query.number("limit", 10, 1, 100);
    query.finish()?;
    let snapshot = api.snapshot();
    let engine = snapshot.engine()?;
    let [a, b] = find(engine.catalogue, &names)?.map(|pokemon| Side { pokemon, moves: Vec::new() });
    let matchup = engine.matchup(&a, &b);
    let why = engine.loaded.model.explain(&matchup);
    let parts = features::NAMES.into_iter().zip(why.values).zip(why.contributions);
    let mut contributions: Vec<Contribution> = parts
        .map(|((feature, value), log_odds)| Contribution { feature, value, log_odds })
        .filter(|part| part.log_odds != 0.0)
        .collect();
    // Stable: equal ones stay in the order of the features.
    contributions.sort_by(|x, y| y.log_odds.abs().total_cmp(&x.log_odds.abs()));
    let rest = contributions.split_off(limit.min(contributions.len()));
    conditional::json(
        &headers,
        &Explained {
            pokemon_a: &a.pokemon.name_en,
            pokemon_b: &b.pokemon.name_en,
            probability_a: engine.loaded.model.odds_if(&[matchup])[0],
            log_odds: why.base + why.contributions.iter().sum::<f64>(),
            base: why.base,
            contributions,
            // Adding 0 turns the -0 of an empty sum into 0.
            rest: rest.iter().map(|part| part.log_odds).sum::<f64>() + 0.0,
            model: ModelVersion::of(engine.loaded),
        },
    )
}

fn find<'a>(
    catalogue: &'a Catalogue,
    names: &[(&'static str, String); 2],
) -> Result<[&'a Pokemon; 2], Problem> {
    let found = [0, 1].map(|i| catalogue.find_pokemon(&names[i].1));
    if let [Some(a), Some(b)] = found {
        return Ok([a, b]);
    }
    let mut problem = Problem::new(Kind::NotFound, "No Pokémon has this id or name.");
    let mut all = Vec::new();
    for ((parameter, name), _) in names.iter().zip(found).filter(|(_, found)| found.is_none()) {
        let suggestions = catalogue.suggest_pokemon(name);
        all.extend(suggestions.iter().cloned());
        problem = problem.at(FieldError::parameter(*parameter, "names no Pokémon").suggesting(suggestions));
    }
    Err(problem.suggesting(all))
}
