//! What is done for each alert, as plain data. Pure.

use crate::load::scenario::Weighted;
use crate::load::{Ask, Method};

/// How one alert is made to fire and to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    pub alert: &'static str,
    pub touch: Touch,
    /// What is sent until it fires.
    pub trouble: Option<Traffic>,
    /// What is sent once everything is put back: the alert looks at the last minutes, in which the healthy have to prevail.
    pub health: Option<Traffic>,
    /// The share of events above which it fires.
    pub share: f64,
    /// How many events it looks at now, as a query.
    pub events: Option<&'static str>,
    /// How it is made to fire, for a table.
    pub how: &'static str,
}

/// What is done to containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// The API gets a sliver of a processor.
    CutCpu,
    /// The database is held, and the API started anew without it.
    HideDatabase,
    StopApi,
    Nothing,
}

impl Touch {
    /// The services whose containers it changes.
    pub fn services(self) -> &'static [&'static str] {
        match self {
            Self::CutCpu | Self::StopApi => &["api"],
            Self::HideDatabase => &["db", "api"],
            Self::Nothing => &[],
        }
    }

    /// What is done, and how it is undone.
    pub fn words(self) -> &'static str {
        match self {
            Self::CutCpu => {
                "the API's share of the processors is cut (as with docker update), and then what it was"
            }
            Self::HideDatabase => {
                "the database is paused and the API restarted, which then has no Pokédex; the database goes on"
            }
            Self::StopApi => "the API is stopped, and started again",
            Self::Nothing => "no container",
        }
    }
}

/// Requests of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Battles fought out that take long: two of rock who can hardly hurt each other.
    LongBattles,
    /// Battles fought out that are over with a blow.
    ShortBattles,
    /// Battles of Pokémon against themselves.
    Mirrors,
    /// Battles with a sure winner.
    Lopsided,
    /// Pages of the Pokédex.
    Reads,
}

const STRONG: [&str; 8] =
    ["mewtwo", "mew", "dragonite", "gyarados", "zapdos", "articuno", "moltres", "snorlax"];
const WEAK: [&str; 8] =
    ["magikarp", "caterpie", "weedle", "pidgey", "rattata", "jigglypuff", "meowth", "abra"];

impl Traffic {
    /// What is asked.
    pub fn words(self) -> &'static str {
        match self {
            Self::LongBattles => "battles that are fought out and take long, as many at once as keep it busy",
            Self::ShortBattles => "battles that are fought out and take a moment",
            Self::Mirrors => "battles of Pokémon against themselves",
            Self::Lopsided => "battles with a sure winner",
            Self::Reads => "pages of the Pokédex",
        }
    }

    /// The requests, each as often as the others.
    pub fn asks(self) -> Vec<Weighted> {
        let asks: Vec<Ask> = match self {
            Self::LongBattles => vec![fought_out(
                r#"{"pokemon_a":"onix","pokemon_b":"onix","moves_a":["tackle"],"moves_b":["tackle"]}"#
                    .to_owned(),
            )],
            Self::ShortBattles => vec![fought_out(pair("mewtwo", "magikarp"))],
            Self::Mirrors => {
                STRONG.iter().chain(&WEAK).map(|name| battle("/predict/battle", pair(name, name))).collect()
            }
            Self::Lopsided => STRONG
                .iter()
                .zip(&WEAK)
                .flat_map(|(strong, weak)| [pair(strong, weak), pair(weak, strong)])
                .map(|body| battle("/predict/battle", body))
                .collect(),
            Self::Reads => (1..=20).map(|id| read(format!("/pokemon/{id}"))).collect(),
        };
        asks.into_iter().map(|ask| Weighted { weight: 1, ask }).collect()
    }
}

