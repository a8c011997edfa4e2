//! The trainer's work from a Pokédex to a model in its folder. Does no network I/O; MLflow comes after, in `main`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use dex::drift::Distribution;
use dex::features;
use dex::model::{Forest, METADATA_FILE, MODEL_FILE, Metadata, Model, ModelError, Split, sha256_hex};
use dex::pokedex::Pokedex;
use rayon::prelude::*;
use tracing::{info, warn};

use crate::artifact::{self, ArtifactError};
use crate::booster::{Booster, BoosterError, Curve, Matrix, Parameters, Stopping};
use crate::dataset::{self, DatasetError};
use crate::evaluate::{self, Parts};
use crate::report::{self, Report, ReportError};
use crate::settings::{Mode, Settings};
use crate::split::{Division, Place};
use crate::table::Table;
use crate::tune::{Trial, TuneError, Tuner};
use crate::{bout, clock, metrics};

/// Name the model is served and registered under.
pub const MODEL_NAME: &str = "battle_winner";

/// Raised whenever the same data would train another model.
const RECIPE: u32 = 3;

/// Largest difference allowed between the served evaluator and `XGBoost` itself.
const TOLERANCE: f32 = 1e-6;

/// Where the report stands in the models folder.
pub const REPORT_DIR: &str = "report";
/// Where unfinished searches stand in the models folder.
const SEARCH_DIR: &str = "search";

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
    Tune(#[from] TuneError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Report(#[from] ReportError),
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
    /// `XGBoost`'s JSON.
    pub model: Vec<u8>,
    pub trials: Vec<Trial>,
    pub curve: Curve,
    pub report: Vec<report::File>,
    /// What it was judged on.
    pub held_out: Table,
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
    let hash = bout::hash(dex, &settings.dataset)?;
    match settings.mode {
        Mode::Dataset => Ok(Outcome::Dataset { rows: make_dataset(settings, dex, &hash)? }),
        Mode::Evaluate => {
            let model = Model::load(&settings.model_dir, &features::NAMES).map_err(JobError::Model)?;
            let (table, _) = dataset::read(&settings.model_dir, dex)?;
            let parts = parts(&table, &Division::of(dex))?;
            Ok(Outcome::Evaluated(evaluate::report(dex, &parts, &model.forest)))
        }
        Mode::All | Mode::Train => {
            match skip(settings, &hash) {
                Ok(metadata) => return Ok(Outcome::Skipped(Box::new(metadata))),
                Err(reason) => info!(reason, "training"),
            }
            if settings.mode == Mode::All {
                make_dataset(settings, dex, &hash)?;
            }
            let (table, found) = dataset::read(&settings.model_dir, dex)?;
            if found != hash {
                warn!("the data set was made with other settings or data than today's; it is used as it is");
            }
            Ok(Outcome::Trained(Box::new(train(settings, dex, table, found)?)))
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
    } else if metadata.parameters.get("search") != Some(&search) {
        Err(format!("the model was trained with another search than {search:?}"))
    } else {
        Ok(metadata)
    }
}

fn search_name(settings: &Settings) -> String {
    settings
        .tune
        .map_or_else(|| "none".to_owned(), |(grid, search)| format!("{} {}", grid.name(), search.name()))
}

fn code_version() -> String {
    format!("{}+{RECIPE}", env!("CARGO_PKG_VERSION"))
}

/// The commit this program was built from, `"unknown"` outside a checkout.
pub const fn commit() -> &'static str {
    env!("PDEX_GIT_COMMIT")
}

/// Returns the number of rows.
fn make_dataset(settings: &Settings, dex: &Pokedex, hash: &str) -> Result<usize, JobError> {
    let start = Instant::now();
    let written = dataset::generate(dex, &settings.dataset, hash, &settings.model_dir)?;
    let scenarios: Vec<_> = settings.dataset.scenarios.iter().map(|s| s.name()).collect();
    info!(
        rows = written.rows,
        battles = written.battles,
        scenarios = scenarios.join(","),
        path = %written.path.display(),
        seconds = seconds(start),
        "data set written"
    );
    Ok(written.rows)
}

fn parts(table: &Table, division: &Division) -> Result<Parts, JobError> {
    let part = |name: &'static str, wanted: fn(Place) -> bool| {
        let part = table.part(division, wanted);
        if part.is_empty() { Err(JobError::Empty { part: name }) } else { Ok(part) }
    };
    Ok(Parts {
        training: part("training", |place| matches!(place, Place::Training { .. }))?,
        held_out: part("held-out", |place| place == Place::HeldOutPair)?,
        unseen: table.part(division, |place| place == Place::UnseenSpecies),
    })
}

