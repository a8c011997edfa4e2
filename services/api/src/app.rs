//! The router: every resource, each route with its edge, and the document that describes them.

use axum::Router;
use axum::routing::any;
use dex::metrics::UNMATCHED;
use tower::Layer as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::edge::{Access, EdgeLayer};
use crate::openapi;
use crate::problem::{Kind, Problem};
use crate::routes::{self, docs};
use crate::state::Api;

/// The service without a socket.
pub fn app(api: Api) -> Router {
    let (router, document) = documented(&api);
    let nothing = EdgeLayer::new(
        api.clone(),
        Access::Limited,
        UNMATCHED,
        api.metrics().endpoint(UNMATCHED, &openapi::statuses_of_nothing(!api.cors().is_off())),
    );
    let not_found = any(async || Problem::new(Kind::NotFound, "No such path; `/docs` has the list."));
    router.merge(docs::router(&api, &document)).fallback_service(nothing.layer(not_found)).with_state(api)
}

/// The OpenAPI document of the service.
pub fn document(api: &Api) -> OpenApi {
    documented(api).1
}

fn documented(api: &Api) -> (Router<Api>, OpenApi) {
    let mut router = OpenApiRouter::with_openapi(openapi::base());
    for (access, route) in routes::all() {
        router = router.routes(edged(api, access, route));
    }
    let (router, mut document) = router.split_for_parts();
    openapi::link(&mut document);
    openapi::bound_heads(&mut document);
    (router, document)
}

/// A route with its edge; its template and statuses come from its own documentation.
fn edged(api: &Api, access: Access, route: UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    let (schemas, mut paths, mut methods) = route;
    for (template, item) in &mut paths.paths {
        openapi::complete(item, access, api.gate().key_required());
        let metrics =
            api.metrics().endpoint(template, &openapi::statuses(item, access, !api.cors().is_off()));
        methods = methods.layer(EdgeLayer::new(api.clone(), access, template, metrics));
    }
    (schemas, paths, methods)
}
