//! `pdex-api`: reads the environment, starts the watchers and the server, stops them on a signal. Wiring only.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use api::cors::Cors;
use api::gate::Gate;
use api::metrics::Metrics;
use api::settings::{self, Settings};
use api::state::{Api, Limits};
use api::{app, healthcheck, serve, watch};
use dex::model::sha256_hex;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const USAGE: &str = "usage: pdex-api [serve | healthcheck | hash-key | openapi | version]";
/// Shortest key whose hash may be stored: 24 random characters cannot be guessed from it.
const KEY_MIN: usize = 24;
/// For those who watch readiness to see that the service is stopping before it stops accepting.
const NOTICE: Duration = Duration::from_millis(300);
/// For requests in flight to finish; Docker kills after ten seconds.
const DRAIN: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["serve"] => run(),
        ["healthcheck"] => health(),
        ["hash-key"] => hash_key(),
        ["openapi"] => openapi(),
        ["version" | "--version" | "-V"] => print(&format!("pdex-api {}", env!("CARGO_PKG_VERSION"))),
        ["help" | "--help" | "-h"] => print(USAGE),
        _ => usage_error(USAGE),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn health() -> ExitCode {
    let bind = match settings::bind(&variable) {
        Ok(bind) => bind,
        Err(error) => return usage_error(&format!("error: {error}")),
    };
    match healthcheck::check(bind) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("unhealthy: {:#}", anyhow::Error::new(error)));
            ExitCode::FAILURE
        }
    }
}

/// What a file of keys holds instead of the key, which comes on standard input and is neither an argument nor printed.
fn hash_key() -> ExitCode {
    let mut key = String::new();
    match std::io::stdin().read_line(&mut key) {
        Ok(_) if key.trim().len() >= KEY_MIN => print(&sha256_hex(key.trim().as_bytes())),
        Ok(_) => usage_error(&format!(
            "error: a key has at least {KEY_MIN} characters: `openssl rand -hex 32 | pdex-api hash-key`"
        )),
        Err(error) => failed(&error.into()),
    }
}

fn openapi() -> ExitCode {
    let document = Metrics::new()
        .map(|metrics| app::document(&Api::new(metrics, Limits::default(), Gate::open(), Cors::default())));
    match document.map(|document| document.to_pretty_json()) {
        Ok(Ok(text)) => print(&text),
        Ok(Err(error)) => failed(&error.into()),
        Err(error) => failed(&error.into()),
    }
}

fn run() -> ExitCode {
    let settings = match Settings::from_lookup(&variable) {
        Ok(settings) => settings,
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(|error| format!("error: {error}")).collect();
            return usage_error(&lines.join("\n"));
        }
    };
    let level = variable("PDEX_LOG").filter(|level| !level.is_empty()).unwrap_or_else(|| "info".to_owned());
    let Ok(filter) = EnvFilter::try_new(&level) else {
        return usage_error(&format!("error: PDEX_LOG is {level:?}, which is not a log filter"));
    };
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    log_panics();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let outcome = runtime.block_on(start(settings));
    // Watchers may be in the middle of something; nothing they do needs finishing.
    runtime.shutdown_background();
    outcome.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

async fn start(settings: Settings) -> anyhow::Result<()> {
    let keys_file = settings.gate.keys_file.clone();
    let gate = Gate::new(settings.gate);
    let api = Api::new(Metrics::new()?, Limits::default(), gate, settings.cors);
    let listener = TcpListener::bind(settings.bind)
        .await
        .map_err(|error| anyhow::Error::new(error).context(format!("cannot listen on {}", settings.bind)))?;
    tracing::info!(address = %settings.bind, version = env!("CARGO_PKG_VERSION"), "listening");
    tokio::spawn(watch::model(api.clone(), settings.model_dir));
    tokio::spawn(watch::database(api.clone(), settings.database));
    if let Some(path) = keys_file {
        tokio::spawn(watch::keys(api.clone(), path, signal(SignalKind::hangup())?));
    }
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let draining = api.clone();
    let shutdown = async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal, "stopping");
        draining.begin_drain();
        tokio::time::sleep(NOTICE).await;
    };
    if serve::serve(listener, api.clone(), app::app(api), shutdown, DRAIN).await {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped with requests unfinished");
    }
    Ok(())
}

/// Panics are caught and answered by the edge; this makes them lines of the log like any other.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, cause = panic.payload_as_str().unwrap_or_default(), "panic");
    }));
}

fn print(text: &str) -> ExitCode {
    // A reader that went away is no failure of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn say(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn usage_error(text: &str) -> ExitCode {
    say(text);
    ExitCode::from(2)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}
