//! docs/scaling.md shows what `pdex size` prints. `PDEX_SESSIONS=update cargo test --test size` writes it anew.

#![expect(
    clippy::disallowed_methods,
    reason = "the program is tested from outside, and the switch is a variable"
)]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::path::Path;
use std::process::Command;

fn printed(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pdex")).arg("size").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_document_shows_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scaling.md");
    let mut document = std::fs::read_to_string(&path).unwrap();
    for rate in ["10k", "100k", "1M"] {
        let (begin, end) = (format!("<!-- size {rate}: begin -->\n"), format!("<!-- size {rate}: end -->"));
        let (before, rest) = document.split_once(&begin).unwrap();
        let (now, after) = rest.split_once(&end).unwrap();
        let (code, text, _) = printed(&["--rps", rate]);
        assert_eq!(code, Some(0));
        let shown = format!("```console\n$ pdex size --rps {rate}\n{text}```\n");
        if std::env::var("PDEX_SESSIONS").is_ok_and(|value| value == "update") {
            document = [before, &begin, &shown, &end, after].concat();
        } else {
            assert_eq!(now, shown);
        }
    }
    if std::env::var("PDEX_SESSIONS").is_ok_and(|value| value == "update") {
        std::fs::write(path, document).unwrap();
    }
}

#[test]
fn every_assumption_can_be_replaced() {
    let arguments = "--rps 1000 --requests-per-core 100 --utilisation 50 --cores-per-machine 4 --spare-machines 0 --cores-per-pod 2 \
        --least-pods 1 --most-pods 3 --memory-per-pod 10 --bytes-per-request 1000 --gbits-per-machine 1 --series-per-pod 15 \
        --scrape-seconds 5 --bytes-per-sample 1 --retention-days 1 --samples-per-prometheus 1000 --database-logins 5 \
        --training-rows 1000 --json";
    let (code, text, _) = printed(&arguments.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    // 1,000 / (100 × 2 × 0.5) pods of two cores each.
    assert_eq!((document["pods"].as_u64(), document["machines"].as_u64()), (Some(10), Some(5)));
    let first = &document["bounds"].as_array().unwrap()[1];
    assert_eq!((first["until"].as_f64(), first["holds"].as_bool()), (Some(300.0), Some(false)));
    // Whatever is in the document was given: nothing of it can only be had by compiling.
    let usual = inputs(&["--rps", "10k"]);
    for (name, value) in document["inputs"].as_object().unwrap() {
        assert!(*value != usual[name] || name == "logins_per_pod", "{name} is {value} either way");
    }
}

fn inputs(arguments: &[&str]) -> serde_json::Value {
    let (code, text, error) = printed(&[arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{error}");
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["inputs"].clone()
}

/// The number that follows a text in a file of the repository, the first time.
fn number_after(file: &str, text: &str) -> f64 {
    let content = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let rest = content.split_once(text).unwrap_or_else(|| panic!("{text} in {file}")).1;
    let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    number.parse().unwrap_or_else(|_| panic!("a number after {text} in {file}"))
}

#[test]
fn what_is_taken_from_other_files_is_what_they_say() {
    let scale = "tests/export/golden/overlays/production/autoscale.yaml";
    let usual = inputs(&["--rps", "1"]);
    for (name, file, text, factor) in [
        ("least_pods", scale, "minReplicas: ", 1.0),
        ("most_pods", scale, "maxReplicas: ", 1.0),
        ("utilisation", scale, "averageUtilization: ", 0.01),
        ("scrape_seconds", "prometheus/prometheus.yml", "scrape_interval: ", 1.0),
        ("retention_days", "stack/predictiondex.yaml", "retention.time=", 1.0),
        ("cores_per_pod", "tests/export/golden/overlays/production/patches/api.yaml", "cpu: \"", 1.0),
        ("database_logins", "stack/postgres/production/roles.sql", API_LOGIN, 1.0),
    ] {
        let expected = number_after(file, text) * factor;
        let found = usual[name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9, "{name} is {found}, and {expected} in {file}");
    }
}

const API_LOGIN: &str = "predictiondex_api_login     LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT ";

#[test]
fn a_rate_that_is_none_is_refused() {
    for wrong in ["0", "-5", "many"] {
        let (code, _, error) = printed(&[&format!("--rps={wrong}")]);
        assert_eq!(code, Some(2), "{error}");
    }
}
