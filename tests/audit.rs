//! `pdex audit` from outside: what it says of the shipped stack, the documents that it writes, scanners on PATH, and definitions
//! made to break it. What people see besides is in `tests/sessions`.

#![expect(clippy::disallowed_methods, reason = "the program is tested from outside")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What the first `up` would write into `.env`.
const VARIABLES: [(&str, &str); 3] = [
    ("POSTGRES_PASSWORD", "kJ3vQz81LmWx0pRt"),
    ("GRAFANA_ADMIN_PASSWORD", "Yp72hTqLd94NsBce"),
    ("API_KEY", "c0ffee6b1d2e3f405162738495a6b7c8"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pdex(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.current_dir(folder).env_clear().env("TMPDIR", folder).envs(VARIABLES);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shipped(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = pdex(folder.path());
    command.arg("-f").arg(root().join("stack/predictiondex.yaml"));
    command.arg(format!("--runtime=sim:{}", folder.path().join("engine.json").display()));
    command.arg("audit").args(arguments).output().unwrap()
}

#[test]
fn the_shipped_stack_is_held_against_each_advice_for_production() {
    let output = shipped(&[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{said}\n{}", text(&output.stderr));
    let advice: Vec<&str> = said
        .lines()
        .skip_while(|line| *line != "advice for production")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(advice.len(), 5, "{said}");
    // A default stack follows none of them: passwords are in the environment, neighbours meet, nobody has scanned.
    for (line, (title, rule)) in advice.iter().zip([
        ("strong passwords, out of files and environments", "audit/secret-in-environment"),
        ("no anonymous access to Grafana", "audit/anonymous-grafana"),
        ("HTTPS by a reverse proxy", "audit/no-https"),
        ("limited network access: ports on loopback, networks apart", "audit/flat-network"),
        ("images scanned for known vulnerabilities", "audit/not-scanned"),
    ]) {
        assert!(line.starts_with(&format!("✗ {title}")) && line.contains(rule), "{line}");
    }
    // The README shows it, whatever the counts are.
    let uncounted = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, shown) = readme.split_once("<!-- audit: begin -->").unwrap();
    let shown: Vec<&str> = shown.lines().filter(|line| line.starts_with(['✗', '✓'])).take(5).collect();
    assert_eq!(
        shown.into_iter().map(uncounted).collect::<Vec<_>>(),
        advice.iter().map(|a| uncounted(a)).collect::<Vec<_>>()
    );
    assert!(!said.contains("[audit/port-exposed]"), "its ports are on loopback: {said}");
    assert!(!said.contains("[audit/secret-literal]"), "no secret is in the file: {said}");
    for (_, value) in VARIABLES {
        assert!(!said.contains(value), "no value is shown");
    }
    assert!(said.contains("predictiondex.yaml:"), "with file and line: {said}");
}

#[test]
fn the_overlay_for_the_shipped_stack_fits_and_mends() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, overlay) = (root().join("stack/predictiondex.yaml"), folder.path().join("mended.yaml"));
    let run = |arguments: &[&str], files: &[&Path]| {
        let mut command = pdex(folder.path());
        for file in files {
            command.arg("-f").arg(file);
        }
        command.args(["audit", "--offline", "--json"]).args(arguments).output().unwrap()
    };
    let before = run(&["--fix", "mended.yaml"], &[&stack]);
    assert_eq!(before.status.code(), Some(7), "{}", text(&before.stderr));
    let after = run(&[], &[&stack, &overlay]);
    let rules = |output: &Output| {
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = document["findings"].as_array().unwrap().clone();
        findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let (before, after) = (rules(&before), rules(&after));
    let gone: Vec<&str> = before.difference(&after).map(String::as_str).collect();
    assert_eq!(
        gone,
        ["audit/capabilities-kept", "audit/endless-logs", "audit/new-privileges", "audit/no-pids-limit",]
    );
    assert!(after.is_subset(&before), "it brings nothing new");
}

/// A folder of a stack with one image, whose container runs on the simulated engine.
struct Shop {
    folder: tempfile::TempDir,
    /// What the program finds on PATH.
    path: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack =
            "name: shop\nservices:\n  web:\n    image: web:1.0\n    environment:\n      TOKEN: \"a-b-c\"\n";
        fs::write(folder.path().join("stack.yaml"), stack).unwrap();
        let path = folder.path().join("bin");
        fs::create_dir(&path).unwrap();
        let shop = Self { folder, path };
        assert!(shop.run(&["up", "--progress", "quiet"]).status.success());
        shop
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = pdex(self.folder.path());
        command.env("PATH", &self.path);
        command.args(["-f", "stack.yaml", "--runtime=sim:engine.json"]).args(arguments).output().unwrap()
    }

    fn audit(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["audit", "--json"], arguments].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    }

    fn install(&self, name: &str, script: &str) {
        let file = self.path.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join(name)).unwrap()).unwrap()
    }
}

