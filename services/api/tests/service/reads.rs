//! The Pokédex reads.

use api::state::Limits;
use serde_json::{Value, json};

use crate::support::{call, empty_with, get, ready};

fn slugs(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lists_filter_and_page_in_order_of_id() {
    let api = ready();
    for (path, total, expected) in [
        ("/pokemon", 6, &["pikachu", "nidoran-f", "onix", "ditto", "eevee", "raichu-alola"][..]),
        ("/pokemon?type=electric", 2, &["pikachu", "raichu-alola"]),
        ("/pokemon?type=%C3%89lectrik", 2, &["pikachu", "raichu-alola"]),
        ("/pokemon?type=ELECTRIK&name=alola", 1, &["raichu-alola"]),
        ("/pokemon?name=EVOL", 1, &["eevee"]),
        ("/pokemon?name=nobody", 0, &[]),
        ("/pokemon?limit=2&offset=1", 6, &["nidoran-f", "onix"]),
        ("/pokemon?offset=100", 6, &[]),
        ("/moves?type=normal", 3, &["tackle", "quick-attack", "transform"]),
        ("/moves?name=attaque", 1, &["quick-attack"]),
        ("/moves?limit=1", 5, &["tackle"]),
    ] {
        let answer = get(&api, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let list = answer.json();
        assert_eq!((list["total"].as_u64(), slugs(&list)), (Some(total), expected.to_vec()), "{path}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let api = ready();
    for (path, parameter) in [
        ("/pokemon?limit=0", "limit"),
        ("/pokemon?limit=501", "limit"),
        ("/pokemon?offset=-1", "offset"),
        ("/pokemon?type=electrc", "type"),
        ("/pokemon?name=", "name"),
        ("/pokemon?tpye=fire", "tpye"),
        ("/moves?limit=ten", "limit"),
        ("/moves?limit=1&limit=2", "limit"),
    ] {
        let problem = get(&api, path).await.assert_problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{path}: {problem}");
    }
    let problem = get(&api, "/moves?type=electrc").await.json();
    assert_eq!(problem["errors"][0]["suggestions"][0], "electric");
}

#[tokio::test]
async fn one_is_found_by_id_slug_or_name_in_both_languages() {
    let api = ready();
    for (path, slug) in [
        ("/pokemon/25", "pikachu"),
        ("/pokemon/PIKACHU", "pikachu"),
        ("/pokemon/evoli", "eevee"),
        ("/pokemon/%C3%89voli", "eevee"),
        ("/pokemon/Nidoran%E2%99%80", "nidoran-f"),
        ("/pokemon/Alolan%20Raichu", "raichu-alola"),
        ("/pokemon/raichu%20d'alola", "raichu-alola"),
        ("/pokemon/10100", "raichu-alola"),
        ("/moves/85", "thunderbolt"),
        ("/moves/tonnerre", "thunderbolt"),
        ("/moves/vive%20attaque", "quick-attack"),
        ("/moves/quick-attack", "quick-attack"),
    ] {
        let answer = get(&api, path).await;
        assert_eq!(answer.json()["slug"], slug, "{path}");
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    }
}

#[tokio::test]
async fn a_pokemon_has_its_stats_and_learnset() {
    let answer = get(&ready(), "/pokemon/10100").await.json();
    assert_eq!(
        answer,
        json!({
            "id": 10100, "species_id": 26, "slug": "raichu-alola", "name_en": "Alolan Raichu",
            "name_fr": "Raichu d’Alola", "form": "alola", "types": ["electric", "psychic"],
            "stats": {"hp": 80, "attack": 80, "defense": 80, "special_attack": 80, "special_defense": 80,
                      "speed": 80, "total": 480},
            "height_dm": 4, "weight_hg": 60,
            "learnset": [
                {"move_id": 98, "slug": "quick-attack", "name_en": "Quick Attack", "name_fr": "Vive-Attaque",
                 "method": "level-up", "level": 1},
                {"move_id": 33, "slug": "tackle", "name_en": "Tackle", "name_fr": "Charge",
                 "method": "level-up", "level": 6},
                {"move_id": 85, "slug": "thunderbolt", "name_en": "Thunderbolt", "name_fr": "Tonnerre",
                 "method": "machine", "level": null},
            ],
        })
    );
}

#[tokio::test]
async fn a_move_says_null_where_it_has_no_value() {
    let answer = get(&ready(), "/moves/morphing").await.json();
    assert_eq!(answer["power"], Value::Null);
    assert_eq!(answer["accuracy"], Value::Null);
    assert_eq!(answer["category"], "status");
}

#[tokio::test]
async fn unknown_names_get_suggestions() {
    let api = ready();
    for (path, suggestions) in [
        ("/pokemon/pikachoo", json!(["Pikachu"])),
        ("/pokemon/metamorphe", json!(["Métamorph"])),
        ("/pokemon/26", Value::Null),
        ("/pokemon/99999999", Value::Null),
        ("/pokemon/25.0", Value::Null),
        ("/pokemon/%F0%9F%92%A9", Value::Null),
        ("/moves/thunderbolts", json!(["Thunderbolt"])),
        ("/moves/0", Value::Null),
    ] {
        let problem = get(&api, path).await.assert_problem(404, "not_found");
        assert_eq!(problem["suggestions"], suggestions, "{path}: {problem}");
    }
    let long = format!("/pokemon/{}", "p".repeat(4000));
    get(&api, &long).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn types_are_eighteen() {
    let types = get(&ready(), "/types").await.json();
    assert_eq!(types["total"], 18);
    assert_eq!(types["items"][9]["slug"], "fire");
    assert_eq!(
        types["items"][12],
        json!({"id": 13, "slug": "electric", "name_en": "electric", "name_fr": "Électrik"})
    );
}

#[tokio::test]
async fn reads_wait_for_the_pokedex() {
    let api = empty_with(Limits::default(), None);
    for path in ["/pokemon", "/pokemon/25", "/moves", "/moves/85", "/types"] {
        let answer = get(&api, path).await;
        let problem = answer.assert_problem(503, "not_ready");
        assert_eq!(problem["failing"][0]["check"], "pokedex");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let api = ready();
    for (path, status) in [("/pokemon/25", 200), ("/pokemon/nobody", 404), ("/health", 200)] {
        let answer = call(&api, "HEAD", path).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (status, 0), "{path}");
    }
}
