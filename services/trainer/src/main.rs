//! The `trainer` command: reads the environment, loads the Pokédex, runs the job, records it in MLflow, prints the result and
//! chooses the exit code (0 ok, 1 failed, 2 usage or bad settings). Holds no logic.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use dex::pokedex::Pokedex;
use dex::{schema, store};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use trainer::job::{self, Outcome, Trained};
use trainer::mlflow::{self, Client, Record};
use trainer::settings::Settings;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

const ENVIRONMENT: &str = "\
Environment:
  ML_MODE                 all, dataset, train or evaluate [default: all]
  ML_SCENARIO_TYPE        all, best_move, random_move or all_combinations [default: all]
  ML_TUNE_HYPERPARAMS     search for parameters first [default: true]
  ML_GRID_TYPE            fast or extended [default: fast]
  ML_SKIP_IF_EXISTS       train only if data, code or settings have changed [default: true]
  ML_BATTLES_PER_MATCHUP, ML_NUM_RANDOM_SAMPLES, ML_MAX_COMBINATIONS, ML_SEED
                          size and seed of the data set [default: 200, 2, 2, 42]
  ML_THREADS              [default: the number of cores]
  MODEL_DIR               where data set and model are written [default: models]
  MLFLOW_TRACKING_URI     where trainings are recorded [default: nowhere]
  DISABLE_MLFLOW_TRACKING record nothing [default: false]
  POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
                          where the Pokédex is
  PDEX_LOG                a log filter such as debug [default: info]";

/// Simulates battles of Let's Go and trains the model that predicts them
#[derive(Debug, Parser)]
#[command(name = "trainer", version, after_help = ENVIRONMENT)]
struct Arguments {}

fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    let lookup = |variable: &str| std::env::var(variable).ok();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = Settings::from_lookup(&lookup, cores).map_err(anyhow::Error::from);
    let database = store::Settings::from_lookup(&lookup).map_err(anyhow::Error::from);
    let ready = start_log(&lookup).and(settings).and_then(|s| Ok((s, database?)));
    let (code, result) = match ready {
        Ok((settings, database)) => (FAILED, execute(&settings, &database)),
        Err(error) => (USAGE, Err(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to if this fails.
            let _ = writeln!(std::io::stderr().lock(), "error: trainer: {error:#}");
            ExitCode::from(code)
        }
    }
}

fn start_log(lookup: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let text = lookup("PDEX_LOG").filter(|text| !text.is_empty()).unwrap_or_else(|| "info".to_owned());
    let filter =
        EnvFilter::try_new(&text).with_context(|| format!("PDEX_LOG={text:?} is not a log filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

fn execute(settings: &Settings, database: &store::Settings) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build_global()
        .context("cannot start worker threads")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network runtime")?;
    let dex = runtime.block_on(load(database))?;
    info!(pokemon = dex.pokemon.len(), moves = dex.moves.len(), "Pokédex loaded");
    let started = mlflow::now();
    match job::run(settings, &dex)? {
        Outcome::Skipped(metadata) => print(&format!(
            "skipped: model {} of {} matches data, code and settings",
            metadata.version, metadata.trained_at
        )),
        Outcome::Dataset { rows } => print(&format!("data set of {rows} rows written")),
        Outcome::Evaluated(metrics) => print(&table(&metrics)),
        Outcome::Trained(trained) => {
            if let Some(uri) = &settings.mlflow {
                runtime.block_on(record(uri, &trained, started));
            } else {
                info!("not recorded in MLflow: tracking is off");
            }
            print(&format!(
                "model {} trained\n{}",
                trained.metadata.version,
                table(&trained.metadata.metrics)
            ))
        }
    }
}

async fn load(database: &store::Settings) -> anyhow::Result<Pokedex> {
    let client = store::connect(database).await.context("cannot reach the database")?;
    schema::require_expected(&client).await.context("run the etl first")?;
    store::load(&client).await.context("cannot read the Pokédex")
}

/// A record that cannot be kept is a warning: the model matters more.
async fn record(uri: &str, trained: &Trained, started: Duration) {
    let Trained { metadata, model, trials } = trained;
    let record = Record { metadata, model, trials, started, ended: mlflow::now() };
    let sent = match Client::new(uri) {
        Ok(client) => mlflow::record(&client, &record).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        warn!("not recorded in MLflow at {uri}: {:#}", anyhow::Error::from(error));
    }
}

fn table(metrics: &BTreeMap<String, f64>) -> String {
    let line = |(name, value): (&String, &f64)| {
        let baseline = metrics.get(&format!("baseline_{name}"))?;
        Some(format!("{name:<22}{value:>9.4}{baseline:>22.4}"))
    };
    let lines: Vec<_> = metrics.iter().filter_map(line).collect();
    format!("{:<22}{:>9}{:>22}\n{}", "held-out matchups", "model", "base-stat total rule", lines.join("\n"))
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write to standard output")
}
