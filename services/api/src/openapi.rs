//! The OpenAPI document: what the routes' annotations do not say themselves. The same document tells the metrics which
//! statuses each operation answers with.

use dex::metrics::OTHER_METHOD;
use dex::pokedex::Type;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{
    Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type as JsonType,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

use crate::catalogue::NAME_MAX;
use crate::edge::Access;
use crate::extract::Reference;
use crate::metrics::Statuses;
use crate::problem::{FailingCheck, FieldError, ProblemDocument};
use crate::routes::predict::{MOVES_RANKED_MAX, TEAM_MAX};

const KEY_SCHEME: &str = "api_key";

/// The document before any path.
pub fn base() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "PredictionDex API",
            description = "Pokémon Let's Go Pikachu and Eevee: the Pokédex in English and French, and the odds of battles \
                           from a trained model. Errors are problem documents (RFC 9457).",
            license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        ),
        components(schemas(ProblemDocument<'static>, FieldError, FailingCheck, Reference)),
        tags(
            (name = "predictions", description = "Odds of battles"),
            (name = "pokedex", description = "Pokémon, moves and types"),
            (name = "operations", description = "Health, metrics and versions"),
        ),
    )]
    struct Base;

    let mut document = Base::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    if let Some(components) = &mut document.components {
        let key = ApiKeyValue::with_description(
            "X-API-Key",
            "Asked for unless the service runs in development mode.",
        );
        components.add_security_scheme(KEY_SCHEME, SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
    document
}

/// What can be wrong with any body, whatever belongs into it.
const BODY_PROBLEMS: [(&str, &str); 3] = [
    ("400", "The body is not JSON"),
    ("408", "The body did not arrive in time"),
    ("415", "The content type is not JSON"),
];

/// Adds to a path what every operation of its access shares: the problems the edge makes, those of reading a body where one is
/// asked for, and the key.
pub fn complete(item: &mut PathItem, access: Access, with_key: bool) {
    for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
        let shared: &[(&str, &str)] = match access {
            Access::Open => &[("500", "Internal error")],
            Access::Limited => &[
                ("401", "The API key is missing or wrong"),
                (
                    "429",
                    "The address or the key has used what it may for now; `Retry-After` says when to come back",
                ),
                ("500", "Internal error"),
                ("503", "Not ready, at its limit, or out of time"),
            ],
        };
        let bodies = if operation.request_body.is_some() { &BODY_PROBLEMS[..] } else { &[] };
        for (status, description) in shared.iter().chain(bodies) {
            let responses = &mut operation.responses.responses;
            responses.entry((*status).to_owned()).or_insert_with(|| problem(description).into());
        }
        if access == Access::Limited && with_key {
            operation.security = Some(vec![SecurityRequirement::new(KEY_SCHEME, Vec::<String>::new())]);
        }
    }
}

/// Where an answer leads: the first of a list can be asked for. Clients may follow it, and tests of the contract do.
pub fn link(document: &mut OpenApi) {
    for (list, one) in [("/pokemon", "get_pokemon"), ("/moves", "get_move")] {
        let item = document.paths.paths.get_mut(list).and_then(|item| item.get.as_mut());
        let answer = item.and_then(|list| list.responses.responses.get_mut("200"));
        if let Some(RefOr::T(answer)) = answer {
            let link = LinkBuilder::new()
                .operation_id(one)
                .parameter("id_or_name", "$response.body#/items/0/id")
                .description("The first of the list")
                .build();
            answer.links.insert("first".to_owned(), RefOr::T(link));
        }
    }
}

/// The answer to a head that is too large, which the connection itself gives: no operation makes it, and nothing counts it.
pub fn bound_heads(document: &mut OpenApi) {
    let answer =
        || ResponseBuilder::new().description("The head of the request is larger than 16 KiB").build();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.responses.responses.insert("431".to_owned(), answer().into());
        }
    }
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

/// The statuses a completed path can answer with, by method.
pub fn statuses(item: &PathItem, access: Access, cors: bool) -> Statuses {
    let documented = |operation: &Operation| {
        operation.responses.responses.keys().filter_map(|status| status.parse().ok()).collect::<Vec<u16>>()
    };
    let mut all = Statuses::new();
    for (method, operation) in [("GET", &item.get), ("POST", &item.post)] {
        all.extend(operation.as_ref().map(|operation| (method, documented(operation))));
    }
    all.insert(OTHER_METHOD, refusals(405, access, cors));
    all
}

/// The statuses of [`dex::metrics::UNMATCHED`]: nothing is there, whatever the method.
pub fn statuses_of_nothing(cors: bool) -> Statuses {
    Statuses::from(["GET", "POST", OTHER_METHOD].map(|method| (method, refusals(404, Access::Limited, cors))))
}

/// 204 is the answer to a browser's question, where pages of other origins are let in.
fn refusals(status: u16, access: Access, cors: bool) -> Vec<u16> {
    let mut refusals = match access {
        Access::Open => vec![status],
        Access::Limited => vec![401, status, 429, 503],
    };
    refusals.extend(cors.then_some(204));
    refusals
}

/// A type's slug.
pub(crate) fn type_slug() -> Object {
    slugs(Type::ALL.map(Type::slug))
}

pub(crate) fn type_slugs() -> Array {
    ArrayBuilder::new().items(type_slug()).min_items(Some(1)).max_items(Some(2)).build()
}

pub(crate) fn form() -> Object {
    slugs(["base", "alola", "mega", "starter"])
}

pub(crate) fn learn_method() -> Object {
    slugs(["level-up", "machine", "tutor"])
}

pub(crate) fn category() -> Object {
    slugs(["physical", "special", "status"])
}

fn slugs<const N: usize>(slugs: [&str; N]) -> Object {
    ObjectBuilder::new().schema_type(JsonType::String).enum_values(Some(slugs)).build()
}

impl PartialSchema for Reference {
    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new()
            .schema_type(JsonType::Integer)
            .description(Some("PokéAPI's id"))
            .minimum(Some(1))
            .maximum(Some(u16::MAX));
        let name = ObjectBuilder::new()
            .schema_type(JsonType::String)
            .description(Some("Name in English or French, or slug; case and accents do not matter"))
            .min_length(Some(1))
            .max_length(Some(NAME_MAX));
        RefOr::T(Schema::OneOf(OneOfBuilder::new().item(id).item(name).build()))
    }
}

impl ToSchema for Reference {
    fn name() -> std::borrow::Cow<'static, str> {
        "Reference".into()
    }
}

/// Up to four moves, or `null` for the best set.
pub(crate) fn moves() -> Array {
    moves_up_to(4)
}

/// Moves to rank, or `null` for all.
pub(crate) fn moves_to_rank() -> Array {
    moves_up_to(MOVES_RANKED_MAX)
}

fn moves_up_to(count: usize) -> Array {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([JsonType::Array, JsonType::Null]))
        .items(Ref::from_schema_name("Reference"))
        .max_items(Some(count))
        .build()
}

/// One to six Pokémon.
pub(crate) fn team() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name("Reference"))
        .min_items(Some(1))
        .max_items(Some(TEAM_MAX))
        .build()
}

/// A row per member of one team, each with a probability per member of the other.
pub(crate) fn matrix() -> Array {
    let probability =
        ObjectBuilder::new().schema_type(JsonType::Number).minimum(Some(0)).maximum(Some(1)).build();
    let sized = |items: ArrayBuilder| items.min_items(Some(1)).max_items(Some(TEAM_MAX));
    sized(ArrayBuilder::new().items(sized(ArrayBuilder::new().items(probability)))).build()
}
