//! What runs here: the program, the model, the size of the Pokédex.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Route;
use super::predict::ModelVersion;
use crate::conditional;
use crate::edge::Access;
use crate::problem::Problem;
use crate::state::Api;

pub(super) fn routes() -> [Route; 1] {
    [(Access::Limited, routes!(version))]
}

#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
struct Versions<'a> {
    name: &'static str,
    version: &'static str,
    /// `null` while no model is loaded.
    #[schema(required = true)]
    model: Option<ModelVersion<'a>>,
    /// How many Pokémon and moves are known; `null` while no Pokédex is loaded.
    #[schema(required = true)]
    pokedex: Option<Size>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PokedexSize)]
struct Size {
    pokemon: usize,
    moves: usize,
}

/// Versions of the program and of what it serves
#[utoipa::path(get, path = "/version", tag = "operations", operation_id = "version", responses(
    (status = 200, description = "Versions", body = Versions<'static>),
    (status = 304, description = "The client has it: `If-None-Match` names its tag"),
))]
async fn version(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let snapshot = api.snapshot();
    conditional::json(
        &headers,
        &Versions {
            name: "pdex-api",
            version: env!("CARGO_PKG_VERSION"),
            model: snapshot.model.as_deref().map(ModelVersion::of),
            pokedex: snapshot
                .catalogue
                .as_deref()
                .map(|c| Size { pokemon: c.dex.pokemon.len(), moves: c.dex.moves.len() }),
        },
    )
}
