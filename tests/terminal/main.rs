//! `exec` and `run` with a person at a terminal: a pseudo-terminal, this machine's Docker, the built program. Runs where
//! `PDEX_TEST_DOCKER=1` says so, with the image that `PDEX_TEST_IMAGE` names.

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
        Command::new(PROGRAM).args(["-f", &self.file()]).args(arguments).output().unwrap()
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
        self.pdex(&["down", "--remove-orphans", "-v", "--yes"]);
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
