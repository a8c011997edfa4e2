//! What the API tells of itself, and what Prometheus makes of it: metrics, documents, rules, alerts. Judges answers; pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Outcome;

/// The metrics that dashboards and alerts rest on, with the labels each has to have.
const METRICS: [(&str, &[&str]); 6] = [
    ("api_requests_total", &["method", "endpoint", "status"]),
    ("api_request_duration_seconds_count", &["method", "endpoint"]),
    ("api_errors_total", &["method", "endpoint", "error_type"]),
    ("model_predictions_total", &["model_name"]),
    ("model_prediction_latency_seconds_count", &["model_name"]),
    ("model_prediction_confidence_count", &["model_name"]),
];

/// Those that a prediction has to move.
const MOVING: [&str; 5] = [
    "api_requests_total",
    "api_request_duration_seconds_count",
    "model_predictions_total",
    "model_prediction_latency_seconds_count",
    "model_prediction_confidence_count",
];

/// The paths that the platform promises.
const PATHS: [&str; 3] = ["/health", "/metrics", "/predict/battle"];

/// Lines of one metric: labels and value.
fn series<'a>(exposition: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let of_metric = |line: &'a str| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} ");
    exposition
        .lines()
        .filter_map(of_metric)
        .filter_map(|(labels, value)| Some((labels, value.split(' ').next()?.parse().ok()?)))
        .collect()
}

fn labels(text: &str) -> BTreeSet<&str> {
    text.split("\",").filter_map(|part| part.split_once('=')).map(|(name, _)| name.trim()).collect()
}

/// An exposition before a prediction and one after it.
pub(super) fn judge_metrics(before: &str, after: &str) -> Outcome {
    let mut wrong = Vec::new();
    for (name, expected) in METRICS {
        let found = series(after, name);
        let Some((first, _)) = found.first() else {
            wrong.push(format!("{name} is missing"));
            continue;
        };
        let missing: Vec<&str> =
            expected.iter().copied().filter(|label| !labels(first).contains(label)).collect();
        if !missing.is_empty() {
            wrong.push(format!("{name} has no label {}", missing.join(", ")));
        }
    }
    let sum = |text: &str, name: &str| series(text, name).iter().map(|(_, value)| value).sum::<f64>();
    for name in MOVING {
        if !series(after, name).is_empty() && sum(after, name) <= sum(before, name) {
            wrong.push(format!("{name} did not move with a prediction"));
        }
    }
    if wrong.is_empty() {
        return Outcome::Passed(format!(
            "{} metrics with their labels; a prediction moves them",
            METRICS.len()
        ));
    }
    Outcome::failed(wrong.join("; "), "pdex logs --tail 50 api")
}

/// The API's description of itself.
pub(super) fn judge_openapi(document: &Value) -> Outcome {
    let version = document["openapi"].as_str().unwrap_or("none");
    let missing: Vec<&str> = PATHS.into_iter().filter(|path| document["paths"][path].is_null()).collect();
    if version.starts_with("3.") && missing.is_empty() {
        let count = document["paths"].as_object().map_or(0, serde_json::Map::len);
        return Outcome::Passed(format!("OpenAPI {version}, {count} paths"));
    }
    let evidence = if missing.is_empty() {
        format!("its version is {version}")
    } else {
        format!("it does not describe {}", missing.join(", "))
    };
    Outcome::failed(evidence, "pdex up --build api")
}

/// `/api/v1/rules`: some are loaded and each could be evaluated.
pub(super) fn judge_rules(answer: &Value) -> Outcome {
    let rules: Vec<&Value> =
        groups(answer).flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
    let sick: Vec<String> = rules
        .iter()
        .filter(|rule| rule["health"] == "err")
        .map(|rule| {
            let text = |key: &str| rule[key].as_str().unwrap_or("?").to_owned();
            format!("{}: {}", text("name"), text("lastError"))
        })
        .collect();
    let alerts = rules.iter().filter(|rule| rule["type"] == "alerting").count();
    match (alerts, sick.is_empty()) {
        (0, _) => Outcome::failed("no alert is loaded", "prometheus/check.sh"),
        (_, false) => Outcome::failed(sick.join("; "), "prometheus/check.sh"),
        (_, true) => {
            Outcome::Passed(format!("{} rules, {alerts} of them alerts, none in error", rules.len()))
        }
    }
}

