//! The evaluator of `XGBoost`'s JSON: its answers on a forest worked by hand, and its refusal of everything that is not one.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its input has failed")]

use dex::model::{Forest, ModelError};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 2] = ["x", "y"];

/// Two trees on two features, as `XGBoost` 3 writes them.
fn sample() -> Value {
    let tree = |left: [i64; 5], right: [i64; 5], features: [u64; 5], values: [f64; 5], default: [u8; 5]| {
        json!({
            "base_weights": [0.0, 0.0, 0.0, 0.0, 0.0], "categories": [], "id": 0,
            "left_children": left, "right_children": right, "split_indices": features,
            "split_conditions": values, "default_left": default, "split_type": [0, 0, 0, 0, 0],
            "tree_param": {"num_nodes": "5", "num_feature": "2"},
        })
    };
    json!({"version": [3, 2, 0], "learner": {
        "attributes": {}, "feature_names": [], "feature_types": [],
        "gradient_booster": {"name": "gbtree", "model": {
            "gbtree_model_param": {"num_trees": "2"}, "tree_info": [0, 0],
            "trees": [
                tree([1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [0, 0, 1, 0, 0], [0.5, -1.0, 2.0, 0.25, 1.0], [1, 0, 0, 0, 0]),
                // Children that are not side by side, the deeper one first.
                tree([4, -1, -1, -1, 2], [1, -1, -1, -1, 3], [1, 0, 0, 0, 0], [3.0, 0.125, -0.5, 0.5, 1.5], [0, 0, 0, 0, 1]),
            ],
        }},
        "learner_model_param": {"base_score": "[5E-1]", "num_class": "0", "num_feature": "2", "num_target": "1"},
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }})
}

fn load(model: &Value) -> Result<Forest, ModelError> {
    Forest::from_json(model.to_string().as_bytes(), &NAMES)
}

#[test]
fn rows_follow_the_trees_by_hand() {
    let forest = load(&sample()).unwrap();
    assert_eq!((forest.trees(), forest.features()), (2, 2));
    for (row, sum) in [
        ([0.0, 0.0], -1.0 - 0.5),
        // Left is strictly below the threshold.
        ([0.5, 2.0], 1.0 - 0.5),
        ([0.5, 1.0], 0.25 - 0.5),
        ([2.0, 3.0], 1.0 + 0.125),
        ([2.0, 0.0], 0.25 + 0.5),
        // Missing values take the default: left at the first root, right at the second.
        ([f32::NAN, f32::NAN], -1.0 + 0.125),
    ] {
        assert!((forest.margin(&row) - sum).abs() < 1e-6, "{row:?} {}", forest.margin(&row));
        assert!((forest.probability(&row) - 1.0 / (1.0 + (-sum).exp())).abs() < 1e-6);
    }
}

#[test]
fn base_score_is_a_probability_as_text_or_vector() {
    for (text, margin) in [("5E-1", 0.0), ("[7.5E-1]", 3.0_f32.ln()), ("[0.25]", -(3.0_f32.ln()))] {
        let mut model = sample();
        model["learner"]["learner_model_param"]["base_score"] = json!(text);
        assert!((load(&model).unwrap().margin(&[0.0, 0.0]) + 1.5 - margin).abs() < 1e-6, "{text}");
    }
}

/// Puts a value at a JSON pointer and expects a refusal that says `message`.
#[track_caller]
fn refused(pointer: &str, value: Value, message: &str) {
    let mut model = sample();
    *model.pointer_mut(pointer).unwrap() = value;
    let error = load(&model).unwrap_err().to_string();
    assert!(error.contains(message), "{pointer}: {error}");
}

#[test]
fn what_is_not_our_model_is_refused_with_its_place() {
    let tree = "/learner/gradient_booster/model/trees/1";
    refused("/learner/objective/name", json!("reg:squarederror"), "objective is reg:squarederror");
    refused("/learner/gradient_booster/name", json!("dart"), "booster is dart");
    refused("/learner/learner_model_param/num_feature", json!("3"), "3 features instead of 2");
    refused("/learner/learner_model_param/num_class", json!("3"), "number of classes");
    refused("/learner/learner_model_param/base_score", json!("[2]"), "base_score");
    refused("/learner/learner_model_param/base_score", json!("[0.5,0.5]"), "base_score");
    refused("/learner/feature_names", json!(["y", "x"]), "feature 0 is \"y\" instead of \"x\"");
    refused(&format!("{tree}/left_children/0"), json!(5), "child outside the tree");
    refused(&format!("{tree}/left_children/0"), json!(-2), "child outside the tree");
    refused(&format!("{tree}/left_children/4"), json!(4), "two parents");
    refused(&format!("{tree}/left_children/4"), json!(0), "two parents");
    refused(&format!("{tree}/left_children/4"), json!(-1), "one child");
    refused(&format!("{tree}/split_indices/0"), json!(2), "splits on feature 2");
    refused(&format!("{tree}/split_indices/0"), json!(u64::MAX), "splits on feature");
    refused(&format!("{tree}/split_type/0"), json!(1), "categories");
    refused(&format!("{tree}/default_left"), json!([0, 0]), "differ in length");
    refused(&format!("{tree}/split_conditions/0"), json!(1e300), "not a number");
    refused(&format!("{tree}/left_children"), json!([]), "no nodes");
}

#[test]
fn truncated_file_is_refused_wherever_it_ends() {
    let text = sample().to_string();
    for end in 0..text.len() {
        assert!(Forest::from_json(&text.as_bytes()[..end], &NAMES).is_err(), "{end}");
    }
}

/// Every number of the sample, to be replaced one at a time.
fn numbers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| numbers(v, &format!("{at}/{i}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(k, v)| numbers(v, &format!("{at}/{k}"), found)),
        _ => {}
    }
}

proptest! {
    /// Whatever is done to the bytes, loading answers, and what loads can be evaluated.
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = sample().to_string().into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(forest) = Forest::from_json(&bytes, &NAMES) {
            forest.probability(&[0.5, 2.5]);
        }
    }

    #[test]
    fn changed_numbers_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), -3_i64..8), 1..6)) {
        let mut model = sample();
        let mut places = Vec::new();
        numbers(&model, "", &mut places);
        for (index, number) in changes {
            *model.pointer_mut(index.get::<String>(&places)).unwrap() = json!(number);
        }
        if let Ok(forest) = load(&model) {
            forest.probability(&[0.5, 2.5]);
            forest.probability(&[f32::NAN, -1.0]);
        }
    }
}

