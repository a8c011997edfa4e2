//! What the symptoms are looked for in: one round of questions, all at once, each with a limit. Decides nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;

use crate::checks::{self, CheckResult, Facts, Selection, containers, preflight};
use crate::definition::graph;
use crate::definition::model::{Definition, ImageUnavailable, Service, ServiceName};
use crate::finding::Finding;
use crate::runtime::{ExecOrder, LogOptions, Runtime, RuntimeError};
use crate::world::{Container, End, Health, State, World};

/// Log lines looked at of a service that is not well.
const LINES: u32 = 60;
/// For what is asked about one container or image.
const PATIENCE: Duration = Duration::from_secs(4);

/// Everything that is known.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) definition: &'a Definition,
    pub(super) world: &'a World,
    /// What `preflight` finds when all services are about to start.
    pub(super) preflight: Vec<Finding>,
    /// What `validate` finds.
    pub(super) results: Vec<CheckResult>,
    /// Services that are not as they should be, dependencies first.
    pub(super) patients: Vec<Patient<'a>>,
    pub(super) absent: Vec<Absent<'a>>,
    pub(super) lookups: Vec<Lookup<'a>>,
    /// Requests that Prometheus saw reach the API in the last minutes; `None` where that could not be asked.
    pub(super) requests: Option<f64>,
}

/// A service that is not as it should be.
#[derive(Debug)]
pub(super) struct Patient<'a> {
    pub(super) service: &'a Service,
    pub(super) job: bool,
    pub(super) container: Option<&'a Container>,
    /// What the check of its container says.
    pub(super) said: String,
    pub(super) end: Option<End>,
    /// What its failed health test printed.
    pub(super) test: Option<String>,
    pub(super) lines: Vec<String>,
    /// The service whose trouble explains this one's.
    pub(super) because: Option<ServiceName>,
}

/// An image that is not on the engine, and what its registry says to that.
#[derive(Debug)]
pub(super) struct Absent<'a> {
    pub(super) service: &'a Service,
    pub(super) answer: Result<(), RuntimeError>,
}

impl Absent<'_> {
    /// Whether the stack goes on without the registry: the image can be made here, or is not needed.
    pub(super) fn can_be_borne(&self) -> bool {
        let pdex = &self.service.pdex;
        pdex.distribution.is_some() || pdex.image_unavailable == ImageUnavailable::Skip
    }
}

/// Names that a container looked for and did not find.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) from: &'a ServiceName,
    pub(super) missing: Vec<&'a str>,
}

impl Known<'_> {
    /// The patient that explains what is wrong with a service: itself, or what it depends on.
    pub(super) fn cause(&self, service: &str) -> Option<&ServiceName> {
        let name = ServiceName::new(service);
        let upstream = graph::with_dependencies(self.definition, [&name]);
        let roots = self.patients.iter().filter(|patient| patient.because.is_none());
        roots.map(|patient| &patient.service.name).find(|root| upstream.contains(*root))
    }

    /// The patient that explains a failed check.
    pub(super) fn explains(&self, result: &CheckResult) -> Option<&ServiceName> {
        self.cause(&result.service).or_else(|| {
            // Prometheus tells of others: a target that is down, an alert about it.
            // What is missing comes from someone: the hint names who has to run.
            let checks::Outcome::Failed { evidence, hint } = &result.outcome else { return None };
            let words = format!("{evidence} {hint}").to_lowercase();
            let roots = self.patients.iter().map(|patient| &patient.service.name);
            roots.into_iter().find(|name| words.contains(&name.as_str().to_lowercase()))
        })
    }

    /// Failed checks of running services that no patient explains.
    pub(super) fn unexplained(&self) -> impl Iterator<Item = &CheckResult> {
        let asked = |result: &&CheckResult| result.has_failed() && !containers::is_own(result.name);
        self.results.iter().filter(asked).filter(|result| self.explains(result).is_none())
    }
}

pub(super) async fn gather<'a, R: Runtime>(facts: &Facts<'a, R>) -> Known<'a> {
    let Facts { runtime, definition, world, .. } = *facts;
    let all: BTreeSet<ServiceName> = definition.services.keys().cloned().collect();
    let everything = Selection::default();
    let (preflight, results, patients, absent, lookups, requests) = tokio::join!(
        preflight::check(runtime, definition, world, &all),
        checks::validate(facts, &everything),
        patients(runtime, definition, world),
        absent(runtime, definition, world),
        lookups(facts),
        requests(facts),
    );
    Known { definition, world, preflight, results, patients, absent, lookups, requests }
}

