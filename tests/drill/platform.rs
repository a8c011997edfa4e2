//! Drills on the platform itself, under a project of its own, removed at the end: the real API, the real Prometheus, the real rules but
//! for their windows, which are made short so that this takes minutes.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What is made short: windows, what an alert waits, how often Prometheus scrapes and evaluates. Scrapes stay well within a window.
const SHORT: [(&str, &str); 4] = [
    ("[5m]", "[30s]"),
    ("for: 1m", "for: 10s"),
    ("scrape_interval: 15s", "scrape_interval: 3s"),
    ("evaluation_interval: 15s", "evaluation_interval: 3s"),
];

/// The platform without what no drill needs.
struct Platform {
    project: String,
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Platform {
    fn new() -> Self {
        let project = format!("pdex-drill-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut environment = BTreeMap::from([
            ("PDEX_TEST_PREFIX".to_owned(), project.replace('-', "_")),
            ("PDEX_TEST_MODELS".to_owned(), path("models")),
            ("PDEX_TEST_PROMETHEUS".to_owned(), path("prometheus")),
            ("POSTGRES_PASSWORD".to_owned(), "only-for-this-test".to_owned()),
            ("GRAFANA_ADMIN_PASSWORD".to_owned(), "only-for-this-test".to_owned()),
            // The parameters that are published: what is tested is not the search for better ones.
            ("ML_TUNE_HYPERPARAMS".to_owned(), "false".to_owned()),
            ("DISABLE_MLFLOW_TRACKING".to_owned(), "true".to_owned()),
            ("XDG_STATE_HOME".to_owned(), path("state")),
        ]);
        for name in ["DB", "API", "STREAMLIT", "PROMETHEUS", "GRAFANA", "NODE_EXPORTER", "MLFLOW"] {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            environment.insert(format!("PDEX_{name}_PORT"), port.to_string());
        }
        std::fs::write(folder.path().join("empty.env"), "").unwrap();
        shorten(&folder.path().join("prometheus"));
        Self { project, folder, environment }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command.current_dir(ROOT).envs(&self.environment).args(["-p", &self.project]);
        for file in ["stack/predictiondex.yaml", "tests/stack/overlay.yaml", "tests/drill/overlay.yaml"] {
            command.args(["-f", file]);
        }
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
        format!("{}_{service}", self.environment["PDEX_TEST_PREFIX"])
    }

    fn inspected(&self, service: &str, template: &str) -> String {
        let arguments = ["inspect", "--format", template, &self.container(service)];
        let output = Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    fn is_as_it_was(&self) {
        assert_eq!(self.inspected("api", "{{.State.Status}} {{.HostConfig.NanoCpus}}"), "running 1000000000");
        assert_eq!(self.inspected("db", "{{.State.Status}} {{.State.Health.Status}}"), "running healthy");
        assert!(!self.journal().exists());
    }

    fn journal(&self) -> std::path::PathBuf {
        self.folder.path().join("state/pdex").join(format!("{}.drill.json", self.project))
    }

    /// A drill that goes on until its container is as it makes it.
    fn begun(&self, alert: &str, is_touched: impl Fn() -> bool) -> Child {
        let mut drill = self.command(&["drill", alert, "--yes"]).stdout(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        while !is_touched() {
            assert!(Instant::now() < deadline, "{alert}: nothing is touched within two minutes");
            assert!(drill.try_wait().unwrap().is_none(), "{alert}: it goes on");
            std::thread::sleep(Duration::from_millis(100));
        }
        drill
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.pdex(&["down", "-v", "--yes", "--no-backup", "--timeout", "5"]);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The rules of the repository with other windows.
fn shorten(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let rules = Path::new(ROOT).join("prometheus").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut replaced = 0;
    for path in rules.filter(|path| path.extension().is_some_and(|end| end == "yml")) {
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (long, short) in SHORT {
            replaced += text.matches(long).count();
            text = text.replace(long, short);
        }
        std::fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
    assert!(replaced > 10, "the rules have such windows");
}

#[test]
fn the_platforms_alerts_fire_and_end() {
    if std::env::var("PDEX_TEST_DRILL").is_err() {
        eprintln!("skipped: `make test-drill` runs API and Prometheus on Docker");
        return;
    }
    let platform = Platform::new();
    assert!(platform.pdex(&["up", "api", "prometheus"]).status.success());
    refuses_without_consent(&platform);
    drills_them_all(&platform);
    is_interrupted(&platform);
    is_killed(&platform);
}

fn refuses_without_consent(platform: &Platform) {
    assert_eq!(platform.pdex(&["drill", "ApiDown"]).status.code(), Some(2));
    platform.is_as_it_was();
}

fn drills_them_all(platform: &Platform) {
    let output = platform.pdex(&["drill", "all", "--yes", "--json", "--timeout", "5m"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{document:#}");
    let drills = document["drills"].as_array().unwrap();
    assert_eq!(drills.len(), 4);
    for drill in drills {
        let after = |what: &str| drill[format!("{what}_after_s")].as_f64().unwrap();
        assert_eq!(drill["passed"], true, "{drill:#}");
        assert!(after("firing") >= after("pending") + 5.0, "it waits before it fires: {drill:#}");
        assert!(after("resolved") > after("restored"), "{drill:#}");
        assert!(drill["said"].is_string(), "{drill:#}");
    }
    platform.is_as_it_was();
}

fn is_interrupted(platform: &Platform) {
    let paused = || platform.inspected("db", "{{.State.Status}}") == "paused";
    let mut drill = platform.begun("HighErrorRate", paused);
    kill_process(Pid::from_child(&drill), Signal::INT).unwrap();
    assert_eq!(drill.wait().unwrap().code(), Some(130));
    platform.is_as_it_was();
}

fn is_killed(platform: &Platform) {
    let is = |service: &str, template: &str, wanted: &str| platform.inspected(service, template) == wanted;
    let cut = || !is("api", "{{.HostConfig.NanoCpus}}", "1000000000");
    // That is while the API's stop is under way, with which the engine goes on.
    let paused = || is("db", "{{.State.Status}}", "paused");
    let stopped = || is("api", "{{.State.Running}}", "false");
    let touches: [(&str, &dyn Fn() -> bool); 3] =
        [("HighPredictionLatency", &cut), ("HighErrorRate", &paused), ("ApiDown", &stopped)];
    let commands: [&[&str]; 3] = [
        &["doctor", "--fix"],
        &["up", "api", "prometheus"],
        &["drill", "LowModelConfidence", "--yes", "--timeout", "5m"],
    ];
    for ((alert, is_touched), command) in touches.into_iter().zip(commands) {
        let mut drill = platform.begun(alert, is_touched);
        drill.kill().unwrap();
        drill.wait().unwrap();
        assert!(platform.journal().exists() && is_touched(), "{alert}");
        let output = platform.pdex(command);
        let said = text(&output.stderr);
        assert!(said.contains("put back what an interrupted drill had changed"), "{command:?}: {said}");
        assert!(output.status.success() || command[0] == "doctor", "{command:?}: {said}");
        platform.is_as_it_was();
    }
}