fn of<'a>(document: &'a Value, rule: &str) -> Vec<&'a Value> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings.filter(|finding| finding["rule"] == format!("audit/{rule}")).collect()
}

const TRIVY: &str = r#"[ "$1" = --version ] && exit 0
[ "$*" = "image --quiet --scanners vuln --format json web:1.0" ] || exit 9
echo '{"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{"VulnerabilityID": "CVE-2026-0001", "PkgName": "zlib",
"InstalledVersion": "1.2", "FixedVersion": "1.3", "Severity": "CRITICAL"}]}]}'"#;
const GRYPE: &str = r#"[ "$1" = version ] && exit 0
echo '{"matches": [{"vulnerability": {"id": "CVE-2026-0001", "severity": "Critical", "fix": {"versions": ["1.3"]}},
"artifact": {"name": "zlib", "version": "1.2"}}, {"vulnerability": {"id": "CVE-2026-0002", "severity": "Low"},
"artifact": {"name": "zlib", "version": "1.2"}}]}'"#;

#[test]
fn scanners_on_path_are_called_and_their_results_merged() {
    let shop = Shop::new();
    shop.install("trivy", TRIVY);
    shop.install("grype", GRYPE);
    let document = shop.audit(&[]);
    assert_eq!(document["scanners"], serde_json::json!(["trivy", "grype"]));
    let found = of(&document, "vulnerability");
    assert_eq!(found.len(), 2, "what both found is told once: {found:?}");
    assert_eq!(found[0]["severity"], "critical");
    assert_eq!(found[0]["message"], "web: CVE-2026-0001 in zlib 1.2 of image web:1.0, mended in 1.3");
    assert_eq!(found[1]["severity"], "low");
    assert!(of(&document, "not-scanned").is_empty());
    assert!(of(&shop.audit(&["--no-scan"]), "vulnerability").is_empty());
}

#[test]
fn a_scanner_that_fails_is_told_and_the_audit_goes_on() {
    let shop = Shop::new();
    for (script, why) in [
        ("[ $1 = --version ] && exit 0; echo 'no database' >&2; exit 3", "no database"),
        ("[ $1 = --version ] && exit 0; echo nonsense", "bytes that are no result"),
        ("[ $1 = --version ] && exit 0; kill -9 $$", "signal"),
    ] {
        shop.install("trivy", script);
        let document = shop.audit(&[]);
        let told = of(&document, "not-scanned");
        assert_eq!(told.len(), 1, "{document}");
        assert!(told[0]["message"].as_str().unwrap().contains(why), "{}", told[0]["message"]);
        assert!(!of(&document, "secret-literal").is_empty(), "the rest is there");
    }
}

#[test]
fn sarif_names_rule_place_and_fingerprint() {
    let shop = Shop::new();
    shop.audit(&["--sarif", "found.sarif"]);
    let document = shop.read("found.sarif");
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    let mut fingerprints = BTreeSet::new();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(fingerprints.insert(result["partialFingerprints"]["pdex/v1"].as_str().unwrap()), "{result}");
    }
    let token = results.iter().find(|result| result["ruleId"] == "audit/secret-literal").unwrap();
    let place = &token["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"stack.yaml".into(), &6.into())
    );
    shop.run(&["audit", "--baseline", "known.json", "--write-baseline", "--sarif", "found.sarif"]);
    let accepted = shop.read("found.sarif");
    let results = accepted["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["suppressions"][0]["kind"] == "external"));
}

