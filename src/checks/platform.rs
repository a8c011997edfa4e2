//! What PredictionDex promises beyond running containers. Each check applies where the definition has its service, and asks the
//! service itself.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{CheckResult, Facts, Outcome, PATIENCE, Selection, exposed, root};
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::{ExecOrder, Runtime};

/// Pokémon that the whole Let's Go Pokédex has: 153 base forms, 18 Alolan, 15 Mega, 2 partners.
const POKEMON: u32 = 188;
/// A little over the scrape interval.
const SCRAPE: Duration = Duration::from_secs(17);
/// Rows by table, as `table count` lines.
const COUNTS: &str = "SELECT 'species', count(*) FROM species UNION ALL SELECT 'pokemon', count(*) FROM pokemon \
                      UNION ALL SELECT 'moves', count(*) FROM moves UNION ALL SELECT 'learnsets', count(*) FROM learnsets";

/// The schema's version, and constraints that are not valid, as `version invalid`.
const SCHEMA: &str = "SELECT (SELECT max(version) FROM schema_migrations), \
                      (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)";
/// The version that the services of this checkout expect.
const SCHEMA_VERSION: u32 = 3;

/// The last run of the ETL that succeeded, in words.
const FRESHNESS: &str = "SELECT 'loaded ' || to_char(last_success_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC from ' || source \
                         || ' in ' || round(duration_s::numeric, 1) || ' s, ' || rejects || ' rejects, ' || disagreements \
                         || ' disagreements, ' || failures_since || ' failures since' FROM etl_freshness";

#[derive(Debug, Clone, Copy)]
enum Check {
    RowCounts,
    Schema,
    Freshness,
    ApiHealth,
    Prediction,
    Documents,
    Description,
    Metrics,
    Page,
    Targets,
    Rules,
    Alerts,
    NodeMetrics,
    RegisteredModel,
    Dashboards,
}

/// Every check with its service and name, in the order of the report.
const CHECKS: [(&str, &str, Check); 15] = [
    ("db", "row counts", Check::RowCounts),
    ("db", "schema", Check::Schema),
    ("db", "freshness", Check::Freshness),
    ("api", "health", Check::ApiHealth),
    ("api", "prediction", Check::Prediction),
    ("api", "docs page", Check::Documents),
    ("api", "description", Check::Description),
    ("api", "metrics", Check::Metrics),
    ("streamlit", "page answers", Check::Page),
    ("prometheus", "targets up", Check::Targets),
    ("prometheus", "rules", Check::Rules),
    ("prometheus", "alerts", Check::Alerts),
    ("node-exporter", "metrics", Check::NodeMetrics),
    ("mlflow", "registered model", Check::RegisteredModel),
    ("grafana", "dashboards", Check::Dashboards),
];

/// Service and name of the checks that apply.
pub(super) fn names(definition: &Definition) -> impl Iterator<Item = (String, String)> {
    let applies = |service: &str| definition.services.contains_key(&ServiceName::new(service));
    let applicable = CHECKS.iter().filter(move |(service, ..)| applies(service));
    applicable.map(|(service, name, _)| ((*service).to_owned(), (*name).to_owned()))
}

pub(super) async fn check<R: Runtime>(facts: &Facts<'_, R>, selection: &Selection) -> Vec<CheckResult> {
    let applicable = CHECKS
        .iter()
        .filter(|(service, name, _)| facts.service(service).is_some() && selection.has(service, name));
    join_all(applicable.map(async |&(service, name, check)| {
        let outcome = if facts.runs(service) {
            run(facts, check).await.unwrap_or_else(|evidence| {
                Outcome::failed(evidence, format!("pdex logs --tail 50 {service}"))
            })
        } else {
            Outcome::Skipped(format!("{service} does not run"))
        };
        CheckResult { service: service.to_owned(), name, outcome }
    }))
    .await
}

async fn run<R: Runtime>(facts: &Facts<'_, R>, check: Check) -> Result<Outcome, String> {
    match check {
        Check::RowCounts => Ok(judge_counts(&ask_database(facts, COUNTS).await?)),
        Check::Schema => Ok(judge_schema(&ask_database(facts, SCHEMA).await?)),
        Check::Freshness => Ok(judge_freshness(&ask_database(facts, FRESHNESS).await?)),
        Check::ApiHealth => answers(facts, "api", 8000, "/health").await,
        Check::Prediction => prediction(facts).await,
        Check::Documents => answers(facts, "api", 8000, "/docs/").await,
        Check::Description => {
            let url = format!("{}/openapi.json", at(facts, "api", 8000)?);
            Ok(exposed::judge_openapi(&facts.get_json(&url).await?))
        }
        Check::Metrics => metrics(facts).await,
        Check::Page => answers(facts, "streamlit", 8501, "/_stcore/health").await,
        Check::Targets => targets(facts).await,
        Check::Rules => {
            let url = format!("{}/api/v1/rules", at(facts, "prometheus", 9090)?);
            Ok(exposed::judge_rules(&facts.get_json(&url).await?))
        }
        Check::Alerts => alerts(facts).await,
        Check::NodeMetrics => node_metrics(facts).await,
        Check::RegisteredModel => registered_model(facts).await,
        Check::Dashboards => dashboards(facts).await,
    }
}