/// A tree that goes right ten times, deeper than the trees that are filled up.
fn deep() -> Value {
    let mut model = sample();
    let (mut left, mut right, mut values) = (vec![], vec![], vec![]);
    for i in 0..10_i16 {
        left.extend([2 * i + 1, -1]);
        right.extend([2 * i + 2, -1]);
        values.extend([f32::from(i) / 4.0 - 0.5, f32::from(i)]);
    }
    left.push(-1);
    right.push(-1);
    values.push(11.0);
    let zeros = vec![0; 21];
    *model.pointer_mut("/learner/gradient_booster/model/trees/1").unwrap() = json!({
        "left_children": left, "right_children": right, "split_indices": zeros, "split_conditions": values,
        "default_left": zeros, "split_type": zeros,
    });
    model
}

/// As many trees of one split as there are thresholds; the leaves say which they are.
fn stumps(thresholds: &[f32]) -> Value {
    let mut model = sample();
    let tree = |(i, threshold): (usize, &f32)| {
        json!({
            "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [i % 2, 0, 0],
            "split_conditions": [threshold, 0.0, (i + 1) as f32], "default_left": [0, 0, 0], "split_type": [0, 0, 0],
        })
    };
    let trees: Vec<Value> = thresholds.iter().enumerate().map(tree).collect();
    *model.pointer_mut("/learner/gradient_booster/model/trees").unwrap() = json!(trees);
    model
}

