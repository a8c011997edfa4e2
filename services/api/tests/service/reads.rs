//! The Pokédex reads.

use api::app::app;
use api::state::Limits;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{call, catalogue, empty_with, get, pokedex, ready, send};

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
        ("/pokemon?form=alola", 1, &["raichu-alola"]),
        ("/pokemon?sort=name_fr", 6, &["eevee", "ditto", "nidoran-f", "onix", "pikachu", "raichu-alola"]),
        ("/pokemon?sort=-total&limit=2", 6, &["raichu-alola", "onix"]),
        ("/pokemon?sort=hp&limit=3", 6, &["nidoran-f", "ditto", "pikachu"]),
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
        ("/pokemon?form=giant", "form"),
        ("/pokemon?sort=hp,attack", "sort"),
        ("/pokemon?sort=", "sort"),
        ("/pokemon?fields=id,learnset", "fields"),
        ("/pokemon/search", "q"),
        ("/pokemon/search?q=", "q"),
        ("/pokemon/search?q=x&limit=51", "limit"),
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
            "weaknesses": [],
            "evolutions": {
                "from": {"id": 25, "slug": "pikachu", "name_en": "Pikachu", "name_fr": "Pikachu",
                         "trigger": "use-item", "min_level": null, "item": "thunder-stone", "friendship": false},
                "to": [],
            },
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

#[tokio::test]
async fn only_the_fields_asked_for_are_sent() {
    let api = ready();
    let list = get(&api, "/pokemon?fields=name_fr,id&limit=1").await.json();
    assert_eq!(list["items"], json!([{"id": 25, "name_fr": "Pikachu"}]));
    let stats = get(&api, "/pokemon?fields=stats&limit=1").await.json();
    assert_eq!(stats["items"][0]["stats"]["total"], 300);
    let all = get(&api, "/pokemon?limit=1").await.json();
    let names: Vec<&String> = all["items"][0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["form", "id", "name_en", "name_fr", "slug", "species_id", "types"]);
}

#[tokio::test]
async fn searches_take_either_language_and_slips() {
    let api = ready();
    for (query, slug, language) in [
        ("pikachu", "pikachu", "en"),
        ("pikahcu", "pikachu", "en"),
        ("%C3%A9volli", "eevee", "fr"),
        ("metamorf", "ditto", "fr"),
        ("alola", "raichu-alola", "en"),
    ] {
        let answer = get(&api, &format!("/pokemon/search?q={query}")).await.json();
        let first = &answer["items"][0];
        assert_eq!(
            (&first["pokemon"]["slug"], &first["language"]),
            (&json!(slug), &json!(language)),
            "{answer}"
        );
    }
    assert_eq!(get(&api, "/pokemon/search?q=qqqqq").await.json(), json!({"items": []}));
    assert_eq!(get(&api, "/pokemon/search?q=a&limit=1").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn types_meet_each_other_in_a_chart() {
    let chart = get(&ready(), "/types/affinities").await.json();
    assert_eq!((&chart["total"], chart["items"].as_array().unwrap().len()), (&json!(324), 324));
    assert_eq!(chart["items"][0], json!({"attack": "normal", "defend": "normal", "factor": 1.0}));
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let api = ready();
    for path in [
        "/pokemon",
        "/pokemon/25",
        "/pokemon/search?q=pika",
        "/moves",
        "/moves/85",
        "/types",
        "/types/affinities",
        "/version",
        "/predict/model-info",
        "/predict/explain?pokemon_a=25&pokemon_b=95",
    ] {
        let ask = async |tag: &str| {
            let request = Request::get(path).header("if-none-match", tag).body(Body::empty()).unwrap();
            send(&app(api.clone()), request).await
        };
        let first = ask("\"other\"").await;
        let tag = first.header("etag");
        assert_eq!((first.status.as_u16(), tag.len()), (200, 18), "{path}");
        let again = ask(tag).await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, tag), "{path}");
        assert_eq!(again.header("content-type"), "", "{path}");
    }
    let before = get(&api, "/pokemon/25").await;
    let mut dex = pokedex();
    dex.pokemon[0].name_fr = "Pikatchou".to_owned();
    api.set_catalogue(catalogue(dex));
    assert_ne!(get(&api, "/pokemon/25").await.header("etag"), before.header("etag"));
}
