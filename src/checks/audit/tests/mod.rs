//! Every rule fires where it should and is silent where it should.

mod containers;
mod files;
mod services;

use super::scan::Scanner;
use super::stage::Stage;
use super::{Advice, rules};
use services::SERVICES;
use std::collections::BTreeSet;

#[test]
fn each_rule_of_services_fires_and_is_silent() {
    for (rule, fires, said, silent) in SERVICES {
        assert_eq!(Stage::service(fires).said(rule), [*said], "{rule}: {fires}");
        assert_eq!(Stage::service(silent).said(rule), [""; 0], "{rule}: {silent}");
    }
}

#[test]
fn each_rule_has_a_test_and_says_all_that_its_list_has() {
    let elsewhere = [
        "flat-network",
        "image-tag",
        "image-digest",
        "outdated-container",
        "changed-container",
        "secret-in-environment",
        "secret-file-readable",
        "default-grafana-password",
        "vulnerability",
        "not-scanned",
    ];
    let tested: BTreeSet<&str> = SERVICES.iter().map(|(rule, ..)| *rule).chain(elsewhere).collect();
    let all: BTreeSet<&str> = rules().map(|rule| rule.id.strip_prefix("audit/").unwrap()).collect();
    assert_eq!(all, tested);
    assert_eq!(rules().count(), all.len(), "no two have one name");
    for rule in rules() {
        for text in [rule.title, rule.why, rule.fix] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", rule.id);
        }
    }
    for advice in Advice::ALL {
        assert!(rules().any(|rule| rule.advice == Some(advice)), "{advice:?} has a rule");
    }
}

#[test]
fn databases_and_exporters_have_no_needless_neighbours() {
    let text = "name: x\nservices:\n  db: { image: \"postgres:15\" }\n  api: { image: \"api:1\", depends_on: [db] }\n  \
                web: { image: \"web:1\", depends_on: [api] }\n  node: { image: \"prom/node-exporter:1\", networks: [m] }\n  \
                prom: { image: \"prom/prometheus:1\", networks: [m] }\nnetworks: { m: }\n";
    assert_eq!(
        Stage::with(text, &[]).said("flat-network"),
        ["medium 3: db: shares a network without need with web"]
    );
    let apart = text.replace("depends_on: [api]", "depends_on: [api], networks: [m]");
    assert_eq!(
        Stage::with(&apart, &[]).said("flat-network"),
        ["medium 6: node: shares a network without need with web"]
    );
}

#[test]
fn images_are_pinned() {
    for (image, tag, digest) in [
        ("a", 1, 0),
        ("a:latest", 1, 0),
        ("localhost:5000/a", 1, 0),
        ("a:Stable", 1, 0),
        ("a:1.2", 0, 1),
        ("a:1.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 0, 0),
    ] {
        let stage = Stage::with(&format!("name: x\nservices:\n  a: {{ image: \"{image}\" }}\n"), &[]);
        assert_eq!(
            (stage.said("image-tag").len(), stage.said("image-digest").len()),
            (tag, digest),
            "{image}"
        );
    }
    let built =
        Stage::with("name: x\nservices:\n  a: { build: . }\n  b: { image: \"b:1\", build: . }\n", &[]);
    assert_eq!((built.said("image-tag").len(), built.said("image-digest").len()), (0, 0), "built here");
}

#[test]
fn a_secret_that_a_variable_brings_is_in_the_environment_and_not_in_the_file() {
    let text = "name: x\nservices:\n  a:\n    image: \"a:1\"\n    environment:\n      PW_PASSWORD: ${PW:?}\n";
    let stage = Stage::with(text, &[("PW", "f3wq0Zk2pLx9")]);
    assert_eq!(stage.said("secret-in-environment"), ["medium 6: a: PW_PASSWORD is in the environment"]);
    assert_eq!(stage.said("secret-literal"), [""; 0]);
    let all: String = stage.issues().iter().map(|issue| issue.finding.to_string()).collect();
    assert!(!all.contains("f3wq0Zk2pLx9"), "no value is ever shown");
    let weak = Stage::with(text, &[("PW", "admin")]);
    assert_eq!(weak.said("weak-password"), ["high 6: a: PW_PASSWORD is among the first that anyone tries"]);
}

#[test]
fn files_of_secrets_that_others_may_read_are_told() {
    let stage = Stage::service("");
    let directory = stage.loaded.definition.directory.clone();
    let open = [directory.join(".env")];
    let facts = super::Facts { exposed: &open, ..stage.facts() };
    let said: Vec<String> = super::check(&facts)
        .into_iter()
        .filter(|issue| issue.rule.id == "audit/secret-file-readable")
        .map(|issue| issue.finding.message)
        .collect();
    assert_eq!(said, ["others than its owner may read .env"]);
    assert_eq!(stage.said("secret-file-readable"), [""; 0]);
}

#[test]
fn only_a_file_that_is_open_to_others_is_exposed() {
    use std::os::unix::fs::PermissionsExt as _;

    let stage = Stage::service("");
    let file = stage.loaded.definition.directory.join(".env");
    assert_eq!(super::exposed_files(&stage.loaded.definition), [""; 0].map(std::path::PathBuf::from));
    std::fs::write(&file, "A=1\n").unwrap();
    for (mode, exposed) in [(0o600, 0), (0o640, 1), (0o604, 1)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(super::exposed_files(&stage.loaded.definition).len(), exposed, "{mode:o}");
    }
}

#[test]
fn the_group_that_a_secret_is_for_may_read_it_and_no_other() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "k").unwrap();
    let own = file.metadata().unwrap().gid();
    for (mode, group, exposed) in
        [(0o640, own, 0), (0o640, own + 1, 1), (0o660, own, 1), (0o644, own, 1), (0o600, own + 1, 0)]
    {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let stage = Stage::service(&format!(
            "    secrets: [key]\nsecrets:\n  key: {{ file: {}, x-pdex: {{ generate: 24, group: \"{group}\" }} }}\n",
            file.display()
        ));
        assert_eq!(super::exposed_files(&stage.loaded.definition).len(), exposed, "{mode:o} {group}");
    }
}

#[test]
fn grafana_needs_a_password_of_its_own() {
    let grafana = |environment: &str| {
        let text = format!("name: x\nservices:\n  g: {{ image: \"grafana/grafana:10\"{environment} }}\n");
        Stage::with(&text, &[]).said("default-grafana-password").len()
    };
    assert_eq!(grafana(""), 1);
    assert_eq!(grafana(", environment: { GF_SECURITY_ADMIN_PASSWORD__FILE: /run/secrets/g }"), 0);
}

#[test]
fn what_scanners_found_is_graded_as_they_grade_it() {
    let mut stage = Stage::service("");
    assert_eq!(stage.said("not-scanned"), ["low 0: no scanner has looked at the images"]);
    stage.scan.scanners.push("grype");
    assert_eq!(stage.said("not-scanned"), ["low 0: image a:1 was not scanned: the engine does not have it"]);
    let answer = r#"{"matches": [{"vulnerability": {"id": "CVE-1", "severity": "Critical"}, "artifact": {"name": "z", "version": "1"}}]}"#;
    stage.scan.add("a:1", Scanner::Grype, Ok(answer.to_owned()));
    assert_eq!(stage.said("not-scanned"), [""; 0]);
    assert_eq!(
        stage.said("vulnerability"),
        ["critical 4: a: CVE-1 in z 1 of image a:1, no mended version yet"]
    );
}
