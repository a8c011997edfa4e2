//! Features and predictions on the shipped Pokédex: symmetric, complete, and without a panic for any pair.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use dex::battle::{Fighter, Matchup, Rules};
use dex::features;
use dex::model::{METADATA_FILE, MODEL_FILE, Metadata, ModelError, Split, sha256_hex};
use dex::pokedex::{Pokedex, Pokemon};
use dex::predict::{Predictor, Side};
use serde::Deserialize;
use serde_json::json;

fn pokedex() -> Pokedex {
    #[derive(Deserialize)]
    struct Snapshot {
        pokedex: Pokedex,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    serde_json::from_slice::<Snapshot>(&std::fs::read(path).unwrap()).unwrap().pokedex
}

fn named<'a>(dex: &'a Pokedex, slug: &str) -> &'a Pokemon {
    dex.pokemon.iter().find(|p| p.slug == slug).unwrap()
}

/// A model of one stump on `race`, deliberately not antisymmetric by itself.
fn write_model(dir: &Path) -> Metadata {
    let race = features::NAMES.iter().position(|&n| n == "race").unwrap();
    let model = json!({"version": [3, 2, 0], "learner": {
        "feature_names": features::NAMES.to_vec(),
        "gradient_booster": {"name": "gbtree", "model": {"trees": [{
            "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [race, 0, 0],
            "split_conditions": [0.0, -1.25, 0.75], "default_left": [0, 0, 0]}]}},
        "learner_model_param": {"base_score": "[5.1E-1]", "num_feature": features::COUNT.to_string()},
        "objective": {"name": "binary:logistic"},
    }})
    .to_string();
    let metadata = Metadata {
        name: "battle_winner".to_owned(),
        version: "test".to_owned(),
        model_sha256: sha256_hex(model.as_bytes()),
        features: features::NAMES.map(str::to_owned).to_vec(),
        metrics: BTreeMap::new(),
        trained_at: "2026-01-01T00:00:00Z".to_owned(),
        code_version: "0".to_owned(),
        data_hash: String::new(),
        scenarios: vec!["best_move".to_owned()],
        split: Split {
            train_matchups: 0,
            test_matchups: 0,
            train_rows: 0,
            test_rows: 0,
            unseen_matchups: 0,
            unseen_rows: 0,
        },
        unseen_pokemon: Vec::new(),
        reference: Vec::new(),
        xgboost_version: "3.2.0".to_owned(),
        parameters: BTreeMap::new(),
    };
    std::fs::write(dir.join(MODEL_FILE), model).unwrap();
    std::fs::write(dir.join(METADATA_FILE), serde_json::to_vec(&metadata).unwrap()).unwrap();
    metadata
}

#[test]
fn every_pair_predicts_and_swapping_gives_the_exact_complement() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path());
    let predictor = Predictor::load(dir.path()).unwrap();
    assert_eq!((predictor.name(), predictor.version()), ("battle_winner", "test"));
    let sides: Vec<_> = dex.pokemon.iter().map(|pokemon| Side { pokemon, moves: Vec::new() }).collect();
    // A step that is coprime to the count visits a spread of pairs, Ditto's and the diagonal among them.
    for (i, a) in sides.iter().enumerate() {
        for b in sides.iter().skip(i % 5).step_by(5).chain([a]) {
            let (ab, ba) = (predictor.predict(&dex, a, b), predictor.predict(&dex, b, a));
            assert_eq!(ab.probability_a.to_bits(), ba.probability_b.to_bits());
            assert_eq!(ab.probability_b.to_bits(), ba.probability_a.to_bits());
            assert!((ab.probability_a + ab.probability_b).to_bits() == 1.0_f64.to_bits());
            assert_eq!((ab.best_move_a, ab.best_move_b), (ba.best_move_b, ba.best_move_a));
            assert_eq!(ab.best_move_a.is_none(), a.pokemon.slug == "ditto");
        }
    }
}

