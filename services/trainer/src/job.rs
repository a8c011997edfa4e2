//! The trainer's work from a Pokédex to a model in its folder. Does no network I/O; MLflow comes after, in `main`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use dex::features;
use dex::model::{Forest, METADATA_FILE, MODEL_FILE, Metadata, Model, ModelError, Split, sha256_hex};
use dex::pokedex::Pokedex;
use tracing::{info, warn};

use crate::artifact::{self, ArtifactError};
use crate::booster::{Booster, BoosterError, Matrix, Parameters};
use crate::dataset::{self, Bout, DatasetError, Table};
use crate::settings::{Mode, Settings};
use crate::split::Part;
use crate::tune::{self, Trial};
use crate::{clock, evaluate};

/// Name the model is served and registered under.
pub const MODEL_NAME: &str = "battle_winner";

/// Raised whenever the same data would train another model.
const RECIPE: u32 = 1;

/// Largest difference allowed between the served evaluator and `XGBoost` itself.
const TOLERANCE: f32 = 1e-5;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("the Pokédex is not complete enough to train on: {0}")]
    Pokedex(String),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Booster(#[from] BoosterError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("no usable model in the models folder")]
    Model(#[source] ModelError),
    #[error("the model just trained cannot be served")]
    Served(#[source] ModelError),
    #[error(
        "the served evaluator differs from XGBoost by {difference} on row {row}; the previous model is kept"
    )]
    Evaluator { row: usize, difference: f32 },
    #[error("the {part} part of the data set is empty")]
    Empty { part: &'static str },
    #[error("cannot encode")]
    Encode(#[from] serde_json::Error),
}

/// A model that was trained and written.
#[derive(Debug)]
pub struct Trained {
    pub metadata: Metadata,
    pub model: Vec<u8>,
    pub trials: Vec<Trial>,
}

/// What the job did.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing: the model there is what would be trained.
    Skipped(Box<Metadata>),
    /// A data set of that many rows.
    Dataset {
        rows: usize,
    },
    Trained(Box<Trained>),
    /// Metrics of the model there.
    Evaluated(BTreeMap<String, f64>),
}

/// Does what the settings ask.
pub fn run(settings: &Settings, dex: &Pokedex) -> Result<Outcome, JobError> {
    check(dex)?;
    let hash = dataset::hash(dex, &settings.dataset)?;
    match settings.mode {
        Mode::Dataset => Ok(Outcome::Dataset { rows: 2 * make_dataset(settings, dex, &hash)?.len() }),
        Mode::Evaluate => {
            let (bouts, _) = dataset::read(&settings.model_dir, dex)?;
            let model = Model::load(&settings.model_dir, &features::NAMES).map_err(JobError::Model)?;
            let [training, held_out] = tables(dex, &bouts)?;
            let predicted = evaluate::predict(&model.forest, &held_out);
            Ok(Outcome::Evaluated(evaluate::report(&held_out, &predicted, &training)))
        }
        Mode::All | Mode::Train => {
            match skip(settings, &hash) {
                Ok(metadata) => return Ok(Outcome::Skipped(Box::new(metadata))),
                Err(reason) => info!(reason, "training"),
            }
            let (bouts, hash) = if settings.mode == Mode::All {
                (make_dataset(settings, dex, &hash)?, hash)
            } else {
                let (bouts, found) = dataset::read(&settings.model_dir, dex)?;
                if found != hash {
                    warn!(
                        "the data set was made with other settings or data than today's; it is used as it is"
                    );
                }
                (bouts, found)
            };
            Ok(Outcome::Trained(Box::new(train(settings, dex, &bouts, hash)?)))
        }
    }
}

/// An empty or partial database must not become a model.
fn check(dex: &Pokedex) -> Result<(), JobError> {
    let problem = if dex.pokemon.len() < 2 {
        format!("{} Pokémon", dex.pokemon.len())
    } else if dex.moves.is_empty() {
        "no moves".to_owned()
    } else {
        let bare = dex.pokemon.iter().filter(|p| p.learnset.is_empty()).count();
        // Every Pokémon of the games learns something, Ditto included.
        if bare == 0 {
            return Ok(());
        }
        format!("{bare} Pokémon learn no move")
    };
    Err(JobError::Pokedex(problem))
}

/// The metadata of a model that makes training pointless, or why there is none.
fn skip(settings: &Settings, hash: &str) -> Result<Metadata, String> {
    if !settings.skip_if_exists {
        return Err("ML_SKIP_IF_EXISTS is false".to_owned());
    }
    if !settings.model_dir.join(METADATA_FILE).exists() {
        return Err("there is no model yet".to_owned());
    }
    let metadata = Model::load(&settings.model_dir, &features::NAMES)
        .map_err(|error| format!("the model there cannot be used: {error}"))?
        .metadata;
    let search = search_name(settings);
    if metadata.data_hash != hash {
        Err("the data or the data set's settings have changed".to_owned())
    } else if metadata.code_version != code_version() {
        Err(format!("the model was trained by version {}", metadata.code_version))
    } else if metadata.parameters.get("search").map(String::as_str) != Some(search) {
        Err(format!("the model was trained with another search than {search:?}"))
    } else {
        Ok(metadata)
    }
}

fn search_name(settings: &Settings) -> &'static str {
    settings.tune.map_or("none", crate::settings::Grid::name)
}

