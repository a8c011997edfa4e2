//! `extends`: a service is merged over another one, of the same document or of another file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Loading, Scope};
use crate::definition::context::clean;
use crate::definition::field::closest;
use crate::definition::node::{Key, Kind, Mark, Node, Tag, Value};
use crate::definition::{interpolate, merge};
use crate::finding::Finding;

/// Services that extend each other in a row.
const MAX_DEPTH: usize = 64;

/// The services of one file, as far as they are wanted.
struct Group {
    file: PathBuf,
    /// Where the file's own `extends.file` start.
    directory: PathBuf,
    services: BTreeMap<String, State>,
}

enum State {
    Raw(Node),
    /// On the way that is being walked.
    Open,
    /// Without `extends`; `None` where it could not be had.
    Done(Option<Node>),
}

/// What a service says in `extends`.
struct Reference {
    service: String,
    file: Option<String>,
    mark: Mark,
}

impl Loading<'_> {
    /// Resolves the `extends` of a document's services.
    pub(super) fn extend(&mut self, mut document: Node, scope: &Scope<'_>) -> Node {
        let Value::Map(sections) = &mut document.value else { return document };
        let services = sections.iter_mut().find(|(key, _)| key.text == "services");
        let Some((_, Node { value: Value::Map(services), .. })) = services else { return document };
        if services.iter().all(|(_, service)| service.get("extends").is_none()) {
            return document;
        }
        let entries = std::mem::take(services);
        let keys: Vec<Key> = entries.iter().map(|(key, _)| key.clone()).collect();
        let group = group(scope.file, scope.directory, entries);
        let mut walk = Walk { loading: self, scope, groups: vec![group], path: Vec::new() };
        for key in keys {
            walk.resolve(0, &key.text);
            let state = walk.groups.first_mut().and_then(|group| group.services.get_mut(&key.text));
            if let Some(State::Done(done)) = state
                && let Some(node) = done.clone()
            {
                services.push((key, node));
            }
        }
        document
    }
}

fn group(file: &Path, directory: &Path, services: Vec<(Key, Node)>) -> Group {
    let services = services.into_iter().map(|(key, node)| (key.text, State::Raw(node))).collect();
    Group { file: file.to_owned(), directory: directory.to_owned(), services }
}

struct Walk<'w, 'l> {
    loading: &'w mut Loading<'l>,
    scope: &'w Scope<'w>,
    groups: Vec<Group>,
    path: Vec<String>,
}

impl Walk<'_, '_> {
    /// Makes the service of a group `Done`.
    fn resolve(&mut self, group: usize, name: &str) {
        let Some(state) = self.groups[group].services.get_mut(name) else { return };
        let raw = match std::mem::replace(state, State::Open) {
            State::Raw(node) => node,
            other => {
                *state = other;
                return;
            }
        };
        self.path.push(name.to_owned());
        let done = self.extended(group, name, raw);
        self.path.pop();
        self.groups[group].services.insert(name.to_owned(), State::Done(done));
    }

    fn extended(&mut self, group: usize, name: &str, mut over: Node) -> Option<Node> {
        let Some((_, extends)) = over.take("extends").filter(|(_, node)| node.tag != Tag::Reset) else {
            return Some(over);
        };
        let reference = self.reference(name, &extends)?;
        // What may not be copied is not looked at either: thousands may extend one large service.
        self.loading.budget.nodes?;
        let base = self.base(group, name, &reference)?;
        if base.is_null() {
            return Some(over);
        }
        let count = base.count();
        self.loading.budget.nodes = self.loading.budget.nodes.and_then(|left| left.checked_sub(count));
        if self.loading.budget.nodes.is_none() {
            self.fail("definition/too-large", "`extends` copies more than it may", reference.mark);
            return None;
        }
        let merged = merge::extend(base, over, name, &self.loading.sources, &mut self.loading.problems);
        Some(merged)
    }

    fn fail(&mut self, code: &'static str, message: impl Into<String>, mark: Mark) {
        let place = self.loading.sources.place(mark);
        self.loading.problems.push(Finding::error(code, message).at(place));
    }