fn groups(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["data"]["groups"].as_array().into_iter().flatten()
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Firing {
    name: String,
    summary: String,
    description: String,
    pub(super) critical: bool,
    /// Its condition, to be asked for.
    pub(super) query: String,
    /// Whether the condition holds now. Rules are looked at every few seconds only: what was mended since then still fires.
    pub(super) holds: bool,
}

/// Those of `/api/v1/rules` that fire, as if their conditions held; `None` when the answer has no rules.
pub(super) fn firing(answer: &Value) -> Option<Vec<Firing>> {
    answer["data"]["groups"].as_array()?;
    let rules = groups(answer).flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let alerts = rules.flat_map(|rule| {
        let alerts = rule["alerts"].as_array().into_iter().flatten();
        let fire = alerts.filter(|alert| alert["state"] == "firing");
        fire.map(|alert| Firing {
            name: alert["labels"]["alertname"].as_str().unwrap_or("?").to_owned(),
            summary: alert["annotations"]["summary"].as_str().unwrap_or_default().to_owned(),
            description: alert["annotations"]["description"].as_str().unwrap_or_default().to_owned(),
            critical: alert["labels"]["severity"] == "critical",
            query: rule["query"].as_str().unwrap_or_default().to_owned(),
            holds: true,
        })
    });
    Some(alerts.collect())
}

/// `/api/v1/query`: whether the condition that was asked for holds for anything.
pub(super) fn holds(answer: &Value) -> bool {
    answer["data"]["result"].as_array().is_none_or(|found| !found.is_empty())
}

/// None that is critical fires. What only warns is told: a busy machine is no broken platform. So is what is over.
pub(super) fn judge_alerts(firing: &[Firing]) -> Outcome {
    let told = |alert: &Firing| {
        let over = if alert.holds { "" } else { " (over, and not looked at again yet)" };
        format!("{}: {}{over}", alert.name, alert.summary)
    };
    let (failing, others): (Vec<&Firing>, Vec<&Firing>) =
        firing.iter().partition(|alert| alert.critical && alert.holds);
    let tell = |alerts: Vec<&Firing>| alerts.into_iter().map(told).collect::<Vec<_>>().join("; ");
    if let Some(first) = failing.first() {
        let hint = first.description.clone();
        return Outcome::failed(tell(failing), hint);
    }
    if others.is_empty() {
        return Outcome::Passed("none fires".to_owned());
    }
    Outcome::Passed(format!("none that is critical fires; {}", tell(others)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(outcome: &Outcome, words: &str) -> bool {
        matches!(outcome, Outcome::Failed { evidence, .. } if evidence.contains(words))
    }

    fn exposition(count: u32) -> String {
        format!(
            "# TYPE api_requests_total counter\n\
             api_requests_total{{endpoint=\"/predict/battle\",method=\"POST\",status=\"200\"}} {count}\n\
             api_request_duration_seconds_count{{endpoint=\"/predict/battle\",method=\"POST\"}} {count}\n\
             api_errors_total{{endpoint=\"/predict/battle\",error_type=\"not_found\",method=\"POST\"}} 0\n\
             model_predictions_total{{model_name=\"m\"}} {count}\n\
             model_prediction_latency_seconds_count{{model_name=\"m\"}} {count}\n\
             model_prediction_confidence_count{{model_name=\"m\"}} {count}\n"
        )
    }

    #[test]
    fn metrics_have_their_labels_and_move() {
        let (before, after) = (exposition(1), exposition(2));
        assert!(
            matches!(judge_metrics(&before, &after), Outcome::Passed(_)),
            "{:?}",
            judge_metrics(&before, &after)
        );
        assert!(failed(&judge_metrics(&before, &before), "did not move"));
        let without = after.replace("model_predictions_total", "other");
        assert!(failed(&judge_metrics(&before, &without), "model_predictions_total is missing"));
        let unlabelled = after.replace("error_type", "kind");
        assert!(failed(&judge_metrics(&before, &unlabelled), "api_errors_total has no label error_type"));
    }

    #[test]
    fn the_description_has_what_is_promised() {
        let good =
            json!({"openapi": "3.1.0", "paths": {"/health": {}, "/metrics": {}, "/predict/battle": {}}});
        assert!(matches!(judge_openapi(&good), Outcome::Passed(_)));
        assert!(failed(&judge_openapi(&json!({"openapi": "3.1.0", "paths": {"/health": {}}})), "/metrics"));
        assert!(failed(&judge_openapi(&json!({})), "does not describe"));
    }

    #[test]
    fn rules_are_loaded_and_well() {
        let answer = |rules: Value| json!({"data": {"groups": [{"rules": rules}]}});
        let rule = |health: &str| json!({"type": "alerting", "name": "A", "health": health, "lastError": "many-to-many"});
        assert!(matches!(judge_rules(&answer(json!([rule("ok"), rule("unknown")]))), Outcome::Passed(_)));
        assert!(failed(&judge_rules(&answer(json!([rule("ok"), rule("err")]))), "A: many-to-many"));
        assert!(failed(&judge_rules(&answer(json!([]))), "no alert"));
        assert!(failed(&judge_rules(&json!({})), "no alert"));
    }

    #[test]
    fn a_critical_alert_fails_and_a_warning_is_told() {
        let alert = |severity: &str, state: &str| json!({"state": state, "labels": {"alertname": "A", "severity": severity}, "annotations": {"summary": "so"}});
        let found = |alerts: Value| {
            firing(
                &json!({"data": {"groups": [{"rules": [{"type": "alerting", "query": "up == 0", "alerts": alerts}]}]}}),
            )
        };
        let judged = |alerts: Value| judge_alerts(&found(alerts).unwrap());
        assert!(failed(&judged(json!([alert("critical", "firing")])), "A: so"));
        assert!(
            matches!(judged(json!([alert("critical", "pending")])), Outcome::Passed(told) if told == "none fires")
        );
        assert!(
            matches!(judged(json!([alert("warning", "firing")])), Outcome::Passed(told) if told.contains("A: so"))
        );
        assert_eq!(firing(&json!({})), None);
    }

    #[test]
    fn what_is_over_does_not_fail_though_it_still_fires() {
        let alert = |holds| Firing {
            name: "A".into(),
            summary: "so".into(),
            description: "do this".into(),
            critical: true,
            query: "up == 0".into(),
            holds,
        };
        let judged = judge_alerts(&[alert(false), alert(true)]);
        assert!(failed(&judged, "A: so"));
        assert!(matches!(judged, Outcome::Failed { hint, .. } if hint == "do this"));
        assert!(
            matches!(judge_alerts(&[alert(false)]), Outcome::Passed(told) if told.contains("A: so (over"))
        );
        let answer =
            |result: Value| json!({"status": "success", "data": {"resultType": "vector", "result": result}});
        assert!(holds(&answer(json!([{"metric": {}, "value": [0, "0"]}]))));
        assert!(!holds(&answer(json!([]))));
        assert!(holds(&json!({"status": "error"})), "what cannot be asked for is not over");
    }
}
