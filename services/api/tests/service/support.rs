//! A small Pokédex, a model made of one formula, and requests in one line.

use std::time::Duration;

use api::app::app;
use api::catalogue::Catalogue;
use api::cors::Cors;
use api::gate::{Gate, Rules};
use api::metrics::Metrics;
use api::state::{Api, Limits, Model};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use dex::battle::Matchup;
use dex::drift::{Distribution, Monitor};
use dex::features::COUNT;
use dex::model::Metadata;
use dex::pokedex::{
    Category, Evolution, Form, Learn, LearnMethod, Move, Pokedex, Pokemon, Stats, Type, TypeChart, TypeNames,
};
use dex::predict::Explanation;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const KEY: &str = "a-key-of-tests";

/// Odds from base-stat totals. Ditto on side a makes it panic.
pub(crate) struct Formula {
    dex: Pokedex,
    metadata: Metadata,
    /// Watches the speed of side a, of which training had all.
    drift: Monitor,
}

impl Formula {
    pub(crate) fn new() -> Self {
        Self::version("1")
    }

    pub(crate) fn version(version: &str) -> Self {
        let metadata = json!({
            "name": "formula", "version": version, "model_sha256": "00", "features": [], "metrics": {"brier": 0.25},
            "trained_at": "2026-01-01T00:00:00Z", "code_version": "0", "data_hash": "", "scenarios": ["best_move"],
            "split": {"train_matchups": 4, "test_matchups": 1, "train_rows": 8, "test_rows": 2},
            "xgboost_version": "3.2.0", "parameters": {"eta": "0.1"},
        });
        let drift = Monitor::new(vec![Distribution::of("a_speed", (0..200_u8).map(f32::from))]);
        Self { dex: pokedex(), metadata: serde_json::from_value(metadata).unwrap(), drift }
    }

    fn strength(&self, matchup: &Matchup, side: usize) -> f64 {
        f64::from(self.dex.pokemon(matchup.fighter(side).id).unwrap().stats.total())
    }
}

impl Model for Formula {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn odds(&self, matchup: &Matchup) -> f64 {
        assert!(matchup.fighter(0).id != 132, "secret of the inside");
        let speed = self.dex.pokemon(matchup.fighter(0).id).unwrap().stats.speed;
        self.drift.observe(&[f32::from(speed)]);
        let [a, b] = [0, 1].map(|side| self.strength(matchup, side));
        a / (a + b)
    }

    fn drift(&self) -> Option<&Monitor> {
        Some(&self.drift)
    }

    fn explain(&self, matchup: &Matchup) -> Explanation {
        let mut contributions = [0.0; COUNT];
        contributions[0] = self.strength(matchup, 0) / 100.0;
        contributions[27] = -self.strength(matchup, 1) / 100.0;
        Explanation { base: 0.0, contributions, values: dex::features::rows(matchup)[0] }
    }
}

/// A service that is ready, in development mode.
pub(crate) fn ready() -> Api {
    ready_with(Limits::default(), None)
}

pub(crate) fn ready_with(limits: Limits, key: Option<&str>) -> Api {
    fill(empty_with(limits, key))
}

/// A service that is ready and asks of its callers what the rules say.
pub(crate) fn ready_behind(rules: Rules, cors: Cors) -> Api {
    fill(Api::new(Metrics::new().unwrap(), Limits::default(), Gate::new(rules), cors))
}

fn fill(api: Api) -> Api {
    api.set_catalogue(catalogue(pokedex()));
    api.set_model(Box::new(Formula::new()));
    api.database_answered();
    api
}

pub(crate) fn catalogue(dex: Pokedex) -> Catalogue {
    // Not one of the games', which has both its ends elsewhere.
    let evolution = Evolution {
        pokemon_id: 10_100,
        from_pokemon_id: 25,
        trigger: "use-item".to_owned(),
        min_level: None,
        item: Some("thunder-stone".to_owned()),
        friendship: false,
    };
    Catalogue::new(dex, vec![evolution])
}

/// A service that has nothing yet.
pub(crate) fn empty_with(limits: Limits, key: Option<&str>) -> Api {
    let gate = key.map_or_else(Gate::open, Gate::with_key);
    Api::new(Metrics::new().unwrap(), limits, gate, Cors::default())
}

