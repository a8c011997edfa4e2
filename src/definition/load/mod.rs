//! Reads the files of a definition and leads their text through the layer. This folder is the one place here that touches the
//! disk; every step it calls works on text and trees.

mod disk;
mod extends;
mod include;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::context::{Context, MAX_PORTS, MAX_PROBLEMS, clean};
use super::field::Field;
use super::interpolate::{self, Variables};
use super::model::Definition;
use super::node::{Kind, Mark, Node, Scalar, Sources, Tag, Value};
use super::{dotenv, merge, resolve, rules, yaml};
use crate::finding::{Finding, Place, Severity};

/// What to load, as the command line and the environment give it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// At least one; later files are merged over earlier ones.
    pub files: Vec<PathBuf>,
    /// Where relative paths start. Else the first file's folder, joined with its `x-pdex.project_directory`.
    pub project_directory: Option<PathBuf>,
    /// Else `COMPOSE_PROJECT_NAME`, else the definition's `name`, else the project directory's own name.
    pub project_name: Option<String>,
    /// Explicit `--env-file`s. When empty, `.env` of the project directory if there is one.
    pub env_files: Vec<PathBuf>,
    /// The environment of the process. The layer reads none itself.
    pub environment: BTreeMap<String, String>,
    /// Profiles to enable; `*` enables all. When empty, those of `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Services that the command line names: their profiles are enabled, too.
    pub services: Vec<String>,
}

/// A definition and what was noticed on the way that does not stop it.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub definition: Definition,
    /// Warnings and notes, never errors.
    pub warnings: Vec<Finding>,
    /// Where a path such as `services.api` or `services.api.depends_on.db` stands in the files.
    pub places: BTreeMap<String, Place>,
    /// The services and their attributes as the files have them, by paths such as `services.api`, `services.api.ports`,
    /// `services.api.ports[0]` and `services.api.environment.KEY`.
    pub attributes: BTreeMap<String, Attribute>,
}

/// An attribute as the files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Where it is named.
    pub place: Place,
    /// Its text before variables were put in; nothing for a list or a map.
    pub text: Option<String>,
}

/// What a text says by itself, with no variable set; `None` where one has to be.
pub fn alone(written: &str) -> Option<String> {
    interpolate::substitute(written, &|_| None).ok().map(|(text, _)| text)
}

/// Reads, merges, resolves and checks. On failure every problem found, errors first.
pub fn load(request: &Request) -> Result<Loaded, Vec<Finding>> {
    let mut loading = Loading::new(request);
    let result = loading.run();
    let mut problems = loading.problems;
    problems.iter_mut().for_each(shorten);
    problems.sort_by(|a, b| {
        let key = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.place.is_none());
        key(a).cmp(&key(b)).then_with(|| a.place.cmp(&b.place))
    });
    if problems.len() >= MAX_PROBLEMS {
        problems.truncate(MAX_PROBLEMS);
        let message = format!("only the first {MAX_PROBLEMS} problems are shown");
        problems.push(Finding::error("definition/too-many-problems", message));
    }
    match result {
        Some(loaded) if problems.iter().all(|finding| finding.severity != Severity::Error) => {
            Ok(Loaded { warnings: problems, ..loaded })
        }
        _ => Err(problems),
    }
}

/// The profiles that a request asks for where its project directory is known: its own, else those of `COMPOSE_PROFILES` in the
/// environment or the env files. What is wrong with these files, loading tells.
pub fn profiles(request: &Request, directory: &Path) -> Vec<String> {
    let variables = Loading::new(request).variables(directory);
    asked(request, &variables)
}

fn asked(request: &Request, variables: &Variables) -> Vec<String> {
    match variables.get("COMPOSE_PROFILES") {
        Some(list) if request.profiles.is_empty() => list.split(',').map(str::to_owned).collect(),
        _ => request.profiles.clone(),
    }
}

/// A text of the definition that a message shows may be endless.
fn shorten(finding: &mut Finding) {
    for text in std::iter::once(&mut finding.message).chain(&mut finding.hint) {
        if text.len() > 1000 {
            let end = text.floor_char_boundary(1000);
            text.truncate(end);
            text.push('…');
        }
    }
}

/// Values copied by `extends`.
const MAX_COPIES: usize = 200_000;
/// Files read because others name them.
const MAX_FILES: usize = 500;

struct Loading<'a> {
    request: &'a Request,
    sources: Sources,
    problems: Vec<Finding>,
    progress: interpolate::Progress,
    files: disk::Files,
    budget: Budget,
}

/// What hostile files may still make this load do.
struct Budget {
    /// Values that may still be copied; `None` once they were too many, which has been told.
    nodes: Option<usize>,
    files: usize,
}