/// What to train with: parameters, rounds, and how they were found.
fn choose(
    settings: &Settings,
    table: &Table,
    division: &Division,
    hash: &str,
) -> Result<(Parameters, u32, Vec<Trial>), JobError> {
    let start = Instant::now();
    // Another recipe or other data is another search.
    let name = sha256_hex(format!("{hash}|{}", code_version()).as_bytes());
    let journal = settings.model_dir.join(SEARCH_DIR).join(format!("{}.jsonl", &name[..16]));
    let tuner = Tuner { table, division, journal: &journal, threads: settings.threads };
    let Some((grid, search)) = settings.tune else {
        let rounds = tuner.rounds(&Parameters::DEFAULT)?;
        info!(rounds, seconds = seconds(start), "rounds chosen on one fold");
        return Ok((Parameters::DEFAULT, rounds, Vec::new()));
    };
    let found = tuner.search(grid, search)?;
    let Parameters { max_depth, eta, min_child_weight, lambda, colsample_bytree, .. } = found.parameters;
    info!(
        combinations = found.trials.len(),
        fits = found.made,
        max_depth,
        %eta,
        %min_child_weight,
        %lambda,
        %colsample_bytree,
        rounds = found.rounds,
        seconds = seconds(start),
        "search done"
    );
    Ok((found.parameters, found.rounds, found.trials))
}

fn train(settings: &Settings, dex: &Pokedex, table: Table, hash: String) -> Result<Trained, JobError> {
    let division = Division::of(dex);
    let (chosen, rounds, trials) = choose(settings, &table, &division, &hash)?;
    let parameters = Parameters { seed: settings.dataset.seed, ..chosen };
    let start = Instant::now();
    let parts = parts(&table, &division)?;
    let scenarios = scenarios(&table);
    drop(table);
    let [learn, judge] = [Matrix::new(&parts.training)?, Matrix::new(&parts.held_out)?];
    // The held-out pairs are only watched: neither the rounds nor anything else follows from them.
    let stopping = Stopping { most_rounds: rounds.max(1), patience: None };
    let fit = Instant::now();
    let (booster, curve) = Booster::train([&learn, &judge], &parameters, stopping, true, settings.threads)?;
    let fit = seconds(fit);
    info!(rows = parts.training.len(), rounds, seconds = seconds(start), fit_seconds = fit, "trained");

    let model = booster.to_json()?;
    let forest = Forest::from_json(&model, &features::NAMES).map_err(JobError::Served)?;
    compare(&booster.predict(&judge)?, &evaluate::predict(&forest, &parts.held_out))?;
    drop((learn, judge));
    let digest = sha256_hex(&model);
    let mut recorded: BTreeMap<String, String> =
        parameters.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    recorded.insert("rounds".to_owned(), rounds.to_string());
    recorded.insert("search".to_owned(), search_name(settings));
    recorded.insert("battles_per_row".to_owned(), settings.dataset.repeats.to_string());
    let metadata = Metadata {
        name: MODEL_NAME.to_owned(),
        version: digest[..12].to_owned(),
        model_sha256: digest,
        features: features::NAMES.map(str::to_owned).to_vec(),
        metrics: evaluate::report(dex, &parts, &forest),
        trained_at: clock::rfc3339(clock::since_epoch()),
        code_version: code_version(),
        data_hash: hash,
        scenarios,
        split: split(&parts),
        unseen_pokemon: division.unseen().to_vec(),
        reference: reference(&parts.training),
        xgboost_version: xgboost_version(&model)?,
        parameters: recorded,
    };
    let calibration = [&parts.held_out, &parts.unseen]
        .map(|part| metrics::calibration(&evaluate::judge(part, &evaluate::predict(&forest, part))));
    let importances = report::importances(&model)?;
    let files = report::files(&Report {
        metadata: &metadata,
        importances: &importances,
        curve: &curve,
        calibration,
        trials: &trials,
    })?;
    save(&settings.model_dir, &model, &metadata, &files)?;
    Ok(Trained { metadata, model, trials, curve, report: files, held_out: parts.held_out })
}

fn reference(training: &Table) -> Vec<Distribution> {
    features::NAMES
        .par_iter()
        .enumerate()
        .map(|(i, name)| {
            Distribution::of(name, training.values.iter().skip(i).step_by(features::COUNT).copied())
        })
        .collect()
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

/// Report, then model, metadata last: the metadata names the model's digest, so half of a pair is never served.
fn save(dir: &Path, model: &[u8], metadata: &Metadata, report: &[report::File]) -> Result<(), JobError> {
    for file in report {
        artifact::write(&dir.join(REPORT_DIR).join(&file.name), file.text.as_bytes())?;
    }
    artifact::write(&dir.join(MODEL_FILE), model)?;
    artifact::write(&dir.join(METADATA_FILE), &serde_json::to_vec_pretty(metadata)?)?;
    info!(version = metadata.version, dir = %dir.display(), bytes = model.len(), "model written");
    Ok(())
}

fn scenarios(table: &Table) -> Vec<String> {
    let mut found: Vec<_> = table.keys.iter().map(|key| key.scenario).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|s| s.name().to_owned()).collect()
}

fn split(parts: &Parts) -> Split {
    Split {
        train_matchups: parts.training.matchups(),
        test_matchups: parts.held_out.matchups(),
        train_rows: parts.training.len(),
        test_rows: parts.held_out.len(),
        unseen_matchups: parts.unseen.matchups(),
        unseen_rows: parts.unseen.len(),
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
