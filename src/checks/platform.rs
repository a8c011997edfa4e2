//! What PredictionDex promises beyond running containers. Each check applies where the definition has its service, and asks the
//! service itself.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    CheckResult, Facts, Outcome, PATIENCE, Selection, clock, database, exposed, monitoring, pages, reach,
    registry, root,
};
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::Runtime;

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
    ApiClock,
    PageHealth,
    Page,
    Reach,
    Targets,
    Rules,
    Alerts,
    PrometheusClock,
    NodeMetrics,
    Experiment,
    RegisteredModel,
    Datasource,
    Dashboards,
}

/// Every check with its service, its name and what it proves, in the order of the report.
const CHECKS: [(&str, &str, &str, Check); 21] = [
    (
        "db",
        "row counts",
        "the database answers its own credentials, and the Pokédex is whole",
        Check::RowCounts,
    ),
    ("db", "schema", "its schema is the one that this checkout's services expect", Check::Schema),
    ("db", "freshness", "the last run of the ETL succeeded", Check::Freshness),
    ("api", "health", "it has a model and a Pokédex", Check::ApiHealth),
    ("api", "prediction", "it predicts, and the same whichever side is named first", Check::Prediction),
    ("api", "docs page", "people can read what it offers", Check::Documents),
    ("api", "description", "programs can", Check::Description),
    (
        "api",
        "metrics",
        "what dashboards and alerts rest on is exposed, and a request moves it",
        Check::Metrics,
    ),
    ("api", "clock", "it has the time of this machine", Check::ApiClock),
    ("streamlit", "page answers", "its server is well by its own account", Check::PageHealth),
    ("streamlit", "page renders", "a browser gets the page, and what it shows is no error", Check::Page),
    (reach::FROM, "reach", "the networks keep together and apart what they should", Check::Reach),
    ("prometheus", "targets up", "every target is scraped", Check::Targets),
    ("prometheus", "rules", "the rules are loaded, and each can be evaluated", Check::Rules),
    ("prometheus", "alerts", "nothing critical fires", Check::Alerts),
    ("prometheus", "clock", "it has the time of this machine", Check::PrometheusClock),
    ("node-exporter", "metrics", "the machine is measured", Check::NodeMetrics),
    ("mlflow", "experiment", "trainings are recorded", Check::Experiment),
    (
        "mlflow",
        "registered model",
        "a version is registered, and its files are there and whole",
        Check::RegisteredModel,
    ),
    ("grafana", "datasource", "panels get their data", Check::Datasource),
    ("grafana", "dashboards", "they are provisioned", Check::Dashboards),
];

/// Service and name of the checks that apply.
pub(super) fn names(definition: &Definition) -> impl Iterator<Item = (String, String)> {
    let applies = |service: &str| definition.services.contains_key(&ServiceName::new(service));
    let applicable = CHECKS.iter().filter(move |(service, ..)| applies(service));
    applicable.map(|(service, name, ..)| ((*service).to_owned(), (*name).to_owned()))
}

pub(super) async fn check<R: Runtime>(facts: &Facts<'_, R>, selection: &Selection) -> Vec<CheckResult> {
    let applicable = CHECKS
        .iter()
        .filter(|(service, name, ..)| facts.service(service).is_some() && selection.has(service, name));
    join_all(applicable.map(async |&(service, name, proves, check)| {
        let began = Instant::now();
        let outcome = if facts.runs(service) {
            run(facts, check).await.unwrap_or_else(|evidence| {
                Outcome::failed(evidence, format!("pdex logs --tail 50 {service}"))
            })
        } else {
            Outcome::Skipped(format!("{service} does not run"))
        };
        CheckResult { took: began.elapsed(), ..CheckResult::new(service, name, proves, outcome) }
    }))
    .await
}

async fn run<R: Runtime>(facts: &Facts<'_, R>, check: Check) -> Result<Outcome, String> {
    match check {
        Check::RowCounts => database::row_counts(facts).await,
        Check::Schema => database::schema(facts).await,
        Check::Freshness => database::freshness(facts).await,
        Check::ApiHealth => answers(facts, "api", 8000, "/health").await,
        Check::Prediction => prediction(facts).await,
        Check::Documents => answers(facts, "api", 8000, "/docs/").await,
        Check::Description => {
            let url = format!("{}/openapi.json", at(facts, "api", 8000)?);
            Ok(exposed::judge_openapi(&facts.get_json(&url).await?))
        }
        Check::Metrics => metrics(facts).await,
        Check::ApiClock => clock::of_answer(facts, &format!("{}/health/live", at(facts, "api", 8000)?)).await,
        Check::PageHealth => answers(facts, "streamlit", 8501, "/_stcore/health").await,
        Check::Page => pages::page(facts).await,
        Check::Reach => reach::reach(facts).await,
        Check::Targets => monitoring::targets(facts).await,
        Check::Rules => {
            let url = format!("{}/api/v1/rules", at(facts, "prometheus", 9090)?);
            Ok(exposed::judge_rules(&facts.get_json(&url).await?))
        }
        Check::Alerts => monitoring::alerts(facts).await,
        Check::PrometheusClock => clock::of_prometheus(facts, &at(facts, "prometheus", 9090)?).await,
        Check::NodeMetrics => monitoring::node_metrics(facts).await,
        Check::Experiment => registry::experiment(facts).await,
        Check::RegisteredModel => registry::registered_model(facts).await,
        Check::Datasource => pages::datasource(facts).await,
        Check::Dashboards => pages::dashboards(facts).await,
    }
}

/// Where a service is reached from this machine.
pub(super) fn at<R: Runtime>(facts: &Facts<'_, R>, service: &str, port: u16) -> Result<String, String> {
    facts.address(service, port).ok_or_else(|| {
        format!("port {port} of {service} is not published, and its own address is not reached from here")
    })
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

/// Pikachu against Onix and the other way round: the odds sum to one and swap with the sides.
async fn prediction<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let url = format!("{}/predict/battle", at(facts, "api", 8000)?);
    let key = facts.setting("api", "API_KEY")?;
    let there = predict(facts, &url, &key, "Pikachu", "Onix").await?;
    let back = predict(facts, &url, &key, "Onix", "Pikachu").await?;
    Ok(judge_odds(&there, &back))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Failed { .. })
    }

    #[test]
    fn odds_must_sum_to_one_and_swap() {
        let odds = |a: f64, b: f64| json!({"probability_a": a, "probability_b": b, "winner": "Onix"});
        assert!(!failed(&judge_odds(&odds(0.2, 0.8), &odds(0.8, 0.2))));
        assert!(failed(&judge_odds(&odds(0.2, 0.8), &odds(0.7, 0.3))));
        assert!(failed(&judge_odds(&odds(0.2, 0.7), &odds(0.7, 0.2))));
        assert!(failed(&judge_odds(&json!({}), &json!({}))));
    }
}
