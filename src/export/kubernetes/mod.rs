//! The stack as Kubernetes manifests under Kustomize: a base that says what the definition says, and two overlays. Pure: the same
//! definition and files give the same bytes. A module has one kind of document; `left` has what none of them can say.

mod autoscale;
mod config;
mod container;
mod environment;
mod gate;
mod image;
mod ingress;
mod kustomize;
mod left;
mod monitor;
mod name;
mod policy;
mod probe;
mod resources;
mod security;
mod service;
mod stack;
mod storage;
mod workload;

#[cfg(test)]
mod export_test;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::stack::Stack;
use super::sources::Sources;
use crate::definition::Loaded;
use crate::definition::model::{Definition, FileObject, FileSource, Hidden, ServiceName};
use crate::definition::render::document;
use crate::finding::Place;

/// What the user decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the images that the definition builds are pushed to: `registry.example.org/team`.
    pub registry: Option<String>,
    /// Under which name the stack is reached.
    pub host: String,
    pub ingress_class: Option<String>,
    /// The namespace of the controller that serves Ingresses.
    pub ingress_namespace: String,
    /// The namespace of a Prometheus operator.
    pub monitoring_namespace: String,
    pub storage_class: Option<String>,
    /// Of each claim: `8Gi`.
    pub volume_size: String,
    pub without: BTreeSet<ServiceName>,
}

/// Everything an export is made of.
#[derive(Debug)]
pub struct Facts<'a> {
    pub loaded: &'a Loaded,
    pub sources: &'a Sources,
    pub options: &'a Options,
}

/// The documents, and what there is to tell of them.
#[derive(Debug, Clone, Default)]
pub struct Export {
    /// By their paths in the folder.
    pub files: BTreeMap<String, Vec<u8>>,
    pub project: String,
    /// Of the production overlay; that of the other one ends with `-dev`.
    pub namespace: String,
    /// Kind → how many.
    pub kinds: BTreeMap<String, usize>,
    pub left: Vec<Left>,
    /// Secrets that the manifests refer to.
    pub secrets: Vec<Secret>,
    /// Images that no registry has before someone pushes them: as they are here, as the manifests name them.
    pub images: Vec<(String, String)>,
    /// Service, port of the container, port of this machine.
    pub forwards: Vec<(String, u16, u16)>,
    pub jobs: Vec<String>,
}

/// Something of the definition that is not on the cluster as it is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    pub fate: Fate,
    pub place: Option<Place>,
    /// `services.api.container_name`
    pub path: String,
    /// What follows, and what to do.
    pub what: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// There is no equivalent: it is not exported.
    Lost,
    /// Something else stands for it.
    Changed,
}

/// A Secret that has to be made by hand, for its values are nowhere in the export.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    pub name: String,
    /// Key → where its value is now.
    pub keys: BTreeMap<String, Origin>,
}

/// Where the value of a Secret's key is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A variable of the shell or of `.env`.
    Variable(String),
    /// A file, relative to the project directory where it is in it.
    File(String),
    /// All files of a folder.
    Folder(String),
    /// Nowhere but in the definition, at this attribute.
    Attribute(String),
    /// A certificate that someone has to bring, with its key.
    Certificate,
}

/// A value that must not leave this machine stands where it would.
#[derive(Debug, thiserror::Error)]
#[error("{path} holds a secret that also stands in what would become {file}")]
pub struct Exposed {
    /// `services.api.environment.API_KEY`, `secrets.token`
    pub path: String,
    pub file: String,
}

/// Shorter values are words that occur by chance.
const TELLING: usize = 12;

/// Makes the documents. The definition is reduced to what `without` leaves.
pub fn export(facts: &Facts<'_>) -> Result<Export, Exposed> {
    let mut definition = facts.loaded.definition.clone();
    definition.services.retain(|name, _| !facts.options.without.contains(name));
    let stack = Stack::new(facts, &definition);
    let mut documents = Documents::default();
    for service in definition.services.values() {
        let mut of_service = workload::documents(&stack, service);
        of_service.extend(service::documents(&stack, service));
        documents.add(&format!("base/{}.yaml", stack.name(&service.name)), of_service);
        left::of_service(&stack, service);
    }
    left::of_stack(&stack);
    config::note(&stack);
    documents.add("base/storage.yaml", storage::claims(&stack));
    documents.add("base/network-policies.yaml", policy::documents(&stack));
    for (path, bytes) in config::files(&stack) {
        documents.files.insert(path, bytes);
    }
    kustomize::base(&stack, &mut documents);
    kustomize::development(&stack, &mut documents);
    kustomize::production(&stack, &mut documents);
    monitor::component(&stack, &mut documents);
    keeps_secrets(&definition, &documents.files)?;
    let mut secrets = environment::secret(&stack).into_iter().collect::<Vec<_>>();
    secrets.extend(config::secrets(&stack));
    secrets.extend(ingress::secret(&stack));
    Ok(Export {
        files: documents.files,
        project: definition.project.clone(),
        namespace: kustomize::namespace(&stack),
        kinds: documents.kinds,
        secrets,
        images: image::built(&stack),
        forwards: service::forwards(&stack),
        jobs: stack.jobs.iter().map(|job| stack.name(job).to_owned()).collect(),
        left: stack.left(),
    })
}

/// Files that are being made.
#[derive(Debug, Default)]
struct Documents {
    files: BTreeMap<String, Vec<u8>>,
    kinds: BTreeMap<String, usize>,
}

impl Documents {
    /// A file with these documents; none where there are none.
    fn add(&mut self, path: &str, documents: Vec<Value>) {
        if documents.is_empty() {
            return;
        }
        let mut texts = Vec::new();
        for value in documents {
            let value = pruned(value);
            if let Some(kind) = value["kind"].as_str().filter(|kind| !kustomize::is_about_files(kind)) {
                *self.kinds.entry(kind.to_owned()).or_default() += 1;
            }
            texts.push(document(&value));
        }
        self.files.insert(path.to_owned(), texts.join("---\n").into_bytes());
    }
}

/// Without the keys that have no value: they are written as `null` where they do not apply.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key, pruned(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

/// The last look: whatever way a secret of the definition may have taken into a file.
fn keeps_secrets(definition: &Definition, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Exposed> {
    let variables = definition.services.values().flat_map(|service| {
        let own = service.environment.iter().filter(|(name, value)| environment::is_secret(name, value));
        own.map(|(name, value)| (format!("services.{}.environment.{name}", service.name), value.as_str()))
    });
    let from_environment = |object: &'_ FileObject| match &object.source {
        FileSource::Environment { variable, value: Some(value) } => Some((variable.clone(), value.clone())),
        _ => None,
    };
    let secrets: Vec<(String, Hidden)> = definition
        .secrets
        .iter()
        .filter_map(|(key, object)| Some((format!("secrets.{key}"), from_environment(object)?.1)))
        .chain(definition.configs.iter().filter_map(|(key, object)| {
            let (variable, value) = from_environment(object)?;
            environment::is_secret(&variable, value.reveal()).then(|| (format!("configs.{key}"), value))
        }))
        .collect();
    let secrets = secrets.iter().map(|(path, value)| (path.clone(), value.reveal()));
    for (path, value) in variables.chain(secrets).filter(|(_, value)| value.len() >= TELLING) {
        let holds = |bytes: &Vec<u8>| bytes.windows(value.len()).any(|part| part == value.as_bytes());
        if let Some((file, _)) = files.iter().find(|(_, bytes)| holds(bytes)) {
            return Err(Exposed { path, file: file.clone() });
        }
    }
    Ok(())
}
