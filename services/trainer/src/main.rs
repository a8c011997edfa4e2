//! The `trainer` command: reads the environment, loads the Pokédex, runs the job, records it in MLflow, prints the result and
//! chooses the exit code (0 ok, 1 failed, 2 usage or bad settings). Holds no logic.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use dex::features;
use dex::model::{Metadata, Model};
use dex::pokedex::Pokedex;
use dex::predict::Predictor;
use dex::{schema, store};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use trainer::job::{self, Outcome, Trained};
use trainer::mlflow::{self, Client, NoHeldOut, Record, spool};
use trainer::settings::{Settings, Source};
use trainer::vectors::{model, verify};
use trainer::{artifact, dataset, shipped};

mod calm;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

const ENVIRONMENT: &str = "\
Environment:
  ML_MODE                 all, dataset, train or evaluate [default: all]
  ML_SCENARIO_TYPE        all, best_move, random_move or all_combinations [default: all]
  ML_TUNE_HYPERPARAMS     search for parameters first [default: true]
  ML_GRID_TYPE            fast or extended [default: fast]
  ML_SEARCH               halving: all combinations on one fold, the best on all five; full: all on all five
                          [default: halving]
  ML_SKIP_IF_EXISTS       train only if data, code or settings have changed [default: true]
  ML_BATTLES_PER_MATCHUP, ML_NUM_RANDOM_SAMPLES, ML_MAX_COMBINATIONS, ML_SEED
                          size and seed of the data set [default: 200, 2, 2, 42]
  ML_THREADS              [default: the number of cores]
  ML_POKEDEX              database, or shipped: the one that came with this program [default: database]
  MODEL_DIR               where data set and model are written [default: models]
  MLFLOW_TRACKING_URI     where trainings are recorded [default: nowhere]
  DISABLE_MLFLOW_TRACKING record nothing [default: false]
  POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
                          where the Pokédex is; or POSTGRES_PASSWORD_FILE, a file that holds the password
  PDEX_LOG                a log filter such as debug [default: info]";

