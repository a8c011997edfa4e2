//! The whole job on a part of the shipped Pokédex: same seed, same data; a model that is served as `XGBoost` says; skipping,
//! evaluating, resuming and refusing with their reasons.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has failed")]

use std::convert::Infallible;
use std::path::Path;

use dex::features;
use dex::model::{METADATA_FILE, MODEL_FILE, Model};
use dex::pokedex::Pokedex;
use dex::predict::Predictor;
use trainer::bout::{self, Bout};
use trainer::dataset::{self, FILE};
use trainer::job::{self, JobError, Outcome, Trained};
use trainer::scenario::Scenario;
use trainer::settings::{DatasetSettings, Grid, Mode, Search, Settings, Source};
use trainer::shipped;

/// The first forty Pokémon and Ditto: 820 matchups.
fn pokedex() -> Pokedex {
    let mut dex = shipped::pokedex().clone();
    dex.pokemon.retain(|p| p.id <= 40 || p.slug == "ditto");
    dex
}

fn settings(dir: &Path) -> Settings {
    Settings {
        mode: Mode::All,
        source: Source::Shipped,
        dataset: DatasetSettings {
            scenarios: Scenario::ALL.to_vec(),
            repeats: 40,
            random_samples: 1,
            max_combinations: 1,
            seed: 7,
        },
        tune: None,
        skip_if_exists: true,
        mlflow: None,
        model_dir: dir.to_owned(),
        threads: 1,
    }
}

#[track_caller]
fn trained(settings: &Settings, dex: &Pokedex) -> Box<Trained> {
    match job::run(settings, dex).unwrap() {
        Outcome::Trained(trained) => trained,
        other => panic!("not trained: {other:?}"),
    }
}

fn is_skipped(settings: &Settings, dex: &Pokedex) -> bool {
    matches!(job::run(settings, dex).unwrap(), Outcome::Skipped(_))
}

fn bouts(dex: &Pokedex, settings: &DatasetSettings, threads: usize) -> Vec<Bout> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut all = Vec::new();
    let taken = pool.install(|| {
        bout::generate(dex, settings, |group| {
            all.extend(group);
            Ok::<_, Infallible>(())
        })
    });
    taken.unwrap();
    all
}

