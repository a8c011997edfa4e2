//! `POST /predict/battle`.

use api::state::Limits;
use serde_json::{Value, json};

use crate::support::{Answer, empty_with, get, post, ready};

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
            r#""method":"model","model":{"name":"formula","version":"1"},"simulation":null}"#
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
    api.set_catalogue(crate::support::catalogue(crate::support::pokedex()));
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

#[tokio::test]
async fn battles_are_fought_when_asked_for() {
    let api = ready();
    let ask = async |query: &str, a: &str, b: &str| {
        post(&api, &format!("/predict/battle{query}"), json!({"pokemon_a": a, "pokemon_b": b}).to_string())
            .await
    };
    let fought = ask("?method=simulate", "Raichu d'Alola", "Nidoran♀").await;
    let answer = fought.json();
    assert_eq!((&answer["method"], &answer["model"]), (&json!("simulate"), &Value::Null));
    assert_eq!(answer["simulation"]["battles"], 2000);
    let number = |value: &Value| value.as_f64().unwrap();
    let (p, low, high) = (
        number(&answer["probability_a"]),
        number(&answer["simulation"]["low"]),
        number(&answer["simulation"]["high"]),
    );
    assert!(p > 0.9 && low <= p && p <= high && high - low < 0.05, "{answer}");
    assert_eq!(ask("?method=simulate", "Raichu d'Alola", "Nidoran♀").await.body, fought.body);
    let swapped = ask("?method=simulate", "Nidoran♀", "Raichu d'Alola").await.json();
    assert_eq!(swapped["probability_b"], answer["probability_a"]);
    assert_eq!(ask("?method=model", "Pikachu", "Onix").await.json()["method"], "model");
    for query in ["?method=guess", "?method=", "?methode=model", "?method=model&method=model"] {
        ask(query, "Pikachu", "Onix").await.assert_problem(422, "invalid_request");
    }
    let without = empty_with(Limits::default(), None);
    without.set_catalogue(crate::support::catalogue(crate::support::pokedex()));
    let body = json!({"pokemon_a": 25, "pokemon_b": 95}).to_string();
    assert_eq!(post(&without, "/predict/battle?method=simulate", body).await.status, 200, "no model needed");
}

