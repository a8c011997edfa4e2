//! What must be refused, asked for from inside the containers. Each refusal stands beside something of its kind that is granted, so
//! that it is not the question that fails.

use std::time::Duration;

use crate::outside::{self, Outside};
use crate::stage::{STAYING, Stage, docker};

/// One thing that must be refused.
type Refusal = (&'static str, fn(&Stage));

const REFUSALS: &[Refusal] = &[
    ("the page reaches the database by name or address", |s| unreachable_from(s, "streamlit", "db", 5432)),
    ("the proxy reaches the database", |s| unreachable_from(s, "proxy", "db", 5432)),
    ("prometheus reaches the database", |s| unreachable_from(s, "prometheus", "db", 5432)),
    ("the proxy reaches mlflow", |s| unreachable_from(s, "proxy", "mlflow", 5000)),
    ("the api reaches node-exporter", |s| unreachable_from(s, "api", "node-exporter", 9100)),
    ("the page reaches node-exporter", |s| unreachable_from(s, "streamlit", "node-exporter", 9100)),
    ("a service finds a way out", no_way_out),
    ("anything but the proxy is published", only_the_proxy_is_published),
    ("a root file system is written to", roots_are_read_only),
    ("a process is root, or has a capability, or can gain one", no_privileges),
    ("a user is changed to root", no_change_of_user),
    ("a raw socket is opened", no_raw_socket),
    ("something is mounted", no_mount),
    ("a service takes more memory or processes than it has", bounded),
    ("the api's login writes", |s| sql_refused(s, "api", "INSERT INTO learn_methods VALUES ('a', 'b', 'c')")),
    ("the trainer's login deletes", |s| sql_refused(s, "trainer", "DELETE FROM moves")),
    ("the etl's login changes the schema", |s| sql_refused(s, "etl", "CREATE TABLE intruder ()")),
    ("a login enters another's database", databases_are_apart),
    ("the database takes a wrong password, or none", passwords_are_asked_for),
    ("plain HTTP is served", plain_http_is_redirected),
    ("TLS below 1.2 is spoken", old_tls),
    ("a certificate is taken without its authority", certificates_are_checked),
    ("the api answers without its key", keys_are_asked_for),
    ("metrics are shown to the world", metrics_stay_inside),
    ("prometheus can be stopped by who reaches it", no_lifecycle),
    ("a service sees secrets that are not its own", secrets_are_apart),
    ("a secret is in an environment, a label, an argument or a log", no_secret_leaks),
    ("grafana lets in who has no name", grafana_asks),
];

#[test]
fn what_must_be_refused_is_refused() {
    if std::env::var("PDEX_TEST_PRODUCTION").is_err() {
        eprintln!("skipped: `make test-production` runs the production profile on Docker");
        return;
    }
    let stage = Stage::new("prod");
    assert!(stage.pdex(&["up"]).ok);
    let mut granted = Vec::new();
    for (what, check) in REFUSALS {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&stage))).is_ok();
        println!("{} {what}", if refused { "refused:" } else { "GRANTED:" });
        if !refused {
            granted.push(*what);
        }
    }
    let validates = stage.pdex(&["validate"]).ok;
    // Of the running containers, too; it ends in 7 for anything above low.
    let audited = stage.pdex(&["audit"]).ok;
    assert_eq!(granted, [""; 0]);
    assert!(validates && audited);
    secrets_turn(&stage);
    a_rotation_that_is_killed_is_finished(&stage);
    a_second_up_has_nothing_to_do(&stage);
}

fn unreachable_from(stage: &Stage, from: &str, to: &str, port: u16) {
    let friend = if to == "node-exporter" { "prometheus" } else { "api" };
    let friend = if to == "mlflow" { "streamlit" } else { friend };
    assert!(stage.connects(friend, to, port), "{friend} does reach {to}");
    assert!(!stage.connects(from, to, port));
    for address in stage.addresses(to) {
        assert!(!stage.connects(from, &address, port), "{address}");
    }
}

/// Engine 20.10 leaves a default route in who is on internal networks alone, and drops what takes it: only an address that the
/// proxy does reach tells.
fn no_way_out(stage: &Stage) {
    let _outside = Outside::set();
    assert!(stage.connects("proxy", outside::ADDRESS, 80), "it is the one that answers the world");
    for service in STAYING.iter().filter(|service| **service != "proxy") {
        assert!(!stage.connects(service, outside::ADDRESS, 80), "{service}");
    }
}