fn at<R: Runtime>(facts: &Facts<'_, R>, service: &str, port: u16) -> Result<String, String> {
    facts.address(service, port).ok_or_else(|| format!("port {port} of {service} is not published"))
}

async fn answers<R: Runtime>(
    facts: &Facts<'_, R>,
    service: &str,
    port: u16,
    path: &str,
) -> Result<Outcome, String> {
    let url = format!("{}{path}", at(facts, service, port)?);
    facts.get(&url).await?;
    Ok(Outcome::Passed(format!("{url} answers")))
}

/// Asks the database itself, with the credentials its container has.
async fn ask_database<R: Runtime>(facts: &Facts<'_, R>, query: &str) -> Result<String, String> {
    let container = facts.container("db").ok_or("it has no container")?;
    let line = format!("psql -X -A -t -F ' ' -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c \"{query}\"");
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), line];
    let outcome = facts
        .runtime
        .exec(&container.id, &ExecOrder::of(&argv), PATIENCE)
        .await
        .map_err(|e| e.to_string())?;
    if outcome.code != 0 {
        return Err(format!("psql ended with {}: {}", outcome.code, outcome.output));
    }
    Ok(outcome.output)
}

fn judge_counts(output: &str) -> Outcome {
    let pokemon = output.lines().find_map(|line| line.strip_prefix("pokemon ")?.trim().parse::<u32>().ok());
    let evidence = output.lines().collect::<Vec<_>>().join(", ");
    if pokemon == Some(POKEMON) {
        Outcome::Passed(evidence)
    } else {
        Outcome::failed(format!("{evidence}; {POKEMON} Pokémon are expected"), "pdex up --rerun etl")
    }
}

fn judge_schema(output: &str) -> Outcome {
    let mut words = output.split_whitespace().map(str::parse::<u32>);
    let (Some(Ok(version)), Some(Ok(invalid))) = (words.next(), words.next()) else {
        return Outcome::failed(format!("no version in `{}`", output.trim()), "pdex up --rerun etl");
    };
    let evidence = format!("version {version}, {invalid} constraints not validated");
    if version == SCHEMA_VERSION && invalid == 0 {
        return Outcome::Passed(evidence);
    }
    Outcome::failed(format!("{evidence}; version {SCHEMA_VERSION} and 0 are expected"), "pdex up --rerun etl")
}

/// Data that is there is served even when a later run failed; that one did is worth knowing.
fn judge_freshness(output: &str) -> Outcome {
    match output.trim() {
        "" => Outcome::failed("no run of the etl has succeeded", "pdex up --rerun etl"),
        told if told.ends_with(" 0 failures since") => Outcome::Passed(told.to_owned()),
        told => Outcome::failed(told, "pdex logs etl"),
    }
}

/// Pikachu against Onix and the other way round: the odds sum to one and swap with the sides.
async fn prediction<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let url = format!("{}/predict/battle", at(facts, "api", 8000)?);
    let key = facts.service("api").and_then(|s| s.environment.get("API_KEY")).cloned().unwrap_or_default();
    let there = predict(facts, &url, &key, "Pikachu", "Onix").await?;
    let back = predict(facts, &url, &key, "Onix", "Pikachu").await?;
    Ok(judge_odds(&there, &back))
}

/// What fires, and of what is critical whether it still holds.
async fn alerts<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = format!("{}/api/v1", at(facts, "prometheus", 9090)?);
    let rules = facts.get_json(&format!("{base}/rules")).await?;
    let mut firing = exposed::firing(&rules).ok_or("it tells no alerts")?;
    for alert in firing.iter_mut().filter(|alert| alert.critical) {
        let query = [("query", alert.query.as_str())];
        let url = Url::parse_with_params(&format!("{base}/query"), query).map_err(|e| e.to_string())?;
        alert.holds = exposed::holds(&facts.get_json(url.as_str()).await?);
    }
    Ok(exposed::judge_alerts(&firing))
}

/// Asks for a prediction between two looks at the metrics.
async fn metrics<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let url = format!("{}/metrics", at(facts, "api", 8000)?);
    let before = facts.get(&url).await?;
    prediction(facts).await?;
    Ok(exposed::judge_metrics(&before, &facts.get(&url).await?))
}

async fn predict<R: Runtime>(
    facts: &Facts<'_, R>,
    url: &str,
    key: &str,
    a: &str,
    b: &str,
) -> Result<Value, String> {
    let request = facts.http.post(url).timeout(PATIENCE).header("x-api-key", key);
    let answer = request.json(&json!({"pokemon_a": a, "pokemon_b": b})).send().await.map_err(|e| root(&e))?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|e| root(&e))?;
    if status.is_success() { Ok(body) } else { Err(format!("HTTP {status}: {body}")) }
}