#[test]
fn data_set_depends_on_the_seed_and_not_on_the_threads() {
    let dex = pokedex();
    let wanted = settings(Path::new("unused")).dataset;
    let one = bouts(&dex, &wanted, 1);
    assert_eq!(one.len(), 3 * 820);
    assert!(one == bouts(&dex, &wanted, 4));
    assert!(one != bouts(&dex, &DatasetSettings { seed: 8, ..wanted.clone() }, 2));

    let write = |threads: usize| {
        let dir = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let written = pool.install(|| dataset::generate(&dex, &wanted, "abc", dir.path())).unwrap();
        assert_eq!((written.rows, written.battles), (2 * 3 * 820, 40 * 3 * 820));
        let bytes = std::fs::read(dir.path().join(FILE)).unwrap();
        (bytes, dataset::read(dir.path(), &dex).unwrap())
    };
    let (bytes, (table, hash)) = write(1);
    assert!(bytes == write(3).0, "same bytes whatever the threads");
    assert_eq!((table.len(), hash.as_str()), (2 * one.len(), "abc"));
    for (i, bout) in one.iter().enumerate() {
        assert_eq!(table.row(2 * i), bout.rows[0]);
        assert_eq!(table.row(2 * i + 1), bout.rows[1]);
        assert_eq!(table.keys[2 * i + 1].pokemon, [bout.pokemon[1], bout.pokemon[0]]);
        assert!((table.rates[2 * i] - bout.win_rate()).abs() < 1e-7);
        assert!((table.rates[2 * i] + table.rates[2 * i + 1] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn trained_model_is_served_skipped_while_nothing_changes_and_evaluated_alike() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    let wanted = settings(dir.path());
    let first = trained(&wanted, &dex);
    let metrics = &first.metadata.metrics;
    assert!(metrics["brier"] < metrics["baseline_base_stats_brier"] / 2.0, "{metrics:?}");
    assert!(metrics["brier"] < metrics["baseline_logistic_brier"], "{metrics:?}");
    assert!(metrics["baseline_base_stats_brier"] < metrics["baseline_type_chart_brier"], "{metrics:?}");
    assert!(metrics["accuracy_decided"] > 0.9, "{metrics:?}");
    assert!(metrics["unseen_species_accuracy_decided"] > 0.9, "{metrics:?}");
    assert_eq!(first.metadata.xgboost_version, "3.2.0");
    let split = first.metadata.split;
    assert_eq!(split.train_rows + split.test_rows + split.unseen_rows, 3 * 820 * 2);
    assert_eq!(split.train_matchups + split.test_matchups + split.unseen_matchups, 820);
    assert_eq!(first.metadata.reference.len(), features::COUNT);
    assert_eq!(first.curve.judging.len(), first.curve.training.len());

    let report = dir.path().join(job::REPORT_DIR);
    for (file, holds) in [
        ("index.html", "<svg"),
        ("calibration.svg", "</svg>"),
        ("learning-curve.svg", "</svg>"),
        ("importances.svg", "race"),
        ("model-card.md", "## Limits"),
    ] {
        assert!(std::fs::read_to_string(report.join(file)).unwrap().contains(holds), "{file}");
    }
    let figures = std::fs::read_to_string(report.join("report.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
    let gains = figures["importances"].as_array().unwrap().iter().map(|i| i["gain"].as_f64().unwrap());
    assert!((gains.sum::<f64>() - 1.0).abs() < 1e-9, "{figures}");
    for part in ["held_out", "unseen"] {
        let bins = figures["calibration"][part].as_array().unwrap();
        assert_eq!(bins.len(), 10, "{figures}");
        assert!(bins.iter().any(|bin| bin["weight"].as_f64().unwrap() > 0.0), "{figures}");
    }

    let served = Predictor::load(dir.path()).unwrap();
    assert_eq!((served.name(), served.version()), ("battle_winner", first.metadata.version.as_str()));
    assert!(is_skipped(&wanted, &dex));

    let evaluated = job::run(&Settings { mode: Mode::Evaluate, ..wanted.clone() }, &dex).unwrap();
    let Outcome::Evaluated(again) = evaluated else { panic!("{evaluated:?}") };
    assert!(again == *metrics);

    // Same data and seed: same model, but for its age, whatever the threads.
    let again = Settings { skip_if_exists: false, mode: Mode::Train, threads: 2, ..wanted };
    assert_eq!(trained(&again, &dex).metadata.model_sha256, first.metadata.model_sha256);
}

#[test]
fn halving_picks_the_winner_of_the_full_grid_and_an_interrupted_search_goes_on() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    let wanted = Settings { tune: Some((Grid::Fast, Search::Full)), threads: 2, ..settings(dir.path()) };
    let full = trained(&wanted, &dex);
    assert_eq!(full.trials.len(), 8);
    assert!(full.trials.iter().all(|t| t.fits.len() == 5));
    let best = |trained: &Trained| {
        let best = trained.trials.iter().filter(|t| t.fits.len() == 5);
        best.min_by(|a, b| a.log_loss.total_cmp(&b.log_loss)).unwrap().parameters
    };

    let other = tempfile::tempdir().unwrap();
    let halving = Settings { tune: Some((Grid::Fast, Search::Halving)), ..wanted.clone() };
    let halved = trained(&Settings { model_dir: other.path().to_owned(), ..halving }, &dex);
    assert_eq!(halved.trials.iter().filter(|t| t.fits.len() == 5).count(), 3);
    assert_eq!(best(&halved), best(&full));
    assert_eq!(halved.metadata.model_sha256, full.metadata.model_sha256);

    // Cut off within the sixth fit's line, as by a kill.
    let search = dir.path().join("search");
    let journal = std::fs::read_dir(&search).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&journal).unwrap();
    assert_eq!(text.lines().count(), 40);
    let kept: usize = text.lines().take(5).map(|line| line.len() + 1).sum();
    std::fs::write(&journal, &text[..kept + 20]).unwrap();
    let resumed = trained(&Settings { skip_if_exists: false, ..wanted }, &dex);
    assert_eq!(resumed.metadata.model_sha256, full.metadata.model_sha256);
    let text = std::fs::read_to_string(&journal).unwrap();
    // Five kept, the broken one, thirty-five made again.
    assert_eq!(text.lines().count(), 41);
}

#[test]
fn whatever_changes_is_a_reason_to_train_again() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    let wanted = settings(dir.path());
    trained(&wanted, &dex);

    let mut other_seed = wanted.clone();
    other_seed.dataset.seed = 8;
    trained(&other_seed, &dex);
    assert!(is_skipped(&other_seed, &dex));

    let mut other_dex = dex.clone();
    other_dex.pokemon[0].stats.speed += 1;
    trained(&other_seed, &other_dex);

    std::fs::write(dir.path().join(MODEL_FILE), "{}").unwrap();
    trained(&other_seed, &other_dex);
    std::fs::remove_file(dir.path().join(METADATA_FILE)).unwrap();
    trained(&other_seed, &other_dex);
    assert!(is_skipped(&other_seed, &other_dex));
}

#[test]
fn bad_input_names_its_place_and_leaves_the_model_alone() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    let wanted = settings(dir.path());
    trained(&wanted, &dex);
    let again = Settings { mode: Mode::Train, skip_if_exists: false, ..wanted.clone() };
    let file = dir.path().join(FILE);
    let bytes = std::fs::read(&file).unwrap();
    let refused = |bytes: &[u8], dex: &Pokedex| {
        std::fs::write(&file, bytes).unwrap();
        job::run(&again, dex).unwrap_err().to_string()
    };

    for cut in [0, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = refused(&bytes[..cut], &dex);
        assert!(error.contains("battles.parquet is not a complete Parquet file"), "{cut}: {error}");
    }
    // A byte of the data pages or of their headers.
    let mut flipped = bytes.clone();
    for place in (4..bytes.len() / 2).step_by(3_001) {
        flipped[place] ^= 0xff;
    }
    let error = refused(&flipped, &dex);
    assert!(error.contains("battles.parquet"), "{error}");

    // Without a Pokémon that the file names.
    let mut fewer = dex.clone();
    fewer.pokemon.retain(|p| p.id != 7);
    let error = refused(&bytes, &fewer);
    assert!(error.contains("row ") && error.contains("no Pokémon has id 7"), "{error}");

    std::fs::remove_file(&file).unwrap();
    assert!(job::run(&again, &dex).unwrap_err().to_string().contains("cannot read"));
    // Nothing half-written stays behind where writing fails: a file stands where the folder should be.
    let blocked = dir.path().join("blocked");
    std::fs::write(&blocked, "").unwrap();
    let nowhere = Settings { model_dir: blocked, ..wanted };
    assert!(job::run(&nowhere, &dex).unwrap_err().to_string().contains("cannot write"));

    let mut empty = dex.clone();
    empty.pokemon.clear();
    assert!(matches!(job::run(&again, &empty), Err(JobError::Pokedex(_))));
    let mut partial = dex;
    partial.pokemon[3].learnset.clear();
    let error = job::run(&again, &partial).unwrap_err().to_string();
    assert!(error.contains("1 Pokémon learn no move"), "{error}");
    Model::load(dir.path(), &features::NAMES).unwrap();
}
