//! The shape of the sources: which layer may name which, and the house rules that a reader counts on. Reads the sources as text;
//! whoever adds an arrow between layers adds it to the table below, with a sentence why.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A layer and the layers it may name, all of them in rows above its own.
const LAYERS: &[(&str, &[&str])] = &[
    ("finding", &[]),
    ("carried", &[]),
    ("definition", &["finding"]),
    ("world", &["definition"]),
    ("backup", &["definition", "world"]),
    ("plan", &["definition", "world"]),
    ("probe", &["definition"]),
    // `probe`: a question and its answer travel to the scheduler as the probe's own types. `world`: so do identifiers and exits;
    // copies of these plain types would have to be kept equal.
    ("event", &["plan", "definition", "world", "probe"]),
    ("images", &["definition", "event", "finding"]),
    ("runtime", &["plan", "definition", "world"]),
    // `backup`: what goes into one and what a restore replaces is decided there, and carried out in the engine.
    ("engine", &["event", "plan", "probe", "runtime", "images", "backup", "definition", "world"]),
    // `backup`: a restore that was cut short is told by the mark it left.
    ("checks", &["finding", "definition", "world", "backup", "runtime"]),
    ("guide", &["finding", "definition", "world", "plan"]),
    ("load", &[]),
    // `load`: a drill sends what users would. `runtime`: it touches containers. `checks`: that knows where services are reached.
    ("drill", &["definition", "world", "runtime", "checks", "load"]),
    // `checks`: what counts as a secret, and how an image's reference is taken apart, the audit knows. `probe`: where a service
    // answers over HTTP; what the engine asks of it is what a cluster's probes ask.
    ("export", &["definition", "finding", "probe", "checks"]),
    ("capacity", &[]),
    // `checks`, `load`, `drill`: what `validate`, `generate-load` and `drill` found is printed here, as everything is. `guide`: so
    // are the questions of a guided start. `export`, `capacity`: what has no equivalent elsewhere, and how many machines a rate
    // takes, is told here.
    (
        "report",
        &[
            "event",
            "finding",
            "plan",
            "definition",
            "world",
            "backup",
            "checks",
            "guide",
            "load",
            "drill",
            "export",
            "capacity",
        ],
    ),
    (
        "cli",
        &[
            "finding",
            "carried",
            "definition",
            "world",
            "backup",
            "plan",
            "probe",
            "event",
            "images",
            "runtime",
            "engine",
            "checks",
            "guide",
            "load",
            "drill",
            "export",
            "capacity",
            "report",
        ],
    ),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "manager", "misc", "shared", "errors"];

const MOST_LINES: usize = 500;

/// One source file.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The lines that are code, with their numbers; whole-line comments are left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !is_comment(line))
    }

    /// The modules on the way from the crate root, the file's own last: `["plan", "decide"]`.
    fn modules(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let mut parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        parts
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file below a folder of the repository.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The sources and tests of every crate of the workspace.
fn everything() -> Vec<Source> {
    let mut all: Vec<Source> = ["src", "tests", "bench"].iter().flat_map(|folder| sources(folder)).collect();
    for service in services() {
        for folder in ["src", "tests", "benches", "examples"] {
            let path = service.join(folder);
            all.extend(sources(&path.strip_prefix(root()).unwrap().to_string_lossy()));
        }
    }
    all
}

fn services() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("services")).unwrap();
    let mut crates: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.join("Cargo.toml").is_file()).collect();
    crates.sort();
    crates
}

fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The first names of the paths in `{a::b, c}`, given the text after the brace.
fn grouped(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(&text[start..index]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    names.into_iter().map(first_name).filter(|name| !name.is_empty()).collect()
}

fn first_name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Whether the text before a path ends in the middle of a longer one: `some_crate::`.
fn continues(before: &str) -> bool {
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

/// Names that the code takes from the crate's root: after `crate::`, and after enough `super::` to get there.
fn named_from_root(code: &str, depth: usize) -> BTreeSet<&str> {
    let climb = "super::".repeat(depth);
    let mut names = BTreeSet::new();
    for start in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(start) {
            let after = &code[at + start.len()..];
            if continues(&code[..at]) && !code[..at].ends_with("super::") {
                continue;
            }
            match after.trim_start().strip_prefix('{') {
                Some(group) => names.extend(grouped(group)),
                None => {
                    names.insert(first_name(after));
                }
            }
        }
    }
    names
}

#[test]
fn names_are_found_in_every_form_of_a_path() {
    for (code, depth, expected) in [
        ("use crate::plan::Plan;", 2, vec!["plan"]),
        ("use crate::{\n    event::{Event, Phase},\n    plan,\n};", 2, vec!["event", "plan"]),
        ("fn f(x: crate::world::World) {}", 1, vec!["world"]),
        ("use super::super::engine::drive;", 2, vec!["engine"]),
        ("use super::model::Service;", 2, vec![]),
        ("use other_crate::plan::Plan;", 1, vec![]),
    ] {
        let found: Vec<&str> = named_from_root(code, depth).into_iter().collect();
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn layers_name_only_those_above_them() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    let mut problems = Vec::new();
    for source in sources("src") {
        let modules = source.modules();
        if matches!(modules[..], ["lib" | "main"]) {
            continue;
        }
        let Some((layer, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == modules[0]) else {
            problems.push(format!("{}: `{}` is in no row of the layer table", source.path, modules[0]));
            continue;
        };
        let code: String = source.code().map(|(_, line)| format!("{line}\n")).collect();
        for name in named_from_root(&code, modules.len()) {
            if name != *layer && known.contains(name) && !allowed.contains(&name) {
                problems.push(format!("{}: {layer} may not name {name}", source.path));
            }
        }
    }
    none(&problems);
}

#[test]
fn a_row_allows_only_rows_above_it() {
    let mut above = BTreeSet::new();
    for (layer, allowed) in LAYERS {
        for name in *allowed {
            assert!(above.contains(name), "{layer} allows {name}, which is not above it");
        }
        above.insert(*layer);
    }
}

#[test]
fn the_map_of_the_library_is_this_table() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let layers: Vec<&str> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    let rows: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`")?.split_once("`]"))
        .map(|(layer, _)| layer)
        .collect();
    let declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(rows, layers, "the table in the docs of src/lib.rs");
    assert_eq!(declared, layers, "the `mod` lines of src/lib.rs, in reading order");
}

#[test]
fn the_program_only_runs_the_library() {
    let text = fs::read_to_string(root().join("src/main.rs")).unwrap();
    let named: Vec<&str> =
        text.match_indices("pdex::").map(|(at, _)| text[at..].split('(').next().unwrap()).collect();
    assert_eq!(named, ["pdex::cli::run"]);
}

#[test]
fn what_has_one_home_is_named_nowhere_else() {
    let homes: &[(&[&str], &str)] = &[
        (&["bollard"], "src/runtime/docker/"),
        (&["env::var(", "env::vars(", "env::var_os(", "env::vars_os("], "src/cli/env.rs"),
        (&["process::Command", "Command::new"], "src/images/host.rs"),
    ];
    let mut problems = Vec::new();
    for source in sources("src") {
        for (words, home) in homes.iter().filter(|(_, home)| !source.path.starts_with(home)) {
            for (number, line) in source.code() {
                if words.iter().any(|word| line.contains(word)) {
                    problems.push(format!("{}:{number}: belongs into {home}: {}", source.path, line.trim()));
                }
            }
        }
    }
    none(&problems);
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let mut problems = Vec::new();
    for source in everything() {
        if !source.text.starts_with("//! ") {
            problems.push(format!("{}: does not open with a `//!` line", source.path));
        }
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            problems.push(format!("{}: {lines} lines, {MOST_LINES} are the most", source.path));
        }
    }
    none(&problems);
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let mut problems = Vec::new();
    for source in everything() {
        let parts = source.path.trim_end_matches(".rs").split('/');
        if let Some(name) = parts.into_iter().find(|part| EMPTY_NAMES.contains(part)) {
            problems.push(format!("{}: `{name}` says nothing", source.path));
        }
    }
    none(&problems);
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).unwrap();
    text.lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(|line| first_name(&line.replace('-', "_")).to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn pdex_knows_no_service_and_their_library_knows_none_of_them() {
    let services: BTreeSet<String> =
        services().iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(services.contains("dex"), "{services:?}");
    assert!(dependencies(&root().join("Cargo.toml")).is_disjoint(&services), "pdex");
    assert!(dependencies(&root().join("services/dex/Cargo.toml")).is_disjoint(&services), "dex");
}