fn judge_odds(there: &Value, back: &Value) -> Outcome {
    let odds = |answer: &Value| Some((answer["probability_a"].as_f64()?, answer["probability_b"].as_f64()?));
    let (Some((a, b)), Some((back_a, back_b))) = (odds(there), odds(back)) else {
        return Outcome::failed(format!("no odds in {there}"), "pdex logs --tail 50 api");
    };
    let close = |x: f64, y: f64| (x - y).abs() < 1e-9;
    if close(a + b, 1.0) && close(a, back_b) && close(b, back_a) {
        let winner = there["winner"].as_str().unwrap_or("?");
        Outcome::Passed(format!("Pikachu against Onix: {winner} wins, {:.1} %", 100.0 * a.max(b)))
    } else {
        Outcome::failed(format!("odds do not mirror: {a} + {b}, swapped {back_a} + {back_b}"), "report this")
    }
}

async fn targets<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let url = format!("{}/api/v1/targets?state=active", at(facts, "prometheus", 9090)?);
    let first = facts.get_json(&url).await?;
    let stale = down_and_running(&first, |service| facts.runs(service));
    let begin = Instant::now();
    let mut answer = first.clone();
    // A target not scraped since its service is up is told as down or unknown until the next scrape: wait for that.
    while !stale.is_empty() && begin.elapsed() < SCRAPE && still_stale(&stale, &answer) {
        tokio::time::sleep(Duration::from_millis(250)).await;
        answer = facts.get_json(&url).await?;
    }
    Ok(judge_targets(&answer))
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

async fn node_metrics<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
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

async fn registered_model<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "mlflow", 5000)?;
    facts.get(&format!("{base}/health")).await?;
    let off = facts
        .service("ml_builder")
        .and_then(|s| s.environment.get("DISABLE_MLFLOW_TRACKING"))
        .is_some_and(|v| v.eq_ignore_ascii_case("true"));
    if off {
        return Ok(Outcome::Skipped("DISABLE_MLFLOW_TRACKING is set".to_owned()));
    }
    let answer = facts.get_json(&format!("{base}/api/2.0/mlflow/registered-models/search")).await?;
    let models: Vec<String> = answer["registered_models"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| Some(format!("{} version {}", m["name"].as_str()?, latest(m)?)))
        .collect();
    if models.is_empty() {
        return Ok(Outcome::failed("no model has a version", "pdex up --rerun ml_builder"));
    }
    Ok(Outcome::Passed(models.join(", ")))
}

fn latest(model: &Value) -> Option<&str> {
    model["latest_versions"].as_array()?.iter().filter_map(|v| v["version"].as_str()).next_back()
}

async fn dashboards<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "grafana", 3000)?;
    facts.get(&format!("{base}/api/health")).await?;
    let found = facts.get_json(&format!("{base}/api/search?type=dash-db")).await?;
    let titles: Vec<&str> =
        found.as_array().into_iter().flatten().filter_map(|d| d["title"].as_str()).collect();
    if titles.is_empty() {
        return Ok(Outcome::failed("no dashboard is provisioned", "pdex logs grafana"));
    }
    Ok(Outcome::Passed(titles.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Failed { .. })
    }

    #[test]
    fn counts_must_be_those_of_the_games() {
        assert!(!failed(&judge_counts("species 153\npokemon 188\nmoves 226")));
        assert!(failed(&judge_counts("species 153\npokemon 187\nmoves 226")));
        assert!(failed(&judge_counts("")));
    }

    #[test]
    fn the_schema_is_the_one_of_this_checkout() {
        assert!(!failed(&judge_schema("3 0\n")));
        for output in ["2 0", "4 0", "3 1", "", "x"] {
            assert!(failed(&judge_schema(output)), "{output}");
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/services/dex/migrations");
        let migrations = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(usize::try_from(SCHEMA_VERSION).unwrap(), migrations, "a migration came");
    }

    #[test]
    fn freshness_is_told_and_a_failure_since_is_not_passed_over() {
        assert!(!failed(&judge_freshness(
            "loaded 2026-01-26 03:00 UTC from live in 5.1 s, 0 rejects, 0 failures since\n"
        )));
        assert!(failed(&judge_freshness(
            "loaded 2026-01-26 03:00 UTC from live in 5.1 s, 0 rejects, 1 failures since"
        )));
        assert!(failed(&judge_freshness("")));
    }

    #[test]
    fn odds_must_sum_to_one_and_swap() {
        let odds = |a: f64, b: f64| json!({"probability_a": a, "probability_b": b, "winner": "Onix"});
        assert!(!failed(&judge_odds(&odds(0.2, 0.8), &odds(0.8, 0.2))));
        assert!(failed(&judge_odds(&odds(0.2, 0.8), &odds(0.7, 0.3))));
        assert!(failed(&judge_odds(&odds(0.2, 0.7), &odds(0.7, 0.2))));
        assert!(failed(&judge_odds(&json!({}), &json!({}))));
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