fn only_the_proxy_is_published(stage: &Stage) {
    for service in STAYING {
        let ports = stage.document(service)["NetworkSettings"]["Ports"].clone();
        let bound: Vec<_> = ports.as_object().unwrap().values().filter(|port| port.is_array()).collect();
        assert_eq!(bound.len(), if service == "proxy" { 2 } else { 0 }, "{service}: {ports}");
    }
}

fn roots_are_read_only(stage: &Stage) {
    for service in STAYING {
        assert_eq!(stage.document(service)["HostConfig"]["ReadonlyRootfs"], true, "{service}");
    }
    for (service, path) in [
        ("streamlit", "/app/page.py"),
        ("streamlit", "/intruder"),
        ("mlflow", "/app/serve.py"),
        ("db", "/etc/passwd"),
        ("db", "/production/roles.sql"),
        ("prometheus", "/etc/prometheus/prometheus.yml"),
        ("node-exporter", "/intruder"),
        ("proxy", "/etc/caddy/Caddyfile"),
    ] {
        let said = stage.exec(service, &format!(": >> {path}"));
        let words = ["Read-only file system", "Permission denied"];
        assert!(
            !said.ok && words.iter().any(|word| said.text.contains(word)),
            "{service} {path}: {}",
            said.text
        );
    }
    assert!(stage.exec("streamlit", ": > /tmp/allowed").ok);
}

fn no_privileges(stage: &Stage) {
    for service in STAYING {
        let status = stage.process(service);
        let field = |name: &str| {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("{service}: {status}"));
            line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(field("NoNewPrivs:"), ["1"], "{service}");
        assert!(
            !field("Uid:").contains(&"0".to_owned()) && !field("Gid:").contains(&"0".to_owned()),
            "{service}"
        );
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            // The proxy may have the one that its registry image's program asks for.
            let bits = u64::from_str_radix(&field(set)[0], 16).unwrap();
            let allowed = if service == "proxy" { 1 << 10 } else { 0 };
            assert_eq!(bits & !allowed, 0, "{service} {set}");
        }
    }
}

fn no_change_of_user(stage: &Stage) {
    let said = stage.exec("db", "setpriv --reuid=0 --clear-groups id");
    assert!(!said.ok && said.text.contains("not permitted"), "{}", said.text);
    assert_eq!(stage.exec("db", "id -u").text.trim(), "999");
    let said = stage.exec("mlflow", "cp /bin/sh /tmp/sh && chmod u+s /tmp/sh && chown 0 /tmp/sh");
    assert!(!said.ok && said.text.contains("not permitted"), "{}", said.text);
}

fn no_raw_socket(stage: &Stage) {
    let open = |kind: &str| {
        stage.exec(
            "streamlit",
            &format!("python -c 'import socket; socket.socket(socket.AF_INET, {kind}, 1)'"),
        )
    };
    assert!(stage.exec("streamlit", "python -c 'import socket; socket.socket()'").ok);
    let said = open("socket.SOCK_RAW");
    assert!(!said.ok && said.text.contains("Operation not permitted"), "{}", said.text);
}

fn no_mount(stage: &Stage) {
    let said = stage.exec("db", "mount -t tmpfs none /tmp");
    let refused = ["denied", "only root", "must be superuser"].iter().any(|words| said.text.contains(words));
    assert!(!said.ok && refused, "{}", said.text);
    let said = stage.exec("db", "unshare --map-root-user --mount true");
    assert!(!said.ok && said.text.contains("not permitted"), "{}", said.text);
}

fn bounded(stage: &Stage) {
    for service in STAYING {
        let host = &stage.document(service)["HostConfig"];
        assert!(host["PidsLimit"].as_i64().is_some_and(|pids| (1..=256).contains(&pids)), "{service}");
        assert!(host["Memory"].as_i64().is_some_and(|memory| (1..=2 << 30).contains(&memory)), "{service}");
    }
    let said = stage.exec("db", "for i in $(seq 300); do sleep 2 & done; wait");
    assert!(said.text.contains("fork"), "more than 128 processes: {}", said.text);
    eventually("there is room again", || stage.exec("db", "true").ok);
}