fn code_version() -> String {
    format!("{}+{RECIPE}", env!("CARGO_PKG_VERSION"))
}

fn make_dataset(settings: &Settings, dex: &Pokedex, hash: &str) -> Result<Vec<Bout>, JobError> {
    let start = Instant::now();
    let bouts = dataset::generate(dex, &settings.dataset);
    let path = dataset::write(&settings.model_dir, &bouts, hash)?;
    let scenarios: Vec<_> = settings.dataset.scenarios.iter().map(|s| s.name()).collect();
    info!(
        rows = 2 * bouts.len(),
        battles = bouts.iter().map(|b| u64::from(b.battles)).sum::<u64>(),
        scenarios = scenarios.join(","),
        path = %path.display(),
        seconds = seconds(start),
        "data set written"
    );
    Ok(bouts)
}

fn tables(dex: &Pokedex, bouts: &[Bout]) -> Result<[Table; 2], JobError> {
    let [training, held_out] = [Part::Training, Part::HeldOut].map(|part| Table::new(dex, bouts, part));
    if training.is_empty() {
        return Err(JobError::Empty { part: "training" });
    }
    if held_out.is_empty() {
        return Err(JobError::Empty { part: "held-out" });
    }
    Ok([training, held_out])
}

fn train(settings: &Settings, dex: &Pokedex, bouts: &[Bout], hash: String) -> Result<Trained, JobError> {
    let start = Instant::now();
    let (chosen, trials) = match settings.tune {
        None => (Parameters::DEFAULT, Vec::new()),
        Some(grid) => tune::search(dex, bouts, grid, settings.threads)?,
    };
    let parameters = Parameters { seed: settings.dataset.seed, ..chosen };
    if !trials.is_empty() {
        info!(combinations = trials.len(), seconds = seconds(start), "search done");
    }
    let start = Instant::now();
    let [training, held_out] = tables(dex, bouts)?;
    let booster = Booster::train(&Matrix::new(&training)?, &parameters, settings.threads)?;
    info!(rows = training.len(), rounds = parameters.rounds, seconds = seconds(start), "trained");

    let model = booster.to_json()?;
    let forest = Forest::from_json(&model, &features::NAMES).map_err(JobError::Served)?;
    let predicted = evaluate::predict(&forest, &held_out);
    compare(&booster.predict(&Matrix::new(&held_out)?)?, &predicted)?;

    let digest = sha256_hex(&model);
    let mut recorded: BTreeMap<String, String> =
        parameters.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    recorded.insert("rounds".to_owned(), parameters.rounds.to_string());
    recorded.insert("search".to_owned(), search_name(settings).to_owned());
    recorded.insert("battles_per_row".to_owned(), settings.dataset.repeats.to_string());
    let metadata = Metadata {
        name: MODEL_NAME.to_owned(),
        version: digest[..12].to_owned(),
        model_sha256: digest,
        features: features::NAMES.map(str::to_owned).to_vec(),
        metrics: evaluate::report(&held_out, &predicted, &training),
        trained_at: clock::rfc3339(clock::since_epoch()),
        code_version: code_version(),
        data_hash: hash,
        scenarios: scenarios(bouts),
        split: split(bouts, &training, &held_out),
        xgboost_version: xgboost_version(&model)?,
        parameters: recorded,
    };
    save(&settings.model_dir, &model, &metadata)?;
    Ok(Trained { metadata, model, trials })
}

/// The API answers with the evaluator, so it must say what `XGBoost` says.
fn compare(own: &[f32], served: &[f32]) -> Result<(), JobError> {
    let worst =
        own.iter().zip(served).map(|(a, b)| (a - b).abs()).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let (row, difference) = worst.unwrap_or_default();
    if own.len() != served.len() || difference.is_nan() || difference > TOLERANCE {
        return Err(JobError::Evaluator { row, difference });
    }
    info!(rows = own.len(), largest_difference = difference, "the served evaluator equals XGBoost");
    Ok(())
}

/// Model first, metadata last: the metadata names the model's digest, so half of a pair is never served.
fn save(dir: &Path, model: &[u8], metadata: &Metadata) -> Result<(), JobError> {
    artifact::write(&dir.join(MODEL_FILE), model)?;
    artifact::write(&dir.join(METADATA_FILE), &serde_json::to_vec_pretty(metadata)?)?;
    info!(version = metadata.version, dir = %dir.display(), bytes = model.len(), "model written");
    Ok(())
}

fn scenarios(bouts: &[Bout]) -> Vec<String> {
    let mut found: Vec<_> = bouts.iter().map(|b| b.scenario).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|s| s.name().to_owned()).collect()
}

fn split(bouts: &[Bout], training: &Table, held_out: &Table) -> Split {
    let matchups = |part: Part| {
        let mut pairs: Vec<_> = bouts.iter().map(|b| b.pokemon).filter(|&p| part.has(p)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.len()
    };
    Split {
        train_matchups: matchups(Part::Training),
        test_matchups: matchups(Part::HeldOut),
        train_rows: training.len(),
        test_rows: held_out.len(),
    }
}

/// The library writes its version into the model.
fn xgboost_version(model: &[u8]) -> Result<String, JobError> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: [u32; 3],
    }
    let [major, minor, patch] = serde_json::from_slice::<Versioned>(model)?.version;
    Ok(format!("{major}.{minor}.{patch}"))
}

fn seconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 10.0).round() / 10.0
}
