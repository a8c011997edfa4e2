//! Which attributes of a service changed since its container was made. The container carries a digest of each value and not the
//! value: a label is no place for a password. A digest is cut short, since it only has to tell a value from its successor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::tree::{self, Tree};
use super::{Form, service};
use crate::definition::field::is_secret;
use crate::definition::model::Service;

/// Bytes of a digest that are kept.
const KEPT: usize = 4;

/// One attribute that is not as the container has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// `environment.DEV_MODE`
    pub path: String,
    pub kind: Change,
}

/// What became of an attribute. Values are as they are to be, `***` for a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Added(String),
    Changed(String),
    Removed,
}

impl fmt::Display for FieldChange {
    /// `+ path: value`, `~ path: value` or `- path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Change::Added(value) => write!(f, "+ {}: {value}", self.path),
            Change::Changed(value) => write!(f, "~ {}: {value}", self.path),
            Change::Removed => write!(f, "- {}", self.path),
        }
    }
}

/// The digest of each attribute that goes into [`super::config_hash`], by path.
pub fn digests(service: &Service) -> BTreeMap<String, String> {
    values(service).into_iter().map(|(path, value)| (path, digest(&value))).collect()
}

/// How the service differs from what `made` says of its container; nothing when `made` is empty, which says nothing.
pub fn changes(made: &BTreeMap<String, String>, service: &Service) -> Vec<FieldChange> {
    if made.is_empty() {
        return Vec::new();
    }
    let wanted = values(service);
    let paths: BTreeSet<&String> = made.keys().chain(wanted.keys()).collect();
    let change = |path: &&String| match (made.get(*path), wanted.get(*path)) {
        (Some(_), None) => Some(Change::Removed),
        (None, Some(value)) => Some(Change::Added(shown(path, value))),
        (Some(old), Some(value)) if *old != digest(value) => Some(Change::Changed(shown(path, value))),
        _ => None,
    };
    paths
        .into_iter()
        .filter_map(|path| Some(FieldChange { path: path.clone(), kind: change(&path)? }))
        .collect()
}

/// Every value that is no map, by the way to it. A list is one value: its items have no names to follow them by.
fn values(service: &Service) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    flatten(&service::tree(service, Form::Hash), &mut String::new(), &mut values);
    values
}

fn flatten(tree: &Tree, path: &mut String, values: &mut BTreeMap<String, String>) {
    let Tree::Map(entries) = tree else {
        let text = match tree {
            Tree::Text(text) => text.clone(),
            other => tree::json(other, false),
        };
        values.insert(path.clone(), text);
        return;
    };
    let length = path.len();
    for (key, value) in entries {
        if length > 0 {
            path.push('.');
        }
        path.push_str(key);
        flatten(value, path, values);
        path.truncate(length);
    }
}

fn shown(path: &str, value: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    if is_secret(name) { "***".to_owned() } else { value.to_owned() }
}

fn digest(value: &str) -> String {
    Sha256::digest(value).iter().take(KEPT).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(environment: &[(&str, &str)], command: &[&str]) -> Service {
        let text = |text: &&str| (*text).to_owned();
        Service {
            image: "api:1".to_owned(),
            image_named: true,
            environment: environment.iter().map(|(name, value)| (text(name), text(value))).collect(),
            command: Some(command.iter().map(text).collect()),
            ..Service::default()
        }
    }

    #[test]
    fn each_change_is_named_and_secrets_are_not_shown() {
        let old = service(&[("MODE", "a"), ("API_KEY", "one"), ("GONE", "x")], &["serve"]);
        let new = service(&[("MODE", "b"), ("API_KEY", "two"), ("NEW", "y")], &["serve", "--fast"]);
        let told: Vec<String> = changes(&digests(&old), &new).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "~ command: [\"serve\",\"--fast\"]",
                "~ environment.API_KEY: ***",
                "- environment.GONE",
                "~ environment.MODE: b",
                "+ environment.NEW: y",
            ]
        );
        assert!(changes(&digests(&new), &new).is_empty());
        assert!(changes(&BTreeMap::new(), &new).is_empty(), "nothing is known of what another tool made");
    }

    #[test]
    fn no_value_is_in_its_digest() {
        let digests = digests(&service(&[("POSTGRES_PASSWORD", "hunter2")], &[]));
        assert_eq!(digests["environment.POSTGRES_PASSWORD"].len(), 2 * KEPT);
        assert!(digests.values().all(|digest| !digest.contains("hunter2")));
    }
}