fn pair(a: &str, b: &str) -> String {
    format!(r#"{{"pokemon_a":"{a}","pokemon_b":"{b}"}}"#)
}

fn fought_out(body: String) -> Ask {
    battle("/predict/battle?method=simulate", body)
}

fn battle(path: &str, body: String) -> Ask {
    let (name, path) = ("POST /predict/battle".to_owned(), path.to_owned());
    Ask { name, method: Method::Post, path, body: Some(body), expect: None }
}

fn read(path: String) -> Ask {
    Ask { name: "GET /pokemon/{id}".to_owned(), method: Method::Get, path, body: None, expect: None }
}

/// Every alert that can be drilled, in the order in which `all` does it: so that none sends much that the next one's alert counts.
pub static RECIPES: [Recipe; 4] = [
    Recipe {
        alert: "LowModelConfidence",
        touch: Touch::Nothing,
        trouble: Some(Traffic::Mirrors),
        health: Some(Traffic::Lopsided),
        share: 0.5,
        events: Some("sum(increase(model_prediction_confidence_count[5m]))"),
        how: "Pokémon against themselves",
    },
    Recipe {
        alert: "HighErrorRate",
        touch: Touch::HideDatabase,
        trouble: Some(Traffic::Reads),
        health: Some(Traffic::Reads),
        share: 0.05,
        events: Some(r#"sum(increase(api_requests_total{endpoint!~"/health.*|/metrics"}[5m]))"#),
        how: "the database paused, the API restarted, under load",
    },
    Recipe {
        alert: "HighPredictionLatency",
        touch: Touch::CutCpu,
        trouble: Some(Traffic::LongBattles),
        health: Some(Traffic::ShortBattles),
        share: 0.05,
        events: None,
        how: "the API's processor cut, under load",
    },
    Recipe {
        alert: "ApiDown",
        touch: Touch::StopApi,
        trouble: None,
        health: None,
        share: 0.0,
        events: None,
        how: "the API stopped",
    },
];

/// The recipe of an alert, in whatever case its name is typed.
pub fn named(alert: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.alert.eq_ignore_ascii_case(alert))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn file(path: &str) -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    }

    #[test]
    fn every_alert_of_a_recipe_is_in_the_rules_with_its_share() {
        let rules = file("prometheus/alerts.yml") + &file("prometheus/presence.yml");
        for recipe in &RECIPES {
            let (_, rule) = rules.split_once(&format!("- alert: {}\n", recipe.alert)).unwrap();
            let (expression, _) = rule.split_once("for: 1m").unwrap();
            if recipe.share > 0.0 {
                assert!(expression.contains(&format!("> {}\n", recipe.share)), "{}", recipe.alert);
            }
        }
        assert_eq!(named("apidown").map(|recipe| recipe.alert), Some("ApiDown"));
        assert_eq!(named("Nothing"), None);
    }

    #[test]
    fn what_is_asked_is_in_the_pokedex() {
        let snapshot: Value = serde_json::from_str(&file("services/etl/data/snapshot.json")).unwrap();
        let all = |what: &str| snapshot["pokedex"][what].as_array().unwrap();
        let pokemon = |slug: &Value| all("pokemon").iter().find(|p| p["slug"] == *slug).cloned().unwrap();
        for traffic in
            [Traffic::LongBattles, Traffic::ShortBattles, Traffic::Mirrors, Traffic::Lopsided, Traffic::Reads]
        {
            let asks = traffic.asks();
            assert!(!asks.is_empty(), "{traffic:?}");
            for body in asks.iter().filter_map(|weighted| weighted.ask.body.as_ref()) {
                let body: Value = serde_json::from_str(body).unwrap();
                let sides = [("pokemon_a", "moves_a"), ("pokemon_b", "moves_b")];
                for (who, moves) in sides {
                    let learnset = pokemon(&body[who])["learnset"].clone();
                    for slug in body[moves].as_array().into_iter().flatten() {
                        let id = &all("moves").iter().find(|m| m["slug"] == *slug).unwrap()["id"];
                        let learns = learnset.as_array().unwrap().iter().any(|l| l["move_id"] == *id);
                        assert!(learns, "{body}");
                    }
                }
                assert_eq!(
                    traffic == Traffic::Lopsided,
                    body["pokemon_a"] != body["pokemon_b"] && traffic != Traffic::ShortBattles
                );
            }
        }
    }

    #[test]
    fn what_touches_nothing_needs_no_container() {
        for recipe in &RECIPES {
            assert_eq!(recipe.touch == Touch::Nothing, recipe.touch.services().is_empty());
            assert_eq!(recipe.trouble.is_some(), recipe.health.is_some(), "{}", recipe.alert);
        }
    }
}