#[tokio::test]
async fn moves_are_ranked() {
    let ask = async |body: Value| post(&ready(), "/predict/best-move", body.to_string()).await;
    let answer = ask(json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix"})).await.json();
    let slugs = |answer: &Value| -> Vec<String> {
        let moves = answer["moves"].as_array().unwrap().iter();
        moves.map(|m| m["slug"].as_str().unwrap().to_owned()).collect()
    };
    // The formula sees no moves, so that damage decides; equal damage leaves the order of ids.
    assert_eq!(slugs(&answer), ["thunderbolt", "tackle", "quick-attack"]);
    assert_eq!((&answer["best_move"], &answer["model"]["name"]), (&json!("Thunderbolt"), &json!("formula")));
    let first = &answer["moves"][0];
    assert_eq!((&first["same_type"], &first["type"]), (&json!(true), &json!("electric")));
    let damage = |name: &str| first["damage"][name].as_f64().unwrap();
    assert!(
        damage("min") <= damage("mean") && damage("mean") <= damage("max") && damage("min") > 0.0,
        "{first}"
    );
    let named =
        ask(json!({"pokemon_a": 25, "pokemon_b": 95, "moves_a": ["Charge", 98], "moves_b": [88]})).await;
    assert_eq!(slugs(&named.json()), ["tackle", "quick-attack"]);
    let many: Vec<u16> = vec![85; 101];
    let problem = ask(json!({"pokemon_a": 25, "pokemon_b": 95, "moves_a": many})).await;
    assert_eq!(problem.assert_problem(422, "invalid_request")["errors"][0]["pointer"], "#/moves_a");
    let nothing = ask(json!({"pokemon_a": "Nidoran♀", "pokemon_b": 132})).await.json();
    assert_eq!(slugs(&nothing), ["tackle"]);
}

#[tokio::test]
async fn a_batch_has_a_line_per_battle_in_order() {
    let names = ["Pikachu", "Onix", "Eevee", "Raichu d'Alola"];
    let battles: Vec<Value> =
        (0..1000).map(|i| json!({"pokemon_a": names[i % 4], "pokemon_b": names[i / 4 % 4]})).collect();
    let api = ready();
    let answer = post(&api, "/predict/batch", json!({"battles": battles}).to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1000);
    for (i, (line, battle)) in lines.iter().zip(&battles).enumerate() {
        assert_eq!(line["index"], i);
        if i % 97 == 0 {
            let mut alone = post(&api, "/predict/battle", battle.to_string()).await.json();
            alone["index"] = json!(i);
            assert_eq!(line, &alone);
        }
    }
    let counted = String::from_utf8(api.metrics().render(0).unwrap()).unwrap();
    assert!(counted.contains(r#"model_predictions_total{model_name="formula"} 1011"#), "{counted}");
}

#[tokio::test]
async fn a_batch_with_mistakes_is_refused_as_a_whole() {
    let ask = async |body: Value| post(&ready(), "/predict/batch", body.to_string()).await;
    let good = json!({"pokemon_a": 25, "pokemon_b": 95});
    let many = vec![good.clone(); 1001];
    for (body, pointers) in [
        (json!({}), &["#/battles"][..]),
        (json!({"battles": []}), &["#/battles"]),
        (json!({"battles": many}), &["#/battles"]),
        (json!({"battles": {"0": good}}), &["#/battles"]),
        (json!({"battles": [good, 7, {"pokemon_a": 25}]}), &["#/battles/1", "#/battles/2/pokemon_b"]),
        (
            json!({"battles": [good, {"pokemon_a": 25, "pokemon_b": 95, "moves_b": [33]}]}),
            &["#/battles/1/moves_b/0"],
        ),
        (json!({"battles": [good], "battle": 1}), &["#/battle"]),
    ] {
        let problem = ask(body).await.assert_problem(422, "invalid_request");
        let found: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, pointers, "{problem}");
    }
    let unknown = vec![json!({"pokemon_a": "Nobody", "pokemon_b": "Nobodi"}); 500];
    let problem = ask(json!({"battles": unknown})).await.assert_problem(404, "not_found");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 20);
    assert_eq!(problem["errors"][1]["pointer"], "#/battles/0/pokemon_b");
}

#[tokio::test]
async fn a_batch_that_breaks_ends_early_and_serves_on() {
    let api = ready();
    let battles = [json!({"pokemon_a": 132, "pokemon_b": 95})];
    let router = api::app::app(api.clone());
    let request = axum::http::Request::post("/predict/batch").header("content-type", "application/json");
    let body = json!({"battles": battles}).to_string();
    let response = tower::ServiceExt::oneshot(router, request.body(axum::body::Body::from(body)).unwrap())
        .await
        .unwrap();
    assert!(axum::body::to_bytes(response.into_body(), usize::MAX).await.is_err());
    assert_eq!(
        post(&api, "/predict/battle", json!({"pokemon_a": 25, "pokemon_b": 95}).to_string()).await.status,
        200
    );
}

#[tokio::test]
async fn teams_meet_member_by_member() {
    let ask = async |body: Value| post(&ready(), "/predict/team", body.to_string()).await;
    let answer = ask(json!({"team_a": ["Nidoran♀", 10100], "team_b": ["Onix", "Évoli", 25]})).await.json();
    assert_eq!(answer["team_b"], json!(["Onix", "Eevee", "Pikachu"]));
    let matrix: Vec<Vec<f64>> = serde_json::from_value(answer["matrix"].clone()).unwrap();
    assert_eq!((matrix.len(), matrix[0].len()), (2, 3));
    assert!((matrix[1][0] - 80.0 / 140.0).abs() < 1e-12, "{answer}");
    assert_eq!((&answer["lead_a"]["name"], &answer["lead_a"]["index"]), (&json!("Alolan Raichu"), &json!(1)));
    assert_eq!(answer["lead_b"]["name"], "Onix");
    assert!((answer["lead_b"]["worst"].as_f64().unwrap() - 60.0 / 140.0).abs() < 1e-12);
    for (body, pointer) in [
        (json!({"team_a": [], "team_b": [25]}), "#/team_a"),
        (json!({"team_a": [1, 2, 3, 4, 5, 6, 7], "team_b": [25]}), "#/team_a"),
        (json!({"team_a": [25], "team_b": [25, null]}), "#/team_b/1"),
        (json!({"team_a": [25]}), "#/team_b"),
    ] {
        let problem = ask(body).await.assert_problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let problem = ask(json!({"team_a": [25], "team_b": [25, "Onyx"]})).await.assert_problem(404, "not_found");
    assert_eq!(problem["errors"][0]["pointer"], "#/team_b/1");
}

#[tokio::test]
async fn a_battle_is_explained() {
    let api = ready();
    let answer = get(&api, "/predict/explain?pokemon_a=pikachu&pokemon_b=onix").await.json();
    assert_eq!(answer["contributions"][0]["feature"], "b_hp");
    assert_eq!(answer["contributions"][1]["contribution"], 3.0);
    assert_eq!(answer["log_odds"], 3.0 - 3.6);
    let one = get(&api, "/predict/explain?pokemon_a=pikachu&pokemon_b=onix&limit=1").await.json();
    assert_eq!((one["contributions"].as_array().unwrap().len(), &one["rest"]), (1, &json!(3.0)));
    let problem =
        get(&api, "/predict/explain?pokemon_a=pikachoo").await.assert_problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["parameter"], "pokemon_b");
    let problem = get(&api, "/predict/explain?pokemon_a=pikachoo&pokemon_b=95").await;
    assert_eq!(problem.assert_problem(404, "not_found")["suggestions"], json!(["Pikachu"]));
}

#[tokio::test]
async fn the_model_tells_about_itself() {
    let answer = get(&ready(), "/predict/model-info").await.json();
    assert_eq!((&answer["name"], &answer["metrics"]["brier"]), (&json!("formula"), &json!(0.25)));
    get(&empty_with(Limits::default(), None), "/predict/model-info").await.assert_problem(503, "not_ready");
}
