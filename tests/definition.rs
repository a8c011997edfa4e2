//! The definition layer from outside: the same result as Docker Compose on the files of `definition/compose`, the findings that
//! the files of `definition/bad` announce, hostile text in bounded time, and round trips through the renderer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pdex::definition::model::Definition;
use pdex::definition::model::ServiceName;
use pdex::definition::{Loaded, Request, load, render};
use pdex::finding::{Finding, Severity};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definition").join(name)
}

/// The cases of a folder: its `.yaml` files without overlays.
fn cases(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder(name)).expect("folder").map(|entry| entry.expect("entry").path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|e| e == "yaml") && !file.to_string_lossy().ends_with(".over.yaml")
    });
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The request that `compose/regenerate.sh` makes of Compose.
fn request(file: &Path) -> Request {
    let beside = |suffix: &str| Some(file.with_extension(suffix)).filter(|path| path.exists());
    let cases = folder("compose").display().to_string();
    let environment =
        [("HOME", "/home/someone"), ("SHELL_ONLY", "from the shell"), ("CASES", cases.as_str())];
    let profiles = beside("profiles").map(|path| fs::read_to_string(path).expect("profile"));
    Request {
        files: std::iter::once(file.to_owned()).chain(beside("over.yaml")).collect(),
        project_directory: Some("/project".into()),
        env_files: beside("env").into_iter().collect(),
        environment: environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        profiles: profiles.iter().map(|profile| profile.trim().to_owned()).collect(),
        ..Request::default()
    }
}

fn loaded(request: &Request) -> Loaded {
    load(request).unwrap_or_else(|findings| panic!("{:?}: {}", request.files, told(&findings)))
}

fn told(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{finding} [{}]\n", finding.code)).collect()
}

/// Without what Compose leaves out of its JSON.
fn without_extensions(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(key, _)| !key.starts_with("x-"))
            .map(|(key, value)| (key, without_extensions(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_extensions).collect(),
        other => other,
    }
}

#[test]
fn config_equals_that_of_compose() {
    for file in cases("compose") {
        let ours = render::json(&loaded(&request(&file)).definition);
        let ours = ours.replace(&format!("\"{}", folder("compose").display()), "\"/cases");
        let ours = without_extensions(serde_json::from_str(&ours).expect("JSON"));
        let theirs = fs::read_to_string(file.with_extension("json")).expect("golden file");
        let theirs = without_extensions(serde_json::from_str(&theirs).expect("JSON"));
        let differences = differences("", &theirs, &ours);
        assert!(differences.is_empty(), "{}:\n{differences}", file.display());
    }
}

/// Where two values differ, one path a line.
fn differences(path: &str, expected: &Value, got: &Value) -> String {
    match (expected, got) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let entry = |map: &serde_json::Map<String, Value>, key| {
                map.get(key).cloned().unwrap_or("(absent)".into())
            };
            keys.into_iter()
                .map(|key| differences(&format!("{path}.{key}"), &entry(left, key), &entry(right, key)))
                .collect()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs.map(|(at, (left, right))| differences(&format!("{path}[{at}]"), left, right)).collect()
        }
        _ if expected == got => String::new(),
        _ => format!("{path}: expected {expected}, got {got}\n"),
    }
}

#[test]
fn configuration_hashes_equal_those_of_compose() {
    let mut compared = 0;
    for file in cases("compose") {
        let definition = loaded(&request(&file)).definition;
        let theirs = fs::read_to_string(file.with_extension("hashes")).expect("golden file");
        compared += theirs.lines().count();
        for line in theirs.lines() {
            let (name, hash) = line.split_once(' ').expect("a name and a hash");
            let ours = definition.services.get(&ServiceName::new(name)).map(render::config_hash);
            assert_eq!(ours.as_deref(), Some(hash), "{name} of {}", file.display());
        }
    }
    assert!(compared > 80, "{compared} services compared");
}

/// Loads text as the only file of an empty folder.
fn load_text(text: impl AsRef<[u8]>) -> Result<Loaded, Vec<Finding>> {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("compose.yaml");
    fs::write(&file, text).expect("written");
    let environment = request(&file).environment;
    load(&Request { files: vec![file], environment, profiles: vec!["*".into()], ..Request::default() })
}

/// Definitions are equal but for the files they came from, and what only a first reading has.
fn assert_same(again: Result<Loaded, Vec<Finding>>, definition: &Definition, text: &str) {
    let again = again.unwrap_or_else(|findings| panic!("{}\n{text}", told(&findings)));
    let mut again = Definition {
        files: definition.files.clone(),
        disabled: definition.disabled.clone(),
        ..again.definition
    };
    let mut definition = definition.clone();
    for service in again.services.values_mut().chain(definition.services.values_mut()) {
        service.label_files.clear();
        service.absent.clear();
    }
    assert_eq!(again, definition, "{text}");
}