/// Whence a document is read.
struct Scope<'s> {
    /// The document's file.
    file: &'s Path,
    /// Where its relative paths start.
    directory: &'s Path,
    variables: &'s Variables,
    /// The files that include it, outermost first, and its own.
    included: &'s [PathBuf],
}

impl<'a> Loading<'a> {
    fn new(request: &'a Request) -> Self {
        Self {
            request,
            sources: Sources::default(),
            problems: Vec::new(),
            progress: interpolate::Progress::default(),
            files: disk::Files::default(),
            budget: Budget { nodes: Some(MAX_COPIES), files: MAX_FILES },
        }
    }

    fn run(&mut self) -> Option<Loaded> {
        let files: Vec<PathBuf> = self.request.files.iter().filter_map(|file| self.absolute(file)).collect();
        if files.is_empty() {
            self.problems.push(Finding::error("definition/unreadable", "no definition file is given"));
        }
        let documents: Vec<Node> = files.iter().flat_map(|file| self.documents(file)).collect();
        let directory = self.directory(&files, &documents)?;
        self.sources.set_directory(&directory);
        let mut variables = self.variables(&directory);
        let project = self.project(&documents, &variables, &directory);
        variables.environment.insert("COMPOSE_PROJECT_NAME".into(), project.clone());
        let mut expanded = Vec::with_capacity(documents.len());
        for document in documents {
            let file = self.sources.place(document.mark).file;
            let included = std::slice::from_ref(&file);
            let scope = Scope { file: &file, directory: &directory, variables: &variables, included };
            expanded.push(self.expand(document, &scope));
        }
        if self.problems.iter().any(|finding| finding.severity == Severity::Error) {
            // What follows would report the gaps that these errors leave.
            return None;
        }
        let empty = Node { mark: Mark::default(), tag: Tag::None, value: Value::Map(Vec::new()) };
        let root = self.merged(expanded).unwrap_or(empty);
        Some(self.resolve(&root, files, &directory, &variables, &project))
    }

    /// A document with its variables put in, and with what its services extend and what it includes.
    fn expand(&mut self, mut document: Node, scope: &Scope<'_>) -> Node {
        interpolate::tree(
            &mut document,
            scope.variables,
            &self.sources,
            &mut self.progress,
            &mut self.problems,
        );
        let document = self.extend(document, scope);
        self.include(document, scope)
    }

    /// Later documents over earlier ones; `None` where there are none.
    fn merged(&mut self, documents: Vec<Node>) -> Option<Node> {
        let mut documents = documents.into_iter();
        let first = documents.next()?;
        let merged =
            documents.fold(first, |base, over| merge::merge(base, over, &self.sources, &mut self.problems));
        merge::strip(merged)
    }

    fn resolve(
        &mut self,
        root: &Node,
        files: Vec<PathBuf>,
        directory: &Path,
        variables: &Variables,
        project: &str,
    ) -> Loaded {
        let context = Context {
            sources: &self.sources,
            directory,
            home: self.request.environment.get("HOME").map(String::as_str),
            variables,
            files: &self.files,
            ports_left: Some(MAX_PORTS).into(),
            problems: self.problems.split_off(0).into(),
            places: BTreeMap::new().into(),
            attributes: BTreeMap::new().into(),
        };
        let profiles = asked(self.request, variables);
        let field = Field { context: &context, path: String::new(), node: root };
        let mut definition = resolve::definition(&field, project, profiles, &self.request.services);
        definition.files = files;
        let mut problems = context.problems.into_inner();
        let places: BTreeMap<String, Place> = context
            .places
            .into_inner()
            .into_iter()
            .map(|(path, mark)| (path, self.sources.place(mark)))
            .collect();
        let attributes = context.attributes.into_inner().into_iter();
        let attributes = attributes
            .map(|(path, (mark, text))| (path, Attribute { place: self.sources.place(mark), text }))
            .collect();
        let place = |path: &str| places.get(path).cloned();
        problems.extend(rules::check(&rules::Facts {
            definition: &definition,
            place: &place,
            left: MAX_PROBLEMS.into(),
        }));
        resolve::prune(&mut definition);
        self.problems = problems;
        Loaded { definition, warnings: Vec::new(), places, attributes }
    }

    fn absolute(&mut self, path: &Path) -> Option<PathBuf> {
        match std::path::absolute(path) {
            Ok(path) => Some(clean(&path)),
            Err(error) => {
                self.problems.push(disk::unreadable(path, &error.to_string()));
                None
            }
        }
    }

    fn documents(&mut self, file: &Path) -> Vec<Node> {
        let index = self.sources.add(file.to_owned());
        match disk::read(file) {
            Ok(bytes) => self.parsed(&bytes, index),
            Err(why) => {
                self.problems.push(disk::unreadable(file, &why));
                Vec::new()
            }
        }
    }