    fn reference(&mut self, name: &str, extends: &Node) -> Option<Reference> {
        let text = |node: &Node| match &node.value {
            Value::Scalar(scalar) if scalar.kind() == Kind::Text && !scalar.text.is_empty() => {
                Some(scalar.text.clone())
            }
            _ => None,
        };
        let Value::Map(entries) = &extends.value else {
            let service = text(extends);
            if service.is_none() {
                let message = format!("services.{name}.extends: expected a service's name, or a map");
                self.fail("definition/bad-value", message, extends.mark);
            }
            return Some(Reference { service: service?, file: None, mark: extends.mark });
        };
        let (mut service, mut file) = (None, None);
        for (key, node) in entries {
            let place = match key.text.as_str() {
                "service" => &mut service,
                "file" => &mut file,
                _ => {
                    let message = format!("unknown attribute `{}` of `services.{name}.extends`", key.text);
                    self.fail("definition/unknown-attribute", message, key.mark);
                    continue;
                }
            };
            *place = text(node);
            if place.is_none() && !(key.text == "file" && node.is_null()) {
                let message = format!("services.{name}.extends.{}: expected text", key.text);
                self.fail("definition/bad-value", message, node.mark);
                return None;
            }
        }
        let Some(service) = service else {
            let message = format!("services.{name}.extends: `service` is missing");
            self.fail("definition/missing-attribute", message, extends.mark);
            return None;
        };
        Some(Reference { service, file, mark: extends.mark })
    }

    /// The service that is extended, without tags.
    fn base(&mut self, group: usize, name: &str, reference: &Reference) -> Option<Node> {
        if self.path.len() > MAX_DEPTH {
            let message = format!("services extend each other more than {MAX_DEPTH} deep");
            self.fail("definition/too-deep", message, reference.mark);
            return None;
        }
        let target = match &reference.file {
            Some(file) => self.opened(group, name, file, reference.mark)?,
            None => group,
        };
        self.resolve(target, &reference.service);
        let found = &self.groups[target];
        match found.services.get(&reference.service) {
            Some(State::Done(node)) => node.clone().and_then(merge::strip),
            Some(State::Open | State::Raw(_)) => {
                let start = self.path.iter().position(|open| *open == reference.service).unwrap_or_default();
                let circle = self.path[start..].join(" → ");
                let message =
                    format!("services extend each other in a circle: {circle} → {}", reference.service);
                self.fail("definition/extends-cycle", message, reference.mark);
                None
            }
            None => {
                let place = match &reference.file {
                    Some(file) => format!("`{file}`"),
                    None => "this file".to_owned(),
                };
                let message =
                    format!("service `{name}` extends `{}`, which is not in {place}", reference.service);
                let near = closest(
                    &reference.service,
                    found.services.keys().map(String::as_str).filter(|other| *other != name),
                );
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let place = self.loading.sources.place(reference.mark);
                let finding = Finding::error("definition/undefined-service", message).at(place);
                self.loading.problems.push(Finding { hint, ..finding });
                None
            }
        }
    }

    /// The group of another file, which is read once.
    fn opened(&mut self, group: usize, name: &str, file: &str, mark: Mark) -> Option<usize> {
        if file.contains("://") || file.starts_with("git@") {
            let message =
                format!("services.{name}.extends: a file that is not on this machine is not supported");
            self.fail("definition/unsupported-attribute", message, mark);
            return None;
        }
        let path = clean(&self.groups[group].directory.join(file));
        // The first group is a document, which is not all of its file.
        if let Some(at) = self.groups.iter().skip(1).position(|group| group.file == path) {
            return Some(at + 1);
        }
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let what = format!("services.{name}.extends");
        let mut documents = self.loading.named_documents(&path, &directory, &what, mark)?;
        for document in &mut documents {
            interpolate::tree(
                document,
                self.scope.variables,
                &self.loading.sources,
                &mut self.loading.progress,
                &mut self.loading.problems,
            );
        }
        let services = self.loading.merged(documents).and_then(|mut merged| merged.take("services"));
        let services = match services {
            Some((_, Node { value: Value::Map(entries), .. })) => entries,
            _ => Vec::new(),
        };
        self.groups.push(self::group(&path, &directory, services));
        Some(self.groups.len() - 1)
    }
}
