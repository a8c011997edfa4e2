//! The whole job on a part of the shipped Pokédex: same seed, same data; a model that is served as `XGBoost` says; skipping,
//! evaluating and refusing with their reasons.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has failed")]

use std::path::Path;

use dex::features;
use dex::model::{METADATA_FILE, MODEL_FILE, Model};
use dex::pokedex::Pokedex;
use dex::predict::Predictor;
use serde::Deserialize;
use trainer::dataset::{self, FILE};
use trainer::job::{self, JobError, Outcome, Trained};
use trainer::scenario::Scenario;
use trainer::settings::{DatasetSettings, Mode, Settings};

/// The first forty Pokémon and Ditto: 820 matchups.
fn pokedex() -> Pokedex {
    #[derive(Deserialize)]
    struct Snapshot {
        pokedex: Pokedex,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut dex = serde_json::from_slice::<Snapshot>(&std::fs::read(path).unwrap()).unwrap().pokedex;
    dex.pokemon.retain(|p| p.id <= 40 || p.slug == "ditto");
    dex
}

fn settings(dir: &Path) -> Settings {
    Settings {
        mode: Mode::All,
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
        threads: 2,
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

#[test]
fn data_set_depends_on_the_seed_and_not_on_the_threads() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    let wanted = settings(dir.path()).dataset;
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| dataset::generate(&dex, &wanted))
    };
    let one = with(1);
    assert_eq!(one.len(), 3 * 820);
    assert!(one == with(4));
    assert!(one != dataset::generate(&dex, &DatasetSettings { seed: 8, ..wanted.clone() }));

    dataset::write(dir.path(), &one, "abc").unwrap();
    assert!(dataset::read(dir.path(), &dex).unwrap() == (one, "abc".to_owned()));
}

#[test]
fn trained_model_is_served_skipped_while_nothing_changes_and_evaluated_alike() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    let wanted = settings(dir.path());
    let first = trained(&wanted, &dex);
    let metrics = &first.metadata.metrics;
    assert!(metrics["brier"] < metrics["baseline_brier"] / 2.0, "{metrics:?}");
    assert!(metrics["accuracy_decided"] > 0.9, "{metrics:?}");
    assert_eq!(first.metadata.xgboost_version, "3.2.0");
    assert_eq!(first.metadata.split.train_rows + first.metadata.split.test_rows, 3 * 820 * 2);

    let served = Predictor::load(dir.path()).unwrap();
    assert_eq!((served.name(), served.version()), ("battle_winner", first.metadata.version.as_str()));
    assert!(is_skipped(&wanted, &dex));

    let evaluated = job::run(&Settings { mode: Mode::Evaluate, ..wanted.clone() }, &dex).unwrap();
    let Outcome::Evaluated(again) = evaluated else { panic!("{evaluated:?}") };
    assert!(again == *metrics);

    // Same data, seed and threads: same model, but for its age.
    let second = trained(&Settings { skip_if_exists: false, mode: Mode::Train, ..wanted.clone() }, &dex);
    assert_eq!(second.metadata.model_sha256, first.metadata.model_sha256);
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
    let again = Settings { mode: Mode::Train, skip_if_exists: false, ..wanted };
    let file = dir.path().join(FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to, message) in [
        ("# pdex battles", "# other", "it is not a data set of this program"),
        ("scenario,", "scene,", "its columns are not"),
        ("\nbest_move,1,2,", "\nbest_move,1,2000,", "battles.csv:3: no Pokémon has id 2000"),
        ("\nbest_move,1,2,", "\nworst_move,1,2,", "battles.csv:3: \"worst_move\" is not a scenario"),
        ("\nbest_move,1,2,", "\n", "battles.csv:3: 5 fields instead of 8"),
    ] {
        assert!(text.contains(from));
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let error = job::run(&again, &dex).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let cut = text.lines().take(2).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, cut).unwrap();
    assert!(job::run(&again, &dex).unwrap_err().to_string().contains("it holds no battles"));

    let mut empty = dex.clone();
    empty.pokemon.clear();
    assert!(matches!(job::run(&again, &empty), Err(JobError::Pokedex(_))));
    let mut partial = dex;
    partial.pokemon[3].learnset.clear();
    let error = job::run(&again, &partial).unwrap_err().to_string();
    assert!(error.contains("1 Pokémon learn no move"), "{error}");
    Model::load(dir.path(), &features::NAMES).unwrap();
}
