//! Checks of a running stack: facts in, results out. A check is a small function in the list of `platform`; what every stack
//! has (containers, and what they were given) is in `containers` and `placement`. `doctor` reads the results and looks for causes.
//! `audit` has rules of its own kind: what makes a stack easier to attack.

pub mod audit;
mod clock;
mod containers;
mod database;
pub mod doctor;
mod entrance;
mod exposed;
mod monitoring;
mod pages;
mod placement;
mod platform;
pub mod preflight;
mod reach;
pub mod registry;
mod render;
mod selection;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;

use crate::backup::marks::Mark;
use crate::definition::model::{Definition, Service, ServiceName};
use crate::runtime::Runtime;
use crate::world::{Container, State, World};

pub use entrance::Entrance;
pub use selection::{Selection, typed};

/// For one request of a check.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    pub service: String,
    pub name: &'static str,
    /// What is known when it passes.
    pub proves: &'static str,
    pub outcome: Outcome,
    /// How long it took; nothing where the facts were there already.
    pub took: Duration,
}

impl CheckResult {
    fn new(service: &str, name: &'static str, proves: &'static str, outcome: Outcome) -> Self {
        Self { service: service.to_owned(), name, proves, outcome, took: Duration::ZERO }
    }

    /// Whether the same is asked of every service, so that those which pass can be told in one line.
    pub fn is_of_every_service(&self) -> bool {
        placement::has(self.name)
    }

    /// Whether it found something wrong.
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
}

/// The verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed(String),
    Failed {
        evidence: String,
        hint: String,
    },
    /// It does not apply, and why.
    Skipped(String),
}

impl Outcome {
    fn failed(evidence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed { evidence: evidence.into(), hint: hint.into() }
    }
}

/// What a check may look at.
#[derive(Debug)]
pub struct Facts<'a, R> {
    pub runtime: &'a R,
    pub definition: &'a Definition,
    pub world: &'a World,
    pub http: &'a reqwest::Client,
    /// Services that publish nothing, with their own addresses; `http` knows them by name.
    pub inside: &'a BTreeMap<ServiceName, IpAddr>,
}

impl<'a, R: Runtime> Facts<'a, R> {
    fn service(&self, name: &str) -> Option<&'a Service> {
        self.definition.services.get(&ServiceName::new(name))
    }

    fn container(&self, name: &str) -> Option<&'a Container> {
        self.world.containers.iter().find(|c| c.service.as_str() == name)
    }

    fn runs(&self, name: &str) -> bool {
        self.container(name).is_some_and(|c| matches!(c.state, State::Running { .. }))
    }

    fn address(&self, name: &str, target: u16) -> Option<String> {
        let inside =
            || self.inside.contains_key(&ServiceName::new(name)).then(|| format!("http://{name}:{target}"));
        address(self.definition, name, target).or_else(inside)
    }

    /// A service's variable, or what the file holds that it gets instead; empty where there is neither.
    fn setting(&self, service: &str, name: &str) -> Result<String, String> {
        let Some(service) = self.service(service) else { return Ok(String::new()) };
        setting(self.definition, service, name)
    }

    /// A GET's body, or what went wrong in a sentence.
    async fn get(&self, url: &str) -> Result<String, String> {
        Self::body(self.named(self.http.get(url), url)?, url).await
    }

    /// A request with a name and a password where Grafana asks for them.
    fn named(&self, request: reqwest::RequestBuilder, url: &str) -> Result<reqwest::RequestBuilder, String> {
        let Some(grafana) = self.service("grafana") else { return Ok(request) };
        let open = grafana.environment.get("GF_AUTH_ANONYMOUS_ENABLED").is_some_and(|open| open == "true");
        if open || !self.address("grafana", 3000).is_some_and(|base| url.starts_with(&base)) {
            return Ok(request);
        }
        Ok(request.basic_auth("admin", Some(self.setting("grafana", "GF_SECURITY_ADMIN_PASSWORD")?)))
    }

    async fn body(request: reqwest::RequestBuilder, url: &str) -> Result<String, String> {
        let answer = request.timeout(PATIENCE).send().await.map_err(|e| root(&e))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|e| root(&e))?;
        if status.is_success() { Ok(body) } else { Err(format!("HTTP {status} from {url}")) }
    }

    async fn get_json(&self, url: &str) -> Result<serde_json::Value, String> {
        let body = self.get(url).await?;
        serde_json::from_str(&body).map_err(|e| format!("{url} did not answer JSON: {e}"))
    }
}

/// `http://host:port` where a container port is published.
pub fn address(definition: &Definition, service: &str, target: u16) -> Option<String> {
    let service = definition.services.get(&ServiceName::new(service))?;
    let port = service.ports.iter().find(|p| p.target == target)?;
    let host = match port.host_ip.as_deref() {
        None | Some("" | "0.0.0.0") => "127.0.0.1",
        Some(ip) => ip,
    };
    Some(format!("http://{host}:{}", port.published?))
}

/// See [`Facts::setting`].
pub fn setting(definition: &Definition, service: &Service, name: &str) -> Result<String, String> {
    if let Some(value) = service.environment.get(name).filter(|value| !value.is_empty()) {
        return Ok(value.clone());
    }
    let Some(path) = definition.file_of(service, name) else { return Ok(String::new()) };
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text.trim_end().to_owned())
}

/// The addresses of running containers whose services publish nothing: this machine reaches them where the engine is its own.
pub async fn inside<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
) -> BTreeMap<ServiceName, IpAddr> {
    let private = world.containers.iter().filter(|container| {
        let service = definition.services.get(&container.service);
        service.is_some_and(|service| service.ports.is_empty())
            && matches!(container.state, State::Running { .. })
    });
    let asked = private.map(async |container| {
        let address = runtime.address(&container.id).await.ok()??;
        Some((container.service.clone(), address))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Asks services, those that publish nothing by the names that they have for each other: some answer to no other.
pub fn client(inside: &BTreeMap<ServiceName, IpAddr>) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy();
    let named = inside.iter().map(|(service, address)| (service.as_str(), SocketAddr::new(*address, 0)));
    named.fold(builder, |builder, (name, address)| builder.resolve(name, address)).build()
}

/// The innermost cause: the outer ones only say that a request failed.
pub fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Runs every check that applies to the definition and was asked for, all at once. Results come in the order of the list.
pub async fn validate<R: Runtime>(facts: &Facts<'_, R>, selection: &Selection) -> Vec<CheckResult> {
    let Facts { runtime, definition, world, .. } = *facts;
    let mut results = containers::check(definition, world);
    results.extend(half_restored(definition, world));
    results.retain(|result| selection.has(&result.service, result.name));
    let (placed, answered) = tokio::join!(
        placement::check(runtime, definition, world, selection),
        platform::check(facts, selection)
    );
    results.extend(placed);
    results.extend(answered);
    results
}

/// Part of the data is old and part is new: only told where it is so.
fn half_restored(definition: &Definition, world: &World) -> Option<CheckResult> {
    Mark::Restoring.is_set(&definition.project, world).then(|| {
        let outcome = Outcome::failed("a restore was begun and has not ended", "pdex restore");
        CheckResult::new("stack", "restored", "no restore was cut short", outcome)
    })
}

/// Service and name of every check that applies to the definition.
pub fn names(definition: &Definition) -> Vec<(String, String)> {
    let world = World::default();
    let containers = containers::check(definition, &world).into_iter();
    let mut all: Vec<(String, String)> =
        containers.map(|result| (result.service, result.name.to_owned())).collect();
    all.extend(placement::names(definition));
    all.extend(platform::names(definition));
    all
}
