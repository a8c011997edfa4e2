//! `include`: whole files beside the document, each with a folder and variables of its own. What both define is refused.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{Loading, Scope};
use crate::definition::context::clean;
use crate::definition::interpolate::Variables;
use crate::definition::node::{Key, Kind, Mark, Node, Sources, Value};
use crate::finding::Finding;

/// Files that include each other in a row.
const MAX_DEPTH: usize = 32;

/// One entry of `include`.
struct Entry {
    mark: Mark,
    paths: Vec<String>,
    project_directory: Option<String>,
    env_files: Vec<String>,
}

impl Loading<'_> {
    /// Adds what a document includes.
    pub(super) fn include(&mut self, mut document: Node, scope: &Scope<'_>) -> Node {
        let Some((key, list)) = document.take("include") else { return document };
        let Value::List(items) = &list.value else {
            if !list.is_null() {
                self.refuse("definition/bad-value", "include: expected a list", key.mark);
            }
            return document;
        };
        for (at, item) in items.iter().enumerate() {
            let Some(entry) = self.entry(at, item) else { continue };
            let Some(included) = self.included(at, &entry, scope) else { continue };
            self.import(&mut document, included);
        }
        document
    }

    fn refuse(&mut self, code: &'static str, message: impl Into<String>, mark: Mark) {
        let place = self.sources.place(mark);
        self.problems.push(Finding::error(code, message).at(place));
    }

    fn entry(&mut self, at: usize, item: &Node) -> Option<Entry> {
        let mut entry =
            Entry { mark: item.mark, paths: Vec::new(), project_directory: None, env_files: Vec::new() };
        if let Value::Map(entries) = &item.value {
            for (key, node) in entries {
                let texts = texts(node);
                match (key.text.as_str(), texts) {
                    ("path", Some(texts)) => entry.paths = texts,
                    ("env_file", Some(texts)) => entry.env_files = texts,
                    ("project_directory", Some(texts)) => entry.project_directory = texts.into_iter().next(),
                    ("path" | "env_file" | "project_directory", None) => {
                        let message = format!("include[{at}].{}: expected text", key.text);
                        self.refuse("definition/bad-value", message, node.mark);
                        return None;
                    }
                    _ => {
                        let message = format!("unknown attribute `{}` of `include[{at}]`", key.text);
                        self.refuse("definition/unknown-attribute", message, key.mark);
                    }
                }
            }
        } else {
            entry.paths = texts(item).filter(|_| matches!(item.value, Value::Scalar(_))).unwrap_or_default();
        }
        if entry.paths.is_empty() {
            let message = format!("include[{at}]: expected a path, or a map with a `path`");
            self.refuse("definition/bad-value", message, item.mark);
            return None;
        }
        if let Some(path) = entry.paths.iter().find(|path| path.contains("://") || path.starts_with("git@")) {
            let message =
                format!("include[{at}]: `{path}` is not on this machine, which is not supported by pdex");
            self.refuse("definition/unsupported-attribute", message, item.mark);
            return None;
        }
        Some(entry)
    }

    /// The files of an entry as one tree.
    fn included(&mut self, at: usize, entry: &Entry, scope: &Scope<'_>) -> Option<Node> {
        let paths: Vec<PathBuf> = entry.paths.iter().map(|path| clean(&scope.directory.join(path))).collect();
        let first = paths.first()?;
        if scope.included.contains(first) {
            let names: Vec<String> =
                scope.included.iter().chain([first]).map(|path| path.display().to_string()).collect();
            let message = format!("files include each other in a circle: {}", names.join(" → "));
            self.refuse("definition/include-cycle", message, entry.mark);
            return None;
        }
        if scope.included.len() > MAX_DEPTH {
            let message = format!("files include each other more than {MAX_DEPTH} deep");
            self.refuse("definition/too-deep", message, entry.mark);
            return None;
        }
        let directory = match &entry.project_directory {
            Some(given) => clean(&scope.directory.join(given)),
            None => first.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let variables = self.included_variables(entry, scope, &directory);
        let included: Vec<PathBuf> = scope.included.iter().chain([first]).cloned().collect();
        let mut documents = Vec::new();
        for path in &paths {
            let what = format!("include[{at}]");
            for document in self.named_documents(path, &directory, &what, entry.mark)? {
                let inner =
                    Scope { file: path, directory: &directory, variables: &variables, included: &included };
                documents.push(self.expand(document, &inner));
            }
        }
        self.merged(documents)
    }

    /// The outer variables, and below them those of the entry's env files, or of `.env` in its folder.
    fn included_variables(&mut self, entry: &Entry, scope: &Scope<'_>, directory: &Path) -> Variables {
        let mut files: Vec<PathBuf> =
            entry.env_files.iter().map(|file| clean(&scope.directory.join(file))).collect();
        let own = directory.join(".env");
        if files.is_empty() && own.is_file() {
            files.push(own);
        }
        let mut variables = scope.variables.clone();
        let outer = scope.variables.all().collect();
        let mut inner = BTreeMap::new();
        for file in files {
            self.env_file(&file, &outer, &mut inner, Some(entry.mark));
        }
        inner.append(&mut variables.files);
        variables.files = inner;
        variables
    }

    /// Adds the sections of an included tree. What is there already must be the same.
    fn import(&mut self, document: &mut Node, included: Node) {
        let (Value::Map(sections), Value::Map(more)) = (&mut document.value, included.value) else { return };
        for (key, section) in more {
            if matches!(key.text.as_str(), "name" | "version") || key.text.starts_with("x-") {
                continue;
            }
            let Some((_, own)) = sections.iter_mut().find(|(own, _)| own.text == key.text) else {
                sections.push((key, section));
                continue;
            };
            let (Value::Map(own), Value::Map(entries)) = (&mut own.value, section.value) else { continue };
            let index: HashMap<String, usize> =
                own.iter().enumerate().map(|(at, (key, _))| (key.text.clone(), at)).collect();
            for (name, node) in entries {
                let Some((_, there)) = index.get(&name.text).and_then(|at| own.get(*at)) else {
                    own.push((name, node));
                    continue;
                };
                if !same(there, &node, &self.sources) {
                    let message = format!(
                        "{}.{} is also defined, and differently, in the file that includes this one",
                        key.text, name.text
                    );
                    let place = self.sources.place(name.mark);
                    let finding = Finding::error("definition/include-conflict", message).at(place);
                    let hint = "rename one, or change it in a file merged over it (-f, or a second `path` of the include)";
                    self.problems.push(finding.hint(hint));
                }
            }
        }
    }
}

/// One text or a list of texts.
fn texts(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() == Kind::Text => Some(vec![scalar.text.clone()]),
        Value::Scalar(_) if node.is_null() => Some(Vec::new()),
        Value::List(items) => {
            let one = |item: &Node| match &item.value {
                Value::Scalar(scalar) if scalar.kind() == Kind::Text => Some(scalar.text.clone()),
                _ => None,
            };
            items.iter().map(one).collect()
        }
        _ => None,
    }
}

/// Whether two values mean the same, relative paths included.
fn same(one: &Node, other: &Node, sources: &Sources) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            a.text == b.text && a.kind() == b.kind() && sources.base(one.mark) == sources.base(other.mark)
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, sources))
        }
        (Value::Map(a), Value::Map(b)) => {
            let others: HashMap<&str, &Node> =
                b.iter().map(|(key, node)| (key.text.as_str(), node)).collect();
            let equal = |(key, node): &(Key, Node)| {
                others.get(key.text.as_str()).is_some_and(|other| same(node, other, sources))
            };
            a.len() == b.len() && a.iter().all(equal)
        }
        _ => false,
    }
}