/// Simulates battles of Let's Go and trains the model that predicts them
#[derive(Debug, Parser)]
#[command(name = "trainer", version, after_help = ENVIRONMENT)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do instead of the job that the environment describes
#[derive(Debug, Subcommand)]
enum Command {
    /// Hold the battle mechanics against vectors of an independent simulator
    ///
    /// Prints one line per file; exits with 1 when a file is outside the bounds. A mean difference passes when it is at most
    /// the bound, or no larger than what the few battles per pair on the other side make of it by chance alone.
    VerifyVectors {
        /// Folder with damage.jsonl and battles_*.jsonl
        dir: PathBuf,
        /// Battles per pair on our side
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
        seeds: u32,
        /// The same facts as JSON
        #[arg(long)]
        json: bool,
    },
    /// Judge the model in `MODEL_DIR` by battles of an independent simulator
    Evaluate {
        /// Folder with battles_*.jsonl
        #[arg(long, value_name = "DIR")]
        against: PathBuf,
        /// The same facts as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write what the served evaluator says about every row of the data set in `MODEL_DIR`
    ///
    /// Little-endian 32-bit floats in the order of the rows, for comparing with XGBoost elsewhere.
    Predictions {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let lookup = |variable: &str| std::env::var(variable).ok();
    if let Err(error) = start_log(&lookup) {
        return failed(USAGE, &error);
    }
    let done = match command {
        None => job(&lookup),
        Some(Command::VerifyVectors { dir, seeds, json }) => verify(&dir, seeds, json),
        Some(Command::Evaluate { against, json }) => evaluate(&lookup, &against, json),
        Some(Command::Predictions { out }) => predictions(&lookup, &out),
    };
    done.unwrap_or_else(|(code, error)| failed(code, &error))
}

/// The exit code, or the code and the error of a failure.
type Done = Result<ExitCode, (u8, anyhow::Error)>;

fn failed(code: u8, error: &anyhow::Error) -> ExitCode {
    // Nothing is left to tell it to if this fails.
    let _ = writeln!(std::io::stderr().lock(), "error: trainer: {error:#}");
    ExitCode::from(code)
}

fn job(lookup: &dyn Fn(&str) -> Option<String>) -> Done {
    let usage = |error: anyhow::Error| (USAGE, error);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = Settings::from_lookup(lookup, cores).map_err(|e| usage(e.into()))?;
    let database = store::Settings::from_lookup(lookup).map_err(anyhow::Error::from);
    let database = match settings.source {
        Source::Database => Some(database.map_err(usage)?),
        Source::Shipped => None,
    };
    let run = || -> anyhow::Result<ExitCode> {
        calm::wait_passively()?;
        execute(&settings, database.as_ref())?;
        Ok(ExitCode::SUCCESS)
    };
    run().map_err(|error| (FAILED, error))
}

fn verify(dir: &Path, seeds: u32, json: bool) -> Done {
    let run = || -> anyhow::Result<bool> {
        let verification = verify::verify(shipped::pokedex(), dir, seeds)?;
        if json {
            print(&serde_json::to_string_pretty(&verification)?)?;
        } else {
            for file in &verification.files {
                print(&file.line())?;
                for example in &file.examples {
                    print(&format!("  {example}"))?;
                }
            }
        }
        Ok(verification.within)
    };
    let within = run().map_err(|error| (FAILED, error))?;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn evaluate(lookup: &dyn Fn(&str) -> Option<String>, against: &Path, json: bool) -> Done {
    let settings = Settings::from_lookup(lookup, 1).map_err(|error| (USAGE, error.into()))?;
    let run = || -> anyhow::Result<()> {
        let predictor = Predictor::load(&settings.model_dir)?;
        let evaluation = model::evaluate(shipped::pokedex(), &predictor, against)?;
        print(&if json { serde_json::to_string_pretty(&evaluation)? } else { evaluation.table() })
    };
    run().map(|()| ExitCode::SUCCESS).map_err(|error| (FAILED, error))
}

fn predictions(lookup: &dyn Fn(&str) -> Option<String>, out: &Path) -> Done {
    let settings = Settings::from_lookup(lookup, 1).map_err(|error| (USAGE, error.into()))?;
    let run = || -> anyhow::Result<()> {
        let model = Model::load(&settings.model_dir, &features::NAMES)?;
        let (table, _) = dataset::read(&settings.model_dir, shipped::pokedex())?;
        let predicted = trainer::evaluate::predict(&model.forest, &table);
        let bytes: Vec<u8> = predicted.iter().flat_map(|p| p.to_le_bytes()).collect();
        artifact::write(out, &bytes)?;
        print(&format!("{} predictions written", predicted.len()))
    };
    run().map(|()| ExitCode::SUCCESS).map_err(|error| (FAILED, error))
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

fn execute(settings: &Settings, database: Option<&store::Settings>) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build_global()
        .context("cannot start worker threads")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network runtime")?;
    let dex = match database {
        Some(database) => runtime.block_on(load(database))?,
        None => shipped::pokedex().clone(),
    };
    info!(pokemon = dex.pokemon.len(), moves = dex.moves.len(), "Pokédex loaded");
    let started = mlflow::now();
    let outcome = job::run(settings, &dex)?;
    let new = match &outcome {
        Outcome::Trained(trained) => Some((&**trained, Record::new(trained, started, mlflow::now()))),
        _ => None,
    };
    if let Some((_, new)) = &new
        && let Err(error) = new.keep_course(&settings.model_dir)
    {
        warn!(
            "a server that is new can not be told of this training later: {:#}",
            anyhow::Error::from(error)
        );
    }
    match &settings.mlflow {
        None => info!("not recorded in MLflow: tracking is off"),
        Some(uri) => runtime.block_on(record(uri, &settings.model_dir, &outcome, new.as_ref())),
    }
    match outcome {
        Outcome::Skipped(metadata) => print(&format!(
            "skipped: model {} of {} matches data, code and settings",
            metadata.version, metadata.trained_at
        )),
        Outcome::Dataset { rows } => print(&format!("data set of {rows} rows written")),
        Outcome::Evaluated(metrics) => print(&table(&metrics)),
        Outcome::Trained(trained) => print(&format!(
            "model {} trained\n{}",
            trained.metadata.version,
            table(&trained.metadata.metrics)
        )),
    }
}

async fn load(database: &store::Settings) -> anyhow::Result<Pokedex> {
    let client = store::connect(database).await.context("cannot reach the database")?;
    schema::require_expected(&client).await.context("run the etl first")?;
    store::load(&client).await.context("cannot read the Pokédex")
}

/// Sends what waits, what is new, and what a server that is new does not know. A record that cannot be sent is a warning and waits in
/// the spool: the model matters more.
async fn record(uri: &str, model_dir: &Path, outcome: &Outcome, new: Option<&(&Trained, Record)>) {
    let client = Client::new(uri);
    let waited = match &client {
        Ok(client) => spool::send(client, model_dir).await.err(),
        Err(_) => None,
    };
    let Some((trained, new)) = new else {
        let told = match (client, waited, outcome) {
            (Ok(client), None, Outcome::Skipped(metadata)) => tell_again(&client, model_dir, metadata).await,
            (Err(error), ..) | (_, Some(error), _) => {
                Err(anyhow::Error::from(error).context("what waits in the spool was not sent"))
            }
            _ => Ok(()),
        };
        if let Err(error) = told {
            warn!("not recorded in MLflow at {uri}: {error:#}");
        }
        return;
    };
    // What came first is recorded first.
    let sent = match (client, waited) {
        (Ok(client), None) => mlflow::record(&client, new, &trained.held_out).await.map(drop),
        (Err(error), _) | (_, Some(error)) => Err(error),
    };
    if let Err(error) = sent {
        warn!("not recorded in MLflow at {uri}: {:#}", anyhow::Error::from(error));
        match spool::keep(model_dir, new) {
            Ok(path) => info!(path = %path.display(), "recorded when MLflow answers"),
            Err(error) => warn!("not kept for later either: {:#}", anyhow::Error::from(error)),
        }
    }
}

/// The model was made for a server whose data are gone: this one hears of its training, too.
async fn tell_again(client: &Client, model_dir: &Path, metadata: &Metadata) -> anyhow::Result<()> {
    if mlflow::is_recorded(client, metadata).await? {
        return Ok(());
    }
    let record = Record::of_files(model_dir, metadata)?;
    mlflow::record(client, &record, &NoHeldOut).await?;
    Ok(())
}

/// The model beside the baselines, one metric per line.
fn table(metrics: &BTreeMap<String, f64>) -> String {
    const COLUMNS: [(&str, &str); 5] = [
        ("", "held-out pairs"),
        (trainer::evaluate::UNSEEN, "unseen species"),
        ("baseline_logistic_", "logistic"),
        ("baseline_base_stats_", "base stats"),
        ("baseline_type_chart_", "type chart"),
    ];
    let mut text = format!("{:<20}", "");
    for (_, heading) in COLUMNS {
        let _ = write!(text, "{heading:>16}");
    }
    for name in ["log_loss", "brier", "auc", "accuracy_decided", "ece", "mean_absolute_error"] {
        let _ = write!(text, "\n{name:<20}");
        for (prefix, _) in COLUMNS {
            let value = metrics.get(&format!("{prefix}{name}"));
            text += &value.map_or_else(|| format!("{:>16}", "-"), |value| format!("{value:>16.4}"));
        }
    }
    text
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write to standard output")
}
