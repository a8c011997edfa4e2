//! Many battles in one request, answered as they are computed.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use dex::battle::Matchup;
use dex::predict::Side;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::request::{self, BatchRequest, Contender};
use super::{BattlePrediction, ModelVersion, count};
use crate::engine::Engine;
use crate::extract::LongJsonBody;
use crate::problem::{Problem, ProblemDocument};
use crate::state::{Api, Snapshot};

/// Battles computed together: enough rows to walk the trees side by side, few enough that the first lines leave soon.
const BLOCK: usize = 64;

/// One line of the answer.
#[derive(Serialize)]
struct Line<'a> {
    /// Place in the request, from 0.
    index: usize,
    #[serde(flatten)]
    prediction: BattlePrediction<'a>,
}

/// Odds of up to 1,000 battles
///
/// The answer is one JSON object per line, in the order of the request: `index` and the fields of an answer of
/// `/predict/battle`. Lines are sent as they are computed. A request with a mistake is refused as a whole before the first line.
#[utoipa::path(post, path = "/predict/batch", tag = "predictions", operation_id = "predict_batch",
    request_body = BatchRequest, responses(
    (status = 200, description = "A line per battle", body = String, content_type = "application/x-ndjson"),
    (status = 404, description = "No such Pokémon; `suggestions` has names like it",
     body = ProblemDocument<'static>, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 512 KiB", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
    (status = 422, description = "A field is wrong; `errors` points at it", body = ProblemDocument<'static>,
     content_type = "application/problem+json"),
))]
pub(super) async fn batch(
    State(api): State<Api>,
    LongJsonBody(body): LongJsonBody,
) -> Result<Response, Problem> {
    let contenders = request::batch(&body)?;
    drop(body);
    let snapshot = api.snapshot();
    let engine = snapshot.engine()?;
    for pair in request::resolve(engine.catalogue, &contenders)?.chunks_exact(2) {
        api.metrics().count_types(&pair[0].pokemon.types, &pair[1].pokemon.types);
    }
    let contenders = Arc::new(contenders);
    let blocks = (0..contenders.len() / 2).step_by(BLOCK);
    let lines = blocks.map(move |first| {
        let (api, snapshot, contenders) = (api.clone(), Arc::clone(&snapshot), Arc::clone(&contenders));
        async move {
            let block = api.compute(move || block(&snapshot, &contenders, first)).await;
            // The head is gone: all that is left is to end the answer early, which a client sees.
            block.and_then(|block| block).map_err(|problem| {
                tracing::error!(cause = problem.cause().unwrap_or_default(), "batch broken off");
                io::Error::other("broken off")
            })
        }
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let body = Body::from_stream(stream::iter(lines).buffered(cores));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// The lines of the battles from `first` on. Names are looked up again: what was found belongs to the snapshot, which this
/// thread holds on its own.
fn block(snapshot: &Snapshot, contenders: &[Contender], first: usize) -> Result<Bytes, Problem> {
    let engine = snapshot.engine()?;
    let part = &contenders[2 * first..(2 * (first + BLOCK)).min(contenders.len())];
    let sides = request::resolve(engine.catalogue, part)?;
    let start = Instant::now();
    let matchups: Vec<Matchup> =
        sides.chunks_exact(2).map(|pair| engine.matchup(&pair[0], &pair[1])).collect();
    let odds = engine.loaded.model.odds_of(&matchups);
    count(engine, start, &odds);
    let mut lines = Vec::with_capacity(matchups.len() * 256);
    for (i, pair) in sides.chunks_exact(2).enumerate() {
        write_line(&mut lines, engine, first + i, pair, &matchups[i], odds[i])?;
    }
    Ok(lines.into())
}

fn write_line(
    lines: &mut Vec<u8>,
    engine: Engine<'_>,
    index: usize,
    pair: &[Side<'_>],
    matchup: &Matchup,
    odds: f64,
) -> Result<(), Problem> {
    let mut prediction = BattlePrediction::new(engine.catalogue, [&pair[0], &pair[1]], matchup, odds);
    prediction.model = Some(ModelVersion::of(engine.loaded));
    serde_json::to_writer(&mut *lines, &Line { index, prediction })
        .map_err(|error| Problem::internal(error.to_string()))?;
    lines.push(b'\n');
    Ok(())
}