/// Ranks are counted in blocks and in one byte: every value at, next to and beyond every threshold, with as many of them as fill
/// a block, one more, as a byte counts, and more than that.
#[test]
fn values_next_to_thresholds_go_the_way_they_go_alone() {
    for count in [1_u16, 30, 32, 34, 510, 512, 600] {
        // Halved for each feature; some are negative, and there is a zero.
        let thresholds: Vec<f32> = (0..count).map(|i| f32::from(i / 2) * 0.375 - 3.0).collect();
        let forest = load(&stumps(&thresholds)).unwrap();
        let around = |x: f32| [x.next_down(), x, x.next_up()];
        let rows: Vec<[f32; 2]> = thresholds
            .iter()
            .flat_map(|&x| around(x))
            .chain([-0.0, f32::MIN, f32::MAX])
            .map(|x| [x, -x])
            .collect();
        let mut margins = vec![0.0; rows.len()];
        forest.margins(&rows, &mut margins);
        for (row, margin) in rows.iter().zip(&margins) {
            assert_eq!(margin.to_bits(), forest.margin(row).to_bits(), "{count} {row:?}");
            let mut pair = [0.0; 2];
            forest.margins(&[*row, rows[0]], &mut pair);
            assert_eq!(pair[0].to_bits(), margin.to_bits(), "{count} {row:?}");
        }
    }
}

#[test]
fn many_rows_have_the_margins_of_each() {
    many_rows(&load(&sample()).unwrap());
    let forest = load(&deep()).unwrap();
    assert!((forest.margin(&[9.0, 0.0]) - (0.25 + 11.0)).abs() < 1e-6, "{}", forest.margin(&[9.0, 0.0]));
    many_rows(&forest);
}

fn many_rows(forest: &Forest) {
    let value = |i: u16| f32::from(i % 7) / 2.0 - 0.5;
    for count in [0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 66, 200] {
        let mut rows: Vec<[f32; 2]> = (0..count).map(|i| [value(i), value(i / 7)]).collect();
        for hole in [None, Some(f32::NAN), Some(f32::INFINITY)] {
            if let (Some(hole), Some(row)) = (hole, rows.last_mut()) {
                row[1] = hole;
            }
            let mut margins = vec![0.0; rows.len()];
            forest.margins(&rows, &mut margins);
            let one_by_one: Vec<f32> = rows.iter().map(|row| forest.margin(row)).collect();
            assert_eq!(margins, one_by_one, "{count} {hole:?}");
        }
    }
}

#[test]
fn contributions_add_up_to_the_margin_and_follow_the_splits() {
    let mut model = sample();
    let tree = "/learner/gradient_booster/model/trees/0/sum_hessian";
    *model.pointer_mut("/learner/gradient_booster/model/trees/0").unwrap() = {
        let mut tree = model.pointer("/learner/gradient_booster/model/trees/0").unwrap().clone();
        tree["sum_hessian"] = json!([4.0, 1.0, 3.0, 1.0, 2.0]);
        tree
    };
    assert!(model.pointer(tree).is_some());
    let forest = load(&model).unwrap();
    let mut parts = [0.0; 2];
    let base = forest.contributions(&[0.5, 2.0], &mut parts);
    // First tree: below its right child (0.25 + 2 · 1.0) / 3 = 0.75, so (-1 + 3 · 0.75) / 4 = 0.3125 below its root.
    // Second tree, all weights alike: (-0.5 + 0.5) / 2 = 0 below its left child, so (0 + 0.125) / 2 = 0.0625 below its root.
    assert!((base - 0.375).abs() < 1e-6, "{base}");
    // x: to the right in the first tree, then to the left below the left child of the second. y: the other way round.
    assert!((parts[0] - (0.75 - 0.3125 - 0.5)).abs() < 1e-6, "{parts:?}");
    assert!((parts[1] - (1.0 - 0.75 - 0.0625)).abs() < 1e-6, "{parts:?}");
    assert!((base + parts[0] + parts[1] - f64::from(forest.margin(&[0.5, 2.0]))).abs() < 1e-6);
}