    /// The documents of a file that another one names at `mark`; relative paths in it start in `base`.
    fn named_documents(&mut self, file: &Path, base: &Path, what: &str, mark: Mark) -> Option<Vec<Node>> {
        let mut fail = |code, why: &str| {
            let message = format!("{what}: {} cannot be read: {why}", file.display());
            self.problems.push(Finding::error(code, message).at(self.sources.place(mark)));
        };
        let Some(left) = self.budget.files.checked_sub(1) else {
            fail("definition/too-large", &format!("the definition names more than {MAX_FILES} files"));
            return None;
        };
        let bytes = match disk::read(file) {
            Ok(bytes) => bytes,
            Err(why) => {
                fail("definition/unreadable", &why);
                return None;
            }
        };
        self.budget.files = left;
        let index = self.sources.add_based(file.to_owned(), base.to_owned());
        Some(self.parsed(&bytes, index))
    }

    fn parsed(&mut self, bytes: &[u8], file: usize) -> Vec<Node> {
        match yaml::parse(bytes, file, &self.sources) {
            Ok(documents) => documents,
            Err(finding) => {
                self.problems.push(finding);
                Vec::new()
            }
        }
    }

    fn directory(&mut self, files: &[PathBuf], documents: &[Node]) -> Option<PathBuf> {
        if let Some(given) = &self.request.project_directory {
            return self.absolute(given);
        }
        let folder = files.first()?.parent()?.to_owned();
        let own =
            documents.first().and_then(|first| first.get("x-pdex")).and_then(|x| x.get("project_directory"));
        match own.map(|node| &node.value) {
            Some(Value::Scalar(scalar)) if scalar.kind() == Kind::Text => {
                Some(clean(&folder.join(&scalar.text)))
            }
            _ => Some(folder),
        }
    }

    /// The variables for `${…}`: the environment, then the env files.
    fn variables(&mut self, directory: &Path) -> Variables {
        let mut variables =
            Variables { environment: self.request.environment.clone(), files: BTreeMap::new() };
        let mut files = self.request.env_files.clone();
        let own = directory.join(".env");
        if files.is_empty() && own.is_file() {
            files.push(own);
        }
        for file in files {
            self.env_file(&file, &self.request.environment, &mut variables.files, None);
        }
        variables
    }

    /// Adds the variables of one env file.
    fn env_file(
        &mut self,
        file: &Path,
        environment: &BTreeMap<String, String>,
        into: &mut BTreeMap<String, String>,
        named_at: Option<Mark>,
    ) {
        let unreadable = |sources: &Sources, why: &str| match named_at {
            None => disk::unreadable(file, why),
            Some(mark) => {
                let message = format!("{} cannot be read: {why}", file.display());
                Finding::error("definition/unreadable", message).at(sources.place(mark))
            }
        };
        let index = self.sources.add(file.to_owned());
        match disk::read(file).map(String::from_utf8) {
            Ok(Ok(text)) => {
                self.problems.extend(dotenv::parse(&text, index, &self.sources, environment, into));
            }
            Ok(Err(_)) => self.problems.push(unreadable(&self.sources, "it is not UTF-8 text")),
            Err(why) => self.problems.push(unreadable(&self.sources, &why)),
        }
    }

    /// The project's name, from the first place that gives one.
    fn project(&mut self, documents: &[Node], variables: &Variables, directory: &Path) -> String {
        let own = documents.iter().rev().find_map(|document| document.get("name"));
        let own = own.and_then(|node| match &node.value {
            Value::Scalar(Scalar { text, .. }) => {
                let text = interpolate::substitute(text, &|name| variables.get(name)).ok()?.0;
                Some((text, Some(self.sources.place(node.mark))))
            }
            _ => None,
        });
        let given = self.request.project_name.clone().map(|name| (name, None));
        let environment = variables.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        let environment = environment.map(|name| (name.to_owned(), None));
        let Some((name, place)) = given.or(environment).or(own) else {
            let folder =
                directory.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            let name: String = folder.chars().filter(|c| is_project_character(*c)).collect();
            let name = name.trim_start_matches(['_', '-']);
            return if name.is_empty() { "default".into() } else { name.to_owned() };
        };
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !starts_well || !name.chars().all(is_project_character) {
            let message = format!("`{name}` cannot be the name of a project");
            let hint =
                "it has only lower-case letters, digits, `-` and `_`, and starts with a letter or digit";
            let finding = Finding::error("definition/bad-project-name", message).hint(hint);
            self.problems.push(Finding { place, ..finding });
        }
        name
    }
}

fn is_project_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')
}