#[test]
fn printed_definitions_read_the_same() {
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack/predictiondex.yaml");
    let secret = |name: &str| (name.to_owned(), "p$w ${x} '\"<>&".to_owned());
    let environment = BTreeMap::from([secret("POSTGRES_PASSWORD"), secret("GRAFANA_ADMIN_PASSWORD")]);
    let stack = Request { files: vec![stack], environment, ..Request::default() };
    for request in cases("compose").iter().map(|file| request(file)).chain([stack]) {
        let definition = loaded(&request).definition;
        for text in [render::yaml(&definition), render::json(&definition)] {
            assert_same(load_text(&text), &definition, &text);
        }
    }
}

#[test]
fn bad_files_end_in_the_findings_they_announce() {
    for file in cases("bad") {
        let text = fs::read_to_string(&file).expect("text");
        let announced = |line: &str| line.strip_prefix("#! ").map(str::to_owned);
        let expected: Vec<String> = text.lines().filter_map(announced).collect();
        assert!(!expected.is_empty(), "{} announces nothing", file.display());
        let findings = match load(&Request { project_directory: Some("/project".into()), ..request(&file) }) {
            Err(findings) => findings,
            Ok(loaded) => panic!("{} loads, with {:?}", file.display(), loaded.warnings),
        };
        let got: Vec<String> = findings.iter().map(|finding| announce(finding, &file)).collect();
        assert_eq!(got.join("\n"), expected.join("\n"), "{}", file.display());
    }
}

/// `3:5 definition/x: message (hint)`; a place in another file names it.
fn announce(finding: &Finding, file: &Path) -> String {
    let place = finding.place.as_ref().expect("a place");
    let other =
        if place.file == file { "" } else { place.file.file_name().and_then(|n| n.to_str()).unwrap_or("?") };
    let separator = if other.is_empty() { "" } else { ":" };
    let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let (line, column) = (place.line, place.column);
    format!("{other}{separator}{line}:{column} {}: {}{hint}", finding.code, finding.message)
}

/// The text is refused with this code, at this line, quickly.
fn refused(name: &str, text: impl AsRef<[u8]>, code: &str, line: usize) {
    #[expect(clippy::disallowed_methods, reason = "bounded time is what is tested")]
    let start = Instant::now();
    let findings = load_text(text).err().unwrap_or_else(|| panic!("{name} loads"));
    let first = &findings[0];
    assert_eq!((first.code, first.severity), (code, Severity::Error), "{name}: {}", told(&findings));
    assert_eq!(first.place.as_ref().map(|place| place.line), Some(line), "{name}: {}", told(&findings));
    assert!(findings.len() < 300, "{name}: {} findings", findings.len());
    // Generous: a debug build on a loaded machine. What this guards against takes minutes.
    assert!(start.elapsed() < Duration::from_secs(10), "{name} took {:?}", start.elapsed());
}