#[test]
fn the_parts_list_names_images_and_their_packages_and_is_the_same_every_time() {
    let shop = Shop::new();
    shop.audit(&["--sbom", "parts.json"]);
    let document = shop.read("parts.json");
    assert_eq!((&document["bomFormat"], &document["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let image = &document["components"][0];
    assert_eq!(
        (&image["type"], &image["name"], &image["version"]),
        (&"container".into(), &"web".into(), &"1.0".into())
    );
    assert_eq!(image["components"][0]["purl"], "pkg:deb/debian/web@1.0?arch=amd64&distro=debian-12");
    shop.audit(&["--sbom", "again.json"]);
    assert_eq!(shop.read("again.json")["serialNumber"], document["serialNumber"]);
}

#[test]
fn the_list_of_rules_is_the_documentation() {
    let folder = tempfile::tempdir().unwrap();
    let output = pdex(folder.path()).args(["audit", "--rules"]).output().unwrap();
    assert!(output.status.success());
    let documentation = fs::read_to_string(root().join("docs/audit.md")).unwrap();
    assert!(documentation.contains(&text(&output.stdout)), "`pdex audit --rules` prints what belongs there");
}

#[test]
fn the_definitions_of_the_comparison_are_judged() {
    let mut files: Vec<PathBuf> =
        root().join("tests/audit").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    assert_eq!(files.len(), 20);
    let folder = tempfile::tempdir().unwrap();
    let mut rules = BTreeSet::new();
    for file in files {
        let mut command = pdex(folder.path());
        let output = command.arg("-f").arg(&file).args(["audit", "--offline", "--json"]).output().unwrap();
        let hardened = file.ends_with("16-hardened.yaml");
        let expected = if hardened { 0 } else { 7 };
        assert_eq!(output.status.code(), Some(expected), "{}: {}", file.display(), text(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ids = document["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].to_string());
        rules.extend(ids);
    }
    assert!(rules.len() >= 38, "nearly every rule has an example: {rules:?}");
}

#[test]
fn hostile_definitions_are_audited_in_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(100_000);
    let many: String =
        (0..2_000).map(|n| format!("  s{n}: {{ image: \"i:{n}\", privileged: true }}\n")).collect();
    let deep = "://u:".repeat(20_000);
    for (name, stack) in [
        ("names", format!("name: x\nservices:\n  a:\n    image: \"{long}\"\n    environment: {{ \"{long}_PASSWORD\": \"{long}\" }}\n")),
        ("services", format!("name: x\nservices:\n{many}")),
        ("addresses", format!("name: x\nservices:\n  a: {{ image: \"a:1\", environment: {{ U: \"{deep}@\" }} }}\n")),
        ("words", format!("name: x\nservices:\n  a: {{ image: \"a:1\", command: \"mysql -p --password= -- - = '{long}'\" }}\n")),
        ("paths", "name: x\nservices:\n  a: { image: \"a:1\", volumes: [\"/../../etc/../proc:/p\", \"/\u{e9}/../..:/q\"] }\n".to_owned()),
        ("tabs", "name: x\nservices:\n  a: { image: \"a:1\", cap_add: [\"\\t\", \"CAP_\", \"\"], devices: [\":\", \"/dev/:\"] }\n".to_owned()),
    ] {
        let file = folder.path().join("stack.yaml");
        fs::write(&file, stack).unwrap();
        let began = std::time::SystemTime::now();
        let output = pdex(folder.path()).args(["-f", "stack.yaml", "audit", "--offline", "--sarif", "s.json"]).output().unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(6 | 7)), "{name}: {code:?} {}", text(&output.stderr));
        assert!(began.elapsed().unwrap().as_secs() < 30, "{name}");
        assert!(output.stdout.len() < 4 << 20, "{name}: {} bytes", output.stdout.len());
    }
}
