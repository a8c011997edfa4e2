//! Checks of a running stack: facts in, results out. A check is a small function in the list of `platform`; what every stack
//! has (containers, and what they were given) is in `containers` and `placement`. `doctor` reads the results and looks for causes.
//! `audit` has rules of its own kind: what makes a stack easier to attack.

pub mod audit;
mod clock;
mod containers;
mod database;
pub mod doctor;
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

use std::time::Duration;

use crate::definition::model::{Definition, Service, ServiceName};
use crate::runtime::Runtime;
use crate::world::{Container, State, World};

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
        address(self.definition, name, target)
    }

    /// A GET's body, or what went wrong in a sentence.
    async fn get(&self, url: &str) -> Result<String, String> {
        let answer = self.http.get(url).timeout(PATIENCE).send().await.map_err(|e| root(&e))?;
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
    results.retain(|result| selection.has(&result.service, result.name));
    let (placed, answered) = tokio::join!(
        placement::check(runtime, definition, world, selection),
        platform::check(facts, selection)
    );
    results.extend(placed);
    results.extend(answered);
    results
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