#[test]
fn hostile_text_is_refused_in_bounded_time() {
    let bomb: String = (0..9)
        .map(|i| format!("x-{}: &n{} [{}]\n", i + 1, i + 1, vec![format!("*n{i}"); 9].join(",")))
        .collect();
    refused("alias bomb", format!("x-0: &n0 [x]\n{bomb}"), "definition/too-large", 7);
    let merges: String =
        (1..500).map(|i| format!("x-{i}: &m{i} {{<<: [*m{0}, *m{0}], k{i}: v}}\n", i - 1)).collect();
    refused("merge bomb", format!("x-0: &m0 {{a: b}}\n{merges}"), "definition/too-large", 15);
    refused("alias of itself", "x-a: &a [*a]\n", "definition/bad-yaml", 1);
    refused("deep flow", format!("services: {}", "[".repeat(100_000)), "definition/bad-yaml", 1);
    let deep: String = (0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    refused("deep block", deep, "definition/too-deep", 65);
    refused("deep keys", "? ".repeat(50_000), "definition/too-deep", 1);
    let nested = format!("services: {{a: {{image: \"{}{}\"}}}}", "${X:-".repeat(20_000), "}".repeat(20_000));
    refused("deep substitution", nested, "definition/bad-interpolation", 1);
    refused("large file", vec![b'#'; 9 << 20], "definition/too-large", 0);
    refused("no services", "\n# nothing\n", "definition/no-services", 0);
    refused("a list", "- a\n", "definition/bad-value", 1);
    refused("not UTF-8", b"services:\n  a: {image: caf\xe9}\n", "definition/not-utf8", 2);
    refused("UTF-16", b"\xff\xfes\0e\0", "definition/not-utf8", 1);
    refused("NUL", b"services:\n  a: {image: \"a\0b\"}\n", "definition/bad-yaml", 2);
    refused(
        "BOM and CRLF",
        "\u{feff}services:\r\n  a:\r\n    imag: x\r\n",
        "definition/unknown-attribute",
        3,
    );
    let ring =
        (0..10_000).map(|i| format!("  s{i}:\n    image: x\n    depends_on: [s{}]\n", (i + 1) % 10_000));
    refused(
        "ring",
        format!("services:\n{}", ring.collect::<String>()),
        "definition/dependency-cycle",
        30_001,
    );
    let wrong = (0..10_000).map(|i| format!("  s{i}:\n    imag: x\n"));
    refused("errors", format!("services:\n{}", wrong.collect::<String>()), "definition/unknown-attribute", 3);
}

#[test]
fn a_long_chain_of_services_loads() {
    let chain = (0..9_999).map(|i| format!("  s{i}:\n    image: x\n    depends_on: [s{}]\n", i + 1));
    let text = format!("services:\n{}  s9999:\n    image: x\n", chain.collect::<String>());
    let definition = load_text(text).expect("valid").definition;
    let order = pdex::definition::graph::topological(&definition);
    assert_eq!(order.len(), 10_000);
    assert_eq!(order[0].as_str(), "s9999");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    for (file, part) in [
        ("/nowhere/compose.yaml", "no such file"),
        ("/dev/zero", "not a regular file"),
        ("/", "not a regular"),
    ] {
        let findings = load(&Request { files: vec![file.into()], ..Request::default() }).expect_err(file);
        assert!(findings[0].to_string().contains(part), "{}", told(&findings));
        assert!(findings[0].to_string().starts_with(file), "{}", told(&findings));
    }
}

#[test]
fn the_first_file_says_where_paths_start() {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path().canonicalize().expect("path");
    fs::create_dir(root.join("stack")).expect("folder");
    let file = root.join("stack/compose.yaml");
    let text =
        "x-pdex: {project_directory: ..}\nservices: {a: {image: \"$TAG\", volumes: [\"./data:/data\"]}}\n";
    fs::write(&file, text).expect("written");
    fs::write(root.join(".env"), "TAG=from-env-file\n").expect("written");
    let definition = loaded(&Request { files: vec![file], ..Request::default() }).definition;
    assert_eq!(definition.directory, root);
    let service = &definition.services.values().next().expect("service");
    assert_eq!(service.image, "from-env-file");
    assert!(render::yaml(&definition).contains(&root.join("data").display().to_string()));
}

#[test]
fn the_projects_name_comes_from_the_first_place_that_gives_one() {
    let folder = tempfile::tempdir().expect("folder");
    let directory = folder.path().join("_My.Stack");
    fs::create_dir(&directory).expect("folder");
    let file = directory.join("compose.yaml");
    let mut request = Request { files: vec![file.clone()], ..Request::default() };
    let mut check =
        |text: &str, environment: Option<&str>, given: Option<&str>, expected: Result<&str, &str>| {
            fs::write(&file, format!("{text}\nservices: {{a: {{image: x}}}}\n")).expect("written");
            request.environment =
                environment.map(|v| ("COMPOSE_PROJECT_NAME".to_owned(), v.to_owned())).into_iter().collect();
            request.project_name = given.map(str::to_owned);
            match (load(&request), expected) {
                (Ok(loaded), Ok(expected)) => assert_eq!(loaded.definition.project, expected),
                (Err(findings), Err(code)) => assert_eq!(findings[0].code, code),
                (other, expected) => panic!("{other:?}, not {expected:?}"),
            }
        };
    check("", None, None, Ok("mystack"));
    check("name: own", None, None, Ok("own"));
    check("name: ${NONE:-own}", None, None, Ok("own"));
    check("name: own", Some("environment"), None, Ok("environment"));
    check("name: own", Some("environment"), Some("given"), Ok("given"));
    check("name: Own", None, None, Err("definition/bad-project-name"));
    check("name: own", None, Some("-x"), Err("definition/bad-project-name"));
}

#[test]
fn profiles_choose_services() {
    let text =
        "services: {a: {image: x}, b: {image: x, profiles: [debug]}, c: {image: x, profiles: [other]}}\n";
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("compose.yaml");
    fs::write(&file, text).expect("written");
    for (profiles, expected) in [(vec![], "a"), (vec!["debug"], "a b"), (vec!["*"], "a b c")] {
        let profiles = profiles.into_iter().map(str::to_owned).collect();
        let definition =
            loaded(&Request { files: vec![file.clone()], profiles, ..Request::default() }).definition;
        let names: Vec<&str> = definition.services.keys().map(ServiceName::as_str).collect();
        assert_eq!(names.join(" "), expected);
    }
}