pub(crate) fn quick_limits() -> Limits {
    Limits { answer: Duration::from_secs(5), body: Duration::from_millis(50), ..Limits::default() }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem document of `status` and `kind`.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["type"], format!("urn:pdex:problem:{kind}"), "{document}");
        assert_eq!(document["status"], status);
        assert!(document["title"].is_string() && document["detail"].is_string(), "{document}");
        assert_eq!(document["request_id"], self.header("x-request-id"));
        document
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(api: &Api, path: &str) -> Answer {
    call(api, "GET", path).await
}

pub(crate) async fn call(api: &Api, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    send(&app(api.clone()), request).await
}

pub(crate) async fn post(api: &Api, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header("content-type", "application/json").body(body.into()).unwrap();
    send(&app(api.clone()), request).await
}

fn move_(id: u16, slug: &str, en: &str, fr: &str, type_: Type, power: Option<u16>) -> Move {
    Move {
        id,
        slug: slug.to_owned(),
        name_en: en.to_owned(),
        name_fr: fr.to_owned(),
        type_,
        category: if power.is_some() { Category::Physical } else { Category::Status },
        power,
        accuracy: power.map(|_| 100),
        pp: 15,
        priority: 0,
        min_hits: 1,
        max_hits: 1,
        drain: 0,
        healing: 0,
        crit_rate: 0,
        flinch_chance: 0,
        ailment: "none".to_owned(),
        ailment_chance: 0,
        stat_chance: 0,
        stat_changes: vec![],
        effect_class: "damage".to_owned(),
        target: "selected-pokemon".to_owned(),
    }
}

fn pokemon(id: u16, names: [&str; 3], types: &[Type], stat: u16, learnset: Vec<Learn>) -> Pokemon {
    Pokemon {
        id,
        species_id: if id > 10_000 { 26 } else { id },
        slug: names[0].to_owned(),
        name_en: names[1].to_owned(),
        name_fr: names[2].to_owned(),
        form: if id > 10_000 { Form::Alola } else { Form::Base },
        types: types.to_vec(),
        stats: Stats {
            hp: stat,
            attack: stat,
            defense: stat,
            special_attack: stat,
            special_defense: stat,
            speed: stat,
        },
        weight_hg: 60,
        height_dm: 4,
        learnset,
    }
}

fn learn(move_id: u16, method: LearnMethod, level: u8) -> Learn {
    Learn { move_id, method, level }
}

/// Six Pokémon and five moves, enough for every rule.
pub(crate) fn pokedex() -> Pokedex {
    use LearnMethod::{LevelUp, Machine};
    let electric = || vec![learn(98, LevelUp, 1), learn(33, LevelUp, 6), learn(85, Machine, 0)];
    let pokemon = vec![
        pokemon(25, ["pikachu", "Pikachu", "Pikachu"], &[Type::Electric], 50, electric()),
        pokemon(29, ["nidoran-f", "Nidoran♀", "Nidoran♀"], &[Type::Poison], 40, vec![learn(33, LevelUp, 1)]),
        pokemon(95, ["onix", "Onix", "Onix"], &[Type::Rock, Type::Ground], 60, vec![learn(88, LevelUp, 1)]),
        pokemon(132, ["ditto", "Ditto", "Métamorph"], &[Type::Normal], 48, vec![learn(144, LevelUp, 1)]),
        pokemon(133, ["eevee", "Eevee", "Évoli"], &[Type::Normal], 50, vec![learn(33, LevelUp, 1)]),
        pokemon(
            10_100,
            ["raichu-alola", "Alolan Raichu", "Raichu d’Alola"],
            &[Type::Electric, Type::Psychic],
            80,
            electric(),
        ),
    ];
    let moves = vec![
        move_(33, "tackle", "Tackle", "Charge", Type::Normal, Some(40)),
        move_(85, "thunderbolt", "Thunderbolt", "Tonnerre", Type::Electric, Some(90)),
        move_(88, "rock-throw", "Rock Throw", "Jet-Pierres", Type::Rock, Some(50)),
        move_(98, "quick-attack", "Quick Attack", "Vive-Attaque", Type::Normal, Some(40)),
        move_(144, "transform", "Transform", "Morphing", Type::Normal, None),
    ];
    let types = Type::ALL
        .map(|type_| TypeNames {
            type_,
            name_en: type_.slug().to_owned(),
            name_fr: if type_ == Type::Electric {
                "Électrik".to_owned()
            } else {
                format!("{}-fr", type_.slug())
            },
        })
        .to_vec();
    Pokedex { pokemon, moves, types, chart: TypeChart([[2; 18]; 18]) }
}

/// Looks until `holds` does; fails after a time no working service needs.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let looks = async {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        while !holds() {
            tick.tick().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), looks).await.is_ok(), "not in time: {what}");
}
