//! Plays one session. Besides `pdex`, its commands are:
//!
//! - `replace OLD => NEW` edits the definition;
//! - `given WORDS` puts faults of the simulated engine before the commands that follow, `given` alone takes them away;
//! - `docker network rm NAME` and `docker volume rm NAME` do that to the simulated engine, whoever uses it;
//! - a `pdex` that ends in `&` runs until it works on an image and stays there, for the engine hangs; `^C` interrupts it;
//! - `only where PATH` leaves the whole session out on a machine without it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Splits intent and definition from the commands.
pub(crate) const SESSION: &str = "--- session\n";
pub(crate) const DEFINITION: &str = "--- stack.yaml\n";
/// What a session calls the process in its background.
const PROCESS: &str = "4242";
/// When a session's keys are pressed.
const PRESSED: &str = "1.0 s";

/// The file as it reads after its commands have been run; `None` where they cannot be run.
pub(crate) fn play(written: &str) -> Option<String> {
    let (head, commands) = written.split_once(SESSION).unwrap();
    let (_, definition) = head.split_once(DEFINITION).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.yaml"), definition).unwrap();
    let mut stage = Stage { folder: folder.path(), given: String::new(), behind: None };
    let mut played = format!("{head}{SESSION}");
    for line in commands.lines().filter(|line| line.starts_with("$ ")) {
        played.push_str(line);
        played.push('\n');
        let said = match line.trim_start_matches("$ ").split_once(' ').unwrap_or((&line[2..], "")) {
            ("only", place) if !Path::new(place.trim_start_matches("where ")).exists() => return None,
            ("only", _) => String::new(),
            ("given", words) => {
                stage.given =
                    words.split(' ').filter(|word| !word.is_empty()).map(|word| format!(":{word}")).collect();
                String::new()
            }
            ("replace", edit) => stage.replace(edit),
            ("docker", words) => stage.lose(words),
            ("pdex", words) if words.ends_with('&') => stage.begin(words.trim_end_matches(" &")),
            ("pdex", words) => stage.run(words),
            ("^C", _) => stage.interrupt(),
            _ => panic!("no such command: {line}"),
        };
        played.push_str(&said);
    }
    Some(played)
}

/// Runs a command to its end, on an engine without faults.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> String {
    Stage { folder, given: String::new(), behind: None }.run(&arguments.join(" "))
}

struct Stage<'a> {
    folder: &'a Path,
    /// Faults of the engine, each with its colon.
    given: String,
    behind: Option<(Child, BufReader<ChildStderr>, Wanted)>,
}

/// Which outputs the command line leaves open.
#[derive(Clone, Copy)]
struct Wanted {
    out: bool,
    error: bool,
}

impl Stage<'_> {
    fn command(&self, words: &str) -> (Command, Wanted) {
        let mut arguments: Vec<&str> = words.split_whitespace().collect();
        let mut closed = |end: &str| {
            let at = arguments.iter().position(|word| *word == end);
            at.map(|at| arguments.remove(at)).is_some()
        };
        let wanted = Wanted { out: !closed(">/dev/null"), error: !closed("2>/dev/null") };
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command
            .current_dir(self.folder)
            .env_clear()
            .env("TMPDIR", self.folder)
            .env("XDG_STATE_HOME", self.folder);
        command.args(["-f", "stack.yaml"]);
        if !arguments.contains(&"--docker-host") {
            command.arg(format!("--runtime=sim:engine.json{}", self.given));
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (command, wanted)
    }

    fn run(&self, words: &str) -> String {
        let (mut command, wanted) = self.command(words);
        let output = command.output().unwrap();
        let exit = format!("exit {}\n", output.status.code().unwrap_or(-1));
        exit + &self.shown(wanted, &output.stderr, &output.stdout)
    }

    fn replace(&self, edit: &str) -> String {
        let stack = self.folder.join("stack.yaml");
        let (from, to) = edit.split_once(" => ").unwrap();
        let text = std::fs::read_to_string(&stack).unwrap();
        assert!(text.contains(from), "{from} is in the definition");
        std::fs::write(&stack, text.replace(from, to)).unwrap();
        String::new()
    }

    /// Takes a network or a volume away from the engine.
    fn lose(&self, words: &str) -> String {
        let [kind @ ("network" | "volume"), "rm", name] = words.split(' ').collect::<Vec<_>>()[..] else {
            panic!("no such command: docker {words}");
        };
        let file = self.folder.join("engine.json");
        let mut engine: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let things = engine[format!("{kind}s")].as_object_mut().unwrap();
        assert!(things.remove(name).is_some(), "{kind} {name} is there");
        std::fs::write(file, engine.to_string()).unwrap();
        String::new()
    }

    /// What it says until it is at work on an image.
    fn begin(&mut self, words: &str) -> String {
        let (mut command, wanted) = self.command(words);
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("pulling") {
            assert_ne!(errors.read_line(&mut said).unwrap(), 0, "it goes on until it is ended: {said}");
        }
        self.behind = Some((child, errors, wanted));
        self.shown(wanted, said.as_bytes(), b"")
    }

    fn interrupt(&mut self) -> String {
        let (mut child, mut errors, wanted) = self.behind.take().expect("something runs");
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let (mut said, mut out) = (Vec::new(), Vec::new());
        errors.read_to_end(&mut said).unwrap();
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        let exit = format!("exit {}\n", child.wait().unwrap().code().unwrap_or(-1));
        // How far the engine's clock had come when the signal arrived is chance.
        let said = String::from_utf8(said).unwrap();
        let said = match said.split_once("interrupted after ") {
            Some((before, rest)) => {
                let (_, after) = rest.split_once(';').unwrap();
                format!("{before}interrupted after {PRESSED};{after}")
            }
            None => said,
        };
        exit + &self.shown(wanted, said.as_bytes(), &out)
    }

    fn shown(&self, wanted: Wanted, error: &[u8], out: &[u8]) -> String {
        let mut said = String::new();
        for (sign, bytes, wanted) in [('!', error, wanted.error), ('|', out, wanted.out)] {
            let mut text = String::from_utf8_lossy(bytes).replace(&*self.folder.to_string_lossy(), "DIR");
            if let Some((child, ..)) = &self.behind {
                text = text.replace(&child.id().to_string(), PROCESS);
            }
            for line in text.lines().filter(|_| wanted) {
                said.push_str(format!("{sign} {line}").trim_end());
                said.push('\n');
            }
        }
        said
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some((child, ..)) = &mut self.behind {
            // One that has ended meanwhile is no trouble.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
