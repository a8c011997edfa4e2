//! What every module here looks at: the definition with the names that its parts have on the cluster, and the list of what
//! cannot be said, which they add to.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::config::Files;
use super::environment::Credentials;
use super::storage::Storage;
use super::{Facts, Fate, Left, Options, image, name};
use crate::definition::model::{Definition, Namespace, Service, ServiceName};
use crate::export::sources::Sources;
use crate::finding::Place;
use crate::probe;

/// Before the name of a network, in the label of the pods that are on it.
const NETWORK: &str = "io.pdex.network/";

#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub(super) definition: &'a Definition,
    pub(super) options: &'a Options,
    pub(super) sources: &'a Sources,
    facts: &'a Facts<'a>,
    names: BTreeMap<ServiceName, String>,
    networks: BTreeMap<String, String>,
    pub(super) jobs: BTreeSet<ServiceName>,
    pub(super) storage: Storage,
    pub(super) files: Files,
    pub(super) credentials: Credentials,
    left: RefCell<Vec<Left>>,
}

impl<'a> Stack<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, definition: &'a Definition) -> Self {
        let jobs = definition.jobs().into_iter().filter(|job| definition.services.contains_key(job));
        let jobs: BTreeSet<ServiceName> = jobs.collect();
        let services = definition.services.keys();
        let storage = Storage::of(definition, facts.sources, &jobs);
        Self {
            definition,
            options: facts.options,
            sources: facts.sources,
            facts,
            names: name::distinct(services.map(|service| (service.clone(), service.to_string()))),
            networks: name::distinct(definition.networks.keys().map(|key| (key.clone(), key.clone()))),
            files: Files::of(definition, facts.sources, &storage),
            storage,
            credentials: Credentials::of(definition),
            jobs,
            left: RefCell::default(),
        }
    }

    /// A service's name on the cluster.
    pub(super) fn name<'s>(&'s self, service: &'s ServiceName) -> &'s str {
        self.names.get(service).map_or(service.as_str(), String::as_str)
    }

    /// What an object of a service is selected by.
    pub(super) fn selector(&self, service: &Service) -> Value {
        json!({
            "app.kubernetes.io/name": self.name(&service.name),
            "app.kubernetes.io/instance": self.instance(),
        })
    }

    /// The labels of everything that belongs to a service.
    pub(super) fn labels(&self, service: &Service) -> Value {
        let component = if self.jobs.contains(&service.name) { "job" } else { "service" };
        let mut labels = self.common();
        labels["app.kubernetes.io/name"] = json!(self.name(&service.name));
        labels["app.kubernetes.io/component"] = json!(component);
        if let Some(version) = image::version(&service.image) {
            labels["app.kubernetes.io/version"] = json!(version);
        }
        labels
    }

    /// The labels of what belongs to no single service.
    pub(super) fn common(&self) -> Value {
        json!({
            "app.kubernetes.io/instance": self.instance(),
            "app.kubernetes.io/part-of": self.instance(),
            "app.kubernetes.io/managed-by": "pdex",
        })
    }

    /// What selects all pods of the stack.
    pub(super) fn everything(&self) -> Value {
        json!({"matchLabels": {"app.kubernetes.io/instance": self.instance()}})
    }

    pub(super) fn instance(&self) -> String {
        name::label(&self.definition.project)
    }

    /// The name of a network on the cluster.
    pub(super) fn network(&self, key: &str) -> &str {
        self.networks.get(key).map_or("default", String::as_str)
    }

    /// The label of the pods that are on a network.
    pub(super) fn network_label(&self, key: &str) -> String {
        format!("{NETWORK}{}", self.network(key))
    }

    /// The services that people reach from outside, each with its port and the host it answers to: of what answers over HTTP the
    /// essential, and what these cannot do without; or, in a definition that calls nothing essential, what is published. What the
    /// light stack does without is for those who run it: MLflow asks nobody who they are.
    pub(super) fn exposed(&self) -> Vec<(&'a Service, u16, String)> {
        let services = &self.definition.services;
        let essential: Vec<&Service> = services.values().filter(|service| service.pdex.essential).collect();
        let needed = |name: &ServiceName| {
            essential.iter().any(|service| {
                service.name == *name
                    || service.depends_on.get(name).is_some_and(|dependency| dependency.required)
            })
        };
        let front = essential.first().map(|service| &service.name);
        let open = services.values().filter(|service| {
            let asked = if front.is_some() { needed(&service.name) } else { !service.ports.is_empty() };
            asked && !self.jobs.contains(&service.name)
        });
        let host = |service: &Service| match front {
            Some(front) if *front == service.name => self.options.host.clone(),
            _ => format!("{}.{}", self.name(&service.name), self.options.host),
        };
        open.filter_map(|service| Some((service, probe::http(service)?.0, host(service)))).collect()
    }

    /// Notes what has no equivalent, at an attribute such as `services.api.container_name`.
    pub(super) fn lost(&self, path: impl Into<String>, what: impl Into<String>) {
        self.note(Fate::Lost, path.into(), what.into());
    }

    /// Notes what something else stands for.
    pub(super) fn changed(&self, path: impl Into<String>, what: impl Into<String>) {
        self.note(Fate::Changed, path.into(), what.into());
    }

    fn note(&self, fate: Fate, path: String, what: String) {
        let place = self.place(&path);
        self.left.borrow_mut().push(Left { fate, place, path, what });
    }

    /// Where an attribute stands, or the nearest thing that it is part of. Relative to the project directory, so that it reads
    /// the same on every machine.
    fn place(&self, path: &str) -> Option<Place> {
        let loaded = self.facts.loaded;
        let mut path = path;
        let mut place = loop {
            let attribute = loaded.attributes.get(path).map(|attribute| &attribute.place);
            if let Some(place) = attribute.or_else(|| loaded.places.get(path)) {
                break place.clone();
            }
            path = &path[..path.rfind(['.', '['])?];
        };
        if let Ok(inside) = place.file.strip_prefix(&self.definition.directory) {
            place.file = inside.to_owned();
        }
        Some(place)
    }

    /// An attribute's text before variables were put in.
    pub(super) fn written(&self, path: &str) -> Option<&str> {
        self.facts.loaded.attributes.get(path)?.text.as_deref()
    }

    /// What cannot be said, each thing once, in the order of the files.
    pub(super) fn left(&self) -> Vec<Left> {
        let mut left = self.left.borrow().clone();
        left.sort();
        left.dedup();
        left
    }
}

/// The networks that a service is on; none where it has those of someone else.
pub(super) fn networks_of(service: &Service) -> impl Iterator<Item = &String> {
    let own = service.network_mode.is_none();
    service.networks.keys().filter(move |_| own)
}

/// Whether one can reach the other.
pub(super) fn meet(one: &Service, other: &Service) -> bool {
    other.network_mode.is_none() && networks_of(one).any(|network| other.networks.contains_key(network))
}

/// The service whose network another one uses.
pub(super) fn borrowed(service: &Service) -> Option<&ServiceName> {
    service.network_mode.as_ref().and_then(Namespace::service)
}