async fn patients<'a, R: Runtime>(
    runtime: &R,
    definition: &'a Definition,
    world: &'a World,
) -> Vec<Patient<'a>> {
    let found = containers::check(definition, world);
    let failed = |name: &ServiceName| {
        found.iter().find(|result| result.service == name.as_str()).and_then(|result| match &result.outcome {
            checks::Outcome::Failed { evidence, .. } => Some(evidence.clone()),
            _ => None,
        })
    };
    let sick: Vec<(&Service, String)> = graph::topological(definition)
        .iter()
        .filter_map(|name| Some((definition.services.get(name)?, failed(name)?)))
        .collect();
    let names: Vec<&ServiceName> = sick.iter().map(|(service, _)| &service.name).collect();
    join_all(sick.into_iter().map(async |(service, said)| {
        let container = world.of(&service.name).find(|container| !container.aside);
        let mut patient = Patient {
            service,
            job: graph::is_job(definition, &service.name),
            container,
            said,
            end: None,
            test: None,
            lines: Vec::new(),
            because: because(definition, service, container, &names),
        };
        if let Some(container) = container {
            // What cannot be had in time makes the report less telling and nothing else.
            let _ = tokio::time::timeout(PATIENCE, question(runtime, container, &mut patient)).await;
        }
        patient
    }))
    .await
}

async fn question<R: Runtime>(runtime: &R, container: &Container, patient: &mut Patient<'_>) {
    patient.end = runtime.ended(&container.id).await.ok().flatten();
    if matches!(container.state, State::Running { health: Some(Health::Unhealthy) }) {
        patient.test = runtime.last_test(&container.id).await.ok().flatten();
    }
    let options = LogOptions { tail: Some(LINES), ..LogOptions::default() };
    let mut lines = runtime.logs(&container.id, &options);
    while let Some(Ok(line)) = lines.next().await {
        patient.lines.push(line.text);
    }
}

/// What never started, or answers no more, waits for what it depends on; what ended did so by itself.
fn because(
    definition: &Definition,
    service: &Service,
    container: Option<&Container>,
    sick: &[&ServiceName],
) -> Option<ServiceName> {
    let waits = match container.map(|container| &container.state) {
        None | Some(State::Created | State::Running { .. }) => true,
        Some(_) => false,
    };
    let upstream = graph::with_dependencies(definition, [&service.name]);
    let first = sick.iter().find(|name| ***name != service.name && upstream.contains(**name));
    first.filter(|_| waits).map(|name| (*name).clone())
}

/// Images that only a registry has, and what it says.
async fn absent<'a, R: Runtime>(
    runtime: &R,
    definition: &'a Definition,
    world: &'a World,
) -> Vec<Absent<'a>> {
    let wanted = definition
        .services
        .values()
        .filter(|service| service.build.is_none() && !world.images.contains_key(&service.image));
    join_all(wanted.map(async |service| {
        let asked = tokio::time::timeout(PATIENCE, runtime.offered(&service.image)).await;
        let silent = || RuntimeError::NoRegistry {
            reference: service.image.clone(),
            cause: format!("no answer within {} s", PATIENCE.as_secs()),
        };
        let answer = match asked {
            Ok(Err(RuntimeError::TimedOut(_))) | Err(_) => Err(silent()),
            Ok(answer) => answer,
        };
        Absent { service, answer }
    }))
    .await
}

/// Asks inside of each running container for the names of the running services it is to reach.
async fn lookups<'a, R: Runtime>(facts: &Facts<'a, R>) -> Vec<Lookup<'a>> {
    let running: Vec<&Service> = facts
        .definition
        .services
        .values()
        .filter(|service| service.network_mode.is_none() && facts.runs(service.name.as_str()))
        .collect();
    let meets = |one: &Service, other: &Service| {
        one.name != other.name && one.networks.keys().any(|key| other.networks.contains_key(key))
    };
    let looks = running.iter().map(async |from| {
        let wanted: Vec<&str> =
            running.iter().filter(|to| meets(from, to)).map(|to| to.name.as_str()).collect();
        let container = facts.container(from.name.as_str()).filter(|_| !wanted.is_empty())?;
        let argv: Vec<String> =
            ["getent", "hosts"].iter().chain(&wanted).map(|word| (*word).to_owned()).collect();
        let outcome = facts.runtime.exec(&container.id, &ExecOrder::of(&argv), PATIENCE).await.ok()?;
        // 2: one of the names is not known. Anything else says that it cannot be asked so.
        let found = |name: &&str| {
            outcome.output.lines().any(|line| line.split_whitespace().any(|word| word == *name))
        };
        let missing: Vec<&str> = wanted.into_iter().filter(|name| !found(name)).collect();
        (outcome.code == 2 && !missing.is_empty()).then_some(Lookup { from: &from.name, missing })
    });
    join_all(looks).await.into_iter().flatten().collect()
}

/// What dashboards would show.
async fn requests<R: Runtime>(facts: &Facts<'_, R>) -> Option<f64> {
    if !(facts.runs("api") && facts.runs("prometheus")) {
        return None;
    }
    let base = facts.address("prometheus", 9090)?;
    let query = "sum(increase(model_predictions_total[10m])) or vector(0)";
    let url = reqwest::Url::parse_with_params(&format!("{base}/api/v1/query"), [("query", query)]).ok()?;
    let answer = facts.get_json(url.as_str()).await.ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}
