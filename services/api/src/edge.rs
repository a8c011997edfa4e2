//! What stands around every route: key, place in flight, time limit, panics, request id, metrics and the wording of errors.
//! One service and one allocation for its future, instead of a layer for each.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::metrics::EndpointMetrics;
use crate::problem::{Kind, Problem};
use crate::state::Api;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The address a request came from, put into it by who accepted the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Longest request id taken over from a client.
const REQUEST_ID_MAX: usize = 64;

/// Who may call a route and whether it can be shed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, always: what orchestrators, Prometheus and readers of the documentation ask.
    Open,
    /// Clients the gate lets in, within the limit of requests in flight.
    Limited,
}

/// Puts an edge around the route of one endpoint.
#[derive(Clone)]
pub struct EdgeLayer(Arc<Endpoint>);

struct Endpoint {
    api: Api,
    access: Access,
    template: String,
    metrics: EndpointMetrics,
}

impl EdgeLayer {
    pub fn new(api: Api, access: Access, template: &str, metrics: EndpointMetrics) -> Self {
        Self(Arc::new(Endpoint { api, access, template: template.to_owned(), metrics }))
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { endpoint: Arc::clone(&self.0), inner }
    }
}

/// A route with its edge.
#[derive(Clone)]
pub struct Edge<S> {
    endpoint: Arc<Endpoint>,
    inner: S,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let fresh = self.inner.clone();
        // The one that was polled ready is the one to call.
        let inner = std::mem::replace(&mut self.inner, fresh);
        let endpoint = Arc::clone(&self.endpoint);
        Box::pin(async move { Ok(endpoint.handle(inner, request).await) })
    }
}

impl Endpoint {
    async fn handle<S>(&self, inner: S, request: Request) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        let start = Instant::now();
        let method = request.method().clone();
        let id = request_id(request.headers()).unwrap_or_else(|| self.api.new_request_id());
        let cors = self.api.cors();
        let origin = cors.origin(request.headers());
        let mut response = match cors.preflight(&method, request.headers()) {
            Some(response) => response,
            None => self.answer(inner, request, start).await.unwrap_or_else(Problem::into_response),
        };
        cors.mark(origin.as_ref(), response.headers_mut());
        let error = self.word_error(&mut response, &method, &id);
        // Ids are visible ASCII, whoever made them.
        if let Ok(value) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        self.metrics.observe(&method, response.status().as_u16(), error, start.elapsed().as_secs_f64());
        response
    }

    async fn answer<S>(&self, mut inner: S, request: Request, start: Instant) -> Result<Response, Problem>
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        let _place = match self.access {
            Access::Open => None,
            Access::Limited => {
                let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
                self.api.gate().admit(request.headers(), peer)?;
                let full = || Problem::new(Kind::Overloaded, "Too many requests at once; try again shortly.");
                if self.api.is_behind(start) {
                    return Err(full());
                }
                Some(self.api.admit().ok_or_else(full)?)
            }
        };
        let answer = AssertUnwindSafe(async { inner.call(request).await }).catch_unwind();
        match tokio::time::timeout(self.api.limits().answer, answer).await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Err(panic)) => Err(Problem::internal(format!("panic: {}", panic_message(&*panic)))),
            Err(_) => Err(Problem::new(Kind::Timeout, "No answer within the time limit.")),
        }
    }

    /// Turns an error response into its problem document and logs what the client is not told.
    fn word_error(&self, response: &mut Response, method: &Method, id: &str) -> Option<Kind> {
        if response.status().as_u16() < 400 {
            return None;
        }
        let problem = Problem::take_from(response);
        let kind = problem.kind();
        self.log(&problem, method, id);
        // Only headers that mean something on an error stay, such as `Allow`.
        let headers = response.headers_mut();
        headers.remove(axum::http::header::CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if kind == Kind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey header=\"X-API-Key\""));
        }
        if let Some(seconds) = problem.retry_after_s() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let document = serde_json::to_vec(&problem.document(id)).unwrap_or_default();
        *response.body_mut() = Body::from(document);
        Some(kind)
    }

    fn log(&self, problem: &Problem, method: &Method, id: &str) {
        let (endpoint, kind, detail) = (self.template.as_str(), problem.kind().label(), problem.detail());
        match problem.kind() {
            Kind::Internal => {
                let cause = problem.cause().unwrap_or("unknown");
                tracing::error!(request_id = id, %method, endpoint, kind, cause, "request failed");
            }
            Kind::Timeout => tracing::error!(request_id = id, %method, endpoint, kind, "request failed"),
            _ => tracing::debug!(request_id = id, %method, endpoint, kind, detail, "request refused"),
        }
    }
}

/// The client's request id, when it is short and harmless in a log.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    let taken = (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(harmless);
    taken.then(|| id.to_owned())
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
