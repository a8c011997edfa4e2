//! pdex killed in the middle of an `up`, at any instant, and run again.

use std::time::{Duration, Instant};

use crate::stage::{Said, Stage};

const SERVICES: &[&str] = &["base", "job", "middle", "top"];

fn stack(version: u32) -> String {
    format!(
        r#"
services:
  base:
    image: IMAGE
    command: [serve, "80"]
    network_mode: none
    stop_signal: SIGKILL
    healthcheck: {{ test: [CMD, /actor, answers], interval: 30s }}
    environment: {{ VERSION: "{version}" }}
    volumes: ["data:/data"]
  job:
    image: IMAGE
    command: [wait, "50", then, exit, "0"]
    network_mode: none
    depends_on: {{ base: {{ condition: service_healthy }} }}
    environment: {{ VERSION: "{version}" }}
  middle:
    image: IMAGE
    command: [stay]
    stop_signal: SIGKILL
    networks: [own]
    depends_on: {{ job: {{ condition: service_completed_successfully }} }}
    environment: {{ VERSION: "{version}" }}
  top:
    image: IMAGE
    command: [stay]
    network_mode: none
    stop_signal: SIGKILL
    depends_on: [middle]
    environment: {{ VERSION: "{version}" }}
volumes: {{ data: {{}} }}
networks: {{ own: {{}} }}
"#
    )
}

/// How many backups, and how many restores of each kind, are killed; `PDEX_TEST_KILLS` makes it more.
pub(crate) fn kills() -> u32 {
    std::env::var("PDEX_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4)
}

/// The same numbers for the same seed, on every machine.
pub(crate) struct Random(u64);

impl Random {
    /// A seed from the environment, to play a failure again, or from the clock. It is printed.
    pub(crate) fn seeded(what: &str) -> Self {
        let given = std::env::var("PDEX_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let seed = given.unwrap_or_else(|| u64::try_from(clock % u128::from(u32::MAX)).unwrap());
        eprintln!("{what}: PDEX_TEST_SEED={seed}");
        Self(seed)
    }

    /// Below a number. (`SplitMix64`)
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// Starts an `up` and kills it after a while, which may be too late.
fn kill_an_up(stage: &Stage, after: Duration) {
    let mut child = stage.command(&["up"]).spawn().unwrap();
    std::thread::sleep(after);
    let _ = child.kill();
    Said::of(child);
}

fn duration_of_an_up(stage: &Stage) -> Duration {
    let began = Instant::now();
    stage.run(&["up"]).ends(0, &[]);
    began.elapsed()
}

#[test]
fn a_first_up_killed_at_any_instant_is_finished_by_the_next() {
    let Some(stage) = Stage::set("killed-first") else { return };
    stage.define(&stack(0));
    let whole = duration_of_an_up(&stage);
    stage.run(&["down", "-v", "--no-backup"]).ends(0, &[]);
    let mut random = Random::seeded("killed while it makes");
    for round in 0..20 {
        let after = Duration::from_millis(random.below(u64::try_from(whole.as_millis()).unwrap()));
        kill_an_up(&stage, after);
        stage.run(&["up"]).ends(0, &[]);
        stage.has_converged(SERVICES);
        stage.run(&["down", "-v", "--no-backup"]).ends(0, &[]);
        assert!(stage.containers().is_empty(), "round {round}, killed after {after:?}");
    }
}

#[test]
fn a_replacement_killed_at_any_instant_is_finished_by_the_next() {
    let Some(stage) = Stage::set("killed-again") else { return };
    stage.define(&stack(0));
    stage.run(&["up"]).ends(0, &[]);
    stage.define(&stack(1));
    let whole = duration_of_an_up(&stage);
    let mut random = Random::seeded("killed while it replaces");
    for round in 2..32 {
        stage.define(&stack(round));
        let after = Duration::from_millis(random.below(u64::try_from(whole.as_millis()).unwrap()));
        kill_an_up(&stage, after);
        stage.run(&["up"]).ends(0, &[]);
        stage.has_converged(SERVICES);
        let version = stage.docker(&["inspect", "-f", "{{.Config.Env}}", &stage.container("top")]);
        assert!(version.contains(&format!("VERSION={round}")), "killed after {after:?}: {version}");
    }
}

/// A run that was killed while it asked for a network may be answered after the next has asked for its own.
#[test]
fn a_network_that_came_twice_becomes_one() {
    let Some(stage) = Stage::set("network-twice") else { return };
    stage.define(&stack(0));
    let name = format!("{}_own", stage.project);
    let labels = serde_json::json!({
        "com.docker.compose.project": stage.project,
        "com.docker.compose.network": "own",
    });
    let ask = || {
        let body = serde_json::json!({ "Name": name, "Labels": labels }).to_string();
        let socket = ["--unix-socket", "/var/run/docker.sock", "-H", "Content-Type: application/json", "-d"];
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--fail"]).args(socket).args([&body, "http://engine/v1.41/networks/create"]);
        curl.output().unwrap().status.success()
    };
    assert!(ask(), "the engine makes a network");
    if !ask() {
        eprintln!("skipped: this engine lets no two networks have one name");
        return;
    }
    let filter = format!("name={name}");
    assert_eq!(stage.docker(&["network", "ls", "-q", "--filter", &filter]).lines().count(), 2);
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(SERVICES);
    assert_eq!(stage.docker(&["network", "ls", "-q", "--filter", &filter]).lines().count(), 1);
    stage.run(&["down", "-v", "--no-backup"]).ends(0, &[]);
}
