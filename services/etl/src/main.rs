//! The `etl` command: reads arguments and environment, calls the library, prints, and chooses the exit code
//! (0 ok, 1 failed, 2 usage or bad settings, 5 waited too long). Holds no logic.

mod arguments;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use arguments::{Arguments, Command, RunArguments};
use clap::Parser as _;
use dex::store::{self, SettingsError};
use etl::counts::{Counts, EXPECTED};
use etl::fetch::FetchError;
use etl::load::Plan;
use etl::pokeapi::{Client, Politeness};
use etl::progress::{Event, Progress};
use etl::run::{Options, RunError, Summary};
use etl::settings::{Live, Settings};
use etl::snapshot::{self, Snapshot};
use etl::source::{self, SourceError};
use tokio::time::Instant;
use tracing_subscriber::EnvFilter;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const TIMEOUT: u8 = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let lookup = |variable: &str| std::env::var(variable).ok();
    let command = arguments.command.unwrap_or(Command::Run(arguments.run));
    let json = matches!(&command, Command::Run(run) if run.json);
    match execute(command, &lookup).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit_code(&error);
            if json {
                print_event(&Event::Failed { error: &format!("{error:#}"), exit_code: code });
            }
            let mut stderr = std::io::stderr().lock();
            // Nothing is left to tell it to if this fails.
            let _ = writeln!(stderr, "error: {error:#}");
            ExitCode::from(code)
        }
    }
}

async fn execute(command: Command, lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    start_log(lookup)?;
    match command {
        Command::Run(arguments) => run(arguments, lookup).await,
        Command::Migrate => migrate(lookup).await,
        Command::Export { output } => export(lookup, &output).await,
        Command::Check => check(lookup).await,
        Command::Diff => diff(lookup).await,
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

async fn run(arguments: RunArguments, lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let mut settings = Settings::from_lookup(lookup)?;
    if arguments.refresh {
        settings.live.cache_fresh_for = Duration::ZERO;
    }
    let progress = if arguments.json { Progress::new(print_event) } else { Progress::silent() };
    let plan = Plan { only: arguments.only, progress };
    let options = Options { plan, dry_run: arguments.dry_run };
    let started = Instant::now();
    let outcome = etl::run::run_with(&settings, snapshot::SHIPPED, &EXPECTED, &options).await;
    if let Some(file) = settings.metrics_file.as_ref().filter(|_| !options.dry_run) {
        // The data matters more than the word about it; after a failed run the database may not even answer.
        if let Err(error) = write_metrics(&settings, file).await {
            tracing::warn!("metrics cannot be written: {error:#}");
        }
    }
    let summary = outcome?;
    let duration_ms = started.elapsed().as_millis();
    if arguments.json {
        print_event(&Event::Done {
            source: &summary.source.to_string(),
            changed: summary.loaded.changed,
            rejects: summary.rejects,
            disagreements: summary.disagreements,
            duration_ms,
        });
        return Ok(());
    }
    tell(&summary, options.dry_run, duration_ms)
}

fn tell(summary: &Summary, dry_run: bool, duration_ms: u128) -> anyhow::Result<()> {
    if dry_run {
        for change in &summary.loaded.changes {
            say(&format!("{} {} {}", change.what.name(), change.table, change.key))?;
        }
    }
    let what = match summary.loaded.changed {
        0 => "unchanged".to_owned(),
        changed if dry_run => format!("{changed} rows would change"),
        changed => format!("{changed} rows changed"),
    };
    say(&format!(
        "{what} (source {}, {} rejects, {} disagreements, {duration_ms} ms): {}",
        summary.source,
        summary.rejects,
        summary.disagreements,
        list(&summary.loaded.counts)
    ))
}

async fn write_metrics(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let client = store::connect(&settings.database).await?;
    let Some(freshness) = etl::load::freshness(&client).await? else { return Ok(()) };
    let rows = etl::load::table_rows(&client).await?;
    let text = etl::metrics::render(&freshness, &rows);
    etl::metrics::write(file, &text).with_context(|| format!("cannot write {}", file.display()))
}

async fn migrate(lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let settings = Settings::from_lookup(lookup)?;
    let applied = etl::run::migrate(&settings.database, settings.database_wait).await?;
    let version = dex::schema::EXPECTED;
    if applied.is_empty() {
        return say(&format!("schema version {version}: nothing to apply"));
    }
    let list: Vec<String> = applied.iter().map(ToString::to_string).collect();
    say(&format!("schema version {version}: applied {}", list.join(", ")))
}

async fn export(lookup: &dyn Fn(&str) -> Option<String>, output: &Path) -> anyhow::Result<()> {
    let live = Live::from_lookup(lookup)?;
    let politeness = Politeness { interval: live.pokeapi_interval, ..live.politeness };
    let client = Client::new(&live.pokeapi, politeness)?;
    let (facts, rejects) = source::read(&client, &EXPECTED).await?;
    if let Some(first) = rejects.first() {
        anyhow::bail!("{} rejects, a snapshot must have none; the first: {first}", rejects.len());
    }
    let counts = Counts::of(&facts);
    let text = Snapshot::from_pokeapi(facts).encode()?;
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

async fn diff(lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let live = Live::from_lookup(lookup)?;
    let comparison = match etl::live::read(&live, &EXPECTED, &Progress::silent()).await {
        Ok((_, findings)) => {
            for reject in &findings.rejects {
                say(&format!("rejected {reject}"))?;
            }
            findings.comparison
        }
        Err(SourceError::Disagreement(comparison)) => *comparison,
        Err(error) => return Err(error.into()),
    };
    for d in &comparison.disagreements {
        let [pokeapi, pokepedia] =
            [&d.pokeapi, &d.pokepedia].map(|word| word.as_deref().unwrap_or("nothing"));
        let subject = &d.subject;
        say(&format!(
            "{} {subject}: PokéAPI {pokeapi}, Poképédia {pokepedia}; PokéAPI decides",
            d.kind.name()
        ))?;
    }
    say(&format!(
        "{} rows compared, {} differ, {} spellings",
        comparison.compared,
        comparison.differing(),
        comparison.disagreements.len() - comparison.differing()
    ))
}

fn list(counts: &Counts) -> String {
    counts.named().map(|(name, count)| format!("{count} {name}")).join(", ")
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}").context("cannot write to standard output")
}

fn print_event(event: &Event<'_>) {
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    // Whoever watched has gone; the run goes on.
    let _ = std::io::stdout().lock().write_all(&line);
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let is_base = |error: &FetchError| matches!(error, FetchError::BaseUrl { .. });
    let settings = error.is::<SettingsError>()
        || error.downcast_ref().is_some_and(is_base)
        || matches!(error.downcast_ref(), Some(SourceError::Fetch(fetch)) if is_base(fetch));
    match error.downcast_ref::<RunError>() {
        _ if settings => USAGE,
        Some(RunError::Source { source: SourceError::Fetch(fetch), .. }) if is_base(fetch) => USAGE,
        Some(run) if run.is_timeout() => TIMEOUT,
        _ => FAILED,
    }
}
