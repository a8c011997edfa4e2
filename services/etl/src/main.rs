//! The `etl` command: reads arguments and environment, calls the library, prints, and chooses the exit code
//! (0 ok, 1 failed, 2 usage or bad settings, 5 waited too long). Holds no logic.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use dex::store::{self, SettingsError};
use etl::counts::{Counts, EXPECTED};
use etl::pokeapi::{Client, FetchError, Politeness};
use etl::run::RunError;
use etl::settings::{Settings, pokeapi_base_url};
use etl::snapshot::{self, Snapshot};
use etl::source::{self, SourceError};
use tracing_subscriber::EnvFilter;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const TIMEOUT: u8 = 5;

const ENVIRONMENT: &str = "\
Environment:
  POSTGRES_HOST, POSTGRES_PORT      where the database is [default: db, 5432]
  POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
  ETL_SOURCE                        snapshot, live or auto [default: snapshot]
  POKEAPI_BASE_URL                  [default: https://pokeapi.co/api/v2]
  ETL_DB_WAIT_S                     seconds to wait for the database [default: 60]
  PDEX_LOG                          a log filter such as debug [default: info]";

/// Imports the Pokédex of Let's Go into PostgreSQL
#[derive(Debug, Parser)]
#[command(name = "etl", version, after_help = ENVIRONMENT)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate the database, load the data and check the counts (the default)
    Run,
    /// Read PokéAPI and write the snapshot that ships with the project
    Export {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Compare the database with what a run must leave there
    Check,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let lookup = |variable: &str| std::env::var(variable).ok();
    match execute(arguments.command.unwrap_or(Command::Run), &lookup).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut stderr = std::io::stderr().lock();
            // Nothing is left to tell it to if this fails.
            let _ = writeln!(stderr, "error: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

async fn execute(command: Command, lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    start_log(lookup)?;
    match command {
        Command::Run => run(lookup).await,
        Command::Export { output } => export(lookup, &output).await,
        Command::Check => check(lookup).await,
    }
}

fn start_log(lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), SettingsError> {
    let text = lookup("PDEX_LOG").filter(|text| !text.is_empty()).unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|_| SettingsError::Invalid {
        variable: "PDEX_LOG",
        value: text,
        expected: "a log filter such as info or etl=debug",
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal() && lookup("NO_COLOR").is_none())
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

async fn run(lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let settings = Settings::from_lookup(lookup)?;
    let started = Instant::now();
    let summary = etl::run::run(&settings, snapshot::SHIPPED, &EXPECTED).await?;
    let what = match summary.loaded.changed {
        0 => "unchanged".to_owned(),
        changed => format!("{changed} rows changed"),
    };
    say(&format!(
        "{what} (source {}, {} rejects, {} ms): {}",
        summary.source,
        summary.rejects,
        started.elapsed().as_millis(),
        list(&summary.loaded.counts)
    ))
}

async fn export(lookup: &dyn Fn(&str) -> Option<String>, output: &Path) -> anyhow::Result<()> {
    let client = Client::new(&pokeapi_base_url(lookup), Politeness::default())?;
    let (dex, rejects) = source::read(&client, &EXPECTED).await?;
    if let Some(first) = rejects.first() {
        anyhow::bail!("{} rejects, a snapshot must have none; the first: {first}", rejects.len());
    }
    let counts = Counts::of(&dex);
    let text = Snapshot::from_pokeapi(dex).encode()?;
    std::fs::write(output, &text).with_context(|| format!("cannot write {}", output.display()))?;
    say(&format!("{} bytes written to {}: {}", text.len(), output.display(), list(&counts)))
}

async fn check(lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let settings = store::Settings::from_lookup(lookup)?;
    let report = etl::check::check(&settings, &EXPECTED).await?;
    say(&format!("schema version {}: {}", report.schema_version, list(&report.counts)))?;
    match report.last_run {
        Some(run) => say(&format!("last run {} from {} at {}", run.status, run.source, run.finished_at)),
        None => say("no run is recorded"),
    }
}

fn list(counts: &Counts) -> String {
    counts.named().map(|(name, count)| format!("{count} {name}")).join(", ")
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}").context("cannot write to standard output")
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let settings =
        error.is::<SettingsError>() || matches!(error.downcast_ref(), Some(FetchError::BaseUrl { .. }));
    match error.downcast_ref::<RunError>() {
        _ if settings => USAGE,
        Some(RunError::Source { source: SourceError::Fetch(FetchError::BaseUrl { .. }), .. }) => USAGE,
        Some(run) if run.is_timeout() => TIMEOUT,
        _ => FAILED,
    }
}
