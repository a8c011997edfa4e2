//! One request: when it leaves, what it asks, what counts as its right answer. And what the built-in modes ask. Pure.

use serde::{Deserialize, Serialize};

use super::cast::{CAST, Member};
use super::random::Random;

/// One request of the schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// When it leaves, after the start of the run.
    pub at_us: u64,
    /// Who asks, in modes that have users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    #[serde(flatten)]
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The row of the report it counts in.
    pub name: String,
    pub method: Method,
    /// With the query, `/` first.
    pub path: String,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The status that is right; any below 400 when absent. A mistake made on purpose expects its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u16>,
}

impl Ask {
    /// Nothing but this path.
    pub(super) fn get(path: &str) -> Self {
        get(path, path.to_owned())
    }

    /// Whether it asks for something that the server should refuse.
    pub fn is_mistake(&self) -> bool {
        self.expect.is_some_and(|status| status >= 400)
    }

    /// Whether this answer is the right one.
    pub fn accepts(&self, status: u16) -> bool {
        self.expect.map_or(status < 400, |expected| expected == status)
    }
}

/// The methods a scenario may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
}

fn get(name: &str, path: String) -> Ask {
    Ask { name: name.to_owned(), method: Method::Get, path, body: None, expect: None }
}

/// The first page of the list, or a later one, or those of a type.
pub(super) fn list(random: &mut Random) -> Ask {
    const TYPES: [&str; 6] = ["water", "fire", "electric", "grass", "psychic", "dragon"];
    let path = match random.below(4) {
        0 => format!("/pokemon?type={}", TYPES[usize::try_from(random.below(6)).unwrap_or(0)]),
        1 => format!("/pokemon?limit=20&offset={}", 20 * random.below(9)),
        _ => "/pokemon?limit=20".to_owned(),
    };
    get("GET /pokemon", path)
}

pub(super) fn detail(random: &mut Random) -> Ask {
    get("GET /pokemon/{id}", format!("/pokemon/{}", popular(random).id))
}

/// A battle of two of the cast; two out of five name the moves.
pub(super) fn battle(random: &mut Random) -> Ask {
    let (a, b) = (popular(random), popular(random));
    let mut body = format!(r#"{{"pokemon_a":"{}","pokemon_b":"{}""#, a.slug, b.slug);
    if random.chance(0.4) {
        body.push_str(&moves("moves_a", a, random));
        body.push_str(&moves("moves_b", b, random));
    }
    body.push('}');
    post("POST /predict/battle", body)
}

/// `,"moves_a":["surf"]`: from the strongest, one at least.
fn moves(field: &str, member: &Member, random: &mut Random) -> String {
    let some = 1 + usize::try_from(random.below(member.moves.len().max(1) as u64)).unwrap_or(0);
    let named: Vec<String> = member.moves.iter().take(some).map(|slug| format!("\"{slug}\"")).collect();
    format!(",\"{field}\":[{}]", named.join(","))
}

fn post(name: &str, body: String) -> Ask {
    let path = "/predict/battle".to_owned();
    Ask { name: name.to_owned(), method: Method::Post, path, body: Some(body), expect: None }
}

/// What clients get wrong: a name nobody has, a field left out, a body that is no JSON.
pub(super) fn mistake(random: &mut Random) -> Ask {
    let (ask, status) = match random.below(4) {
        0 => (get("mistakes", "/pokemon/missingno".to_owned()), 404),
        1 => (post("mistakes", r#"{"pokemon_a":"pikachu"}"#.to_owned()), 422),
        2 => (post("mistakes", r#"{"pokemon_a":"pikachu","pokemon_b":"agumon"}"#.to_owned()), 404),
        _ => (post("mistakes", r#"{"pokemon_a":"#.to_owned()), 400),
    };
    Ask { expect: Some(status), ..ask }
}

/// The mix of the modes without users: reads and predictions as often, one mistake in fifty.
pub(super) fn any(random: &mut Random) -> Ask {
    match random.below(50) {
        0 => mistake(random),
        1..=9 => list(random),
        10..=25 => detail(random),
        _ => battle(random),
    }
}

/// One of the cast, the member of rank r with a weight of 1/r.
fn popular(random: &mut Random) -> &'static Member {
    let whole: f64 = (1..=CAST.len()).map(|rank| 1.0 / rank as f64).sum();
    let mut left = random.unit() * whole;
    for (index, member) in CAST.iter().enumerate() {
        left -= 1.0 / (index + 1) as f64;
        if left <= 0.0 {
            return member;
        }
    }
    &CAST[0]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_popular_are_asked_about_most() {
        let mut random = Random::new(1, 0);
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for _ in 0..20_000 {
            *seen.entry(popular(&mut random).slug).or_default() += 1;
        }
        assert_eq!(seen.len(), CAST.len());
        let share = |rank: usize| f64::from(seen[CAST[rank].slug]);
        assert!((share(0) / share(1) - 2.0).abs() < 0.2, "{seen:?}");
        assert!((share(0) / share(9) - 10.0).abs() < 2.5, "{seen:?}");
    }

    #[test]
    fn bodies_are_json_save_the_one_that_is_wrong_on_purpose() {
        let mut random = Random::new(2, 0);
        for _ in 0..2_000 {
            let ask = any(&mut random);
            assert!(ask.path.starts_with('/'), "{ask:?}");
            let Some(body) = &ask.body else { continue };
            let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
            assert_eq!(is_json, ask.expect != Some(400), "{ask:?}");
        }
    }

    #[test]
    fn a_mistake_is_answered_rightly_by_its_own_status_alone() {
        let mut random = Random::new(3, 0);
        let ask = mistake(&mut random);
        let status = ask.expect.unwrap();
        assert!(ask.is_mistake() && ask.accepts(status) && !ask.accepts(200) && !ask.accepts(500));
        let ask = battle(&mut random);
        assert!(!ask.is_mistake() && ask.accepts(200) && !ask.accepts(404));
    }
}
