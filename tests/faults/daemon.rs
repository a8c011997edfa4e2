//! A whole engine of the test's own, with its own data, socket and containers: restarted in the middle of a run, and with a disk
//! that is full. The shared engine is never touched.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};

use crate::image;
use crate::stage::{Said, Stage, eventually, is_wanted, text};

/// An engine of the test's own.
struct Engine {
    folder: tempfile::TempDir,
    child: Option<Child>,
    /// Whether something is mounted on its data: a disk in memory, or what an engine leaves that was killed.
    mounted: bool,
}

impl Engine {
    /// `None`, with the reason, where one cannot be had here: it needs root.
    fn start(disk_mib: Option<u32>) -> Option<Self> {
        if !is_wanted() {
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: an engine of one's own needs root");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("pdexflt").tempdir().unwrap();
        let mut engine = Self { folder, child: None, mounted: false };
        std::fs::create_dir(engine.path("data")).unwrap();
        std::fs::write(engine.path("daemon.json"), "{}").unwrap();
        if let Some(mib) = disk_mib {
            let size = format!("size={mib}m");
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", &size, "pdexflt"]).arg(engine.path("data"));
            engine.mounted = mount.status().unwrap().success();
            if !engine.mounted {
                eprintln!("skipped: a disk in memory cannot be mounted here");
                return None;
            }
        }
        engine.run();
        Some(engine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("s").display())
    }

    /// In a network of its own: an engine without a bridge takes away the machine's docker0, which another engine has.
    fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut dockerd = Command::new("unshare");
        dockerd.args(["--net", "dockerd"]);
        dockerd.arg("--config-file").arg(self.path("daemon.json"));
        dockerd.arg("--data-root").arg(self.path("data")).arg("--exec-root").arg(self.path("exec"));
        dockerd.arg("--pidfile").arg(self.path("pid")).arg("-H").arg(self.host());
        dockerd.args([
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
        ]);
        dockerd.args(["--storage-driver=vfs", "--shutdown-timeout=1"]);
        let child = dockerd.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.child = Some(child.expect("dockerd is installed where docker is"));
        eventually("the engine answers", || {
            let mut docker = Command::new("docker");
            docker.args(["-H", &self.host(), "version"]).stdout(Stdio::null()).stderr(Stdio::null());
            docker.status().unwrap().success()
        });
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it without a chance to tidy up.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            self.mounted = true;
        }
    }

    fn stage(&self, name: &str) -> Stage {
        let image = Arc::new(image::on(Some(&self.host())));
        Stage::on(name, Some(self.host()), image)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.end()));
        if ended.is_err() || std::thread::panicking() {
            let log = std::fs::read(self.path("log")).unwrap_or_default();
            let log = text(&log);
            eprintln!("the engine's last words:\n{}", &log[log.len().saturating_sub(2_000)..]);
        }
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(self.path("data")).status();
        }
    }
}

#[test]
fn an_engine_restarted_in_the_middle_of_an_up_is_told_and_the_next_goes_on() {
    let Some(mut engine) = Engine::start(None) else { return };
    let stage = engine.stage("restarted");
    let text = |wait: &str| {
        format!(
            "services:\n  first: {{ image: IMAGE, command: [wait, \"{wait}\", then, exit, \"0\"], network_mode: none, x-pdex: {{ job: true }} }}\n  \
             second: {{ image: IMAGE, command: [serve, \"80\"], network_mode: none, stop_signal: SIGKILL, \
             healthcheck: {{ test: [CMD, /actor, answers], interval: 30s }}, depends_on: {{ first: {{ condition: service_completed_successfully }} }} }}\n"
        )
    };
    stage.define(&text("60000"));
    let child = stage.command(&["up"]).spawn().unwrap();
    let running = || stage.docker(&["ps", "--format", "{{.Names}}"]);
    eventually("the first service runs", || running().contains(&stage.container("first")));
    engine.end();
    engine.run();
    let said = Said::of(child);
    // What ran goes down with its engine: the one-shot has failed, and the run knows it from the engine that came back.
    said.ends(1, &["error: first: ended with exit code ", "skipped: second: it needs first", "hint: "]);
    stage.define(&text("10"));
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(&["first", "second"]);
}

#[test]
fn an_engine_that_goes_away_is_told_as_such() {
    let Some(mut engine) = Engine::start(None) else { return };
    let stage = engine.stage("away");
    stage.define(
        "services:\n  first: { image: IMAGE, command: [wait, \"60000\"], network_mode: none, x-pdex: { job: true } }\n",
    );
    let child = stage.command(&["up"]).spawn().unwrap();
    let running = || stage.docker(&["ps", "--format", "{{.Names}}"]);
    eventually("the first service runs", || running().contains(&stage.container("first")));
    // Killed it tells of no end: the container runs on, and nobody knows.
    engine.kill();
    let hint = "hint: when the engine is back, `pdex up` goes on from here";
    Said::of(child).ends(4, &["error: first: what became of it is not known", "[up/engine-lost]", hint]);
    stage.run(&["up"]).ends(4, &["does not answer", "hint: "]);
    engine.run();
}

#[test]
fn a_disk_that_is_full_is_told_before_and_during_a_run() {
    let Some(engine) = Engine::start(Some(128)) else { return };
    let stage = engine.stage("full");
    stage.define(
        "services:\n  filler: { image: IMAGE, command: [wait, \"500\", then, fill, \"400\"], network_mode: none, x-pdex: { job: true } }\n  \
         late: { image: IMAGE, command: [stay], network_mode: none, stop_signal: SIGKILL, depends_on: { filler: { condition: service_completed_successfully } } }\n",
    );
    // Before: what there is is enough to begin with.
    let said = stage.run(&["up"]);
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert!(
        said.error.contains("no space left on the engine's disk: ") && said.error.contains("are free at "),
        "{said:#?}"
    );
    assert!(
        said.error.contains("[up/no-space]") && said.error.contains("hint: `docker system df`"),
        "{said:#?}"
    );
    // And now there is not even that.
    stage.run(&["up"]).ends(1, &["are free at ", "[preflight/disk-full]", "hint: `docker system df`"]);
    stage.docker(&["rm", "-f", &stage.container("filler")]);
    stage.define(
        "services: { late: { image: IMAGE, command: [stay], network_mode: none, stop_signal: SIGKILL } }\n",
    );
    stage.run(&["up"]).ends(0, &[]);
}
