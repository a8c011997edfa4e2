//! What Prometheus says of its targets and alerts, and node-exporter of the machine.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;

use super::platform::at;
use super::{Facts, Outcome, clock, exposed};
use crate::runtime::Runtime;
use crate::world::time::Timestamp;

/// A little over the scrape interval.
const SCRAPE: Duration = Duration::from_secs(17);

/// A little over the time after which a Prometheus that is ready has handed its targets to what scrapes them (its
/// `DiscoveryReloadInterval`, 5 s).
const DISCOVERY: Duration = Duration::from_secs(6);

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

/// The active targets. One not scraped since its service is up is told as down or unknown until the next scrape, and a Prometheus
/// that has just come up knows of none: this waits for both.
async fn scraped<R: Runtime>(facts: &Facts<'_, R>) -> Result<Value, String> {
    let base = at(facts, "prometheus", 9090)?;
    let url = format!("{base}/api/v1/targets?state=active");
    let mut answer = facts.get_json(&url).await?;
    let begin = Instant::now();
    while answer["data"]["activeTargets"].as_array().is_none_or(Vec::is_empty) && begin.elapsed() < DISCOVERY
    {
        tokio::time::sleep(Duration::from_millis(250)).await;
        answer = facts.get_json(&url).await?;
    }
    if !is_worth_waiting(&answer, |service| facts.runs(service)) {
        return Ok(answer);
    }
    let time = facts.get_json(&format!("{base}/api/v1/query?query=time()")).await?;
    let asked = Timestamp::parse(clock::told(&time)?).ok_or("it does not tell the time")?;
    let begin = Instant::now();
    while is_stale(&answer, asked) && begin.elapsed() < SCRAPE {
        tokio::time::sleep(Duration::from_millis(250)).await;
        answer = facts.get_json(&url).await?;
    }
    Ok(answer)
}

/// The targets that are not up.
fn not_up(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["data"]["activeTargets"].as_array().into_iter().flatten().filter(|t| t["health"] != "up")
}

/// Whether a target is not up and the next scrape may find that it is; not where the service of one does not even run.
fn is_worth_waiting(answer: &Value, runs: impl Fn(&str) -> bool) -> bool {
    let mut down = not_up(answer).peekable();
    down.peek().is_some() && down.all(|t| runs(t["labels"]["job"].as_str().unwrap_or_default()))
}

/// Whether a target is told as not up by a scrape that had begun before `moment`, by Prometheus' own clock. One that was on its way
/// then may fail long after, when its time is up.
fn is_stale(answer: &Value, moment: Timestamp) -> bool {
    let scraped = |target: &Value| Timestamp::parse(target["lastScrape"].as_str()?);
    not_up(answer).any(|t| scraped(t).is_none_or(|at| at < moment))
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
    fn a_scrape_from_before_is_waited_out_only_where_the_service_runs() {
        let answer = |health: &str, at: &str| {
            let target =
                json!({"health": health, "labels": {"job": "api"}, "scrapeUrl": "u", "lastScrape": at});
            json!({"data": {"activeTargets": [target]}})
        };
        let (before, after) = ("2026-01-31T08:00:00.4Z", "2026-01-31T09:00:00.6+01:00");
        assert!(is_worth_waiting(&answer("down", before), |service| service == "api"));
        assert!(!is_worth_waiting(&answer("down", before), |_| false));
        assert!(!is_worth_waiting(&answer("up", before), |_| true));
        let moment = Timestamp::parse("1769846400.5").unwrap();
        assert!(is_stale(&answer("down", before), moment));
        assert!(!is_stale(&answer("down", after), moment), "it was scraped again and is down");
        assert!(is_stale(&answer("unknown", "0001-01-01T00:00:00Z"), moment));
        assert!(!is_stale(&answer("up", before), moment));
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
