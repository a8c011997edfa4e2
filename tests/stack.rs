//! The whole platform on this machine's Docker: up, a real prediction, validate, faults, down. Runs where `PDEX_TEST_STACK=1` says
//! so (`make test-stack`); under a project, names, ports and a models folder of its own, all removed at the end.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the program from outside runs programs and reads its switch"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of a test fail it, and say what they did"
)]

#[path = "stack/backup.rs"]
mod backup;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// One stack of the test's own.
struct Stack {
    project: String,
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Stack {
    fn new() -> Self {
        let project = format!("pdex-test-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        let mut environment = BTreeMap::from([
            ("PDEX_TEST_PREFIX".to_owned(), project.replace('-', "_")),
            ("PDEX_TEST_MODELS".to_owned(), models.display().to_string()),
            ("POSTGRES_PASSWORD".to_owned(), "only-for-this-test".to_owned()),
            ("GRAFANA_ADMIN_PASSWORD".to_owned(), "only-for-this-test".to_owned()),
            ("XDG_STATE_HOME".to_owned(), folder.path().display().to_string()),
        ]);
        for name in ["DB", "API", "STREAMLIT", "PROMETHEUS", "GRAFANA", "NODE_EXPORTER", "MLFLOW"] {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            environment.insert(format!("PDEX_{name}_PORT"), port.to_string());
        }
        std::fs::write(folder.path().join("empty.env"), "").unwrap();
        Self { project, folder, environment }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command.current_dir(ROOT).envs(&self.environment).args(["-p", &self.project]);
        command.args(["-f", "stack/predictiondex.yaml", "-f", "tests/stack/overlay.yaml"]);
        command.arg("--env-file").arg(self.folder.path().join("empty.env"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs pdex and shows what it said, for whoever reads the log of a failure.
    fn pdex(&self, arguments: &[&str]) -> Output {
        let began = Instant::now();
        let output = self.command(arguments).output().unwrap();
        println!(
            "$ pdex {}   → {} after {:.1} s\n{}{}",
            arguments.join(" "),
            output.status,
            began.elapsed().as_secs_f64(),
            text(&output.stdout),
            text(&output.stderr)
        );
        output
    }

    fn container(&self, service: &str) -> String {
        format!("{}_{}", self.environment["PDEX_TEST_PREFIX"], service)
    }

    fn url(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.environment[&format!("PDEX_{service}_PORT")])
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.pdex(&["down", "-v", "--yes", "--no-backup", "--timeout", "5"]);
    }
}

/// That `validate` or `doctor` finds nothing; else the failure names what it found.
fn finds_nothing(stack: &Stack, arguments: &[&str]) {
    let output = stack.pdex(&[arguments, &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().into_iter().flatten();
    let failed = checks.filter(|check| check["outcome"] == "failed");
    let symptoms = report["symptoms"].as_array().into_iter().flatten();
    let findings = symptoms.flat_map(|symptom| symptom["findings"].as_array().unwrap());
    let errors = findings.filter(|finding| finding["severity"] == "error");
    let found: Vec<&Value> = failed.chain(errors).collect();
    assert!(output.status.success() && found.is_empty(), "{arguments:?}: {}: {found:#?}", output.status);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn get(url: &str) -> Value {
    request(reqwest::Method::GET, url, None)
}

fn request(method: reqwest::Method, url: &str, body: Option<&Value>) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, url).timeout(Duration::from_secs(10));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: HTTP {}", answer.status());
        answer.json().await.unwrap()
    })
}

/// Looks again until it holds; what is waited for is outside of pdex's promise (a scrape, say).
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn the_platform_from_nothing_to_a_prediction_and_back() {
    if std::env::var("PDEX_TEST_STACK").is_err() {
        eprintln!("skipped: `make test-stack` runs the whole platform on Docker");
        return;
    }
    let stack = Stack::new();
    comes_up_and_says_so(&stack);
    predicts_both_ways(&stack);
    keeps_its_promises(&stack);
    validates_and_notices_a_stopped_service(&stack);
    is_started_with_guidance(&stack);
    shows_every_screen_of_its_page(&stack);
    goes_down_keeping_its_data(&stack);
    backup::comes_back_after_everything_is_lost(&stack);
    // Minutes more; the same is tried on smaller stacks by the tests of faults.
    if std::env::var_os("PDEX_TEST_KILLS").is_some() {
        backup::survives_a_restore_that_is_killed(&stack);
    }
    survives_being_killed(&stack);
    leaves_nothing(&stack);
    comes_up_on_the_model_that_is_left(&stack);
}

fn comes_up_and_says_so(stack: &Stack) {
    // A tag that is present may be of another checkout; what is tested are the services of this one.
    let output = stack.pdex(&["up", "--build"]);
    assert!(output.status.success());
    let table = text(&output.stdout);
    for service in ["db", "api", "streamlit", "prometheus", "node-exporter", "mlflow"] {
        let row = row(&table, service);
        assert!(row.contains("✓ ready"), "{row}");
    }
    for job in ["etl", "ml_builder"] {
        let row = row(&table, job);
        assert!(row.contains("✓ completed in"), "{row}");
    }
    let grafana = row(&table, "grafana");
    assert!(grafana.contains("ready") || grafana.contains("unavailable"), "{grafana}");
    let running = docker(&["ps", "--format", "{{.Names}}"]);
    for service in ["db", "api", "streamlit", "prometheus", "node_exporter", "mlflow"] {
        assert!(running.lines().any(|name| name == stack.container(service)), "{service} runs");
    }
    assert_eq!(
        stack.pdex(&["plan"]).status.code(),
        if grafana.contains("ready") { Some(0) } else { Some(2) }
    );
}

fn row(table: &str, service: &str) -> String {
    let found = table.lines().find(|line| line.split_whitespace().next() == Some(service));
    found.unwrap_or_else(|| panic!("no row of {service}")).to_owned()
}

fn predicts_both_ways(stack: &Stack) {
    let url = format!("{}/predict/battle", stack.url("API"));
    let ask = |a: &str, b: &str| {
        request(reqwest::Method::POST, &url, Some(&json!({"pokemon_a": a, "pokemon_b": b})))
    };
    let (there, back) = (ask("Pikachu", "Onix"), ask("onix", "PIKACHU"));
    let odds = |answer: &Value, side: &str| answer[format!("probability_{side}")].as_f64().unwrap();
    assert!((odds(&there, "a") + odds(&there, "b") - 1.0).abs() < 1e-12, "{there}");
    assert!((odds(&there, "a") - odds(&back, "b")).abs() < 1e-12, "{there} {back}");
    assert_eq!(there["winner"], back["winner"]);
    assert!(there["model"]["version"].is_string(), "{there}");
}

fn keeps_its_promises(stack: &Stack) {
    let count = docker(&[
        "exec",
        &stack.container("db"),
        "psql",
        "-U",
        "letsgo_user",
        "-d",
        "letsgo_db",
        "-Atc",
        "SELECT (SELECT count(*) FROM species) || ' ' || (SELECT count(*) FROM pokemon) || ' ' || (SELECT count(*) FROM moves)",
    ]);
    assert_eq!(count.trim(), "153 188 226");
    let models = get(&format!("{}/api/2.0/mlflow/registered-models/search", stack.url("MLFLOW")));
    assert!(models["registered_models"][0]["latest_versions"][0]["run_id"].is_string(), "{models}");
    let targets = format!("{}/api/v1/targets?state=active", stack.url("PROMETHEUS"));
    eventually("every target is up", || {
        let answer = get(&targets);
        let targets = answer["data"]["activeTargets"].as_array().unwrap();
        targets.len() == 3 && targets.iter().all(|target| target["health"] == "up")
    });
}

fn validates_and_notices_a_stopped_service(stack: &Stack) {
    finds_nothing(stack, &["validate"]);
    asks_the_services_themselves(stack);
    finds_nothing(stack, &["doctor"]);
    docker(&["stop", "-t", "5", &stack.container("api")]);
    let output = stack.pdex(&["validate"]);
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    assert!(report.lines().any(|line| line.contains('✗') && line.contains("api")), "{report}");
    let output = stack.pdex(&["doctor", "--fix"]);
    assert!(text(&output.stdout).contains("error: api: ended with exit code"), "the cause, once");
    // Doctor starts what was stopped, and nothing is wrong then.
    finds_nothing(stack, &["doctor"]);
    finds_nothing(stack, &["validate"]);
}

/// Checks that would be skipped where they cannot be made: on this stack each of them can.
fn asks_the_services_themselves(stack: &Stack) {
    let output = stack.pdex(&["validate", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    for (service, check) in [
        ("api", "networks"),
        ("db", "volumes"),
        ("etl", "limits"),
        ("prometheus", "ports"),
        ("api", "clock"),
        ("prometheus", "clock"),
        ("streamlit", "page renders"),
        ("streamlit", "reach"),
        ("mlflow", "experiment"),
        ("mlflow", "registered model"),
    ] {
        let found = checks.iter().find(|c| c["service"] == service && c["check"] == check);
        assert_eq!(found.unwrap()["outcome"], "passed", "{service}/{check}: {found:?}");
    }
}

/// What cannot be had of the simulated engine: checks and traffic over HTTP.
fn is_started_with_guidance(stack: &Stack) {
    let output = stack.pdex(&["quick-start", "--auto", "--load", "5s"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" checks failed") && said.contains("/s achieved"), "{said}");
    assert!(said.contains(&stack.url("STREAMLIT")), "{said}");
    stack.pdex(&["stop", "api"]);
    let output = stack.pdex(&["quick-start", "--auto", "--stack", "light", "--lang", "fr"]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    assert!(said.contains("Tout tourne :") && !said.contains("prometheus "), "{said}");
}

fn shows_every_screen_of_its_page(stack: &Stack) {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
    let _ = std::fs::remove_dir_all(&pictures);
    let output = Command::new(Path::new(ROOT).join("tests/python.sh"))
        .current_dir(ROOT)
        .env("PDEX_STREAMLIT_URL", stack.url("STREAMLIT"))
        .env("PDEX_SCREENSHOTS", &pictures)
        .output()
        .unwrap();
    println!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success());
    let screens = ["battle", "team", "pokedex", "moves", "types", "model", "monitoring", "quiz", "about"];
    for name in screens.iter().flat_map(|screen| [1280, 390].map(|width| format!("{screen}-{width}.png"))) {
        let size = pictures.join(&name).metadata().unwrap().len();
        assert!(size > 10_000, "{name} shows something, in {size} bytes");
    }
}

fn goes_down_keeping_its_data(stack: &Stack) {
    assert!(stack.pdex(&["down", "--timeout", "5"]).status.success());
    let label = format!("label=com.docker.compose.project={}", stack.project);
    assert_eq!(docker(&["ps", "-aq", "--filter", &label]), "");
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &label]), "");
    assert_ne!(docker(&["volume", "ls", "-q", "--filter", &label]), "");
    assert!(stack.pdex(&["up"]).status.success());
    let logs = text(&stack.pdex(&["logs", "etl", "ml_builder"]).stdout);
    assert!(
        logs.lines().any(|line| line.contains("\"event\":\"done\"") && line.contains("\"changed\":0")),
        "{logs}"
    );
    assert!(logs.lines().any(|line| line.contains("ml_builder") && line.contains("skip")), "{logs}");
}

