//! `POST /predict/battle`.

use api::state::Limits;
use serde_json::{Value, json};

use crate::support::{Answer, empty_with, post, ready};

async fn predict(body: &Value) -> Answer {
    post(&ready(), "/predict/battle", body.to_string()).await
}

#[tokio::test]
async fn a_battle_has_odds_a_favourite_and_opening_moves() {
    let answer = predict(&json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix"})).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    // Compared as text: a reader may be less exact than what was written.
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"winner":"Onix","probability_a":0.45454545454545453,"probability_b":0.5454545454545454,"#,
            r#""confidence":0.5454545454545454,"best_move_a":"Thunderbolt","best_move_b":"Rock Throw","#,
            r#""model":{"name":"formula","version":"1"}}"#
        )
    );
}

#[tokio::test]
async fn swapped_sides_swap_the_answer() {
    for [a, b] in [["Pikachu", "Onix"], ["Eevee", "Pikachu"], ["Onix", "Onix"]] {
        let one = predict(&json!({"pokemon_a": a, "pokemon_b": b})).await.json();
        let other = predict(&json!({"pokemon_a": b, "pokemon_b": a})).await.json();
        assert_eq!(one["winner"], other["winner"]);
        assert_eq!(one["confidence"], other["confidence"]);
        assert_eq!(one["best_move_a"], other["best_move_b"]);
        let sum = one["probability_a"].as_f64().unwrap() + one["probability_b"].as_f64().unwrap();
        assert!((sum - 1.0).abs() <= f64::EPSILON, "{one}");
    }
}

#[tokio::test]
async fn pokemon_and_moves_are_named_in_many_ways() {
    for body in [
        json!({"pokemon_a": 25, "pokemon_b": 95}),
        json!({"pokemon_a": 25.0, "pokemon_b": "95"}),
        json!({"pokemon_a": "pikachu", "pokemon_b": "ONIX", "moves_a": null, "moves_b": []}),
        json!({"pokemon_a": "Pikachu", "pokemon_b": 95, "moves_a": ["Tonnerre", "quick attack", 33]}),
        json!({"pokemon_a": "Pikachu", "pokemon_b": 95, "moves_a": ["thunderbolt"], "moves_b": [88]}),
    ] {
        let answer = predict(&body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(answer.json()["best_move_a"], "Thunderbolt");
    }
    let told = predict(&json!({"pokemon_a": "Pikachu", "pokemon_b": 95, "moves_a": ["Vive-Attaque"]})).await;
    assert_eq!(told.json()["best_move_a"], "Quick Attack");
}

#[tokio::test]
async fn a_pokemon_without_attacks_opens_with_nothing() {
    let answer = predict(&json!({"pokemon_a": "Pikachu", "pokemon_b": "Ditto"})).await.json();
    assert_eq!(answer["best_move_b"], Value::Null);
}

#[tokio::test]
async fn unknown_pokemon_are_404_with_suggestions() {
    let answer =
        predict(&json!({"pokemon_a": "Pikachoo", "pokemon_b": "Onyx", "moves_a": ["nonsense"]})).await;
    let problem = answer.assert_problem(404, "not_found");
    assert_eq!(problem["suggestions"], json!(["Pikachu", "Onix"]));
    assert_eq!(problem["errors"][0]["pointer"], "#/pokemon_a");
    assert_eq!(problem["errors"][1]["pointer"], "#/pokemon_b");
    assert_eq!(problem["errors"][1]["suggestions"], json!(["Onix"]));
    predict(&json!({"pokemon_a": 26, "pokemon_b": 95})).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn every_wrong_field_is_pointed_at() {
    let two = |more: Value| {
        let mut body = json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, pointers) in [
        (json!([]), &["#"][..]),
        (json!(null), &["#"]),
        (json!("Pikachu"), &["#"]),
        (json!({}), &["#/pokemon_a", "#/pokemon_b"]),
        (json!({"pokemon_a": null, "pokemon_b": 25.5}), &["#/pokemon_a", "#/pokemon_b"]),
        (json!({"pokemon_a": "", "pokemon_b": "x".repeat(65)}), &["#/pokemon_a", "#/pokemon_b"]),
        (json!({"pokemon_a": 0, "pokemon_b": 65536}), &["#/pokemon_a", "#/pokemon_b"]),
        (two(json!({"moves_a": "Thunderbolt"})), &["#/moves_a"]),
        (two(json!({"moves_a": [85, 98, 33, 85, 98]})), &["#/moves_a"]),
        (two(json!({"moves_a": [85, true, ["x"]]})), &["#/moves_a/1", "#/moves_a/2"]),
        (two(json!({"moves_a": ["Thunderbolts"], "moves_b": ["Tackle"]})), &["#/moves_a/0", "#/moves_b/0"]),
        (two(json!({"moves_a": ["Thunderbolt", "Tonnerre"]})), &["#/moves_a/1"]),
        (two(json!({"move_a": [], "a/b~c": 1})), &["#/a~1b~0c", "#/move_a"]),
    ] {
        let problem = predict(&body).await.assert_problem(422, "invalid_request");
        let errors = problem["errors"].as_array().unwrap();
        let found: Vec<_> = errors.iter().map(|e| e["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, pointers, "{body}: {problem}");
    }
}

#[tokio::test]
async fn mistakes_are_explained() {
    for (more, detail, suggestions) in [
        (json!(["Thunderbolts"]), "\"Thunderbolts\" names no move", json!(["Thunderbolt"])),
        (json!(["Jet-Pierres"]), "Pikachu cannot learn Rock Throw", Value::Null),
        (json!([85, "tonnerre"]), "Thunderbolt is given twice", Value::Null),
    ] {
        let answer = predict(&json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix", "moves_a": more})).await;
        let error = answer.json()["errors"][0].clone();
        assert_eq!((&error["detail"], &error["suggestions"]), (&json!(detail), &suggestions), "{error}");
    }
    let typo = predict(&json!({"pokemon_a": 25, "pokemon_b": 95, "moves_c": []})).await.json();
    assert_eq!(typo["errors"][0]["suggestions"], json!(["moves_a", "moves_b"]));
}

#[tokio::test]
async fn a_body_of_mistakes_does_not_grow() {
    let body: serde_json::Map<_, _> = (0..1000).map(|i| (format!("field{i}"), json!(1))).collect();
    let answer = predict(&Value::Object(body)).await;
    let problem = answer.assert_problem(422, "invalid_request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 20);
    assert!(problem["detail"].as_str().unwrap().ends_with("(and 1001 more)"), "{}", problem["detail"]);
}

#[tokio::test]
async fn nothing_is_predicted_without_a_model() {
    let api = empty_with(Limits::default(), None);
    api.set_catalogue(api::catalogue::Catalogue::new(crate::support::pokedex()));
    let answer = post(&api, "/predict/battle", json!({"pokemon_a": 25, "pokemon_b": 95}).to_string()).await;
    let problem = answer.assert_problem(503, "not_ready");
    assert_eq!(problem["failing"], json!([{"check": "model", "detail": "no model is loaded"}]));
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    let api = ready();
    let answer =
        post(&api, "/predict/battle", json!({"pokemon_a": "Ditto", "pokemon_b": 95}).to_string()).await;
    answer.assert_problem(500, "internal");
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(api.in_flight(), 0);
    let after = post(&api, "/predict/battle", json!({"pokemon_a": 25, "pokemon_b": 95}).to_string()).await;
    assert_eq!(after.status, 200);
}
