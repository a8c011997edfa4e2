//! `pdex export kubernetes` from outside: the platform's own export is what `tests/export/golden` holds, the same twice, without a
//! value that is secret, and nothing of a definition is dropped without a word. `PDEX_SESSIONS=update cargo test --test export` writes
//! the golden files anew; read the difference before committing it. Schemas, kubectl and a linter are asked by `make test-export`.

#![expect(
    clippy::disallowed_methods,
    reason = "the program is tested from outside, and the switch is a variable"
)]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PASSWORD: &str = "a-password-that-nobody-guesses";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program with the variables that the platform asks for and no `.env`.
fn pdex(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command
        .current_dir(folder)
        .env_clear()
        .env("POSTGRES_PASSWORD", PASSWORD)
        .env("GRAFANA_ADMIN_PASSWORD", PASSWORD);
    command.args(arguments).output().unwrap()
}

/// The files of an export of the platform, by their paths.
fn platform(arguments: &[&str]) -> BTreeMap<String, String> {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let none = place.path().join("none.env");
    fs::write(&none, "").unwrap();
    let mut all = vec!["export", "kubernetes", "--env-file", none.to_str().unwrap()];
    all.extend(["--out", out.to_str().unwrap()]);
    all.extend(arguments);
    let output = pdex(root(), &all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    files(&out)
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for path in next.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_platforms_export_is_the_reviewed_one() {
    let mut export = platform(&[]);
    // Copies of files that stand in the repository.
    let copies: Vec<String> = export.keys().filter(|path| path.starts_with("base/files/")).cloned().collect();
    for path in &copies {
        let text = export.remove(path).unwrap();
        let (map, inside) = path.strip_prefix("base/files/").unwrap().split_once('/').unwrap();
        let folders = ["prometheus", "dashboards", "stack/postgres/init", "stack/grafana/provisioning"];
        let folder = folders.into_iter().find(|folder| map == format!("{}-files", folder.replace('/', "-")));
        assert_eq!(text, fs::read_to_string(root().join(folder.unwrap()).join(inside)).unwrap(), "{path}");
    }
    assert!(copies.len() > 10, "{copies:?}");
    let golden = root().join("tests/export/golden");
    if std::env::var("PDEX_SESSIONS").is_ok_and(|value| value == "update") {
        let _ = fs::remove_dir_all(&golden);
        for (path, text) in &export {
            let path = golden.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let reviewed = files(&golden);
    assert_eq!(export.keys().collect::<Vec<_>>(), reviewed.keys().collect::<Vec<_>>());
    for (path, text) in &export {
        assert_eq!(
            text, &reviewed[path],
            "{path}: PDEX_SESSIONS=update cargo test --test export writes it anew"
        );
    }
}

#[test]
fn an_export_is_the_same_twice_and_holds_no_secret() {
    for profile in [&[][..], &["--profile", "production"][..]] {
        let (one, two) = (platform(profile), platform(profile));
        assert!(one == two, "{profile:?}");
        for (path, text) in &one {
            assert!(!text.contains(PASSWORD), "{path}");
            let here = root().to_string_lossy();
            assert!(!text.contains(&*here), "{path} names a folder of this machine");
        }
    }
}

#[test]
fn the_production_profile_passes_the_strictest_profile_of_pod_security() {
    let export = platform(&["--profile", "production", "--without", "proxy"]);
    let namespace = &export["overlays/production/namespace.yaml"];
    assert!(namespace.contains("pod-security.kubernetes.io/enforce: restricted"), "{namespace}");
    for (path, text) in export.iter().filter(|(path, _)| {
        path.starts_with("base/") && Path::new(path).extension().is_some_and(|kind| kind == "yaml")
    }) {
        assert!(!text.contains("readOnlyRootFilesystem: false"), "{path}");
    }
}

/// What stands in the manifests for each attribute that the report does not name.
const EXPORTED: &[(&str, &str)] = &[
    ("annotations", "note: kept"),
    ("cap_add", "- NET_BIND_SERVICE"),
    ("cap_drop", "- ALL"),
    ("command", "- serve-all"),
    ("configs", "name: motd-config"),
    ("cpus", "cpu: 250m"),
    ("deploy", "cpu: 500m"),
    ("dns", "- 9.9.9.9"),
    ("dns_opt", "name: ndots"),
    ("dns_search", "- shop.internal"),
    ("entrypoint", "- /bin/all"),
    ("environment", "name: PLAIN"),
    ("expose", "containerPort: 8081"),
    ("healthcheck", "readinessProbe:"),
    ("hostname", "hostname: host-of-all"),
    ("image", "image: "),
    ("mem_limit", "memory: 64Mi"),
    ("mem_reservation", "memory: 32Mi"),
    ("networks", "io.pdex.network/front: joined"),
    ("platform", "kubernetes.io/arch: arm64"),
    ("privileged", "privileged: true"),
    ("read_only", "readOnlyRootFilesystem: true"),
    ("scale", "replicas: 2"),
    ("secrets", "secretName: token"),
    ("shm_size", "mountPath: /dev/shm"),
    ("stdin_open", "stdin: true"),
    ("stop_grace_period", "terminationGracePeriodSeconds: 75"),
    ("sysctls", "net.core.somaxconn"),
    ("tmpfs", "mountPath: /scratch"),
    ("tty", "tty: true"),
    ("working_dir", "workingDir: /work"),
];

/// The attributes of the services, by their names: lines four columns in.
fn attributes(definition: &str) -> Vec<(String, String)> {
    let (mut service, mut found) = (String::new(), Vec::new());
    let services = definition.lines().skip_while(|line| *line != "services:").skip(1);
    for line in services.take_while(|line| line.starts_with(' ')) {
        let name = line.trim().split(':').next().unwrap().to_owned();
        match line.len() - line.trim_start().len() {
            2 => service = name,
            4 => found.push((service.clone(), name)),
            _ => {}
        }
    }
    found
}

#[test]
fn every_attribute_is_in_the_manifests_or_in_the_report() {
    let place = tempfile::tempdir().unwrap();
    let definition = fs::read_to_string(root().join("tests/export/everything.yaml")).unwrap();
    fs::write(place.path().join("stack.yaml"), &definition).unwrap();
    fs::write(place.path().join("token"), "value").unwrap();
    fs::write(place.path().join("motd"), "hello").unwrap();
    let output = pdex(place.path(), &["-f", "stack.yaml", "export", "kubernetes", "--profile", "extra"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let export = files(&place.path().join("kubernetes"));
    let report = &export["REPORT.md"];
    let attributes = attributes(&definition);
    assert!(attributes.len() > 70, "{}", attributes.len());
    for (service, attribute) in attributes {
        let manifest = export.get(&format!("base/{service}.yaml"));
        let standing = EXPORTED.iter().find(|(name, _)| *name == attribute);
        let exported =
            standing.is_some_and(|(_, text)| manifest.is_some_and(|manifest| manifest.contains(text)));
        let path = format!("services.{service}.{attribute}");
        let told = [".", "[", "`"].iter().any(|end| report.contains(&format!("`{path}{end}")));
        assert!(exported || told, "{path} is neither exported nor told\n{report}");
        // With its line in the file.
        let line = report.lines().find(|line| line.contains(&format!("`{path}")));
        assert!(line.is_none_or(|line| line.contains("(stack.yaml:")), "{line:?}");
    }
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("stack.yaml"), "services: { a: { image: a, user: '1' } }\n").unwrap();
    let kept: PathBuf = place.path().join("out/notes.txt");
    fs::create_dir(place.path().join("out")).unwrap();
    fs::write(&kept, "mine").unwrap();
    let output = pdex(place.path(), &["-f", "stack.yaml", "export", "kubernetes", "--out", "out"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("out holds files that no export wrote"));
    assert_eq!(fs::read_to_string(&kept).unwrap(), "mine");
    assert_eq!(place.path().join("out").read_dir().unwrap().count(), 1);
    assert!(!place.path().join(".out.pdex-aside").exists());
}