fn login(who: &str) -> String {
    format!("predictiondex_{who}_login")
}

fn sql(stage: &Stage, who: &str, database: &str, query: &str) -> crate::stage::Said {
    stage.sql("api", &login(who), &stage.secret(&format!("{who}_password")), database, query)
}

fn sql_refused(stage: &Stage, who: &str, query: &str) {
    let read = sql(stage, who, "letsgo_db", "SELECT count(*) FROM pokemon");
    assert_eq!(read.text.trim(), "188", "{who} reads");
    let said = sql(stage, who, "letsgo_db", query);
    assert!(!said.ok && said.text.contains("permission denied"), "{}", said.text);
}

fn databases_are_apart(stage: &Stage) {
    assert_eq!(sql(stage, "mlflow", "mlflow", "SELECT 1").text.trim(), "1");
    for (who, database) in [
        ("mlflow", "letsgo_db"),
        ("api", "mlflow"),
        ("etl", "mlflow"),
        ("trainer", "postgres"),
        ("api", "template1"),
    ] {
        let said = sql(stage, who, database, "SELECT 1");
        assert!(
            !said.ok && said.text.contains("permission denied for database"),
            "{who} {database}: {}",
            said.text
        );
    }
}

fn passwords_are_asked_for(stage: &Stage) {
    for (login, password) in
        [("letsgo_user", "wrong"), ("letsgo_user", ""), ("predictiondex_api_login", "wrong")]
    {
        let said = stage.sql("api", login, password, "letsgo_db", "SELECT 1");
        let words = ["password authentication failed", "no password supplied"];
        assert!(!said.ok && words.iter().any(|word| said.text.contains(word)), "{}", said.text);
    }
}

fn plain_http_is_redirected(stage: &Stage) {
    let said = stage.curl(&["-i", &stage.url("http", "/api/pokemon?limit=1")]).text;
    assert!(said.starts_with("HTTP/1.1 301"), "{said}");
    assert!(said.contains(&format!("Location: {}", stage.url("https", "/api/pokemon?limit=1"))), "{said}");
    let said = stage.curl(&["-i", "-H", "Host: evil.example", &stage.url("http", "/")]).text;
    assert!(!said.contains("evil.example"), "{said}");
}

