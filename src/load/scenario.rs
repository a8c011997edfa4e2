//! A scenario of the user's own: a YAML file with the run's shape and what it asks. Pure; errors name the line.

use serde::Deserialize;
use serde::de::Error as _;

use super::curve::Mode;
use super::shot::{Ask, Method};
use super::{slo, span};

/// A request and how often it is asked, against the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted {
    pub weight: u32,
    pub ask: Ask,
}

/// What a file says; the command line overrules it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scenario {
    pub mode: Option<Mode>,
    pub duration: Option<std::time::Duration>,
    pub rate: Option<f64>,
    pub seed: Option<u64>,
    pub slo: Vec<slo::Objective>,
    pub asks: Vec<Weighted>,
}

/// Reads a file's text. An error names line and column where the reader knows them.
pub fn parse(text: &str) -> Result<Scenario, String> {
    let file: File = serde_yaml::from_str(text).map_err(|e| {
        let place = e.location().map(|at| format!("line {}, column {}: ", at.line(), at.column()));
        let said = e.to_string();
        let what = said.split(" at line ").next().unwrap_or(&said);
        format!("{}{what}", place.unwrap_or_default())
    })?;
    let asks = file.requests.into_iter().map(|request| request.0).collect();
    Ok(Scenario {
        mode: file.mode,
        duration: file.duration.map(|duration| duration.0),
        rate: file.rate.map(|rate| rate.0),
        seed: file.seed,
        slo: file.slo.map(|slo| slo.0).unwrap_or_default(),
        asks,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mode: Option<Mode>,
    duration: Option<Span>,
    rate: Option<Rate>,
    seed: Option<u64>,
    slo: Option<Slo>,
    requests: Vec<Request>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_yaml::Value")]
struct Span(std::time::Duration);

impl TryFrom<serde_yaml::Value> for Span {
    type Error = String;

    fn try_from(value: serde_yaml::Value) -> Result<Self, String> {
        let text = match value {
            serde_yaml::Value::Number(minutes) => minutes.to_string(),
            serde_yaml::Value::String(text) => text,
            other => return Err(format!("duration: {other:?} is none")),
        };
        span::parse(&text).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "f64")]
struct Rate(f64);

impl TryFrom<f64> for Rate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        super::checked_rate(rate).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Slo(Vec<slo::Objective>);

impl TryFrom<String> for Slo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        slo::parse(&text).map(Self)
    }
}

#[derive(Debug)]
struct Request(Weighted);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: Option<String>,
    #[serde(default = "once")]
    weight: u32,
    get: Option<String>,
    post: Option<String>,
    body: Option<serde_json::Value>,
    expect: Option<u16>,
}

fn once() -> u32 {
    1
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(from)?;
        let (method, path) = match (fields.get, fields.post) {
            (Some(path), None) => (Method::Get, path),
            (None, Some(path)) => (Method::Post, path),
            _ => return Err(D::Error::custom("a request has either `get` or `post`")),
        };
        if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(D::Error::custom(format!("`{path}` is no path such as /pokemon")));
        }
        if fields.weight == 0 {
            return Err(D::Error::custom("a weight is 1 or more"));
        }
        if fields.expect.is_some_and(|status| !(100..600).contains(&status)) {
            return Err(D::Error::custom("`expect` is a status from 100 to 599"));
        }
        let verb = if method == Method::Get { "GET" } else { "POST" };
        let name =
            fields.name.unwrap_or_else(|| format!("{verb} {}", path.split('?').next().unwrap_or(&path)));
        let body = fields.body.map(|body| body.to_string());
        Ok(Self(Weighted {
            weight: fields.weight,
            ask: Ask { name, method, path, body, expect: fields.expect },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_shape_and_requests() {
        let scenario = parse(
            "mode: ramp\nduration: 90s\nrate: 200\nslo: p99<50ms\nrequests:\n  - { weight: 3, get: /pokemon?limit=5 }\n  - post: /predict/battle\n    body: { pokemon_a: Pikachu, pokemon_b: Onix }\n    expect: 200\n",
        )
        .unwrap();
        assert_eq!(scenario.mode, Some(Mode::Ramp));
        assert_eq!(scenario.duration, Some(std::time::Duration::from_secs(90)));
        assert_eq!(scenario.asks[0].weight, 3);
        assert_eq!(scenario.asks[0].ask.name, "GET /pokemon");
        assert_eq!(
            scenario.asks[1].ask.body.as_deref(),
            Some(r#"{"pokemon_a":"Pikachu","pokemon_b":"Onix"}"#)
        );
    }

    #[test]
    fn an_error_names_its_line() {
        for (text, line, words) in [
            ("mode: slow\nrequests: []\n", "line 1", "unknown variant"),
            ("rate: 5\nrequets: []\n", "line 2", "unknown field"),
            ("rate: 5\nrequests:\n  - get: /a\n  - put: /b\n", "line 4", "unknown field"),
            ("rate: 5\nrequests:\n  - get: pokemon\n", "line 3", "no path"),
            ("rate: 5\nrequests:\n  - { get: /a, weight: 0 }\n", "line 3", "weight"),
            ("slo: p99\nrequests:\n  - get: /a\n", "line 1", "p99"),
            ("duration: 0\nrequests: []\n", "line 1", "no time"),
            ("requests: [\n", "line 2", ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(line) && error.contains(words), "{text}: {error}");
        }
    }
}
