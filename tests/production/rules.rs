//! What `pdex config --profile production` shows, against each rule.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Values that must not come out again anywhere.
const SECRETS: [(&str, &str); 3] = [
    ("POSTGRES_PASSWORD", "only-the-database-knows"),
    ("API_KEY", "only-the-api-knows"),
    ("GRAFANA_ADMIN_PASSWORD", "only-grafana-knows"),
];

fn config(arguments: &[&str], more: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pdex"))
        .current_dir(ROOT)
        .env_clear()
        .envs(SECRETS)
        .envs(more.iter().copied())
        .args(arguments)
        .args(["config", "--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

fn production() -> Value {
    serde_json::from_str(&config(&["--profile", "production"], &[])).unwrap()
}

/// Every service with its name.
fn services(definition: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let services = definition["services"].as_object().unwrap();
    assert_eq!(services.len(), 12, "nine of the platform, two jobs, the proxy");
    services.iter()
}

fn networks<'a>(definition: &'a Value, service: &str) -> BTreeSet<&'a str> {
    let networks = &definition["services"][service]["networks"];
    networks.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Services of one network.
fn on<'a>(definition: &'a Value, network: &str) -> BTreeSet<&'a str> {
    let member =
        |service: &Value| service["networks"].as_object().is_some_and(|all| all.contains_key(network));
    services(definition).filter(|(_, service)| member(service)).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_service_is_hardened() {
    let definition = production();
    for (name, service) in services(&definition) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{name}");
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["pids"].as_i64().is_some_and(|pids| (1..=256).contains(&pids)), "{name}: {limits}");
        assert!(limits["memory"].is_string(), "{name}: {limits}");
        assert!(
            service["privileged"].is_null() && service["pid"].is_null() && service["ipc"].is_null(),
            "{name}"
        );
        let user = service["user"].as_str().unwrap_or_else(|| panic!("{name} has no user"));
        let numbers: Vec<u32> = user.split(':').map(|number| number.parse().unwrap()).collect();
        assert!(numbers.len() == 2 && !numbers.contains(&0), "{name} is {user}");
        let added = service["cap_add"].as_array().map_or(0, Vec::len);
        assert_eq!(added, usize::from(name == "proxy"), "{name}");
        let socket = service["volumes"].to_string().contains("docker.sock");
        assert!(!socket && service["network_mode"].is_null(), "{name}");
    }
}

#[test]
fn only_the_proxy_is_published_and_where_the_variable_says() {
    let definition = production();
    for (name, service) in services(&definition) {
        assert_eq!(service["ports"].is_array(), name == "proxy", "{name}: {}", service["ports"]);
    }
    let address =
        |text: &Value| text["services"]["proxy"]["ports"][0]["host_ip"].as_str().unwrap().to_owned();
    assert_eq!(address(&definition), "127.0.0.1", "unless someone says otherwise");
    let open = config(&["--profile", "production"], &[("PDEX_PROXY_ADDRESS", "0.0.0.0")]);
    assert_eq!(address(&serde_json::from_str(&open).unwrap()), "0.0.0.0");
}

#[test]
fn no_secret_is_in_the_definition() {
    let text = config(&["--profile", "production"], &[]);
    for (name, value) in SECRETS {
        assert!(!text.contains(value), "{name}");
    }
    let definition: Value = serde_json::from_str(&text).unwrap();
    for (name, service) in services(&definition) {
        let given: BTreeSet<String> = service["secrets"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|secret| format!("/run/secrets/{}", secret["source"].as_str().unwrap()))
            .collect();
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            let secret =
                ["PASSWORD", "API_KEY", "SECRET", "TOKEN"].iter().any(|word| variable.contains(word));
            if secret && variable != "API_KEY_REQUIRED" {
                let path = value.as_str().unwrap_or_default();
                assert!(variable.ends_with("_FILE") && given.contains(path), "{name}: {variable}={path}");
            }
        }
    }
    for (name, secret) in definition["secrets"].as_object().unwrap() {
        assert!(secret["file"].as_str().unwrap().ends_with(&format!("/secrets/{name}")), "{secret}");
        assert!(secret["x-pdex"]["generate"].as_u64().unwrap() >= 24, "{secret}");
    }
}

#[test]
fn who_meets_whom() {
    let definition = production();
    assert_eq!(on(&definition, "machine"), ["node-exporter", "prometheus"].into());
    assert_eq!(networks(&definition, "node-exporter"), ["machine"].into());
    assert_eq!(networks(&definition, "db"), ["data"].into());
    assert_eq!(
        on(&definition, "data"),
        ["api", "db", "etl", "migrate", "ml_builder", "mlflow", "roles"].into(),
        "neither the page, nor the proxy, nor anything that watches"
    );
    assert_eq!(on(&definition, "edge"), ["proxy"].into());
    assert_eq!(on(&definition, "outbound"), ["etl"].into());
    for (name, network) in definition["networks"].as_object().unwrap() {
        let open = ["edge", "outbound"].contains(&name.as_str());
        assert_eq!(network["internal"] == true, !open, "{name}");
    }
}

#[test]
fn each_login_is_used_by_one_service_and_the_owner_by_jobs_alone() {
    let definition = production();
    let mut owners = BTreeSet::new();
    let mut logins = BTreeSet::new();
    for (name, service) in services(&definition) {
        match service["environment"]["POSTGRES_USER"].as_str() {
            Some("letsgo_user") => drop(owners.insert(name.as_str())),
            Some(login) => assert!(logins.insert(login), "{login} is {name}'s alone"),
            None => {}
        }
    }
    assert_eq!(owners, ["db", "migrate", "roles"].into());
    assert_eq!(logins.len(), 4);
}

#[test]
fn grafana_and_the_api_ask_who_is_there() {
    let definition = production();
    let grafana = &definition["services"]["grafana"]["environment"];
    assert_eq!(grafana["GF_AUTH_ANONYMOUS_ENABLED"], "false");
    assert_eq!(grafana["GF_AUTH_DISABLE_LOGIN_FORM"], "false");
    let api = &definition["services"]["api"]["environment"];
    assert_eq!((&api["DEV_MODE"], &api["API_KEY_REQUIRED"]), (&"false".into(), &"true".into()));
    let lifecycle = definition["services"]["prometheus"]["command"].to_string();
    assert!(!lifecycle.contains("enable-lifecycle"), "{lifecycle}");
}

#[test]
fn the_profile_is_asked_for_by_option_or_by_variable_and_both_files_by_hand_are_the_same() {
    let asked = config(&["--profile", "production"], &[]);
    assert_eq!(config(&[], &[("COMPOSE_PROFILES", "production")]), asked);
    assert_eq!(config(&["-f", "stack/predictiondex.yaml", "-f", "stack/production.yaml"], &[]), asked);
    let default: Value = serde_json::from_str(&config(&[], &[])).unwrap();
    assert_eq!(default["services"].as_object().unwrap().len(), 9);
}

#[test]
fn the_audit_finds_nothing_above_low() {
    let output = Command::new(env!("CARGO_BIN_EXE_pdex"))
        .current_dir(ROOT)
        .env_clear()
        .envs(SECRETS)
        .args(["--profile", "production", "audit", "--offline"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" findings: ") && !said.contains(" medium, "), "{said}");
}

#[test]
fn a_profile_that_is_mistyped_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_pdex"))
        .current_dir(ROOT)
        .env_clear()
        .envs(SECRETS)
        .args(["--profile", "prodution", "config"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no service is in profile prodution, and no overlay has that name"), "{said}");
}