#[test]
fn pikachu_opens_with_what_hurts_onix_and_given_moves_are_used() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path());
    let predictor = Predictor::load(dir.path()).unwrap();
    let best = |moves: Vec<&str>| {
        let moves = moves.iter().map(|s| dex.moves.iter().find(|m| m.slug == *s).unwrap()).collect();
        let a = Side { pokemon: named(&dex, "pikachu"), moves };
        let b = Side { pokemon: named(&dex, "onix"), moves: Vec::new() };
        let id = predictor.predict(&dex, &a, &b).best_move_a?;
        dex.move_(id).map(|m| m.slug.clone())
    };
    assert_ne!(best(vec![]).as_deref(), Some("thunderbolt"), "ground takes nothing from electricity");
    assert_eq!(best(vec!["thunderbolt", "quick-attack"]).as_deref(), Some("quick-attack"));
    assert_eq!(best(vec!["growl"]), None);
}

#[test]
fn features_are_finite_named_once_and_mirror_each_other() {
    let dex = pokedex();
    let mut names = features::NAMES.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), features::COUNT);
    let fighters: Vec<_> =
        dex.pokemon.iter().map(|p| Fighter::new(&dex, &Rules::default(), p, &[])).collect();
    for a in &fighters {
        for b in fighters.iter().step_by(7) {
            let [ab, ba] = features::rows(&Matchup::new(&dex.chart, a, b));
            let [again, _] = features::rows(&Matchup::new(&dex.chart, b, a));
            assert!(ab.iter().all(|x| x.is_finite()), "{ab:?}");
            assert!(ba.iter().eq(again.iter()), "{ba:?}\n{again:?}");
        }
    }
}

#[test]
fn torn_or_foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Predictor::load(dir.path()), Err(ModelError::Read { .. })));
    let metadata = write_model(dir.path());
    let other = Metadata { features: vec!["a".to_owned()], ..metadata.clone() };
    std::fs::write(dir.path().join(METADATA_FILE), serde_json::to_vec(&other).unwrap()).unwrap();
    assert!(matches!(Predictor::load(dir.path()), Err(ModelError::Features { part: "metadata", .. })));
    let other = Metadata { model_sha256: "0".to_owned(), ..metadata };
    std::fs::write(dir.path().join(METADATA_FILE), serde_json::to_vec(&other).unwrap()).unwrap();
    assert!(matches!(Predictor::load(dir.path()), Err(ModelError::Mismatch { .. })));
    std::fs::write(dir.path().join(METADATA_FILE), "{").unwrap();
    assert!(matches!(Predictor::load(dir.path()), Err(ModelError::Metadata { .. })));
}

#[test]
fn many_odds_equal_each_and_explanations_add_up() {
    let dex = pokedex();
    let dir = tempfile::tempdir().unwrap();
    write_model(dir.path());
    let predictor = Predictor::load(dir.path()).unwrap();
    let fighters: Vec<_> =
        dex.pokemon.iter().map(|p| Fighter::new(&dex, &Rules::default(), p, &[])).collect();
    let matchups: Vec<_> = fighters
        .iter()
        .step_by(9)
        .flat_map(|a| fighters.iter().step_by(11).map(|b| Matchup::new(&dex.chart, a, b)))
        .collect();
    for (matchup, odds) in matchups.iter().zip(predictor.odds_of(&matchups)) {
        assert_eq!(odds.to_bits(), predictor.odds(matchup).to_bits());
        let why = predictor.explain(matchup);
        let back = predictor
            .explain(&Matchup::new(&dex.chart, matchup.fighter(1), matchup.fighter(0)))
            .contributions;
        assert!(why.base.abs() < 1e-6, "{}", why.base);
        assert_eq!(why.contributions.iter().sum::<f64>() > 1e-9, odds > 0.5);
        for (i, part) in why.contributions.iter().enumerate() {
            assert!((part + back[features::swapped(i)]).abs() < 1e-9, "{}", features::NAMES[i]);
        }
    }
}
