//! One production stack of the test's own, and ways to look at it from inside.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What looks from inside: it has a shell, `psql` and `mount`.
const PROBE: &str = "postgres:15";
/// What looks from outside: it has `curl`.
const CURL: &str = "predictiondex/streamlit:0.1.0";

/// The services that stay, with the jobs left out.
pub(crate) const STAYING: [&str; 7] =
    ["api", "db", "mlflow", "node-exporter", "prometheus", "proxy", "streamlit"];

pub(crate) struct Stage {
    project: String,
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

/// What a command said, both outputs together, and whether it succeeded.
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

impl Stage {
    pub(crate) fn new(name: &str) -> Self {
        let project = format!("pdex-{name}-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut environment = BTreeMap::from([
            ("PDEX_TEST_PREFIX".to_owned(), project.replace('-', "_")),
            ("PDEX_TEST_MODELS".to_owned(), path("models")),
            ("PDEX_SECRETS_DIR".to_owned(), path("secrets")),
            ("PDEX_TLS_DIR".to_owned(), path("secrets/tls")),
            ("POSTGRES_PASSWORD".to_owned(), "first-password-of-the-owner".to_owned()),
            ("API_KEY".to_owned(), "first-key-of-the-api-which-is-long".to_owned()),
            ("GRAFANA_ADMIN_PASSWORD".to_owned(), "first-password-of-grafana".to_owned()),
            // The parameters that are published: what is tested is not the search for better ones.
            ("ML_TUNE_HYPERPARAMS".to_owned(), "false".to_owned()),
        ]);
        let ports =
            ["HTTPS", "HTTP", "DB", "API", "STREAMLIT", "PROMETHEUS", "GRAFANA", "NODE_EXPORTER", "MLFLOW"];
        for name in ports {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            environment.insert(format!("PDEX_{name}_PORT"), port.to_string());
        }
        std::fs::write(folder.path().join("empty.env"), "").unwrap();
        Self { project, folder, environment }
    }

    /// In the production profile.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.over(&["stack/production.yaml", "tests/production/overlay.yaml"], arguments)
    }

    fn over(&self, overlays: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command.current_dir(ROOT).envs(&self.environment).args(["-p", &self.project]);
        command.args(["-f", "stack/predictiondex.yaml"]);
        command.args(overlays.iter().flat_map(|file| ["-f", file]));
        command.arg("--env-file").arg(self.folder.path().join("empty.env"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs pdex and shows what it said, for whoever reads the log of a failure.
    pub(crate) fn pdex(&self, arguments: &[&str]) -> Said {
        shown(self.command(arguments), arguments)
    }

    /// The same project without the profile.
    pub(crate) fn without_profile(&self, arguments: &[&str]) -> Said {
        shown(self.over(&["tests/stack/overlay.yaml"], arguments), arguments)
    }

    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}_{service}", self.environment["PDEX_TEST_PREFIX"])
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn secret(&self, name: &str) -> String {
        std::fs::read_to_string(self.file("secrets").join(name)).unwrap()
    }

    /// A line of shell in a service's container itself.
    pub(crate) fn exec(&self, service: &str, line: &str) -> Said {
        docker(&["exec", &self.container(service), "/bin/sh", "-c", line])
    }

    /// A line of shell that sees the network as a service does.
    pub(crate) fn from(&self, service: &str, line: &str) -> Said {
        let network = format!("container:{}", self.container(service));
        docker(&["run", "--rm", "--network", &network, "--entrypoint", "bash", PROBE, "-c", line])
    }

    /// Whether a service reaches an address.
    pub(crate) fn connects(&self, service: &str, host: &str, port: u16) -> bool {
        self.from(service, &format!("timeout 3 bash -c '</dev/tcp/{host}/{port}'")).ok
    }

    /// `/proc/1/status` of a service's container.
    pub(crate) fn process(&self, service: &str) -> String {
        let pid = format!("container:{}", self.container(service));
        docker(&["run", "--rm", "--pid", &pid, "--entrypoint", "cat", PROBE, "/proc/1/status"]).text
    }

    /// SQL as a login, from where its service is.
    pub(crate) fn sql(
        &self,
        service: &str,
        login: &str,
        password: &str,
        database: &str,
        query: &str,
    ) -> Said {
        let line = format!(
            "PGPASSWORD='{password}' psql -X -At -h db -U {login} -d {database} -v ON_ERROR_STOP=1 -c \"{query}\""
        );
        self.from(service, &line)
    }

    /// Every address of a service's container.
    pub(crate) fn addresses(&self, service: &str) -> Vec<String> {
        let networks = &self.document(service)["NetworkSettings"]["Networks"];
        networks
            .as_object()
            .unwrap()
            .values()
            .map(|network| network["IPAddress"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn document(&self, service: &str) -> Value {
        let said = docker(&["inspect", &self.container(service)]);
        let mut all: Vec<Value> = serde_json::from_str(&said.text).unwrap();
        all.remove(0)
    }

    /// Names of all containers of the stack.
    pub(crate) fn containers(&self) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.project);
        docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &label])
            .text
            .lines()
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        let port = &self.environment[&format!("PDEX_{}_PORT", scheme.to_uppercase())];
        format!("{scheme}://localhost:{port}{path}")
    }

    /// `curl` on this machine, with the stack's authority at /ca.crt.
    pub(crate) fn curl(&self, arguments: &[&str]) -> Said {
        let authority = self.file("secrets/proxy/caddy/pki/authorities/local/root.crt");
        let mount = format!("{}:/ca.crt:ro", authority.display());
        let mut all = vec![
            "run",
            "--rm",
            "--network",
            "host",
            "--user",
            "0",
            "-v",
            &mount,
            "--entrypoint",
            "curl",
            CURL,
        ];
        all.extend(["-sS", "--noproxy", "*", "--max-time", "20"]);
        all.extend(arguments);
        docker(&all)
    }

    /// The status of a request through the proxy, certificate checked.
    pub(crate) fn status(&self, path: &str, arguments: &[&str]) -> String {
        let url = self.url("https", path);
        let mut all = vec!["--cacert", "/ca.crt", "-o", "/dev/null", "-w", "%{http_code}", &url];
        all.extend(arguments);
        self.curl(&all).text
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.pdex(&["down", "-v", "--yes", "--no-backup", "--timeout", "5"]);
    }
}

fn shown(mut command: Command, arguments: &[&str]) -> Said {
    let began = Instant::now();
    let said = said(&command.output().unwrap());
    println!("$ pdex {}   ({:.1} s)\n{}", arguments.join(" "), began.elapsed().as_secs_f64(), said.text);
    said
}

fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { ok: output.status.success(), text: text(&output.stdout) + &text(&output.stderr) }
}

pub(crate) fn docker(arguments: &[&str]) -> Said {
    said(&Command::new("docker").args(arguments).output().unwrap())
}
