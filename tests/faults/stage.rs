//! Where a test plays: an engine, a project of its own, the built program, and the removal of everything afterwards.

use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::image::{self, Image};

/// No command may take longer than this: whatever goes wrong, it has to come to an end.
pub(crate) const BOUND: Duration = Duration::from_secs(100);

/// See the module.
pub(crate) struct Stage {
    pub(crate) project: String,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) image: Arc<Image>,
    /// Address of an engine that is not the machine's own.
    pub(crate) host: Option<String>,
}

/// Whether tests on a real engine are asked for.
pub(crate) fn is_wanted() -> bool {
    let wanted = std::env::var("PDEX_TEST_DOCKER").is_ok();
    if !wanted {
        eprintln!("skipped: PDEX_TEST_DOCKER=1 cargo test --test faults runs it on this machine's Docker");
    }
    wanted
}

impl Stage {
    /// On the machine's own engine, where that is asked for.
    pub(crate) fn set(name: &str) -> Option<Self> {
        is_wanted().then(|| Self::on(name, None, image::shared()))
    }

    pub(crate) fn on(name: &str, host: Option<String>, image: Arc<Image>) -> Self {
        let project = format!("pdexflt-{}-{name}", std::process::id());
        Self { project, folder: tempfile::tempdir().unwrap(), image, host }
    }

    /// Writes the definition, given its services and what else is at the top; `IMAGE` in it is the tests' image.
    pub(crate) fn define(&self, text: &str) {
        let text = text.replace("IMAGE", &self.image.tag);
        std::fs::write(self.folder.path().join("stack.yaml"), text).unwrap();
    }

    /// The built program on the stage's definition.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command.current_dir(self.folder.path()).args(["-f", "stack.yaml", "-p", &self.project]);
        command.args(self.host.iter().flat_map(|host| ["--docker-host", host]));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).spawn().unwrap())
    }

    /// Runs `docker` on the stage's engine; its output.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        docker(self.host.as_deref(), arguments)
    }

    /// Names of the project's containers, in order; those that do not run as well.
    pub(crate) fn containers(&self) -> Vec<String> {
        let label = self.label();
        let listed = self.docker(&["ps", "-a", "--filter", &label, "--format", "{{.Names}}"]);
        let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The name of a service's container.
    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }

    fn label(&self) -> String {
        format!("label=com.docker.compose.project={}", self.project)
    }

    /// The whole is there, once, and nothing is left to do.
    pub(crate) fn has_converged(&self, services: &[&str]) {
        let mut expected: Vec<String> = services.iter().map(|service| self.container(service)).collect();
        expected.sort();
        assert_eq!(
            self.containers(),
            expected,
            "no container too many, none too few, none with another name"
        );
        let plan = self.run(&["plan"]);
        assert_eq!(plan.code, Some(0), "the plan after it is empty: {plan:#?}");
        assert!(!plan.out.contains("create"), "{plan:#?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let label = self.label();
        let try_docker = |arguments: &[&str]| {
            let mut command = Command::new("docker");
            command.args(self.host.iter().flat_map(|host| ["-H", host])).args(arguments);
            command.output().map(|output| text(&output.stdout)).unwrap_or_default()
        };
        for (list, remove) in [
            (vec!["ps", "-aq", "--filter", &label], vec!["rm", "-fv"]),
            (vec!["network", "ls", "-q", "--filter", &label], vec!["network", "rm"]),
            (vec!["volume", "ls", "-q", "--filter", &label], vec!["volume", "rm"]),
        ] {
            let found = try_docker(&list);
            if !found.trim().is_empty() {
                let names: Vec<&str> = found.split_whitespace().collect();
                try_docker(&[remove, names].concat());
            }
        }
    }
}

/// Runs `docker`, which has to succeed.
pub(crate) fn docker(host: Option<&str>, arguments: &[&str]) -> String {
    let mut command = Command::new("docker");
    let output = command.args(host.iter().flat_map(|host| ["-H", host])).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    /// `None`: a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
    pub(crate) took: Duration,
}

impl Said {
    /// Waits for a program's end, within the bound.
    pub(crate) fn of(child: Child) -> Self {
        let began = Instant::now();
        let id = rustix::process::Pid::from_child(&child);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(child.wait_with_output()));
        let Ok(output) = told.recv_timeout(BOUND) else {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            let output = told.recv().unwrap().unwrap();
            panic!("it did not end within {BOUND:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
        };
        let Output { status, stdout, stderr } = output.unwrap();
        Self { code: status.code(), out: text(&stdout), error: text(&stderr), took: began.elapsed() }
    }

    /// It ended with the code, and the error output has every one of the words.
    pub(crate) fn ends(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.error.contains(word), "`{word}` is said: {self:#?}");
        }
        self
    }
}

/// Asks again until it holds: a process inside needs its time.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < limit, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nothing has at this moment.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A line of a child's output that has the words.
pub(crate) fn wait_for_line(reader: &mut impl std::io::BufRead, words: &str) -> String {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "`{words}` is said before it ends");
    }
    line
}