fn survives_being_killed(stack: &Stack) {
    for instant in [100, 700, 1_500, 3_000] {
        assert!(stack.pdex(&["down", "--timeout", "5"]).status.success());
        let mut up: Child =
            stack.command(&["up", "--progress", "quiet"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(instant));
        let _ = up.kill();
        up.wait().unwrap();
        println!("killed after {instant} ms");
        assert!(stack.pdex(&["up"]).status.success());
        finds_nothing(stack, &["validate"]);
        let label = format!("label=com.docker.compose.project={}", stack.project);
        let names = docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &label]);
        assert!(!names.contains(".pdex-next"), "{names}");
    }
}

/// The models folder is not the stack's to remove: the trainer skips, and MLflow, which is new, has to hear of the model.
fn comes_up_on_the_model_that_is_left(stack: &Stack) {
    assert!(stack.pdex(&["up"]).status.success());
    finds_nothing(stack, &["validate"]);
    leaves_nothing(stack);
}

fn leaves_nothing(stack: &Stack) {
    let output = stack.pdex(&["down", "-v", "--yes", "--no-backup", "--timeout", "5"]);
    assert!(output.status.success());
    let label = format!("label=com.docker.compose.project={}", stack.project);
    let told = text(&output.stderr);
    for volume in ["postgres_data", "prometheus_data", "grafana_data", "mlflow_data"] {
        let name = format!("{}_{volume}", stack.project);
        assert!(told.contains(&format!("removed volume {name}")), "{told}");
    }
    assert_eq!(docker(&["volume", "ls", "-q", "--filter", &label]), "");
}
