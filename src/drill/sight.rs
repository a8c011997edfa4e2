//! What Prometheus says of an alert (`/api/v1/rules`). Pure.

use std::time::Duration;

use serde_json::Value;

/// What an alert is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Inactive,
    Pending,
    Firing,
}

/// An alert as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub state: State,
    /// Its summary, of the one that is furthest.
    pub said: Option<String>,
    /// How often it is evaluated.
    pub every: Duration,
}

/// Of all rules with that name, what the furthest of them does; `None` where there is none.
pub fn of(answer: &Value, alert: &str) -> Option<Seen> {
    let groups = answer["data"]["groups"].as_array()?;
    let rules = groups.iter().flat_map(|group| {
        let every = group["interval"].as_f64().unwrap_or(15.0);
        group["rules"].as_array().into_iter().flatten().map(move |rule| (rule, every))
    });
    let ours = rules.filter(|(rule, _)| rule["name"] == alert && rule["type"] == "alerting");
    ours.map(|(rule, every)| seen(rule, every)).max_by_key(|seen| seen.state)
}

fn seen(rule: &Value, every: f64) -> Seen {
    let alerts = rule["alerts"].as_array().into_iter().flatten();
    let furthest = alerts.map(|alert| (state(alert), alert)).max_by_key(|(state, _)| *state);
    let said = furthest.and_then(|(_, alert)| alert["annotations"]["summary"].as_str());
    Seen {
        state: furthest.map_or(State::Inactive, |(state, _)| state),
        said: said.map(str::to_owned),
        every: Duration::try_from_secs_f64(every).unwrap_or(Duration::from_secs(15)),
    }
}

fn state(alert: &Value) -> State {
    match alert["state"].as_str() {
        Some("firing") => State::Firing,
        Some("pending") => State::Pending,
        _ => State::Inactive,
    }
}

/// The number that a query answered, 0 where it has no series.
pub fn number(answer: &Value) -> f64 {
    let value = answer["data"]["result"][0]["value"][1].as_str();
    value.and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(alerts: &[&[&str]]) -> Value {
        let rules: Vec<Value> = alerts
            .iter()
            .map(|states| {
                let alerts: Vec<Value> = states
                    .iter()
                    .map(
                        |state| json!({"state": state, "annotations": {"summary": format!("it is {state}")}}),
                    )
                    .collect();
                json!({"type": "alerting", "name": "Slow", "alerts": alerts})
            })
            .collect();
        json!({"data": {"groups": [{"interval": 5, "rules": rules}, {"rules": [{"type": "recording", "name": "Quick"}]}]}})
    }

    #[test]
    fn of_several_the_furthest_counts() {
        for (alerts, state) in [
            (&[&[][..], &[]][..], State::Inactive),
            (&[&["pending"], &[]], State::Pending),
            (&[&["pending", "firing"], &["pending"]], State::Firing),
        ] {
            let seen = of(&answer(alerts), "Slow").unwrap();
            assert_eq!((seen.state, seen.every), (state, Duration::from_secs(5)));
        }
        assert_eq!(of(&answer(&[&["firing"]]), "Slow").unwrap().said.as_deref(), Some("it is firing"));
    }

    #[test]
    fn what_is_no_alert_is_not_seen() {
        assert_eq!(of(&answer(&[]), "Slow"), None);
        assert_eq!(of(&answer(&[]), "Quick"), None, "a recording rule");
        assert_eq!(of(&json!({}), "Slow"), None);
    }

    #[test]
    fn a_query_without_series_counts_nothing() {
        assert!(number(&json!({"data": {"result": []}})).abs() < 1e-9);
        assert!((number(&json!({"data": {"result": [{"value": [0, "12.5"]}]}})) - 12.5).abs() < 1e-9);
        assert!(number(&json!({"data": {"result": [{"value": [0, "NaN"]}]}})).abs() < 1e-9);
    }
}
