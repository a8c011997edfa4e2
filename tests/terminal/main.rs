//! A person at a terminal, which is a pseudo-terminal. Questions and live figures on the simulated engine; `exec` and `run` on this
//! machine's Docker, where `PDEX_TEST_DOCKER=1` says so, with the image that `PDEX_TEST_IMAGE` names.

#![expect(
    clippy::disallowed_methods,
    reason = "the program is tested from outside, and the switch is a variable"
)]
#![expect(clippy::unwrap_used, reason = "a test fails and says what is skipped")]

use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pdex");

/// A stack of one sleeping service, taken down at the end whatever happens.
struct Stack {
    folder: tempfile::TempDir,
}

impl Stack {
    fn up(image: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = format!("pdex-terminal-{}", std::process::id());
        let text = format!(
            "name: {project}\nservices:\n  shell:\n    image: {image}\n    init: true\n    command: [sleep, \"600\"]\n    stop_grace_period: 1s\n"
        );
        std::fs::write(folder.path().join("stack.yaml"), text).unwrap();
        let stack = Self { folder };
        let up = stack.pdex(&["up", "--progress", "quiet"]);
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        stack
    }

    fn file(&self) -> String {
        self.folder.path().join("stack.yaml").display().to_string()
    }

    fn pdex(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.env("XDG_STATE_HOME", self.folder.path());
        command.args(["-f", &self.file()]).args(arguments).output().unwrap()
    }

    fn talk(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/talk.py");
        let mut talk = Command::new("python3");
        talk.arg(script).args([PROGRAM, "-f", &self.file()]).args(arguments);
        let output = talk.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pdex {}: {said}", arguments.join(" "));
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.pdex(&["down", "--remove-orphans", "-v", "--yes", "--no-backup"]);
    }
}

#[test]
fn a_person_at_a_terminal_works_in_a_container() {
    if std::env::var("PDEX_TEST_DOCKER").is_err() {
        eprintln!("skipped: PDEX_TEST_DOCKER=1 cargo test --test terminal runs it on this machine's Docker");
        return;
    }
    let image = std::env::var("PDEX_TEST_IMAGE").unwrap_or_else(|_| "debian:bookworm-slim".to_owned());
    let stack = Stack::up(&image);
    stack.talk(&["exec", "shell", "sh"]);
    stack.talk(&["run", "--rm", "shell", "sh"]);
    let all = stack.pdex(&["ps", "-a", "-q"]);
    assert_eq!(String::from_utf8_lossy(&all.stdout).lines().count(), 1, "the one-off container is gone");
}

/// A person who asks and answers, on the simulated engine: steps of `dialog.py`, and the code that the program ends with.
fn dialog(folder: &Path, code: u8, steps: &[&str], arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/dialog.py");
    let mut dialog = Command::new("python3");
    dialog.arg(script).arg(code.to_string()).args(steps).arg("--").args(on_simulation(arguments));
    let output =
        dialog.current_dir(folder).env("TMPDIR", folder).env("XDG_STATE_HOME", folder).output().unwrap();
    assert!(output.status.success(), "pdex {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn on_simulation<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&[PROGRAM, "-f", "stack.yaml", "--runtime=sim:engine.json"], arguments].concat()
}

fn simulated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: shop\nservices:\n  db: { image: \"db:1\", volumes: [\"data:/data\"], labels: { sim.cpu_percent: \"25\" } }\nvolumes: { data: {} }\n";
    std::fs::write(folder.path().join("stack.yaml"), text).unwrap();
    assert!(quietly(folder.path(), &["up"]), "it starts");
    folder
}

/// Whether the command succeeds.
fn quietly(folder: &Path, arguments: &[&str]) -> bool {
    let words = on_simulation(arguments);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .current_dir(folder)
        .env("TMPDIR", folder)
        .env("XDG_STATE_HOME", folder)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn who_says_no_keeps_everything() {
    let folder = simulated();
    let state = || std::fs::read_to_string(folder.path().join("engine.json")).unwrap();
    let volumes = ">volumes to be removed with all their data: shop_data";
    for answer in ["<n", "<", "<what?"] {
        let steps = [volumes, ">remove them? [y/N] ", answer, ">nothing was removed"];
        dialog(folder.path(), 9, &steps, &["down", "-v"]);
    }
    assert!(state().contains("shop-db-1") && state().contains("shop_data"));
    assert!(quietly(folder.path(), &["stop"]), "it stops");
    let steps = [">containers to be removed: shop-db-1", ">[y/N] ", "<n", ">nothing was removed"];
    dialog(folder.path(), 9, &steps, &["rm"]);
    assert!(state().contains("shop-db-1"));
    dialog(folder.path(), 0, &[volumes, ">[y/N] ", "<y", ">removed volume shop_data"], &["down", "-v"]);
    assert!(!state().contains("shop-db-1") && !state().contains("shop_data"));
}

#[test]
fn live_figures_are_drawn_over_the_last_ones_until_ctrl_c() {
    let folder = simulated();
    let drawn = ">\\x1b[H\\x1b[J";
    let steps = [drawn, ">shop-db-1", ">25.0 %", drawn, ">25.0 %", drawn, "^C"];
    dialog(folder.path(), 130, &steps, &["stats"]);
}
