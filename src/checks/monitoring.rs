//! What Prometheus says of its targets and alerts, and node-exporter of the machine.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;

use super::platform::at;
use super::{Facts, Outcome, exposed};
use crate::runtime::Runtime;

/// A little over the scrape interval.
const SCRAPE: Duration = Duration::from_secs(17);

/// For what a scrape brought until it can be asked for.
const SETTLED: Duration = Duration::from_secs(2);

/// What fires, and of what is critical whether it still holds.
pub(super) async fn alerts<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = format!("{}/api/v1", at(facts, "prometheus", 9090)?);
    let rules = facts.get_json(&format!("{base}/rules")).await?;
    let mut firing = exposed::firing(&rules).ok_or("it tells no alerts")?;
    if firing.iter().any(|alert| alert.critical) {
        // An alert about a service that is up again holds until the next scrape of it.
        scraped(facts).await?;
    }
    let begin = Instant::now();
    for alert in firing.iter_mut().filter(|alert| alert.critical) {
        let query = [("query", alert.query.as_str())];
        let url = Url::parse_with_params(&format!("{base}/query"), query).map_err(|e| e.to_string())?;
        alert.holds = exposed::holds(&facts.get_json(url.as_str()).await?);
        while alert.holds && begin.elapsed() < SETTLED {
            tokio::time::sleep(Duration::from_millis(250)).await;
            alert.holds = exposed::holds(&facts.get_json(url.as_str()).await?);
        }
    }
    Ok(exposed::judge_alerts(&firing))
}

pub(super) async fn targets<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    Ok(judge_targets(&scraped(facts).await?))
}

/// The active targets. One not scraped since its service is up is told as down or unknown until the next scrape: this waits for
/// that.
async fn scraped<R: Runtime>(facts: &Facts<'_, R>) -> Result<Value, String> {
    let url = format!("{}/api/v1/targets?state=active", at(facts, "prometheus", 9090)?);
    let mut answer = facts.get_json(&url).await?;
    let stale = down_and_running(&answer, |service| facts.runs(service));
    let begin = Instant::now();
    while !stale.is_empty() && begin.elapsed() < SCRAPE && still_stale(&stale, &answer) {
        tokio::time::sleep(Duration::from_millis(250)).await;
        answer = facts.get_json(&url).await?;
    }
    Ok(answer)
}

/// Address and time of the last scrape of the targets that are not up though their service runs; empty when one is down whose
/// service does not run, since nothing is worth waiting for then.
fn down_and_running(answer: &Value, runs: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let down: Vec<&Value> = answer["data"]["activeTargets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|t| t["health"] != "up")
        .collect();
    if down.iter().any(|t| !runs(t["labels"]["job"].as_str().unwrap_or_default())) {
        return Vec::new();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    down.iter().map(|t| (text(&t["scrapeUrl"]), text(&t["lastScrape"]))).collect()
}

fn still_stale(stale: &[(String, String)], answer: &Value) -> bool {
    stale.iter().any(|(url, scraped)| {
        answer["data"]["activeTargets"].as_array().into_iter().flatten().any(|target| {
            target["scrapeUrl"] == url.as_str()
                && target["lastScrape"] == scraped.as_str()
                && target["health"] != "up"
        })
    })
}

fn judge_targets(answer: &Value) -> Outcome {
    let none = Vec::new();
    let targets = answer["data"]["activeTargets"].as_array().unwrap_or(&none);
    let job = |t: &Value| t["labels"]["job"].as_str().unwrap_or("?").to_owned();
    let down: Vec<String> = targets
        .iter()
        .filter(|t| t["health"] == "down")
        .map(|t| format!("{}: {}", job(t), t["lastError"].as_str().unwrap_or("down")))
        .collect();
    let waiting = targets.iter().filter(|t| t["health"] == "unknown").count();
    match (targets.len(), down.is_empty(), waiting) {
        (0, ..) => Outcome::failed("prometheus has no targets", "look at prometheus/prometheus.yml"),
        (_, false, _) => Outcome::failed(down.join("; "), "pdex ps"),
        (n, true, 0) => {
            Outcome::Passed(format!("{n}: {}", targets.iter().map(job).collect::<Vec<_>>().join(", ")))
        }
        (n, true, waiting) => {
            let evidence = format!("{} of {n} up, {waiting} not scraped within {SCRAPE:?}", n - waiting);
            Outcome::failed(evidence, "pdex logs prometheus")
        }
    }
}

pub(super) async fn node_metrics<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let body = facts.get(&format!("{}/metrics", at(facts, "node-exporter", 9100)?)).await?;
    let missing: Vec<&str> =
        ["node_cpu_seconds_total", "node_memory_MemTotal_bytes", "node_disk_io_time_seconds_total"]
            .into_iter()
            .filter(|name| !body.lines().any(|line| line.starts_with(name)))
            .collect();
    if missing.is_empty() {
        Ok(Outcome::Passed("CPU, memory and disk are measured".to_owned()))
    } else {
        Err(format!("no series of {}", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Failed { .. })
    }

    #[test]
    fn a_scrape_from_before_the_start_is_waited_out_only_where_the_service_runs() {
        let answer = |health: &str, at: &str| {
            let target =
                json!({"health": health, "labels": {"job": "api"}, "scrapeUrl": "u", "lastScrape": at});
            json!({"data": {"activeTargets": [target]}})
        };
        assert_eq!(down_and_running(&answer("down", "1"), |_| false), []);
        let stale = down_and_running(&answer("down", "1"), |_| true);
        assert_eq!(stale, [("u".to_owned(), "1".to_owned())]);
        assert!(still_stale(&stale, &answer("down", "1")));
        assert!(!still_stale(&stale, &answer("down", "2")), "it was scraped again and is down");
        assert!(!still_stale(&stale, &answer("up", "2")));
    }

    #[test]
    fn one_target_down_fails() {
        let target =
            |health: &str| json!({"health": health, "labels": {"job": "api"}, "lastError": "refused"});
        let answer = |targets: Vec<Value>| json!({"data": {"activeTargets": targets}});
        assert!(!failed(&judge_targets(&answer(vec![target("up"), target("up")]))));
        assert!(failed(&judge_targets(&answer(vec![target("up"), target("unknown")]))));
        assert!(failed(&judge_targets(&answer(vec![target("up"), target("down")]))));
        assert!(failed(&judge_targets(&answer(vec![]))));
    }
}