fn old_tls(stage: &Stage) {
    let url = stage.url("https", "/");
    let said =
        stage.curl(&["--cacert", "/ca.crt", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", &url]);
    assert!(!said.ok && said.text.contains("protocol version"), "{}", said.text);
    for version in ["1.2", "1.3"] {
        assert_eq!(stage.status("/", &["--tls-max", version]), "200", "TLS {version}");
    }
    let said = stage.curl(&["--cacert", "/ca.crt", "-I", &url]).text.to_lowercase();
    assert!(said.contains("strict-transport-security: max-age=31536000"), "{said}");
}

fn certificates_are_checked(stage: &Stage) {
    let said = stage.curl(&[&stage.url("https", "/")]);
    assert!(!said.ok && said.text.contains("certificate"), "{}", said.text);
    assert_eq!(stage.status("/", &[]), "200");
}

const BATTLE: &str = r#"{"pokemon_a": "Pikachu", "pokemon_b": "Onix"}"#;

fn predict(stage: &Stage, key: Option<&str>) -> String {
    let header = key.map(|key| format!("X-API-Key: {key}"));
    let mut all = vec!["-H", "Content-Type: application/json", "-d", BATTLE];
    all.extend(header.iter().flat_map(|header| ["-H", header.as_str()]));
    stage.status("/api/predict/battle", &all)
}

fn keys_are_asked_for(stage: &Stage) {
    assert_eq!(predict(stage, Some(&stage.secret("api_key"))), "200");
    assert_eq!(predict(stage, None), "401");
    assert_eq!(predict(stage, Some("a-wrong-key-that-is-long-enough")), "401");
}

fn metrics_stay_inside(stage: &Stage) {
    assert!(stage.from("prometheus", "exec 3<>/dev/tcp/api/8000; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; grep -q api_requests_total <&3").ok);
    for path in
        ["/api/metrics", "/api//metrics", "/api/./metrics", "/api/x/../metrics", "/metrics", "/api/%6detrics"]
    {
        let said = stage.curl(&["--cacert", "/ca.crt", "--path-as-is", &stage.url("https", path)]).text;
        assert!(!said.contains("api_requests_total"), "{path}: {said}");
    }
}

fn no_lifecycle(stage: &Stage) {
    let post =
        "exec 3<>/dev/tcp/prometheus/9090; printf 'POST /-/quit HTTP/1.0\\r\\n\\r\\n' >&3; head -1 <&3";
    let said = stage.from("api", post);
    assert!(said.text.contains(" 403 "), "{}", said.text);
}

fn secrets_are_apart(stage: &Stage) {
    for (service, own) in
        [("streamlit", "api_key"), ("mlflow", "mlflow_password"), ("db", "postgres_password")]
    {
        let said = stage.exec(service, "ls /run/secrets; cat /run/secrets/* >/dev/null");
        assert!(said.ok && said.text.trim() == own, "{service}: {}", said.text);
        let written = stage.exec(service, &format!("echo x > /run/secrets/{own}"));
        assert!(!written.ok, "{service}");
    }
    let said = stage.exec("prometheus", "ls /run/secrets");
    assert!(!said.ok, "{}", said.text);
}

const SECRETS: [&str; 7] = [
    "postgres_password",
    "etl_password",
    "trainer_password",
    "api_password",
    "mlflow_password",
    "api_key",
    "grafana_password",
];

fn no_secret_leaks(stage: &Stage) {
    let containers = stage.containers();
    assert!(containers.len() >= 11, "{containers:?}");
    for container in containers {
        let told = docker(&["inspect", &container]).text + &docker(&["logs", &container]).text;
        for name in SECRETS {
            assert!(!told.contains(&stage.secret(name)), "{name} is in what {container} shows or says");
        }
    }
}

fn grafana_asks(stage: &Stage) {
    if !stage.containers().contains(&stage.container("grafana")) {
        println!("(grafana is in no registry that this machine reaches)");
        return;
    }
    assert_eq!(stage.status("/grafana/api/search", &[]), "401");
    let login = format!("admin:{}", stage.secret("grafana_password"));
    assert_eq!(stage.status("/grafana/api/search", &["-u", &login]), "200");
}

/// New values hold and old ones do not, without a secret in any log.
fn secrets_turn(stage: &Stage) {
    let key = stage.secret("api_key");
    let old: Vec<String> = SECRETS.iter().map(|name| stage.secret(name)).collect();
    let api = stage.secret("api_password");
    assert!(stage.pdex(&["secrets", "rotate"]).ok);
    let new: Vec<String> = SECRETS.iter().map(|name| stage.secret(name)).collect();
    assert!(old.iter().zip(&new).all(|(old, new)| old != new));
    eventually("the api is back", || predict(stage, Some(&stage.secret("api_key"))) == "200");
    assert_eq!(predict(stage, Some(&key)), "401", "the old key");
    let said = stage.sql("api", &login("api"), &api, "letsgo_db", "SELECT 1");
    assert!(!said.ok && said.text.contains("password authentication failed"), "{}", said.text);
    let owner = stage.sql("api", "letsgo_user", &old[0], "letsgo_db", "SELECT 1");
    assert!(!owner.ok && owner.text.contains("password authentication failed"), "{}", owner.text);
    eventually("everything is well with the new values", || stage.pdex(&["validate"]).ok);
    no_secret_leaks(stage);
}

fn a_rotation_that_is_killed_is_finished(stage: &Stage) {
    for instant in [50, 300, 700] {
        let mut rotation = stage.command(&["secrets", "rotate"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(instant));
        let _ = rotation.kill();
        rotation.wait().unwrap();
        println!("killed after {instant} ms");
        assert!(stage.pdex(&["secrets", "rotate"]).ok);
        let list = stage.pdex(&["secrets", "list"]).text;
        assert_eq!(list.lines().filter(|line| line.contains(" kept ")).count(), SECRETS.len(), "{list}");
    }
    eventually("everything is well after it", || stage.pdex(&["validate"]).ok);
}

fn a_second_up_has_nothing_to_do(stage: &Stage) {
    let again = stage.pdex(&["up"]);
    assert!(again.ok && again.text.contains("completed before"), "{}", again.text);
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_mins(2);
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{what}: not within two minutes");
        std::thread::sleep(Duration::from_secs(1));
    }
}
