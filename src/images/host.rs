//! Work that this machine does for an image, outside the engine: compiling the Rust services, making the base.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::definition::model::HostBuild;

/// The C library of [`super::BASE`]: a binary that needs a newer one does not start there.
const BASE_GLIBC: (u32, u32) = (2, 36);
/// What is kept of a command's last words.
const LAST_LINES: usize = 15;

/// A command that this machine could not run to success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("{program} is not installed")]
    Missing { program: String },
    #[error("{program} ended with {status}")]
    Failed { program: String, status: String, lines: Vec<String> },
}

/// Whether binaries compiled here run in containers of `architecture` (as the engine names it) on [`super::BASE`].
pub async fn fits(directory: &Path, architecture: &str) -> bool {
    let here = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    cfg!(target_os = "linux")
        && here == architecture
        && directory.join("Cargo.toml").is_file()
        && glibc().await.is_some_and(|version| version <= BASE_GLIBC)
        && output("cargo", &["--version"]).await.is_some()
}

async fn glibc() -> Option<(u32, u32)> {
    // `glibc 2.36`
    let text = output("getconf", &["GNU_LIBC_VERSION"]).await?;
    let (major, minor) = text.split_whitespace().nth(1)?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program to its end and gives what it printed, as long as that takes no longer and is no more than so many bytes.
pub async fn answer(
    program: &str,
    arguments: &[&str],
    within: Duration,
    most: u64,
) -> Result<String, HostError> {
    let failed =
        |status: String| HostError::Failed { program: program.to_owned(), status, lines: Vec::new() };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => HostError::Missing { program: program.to_owned() },
        _ => failed(e.to_string()),
    })?;
    let (mut out, mut words) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        let out = async {
            let Some(stdout) = stdout else { return Ok(0) };
            stdout.take(most + 1).read_to_end(&mut out).await
        };
        let words = async {
            let Some(stderr) = stderr else { return Ok(0) };
            stderr.take(most + 1).read_to_end(&mut words).await
        };
        tokio::try_join!(out, words)?;
        child.wait().await
    };
    // A program takes real time, also where the clock is a simulated one; and while a thread is busy that one stands still.
    let (running, ended) = std::sync::mpsc::channel::<()>();
    let late = tokio::task::spawn_blocking(move || {
        ended.recv_timeout(within) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    });
    let status = tokio::select! {
        status = reading => status.map_err(|e| failed(e.to_string()))?,
        _ = late => return Err(failed(format!("no answer within {} s", within.as_secs()))),
    };
    drop(running);
    if out.len() as u64 > most {
        return Err(failed(format!("more than {most} bytes")));
    }
    if status.success() {
        return Ok(String::from_utf8_lossy(&out).into_owned());
    }
    let words = String::from_utf8_lossy(&words);
    let lines: Vec<String> = words.lines().map(str::to_owned).collect();
    let lines = lines[lines.len().saturating_sub(LAST_LINES)..].to_vec();
    Err(HostError::Failed { program: program.to_owned(), status: status.to_string(), lines })
}

/// Where the compiled binaries lie.
pub fn target(directory: &Path) -> PathBuf {
    directory.join("target/release")
}

/// Compiles a service's binaries, after its preparation.
pub async fn compile(
    directory: &Path,
    build: &HostBuild,
    offline: bool,
    progress: &mut dyn FnMut(String),
) -> Result<(), HostError> {
    if let Some(script) = &build.prepare {
        let mut command = Command::new(script);
        command.current_dir(directory);
        run(command, progress).await?;
    }
    for binary in &build.binaries {
        run(cargo(directory, build, binary, offline), progress).await?;
    }
    Ok(())
}

/// `cargo rustc` so that the C library is linked statically into this binary alone: build scripts, procedural macros and the
/// other binaries keep what they need.
fn cargo(directory: &Path, build: &HostBuild, binary: &str, offline: bool) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(directory).args(["rustc", "--release", "--locked", "--package", &build.package]);
    command.args(offline.then_some("--offline"));
    command.args(["--bin", binary, "--target-dir"]).arg(directory.join("target"));
    if build.standalone {
        command.args(["--", "-C", "target-feature=+crt-static"]);
    }
    command
}

/// Makes the root file system of [`super::BASE`] as a tar, from the distribution's packages.
pub async fn debootstrap(tar: &Path, progress: &mut dyn FnMut(String)) -> Result<(), HostError> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--variant=minbase", "--include=ca-certificates"]);
    for path in ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"] {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    command.arg("bookworm").arg(tar);
    run(command, progress).await
}

/// Shows an address in the person's browser, with the desktop's own opener; both go on without pdex.
pub async fn open(url: &str) -> Result<(), HostError> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(url);
    run(command, &mut |_| {}).await
}

/// A program with everything that it started: asked to end when nobody waits for it any more, so that it can clear up.
struct Group(Option<Pid>);

impl Group {
    /// Of a child that was spawned in a group of its own.
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended just now.
            let _ = rustix::process::kill_process_group(group, Signal::TERM);
        }
    }
}

/// Runs a command, telling every line it prints, and keeps the last ones for the case that it fails.
async fn run(mut command: Command, progress: &mut dyn FnMut(String)) -> Result<(), HostError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let missing = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => HostError::Missing { program: program.clone() },
        _ => HostError::Failed { program: program.clone(), status: e.to_string(), lines: Vec::new() },
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(missing)?;
    let group = Group::of(&child);
    let mut last: Vec<String> = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            progress(line.trim().to_owned());
            last.push(line);
            if last.len() > LAST_LINES {
                last.remove(0);
            }
        }
    }
    let status: ExitStatus = child.wait().await.map_err(missing)?;
    group.has_ended();
    if status.success() {
        Ok(())
    } else {
        Err(HostError::Failed { program, status: status.to_string(), lines: last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_program_started_ends_with_it() {
        let (told, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $! >&2; wait"]);
        let mut progress = |line: String| told.send(line).unwrap();
        let line = tokio::select! {
            ended = run(command, &mut progress) => panic!("{ended:?}"),
            line = lines.recv() => line.unwrap(),
        };
        let started = Pid::from_raw(line.parse().unwrap()).unwrap();
        let begin = tokio::time::Instant::now();
        // Until whoever takes in orphans has done so.
        while rustix::process::test_kill_process(started).is_ok() && !is_a_zombie(&line) {
            assert!(begin.elapsed() < Duration::from_secs(20), "{line} is still there");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn is_a_zombie(id: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    }
}
