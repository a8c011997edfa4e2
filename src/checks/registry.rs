//! A round trip through MLflow: a run of its own is made, written to, read back and deleted; the files of the registered model are
//! fetched. Asks the server itself, as the trainer does.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::platform::at;
use super::{CheckResult, Facts, Outcome, root};
use crate::runtime::Runtime;

/// For one request.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where the run goes, apart from those of the trainer. It stays: MLflow keeps what was deleted, and its name with it.
const EXPERIMENT: &str = "pdex-check";
const PARAMETER: (&str, &str) = ("pokemon", "Pikachu");
const METRIC: (&str, f64) = ("odds", 0.625);
const TAG: (&str, &str) = ("purpose", "check");
const ARTIFACT: &str = "check.txt";

/// Each step, and what it proves.
const STEPS: [(&str, &str); 8] = [
    ("experiment", "there is a place for runs"),
    ("run", "a run can be begun"),
    ("parameter", "what it was given is kept"),
    ("metric", "what it measured is kept"),
    ("tag", "what it is called is kept"),
    ("artifact", "a file is kept as it was"),
    ("registered model", "every file of the newest versions can be fetched"),
    ("run deleted", "nothing is left of this check"),
];

struct Server<'a> {
    http: &'a Client,
    base: &'a str,
}

/// A run that was made.
struct Run {
    id: String,
    /// Below the server's artifacts.
    place: String,
}

/// Makes the round trip; a result per step, and those after a failure are skipped. The run is deleted whatever happened.
pub async fn round_trip(http: &Client, base: &str, now_ms: i64) -> Vec<CheckResult> {
    let server = Server { http, base };
    let mut steps = Vec::new();
    let run = server.begin(now_ms, &mut steps).await;
    if let Some(run) = &run {
        steps.extend(server.values(run, now_ms).await);
        steps.push(server.artifact(run).await);
    } else {
        steps.resize_with(6, || Err("no run was made".to_owned()));
    }
    steps.push(server.model().await);
    steps.push(match &run {
        Some(run) => server.delete(run).await,
        None => Ok(Outcome::Skipped("there is none".to_owned())),
    });
    let hint = || "pdex logs --tail 50 mlflow".to_owned();
    let outcomes = steps
        .into_iter()
        .map(|step| step.unwrap_or_else(|evidence| Outcome::Failed { evidence, hint: hint() }));
    let results = STEPS.into_iter().zip(outcomes);
    results.map(|((name, proves), outcome)| CheckResult::new("mlflow", name, proves, outcome)).collect()
}

type Step = Result<Outcome, String>;

/// Whether the trainer was told to record nothing.
fn is_off<R: Runtime>(facts: &Facts<'_, R>) -> bool {
    let trainer = facts.service("ml_builder");
    let told = trainer.and_then(|service| service.environment.get("DISABLE_MLFLOW_TRACKING"));
    told.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn off() -> Outcome {
    Outcome::Skipped("DISABLE_MLFLOW_TRACKING is set".to_owned())
}

/// An experiment with a run that ended well: that of the trainer, not that of [`round_trip`].
pub(super) async fn experiment<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "mlflow", 5000)?;
    facts.get(&format!("{base}/health")).await?;
    if is_off(facts) {
        return Ok(off());
    }
    let server = Server { http: facts.http, base: &base };
    let found = server.post("experiments/search", &json!({"max_results": 100})).await?;
    let experiments = found["experiments"].as_array().cloned().unwrap_or_default();
    let own = |name: &str| name != EXPERIMENT && name != "Default";
    let ids: Vec<&str> = experiments
        .iter()
        .filter(|experiment| experiment["name"].as_str().is_some_and(own))
        .filter_map(|experiment| experiment["experiment_id"].as_str())
        .collect();
    if ids.is_empty() {
        return Ok(Outcome::failed("there is no experiment of a training", "pdex up --rerun ml_builder"));
    }
    let order = json!({"experiment_ids": ids, "filter": "attributes.status = 'FINISHED'", "max_results": 1});
    let runs = server.post("runs/search", &order).await?;
    let names: Vec<&str> =
        experiments.iter().filter_map(|e| e["name"].as_str()).filter(|name| own(name)).collect();
    let name = names.join(", ");
    Ok(match runs["runs"][0]["info"]["run_name"].as_str() {
        Some(run) => Outcome::Passed(format!("{name}: last finished run {run}")),
        None => Outcome::failed(format!("{name} has no run that finished"), "pdex up --rerun ml_builder"),
    })
}

/// The newest version of each registered model, every file of it fetched.
pub(super) async fn registered_model<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    let base = at(facts, "mlflow", 5000)?;
    facts.get(&format!("{base}/health")).await?;
    if is_off(facts) {
        return Ok(off());
    }
    Server { http: facts.http, base: &base }.model().await
}

impl Server<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>, String> {
        let mut request =
            self.http.request(method, format!("{}/api/2.0/{path}", self.base)).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(body);
        }
        Self::answer(request, path).await
    }

    async fn answer(request: reqwest::RequestBuilder, path: &str) -> Result<Vec<u8>, String> {
        let answer = request.send().await.map_err(|e| root(&e))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| root(&e))?;
        if status.is_success() {
            return Ok(body.to_vec());
        }
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        Err(format!("{path}: HTTP {status} {}", said["message"].as_str().unwrap_or_default()))
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let bytes = self.ask(method, path, body).await?;
        serde_json::from_slice(&bytes).map_err(|e| format!("{path} did not answer JSON: {e}"))
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.json(Method::POST, &format!("mlflow/{path}"), Some(body)).await
    }

    async fn begin(&self, now_ms: i64, steps: &mut Vec<Step>) -> Option<Run> {
        let experiment = self.experiment().await;
        steps.push(experiment.clone().map(|id| Outcome::Passed(format!("{EXPERIMENT}, number {id}"))));
        let run = self.run(&experiment.ok()?, now_ms).await;
        match run {
            Ok(run) => {
                steps.push(Ok(Outcome::Passed(run.id.clone())));
                Some(run)
            }
            Err(error) => {
                steps.push(Err(error));
                None
            }
        }
    }

    async fn experiment(&self) -> Result<String, String> {
        let path = format!("mlflow/experiments/get-by-name?experiment_name={EXPERIMENT}");
        let found = self.json(Method::GET, &path, None).await.ok();
        let known = found.and_then(|answer| Some(answer["experiment"]["experiment_id"].as_str()?.to_owned()));
        if let Some(id) = known {
            return Ok(id);
        }
        let made = self.post("experiments/create", &json!({"name": EXPERIMENT})).await?;
        text(&made["experiment_id"])
    }

    async fn run(&self, experiment: &str, now_ms: i64) -> Result<Run, String> {
        let order =
            json!({"experiment_id": experiment, "run_name": "pdex mlflow-check", "start_time": now_ms});
        let made = self.post("runs/create", &order).await?;
        let info = &made["run"]["info"];
        let uri = text(&info["artifact_uri"])?;
        let place = place(&uri).ok_or_else(|| format!("artifacts go to {uri}, past the server"))?;
        Ok(Run { id: text(&info["run_id"])?, place })
    }

    /// Writes a parameter, a metric and a tag, and reads all three back.
    async fn values(&self, run: &Run, now_ms: i64) -> [Step; 3] {
        let id = &run.id;
        let parameter = json!({"run_id": id, "key": PARAMETER.0, "value": PARAMETER.1});
        let metric =
            json!({"run_id": id, "key": METRIC.0, "value": METRIC.1, "timestamp": now_ms, "step": 0});
        let tag = json!({"run_id": id, "key": TAG.0, "value": TAG.1});
        let (parameter, metric, tag) = tokio::join!(
            self.post("runs/log-parameter", &parameter),
            self.post("runs/log-metric", &metric),
            self.post("runs/set-tag", &tag),
        );
        let data = self.json(Method::GET, &format!("mlflow/runs/get?run_id={id}"), None).await;
        let data = data.map(|answer| answer["run"]["data"].clone());
        let read = |written: Result<Value, String>, kind: &str, (key, value): (&str, Value)| {
            written?;
            judge(data.as_ref().map_err(Clone::clone)?, kind, key, &value)
        };
        [
            read(parameter, "params", (PARAMETER.0, json!(PARAMETER.1))),
            read(metric, "metrics", (METRIC.0, json!(METRIC.1))),
            read(tag, "tags", (TAG.0, json!(TAG.1))),
        ]
    }

    async fn artifact(&self, run: &Run) -> Step {
        let path = format!("mlflow-artifacts/artifacts/{}/{ARTIFACT}", run.place);
        let content = format!("written by pdex mlflow-check into run {}\n", run.id);
        let put = self.http.put(format!("{}/api/2.0/{path}", self.base)).timeout(PATIENCE);
        Self::answer(put.body(content.clone()), &path).await?;
        let read = self.ask(Method::GET, &path, None).await?;
        if read == content.as_bytes() {
            return Ok(Outcome::Passed(format!("{ARTIFACT}, {} bytes, read back as written", read.len())));
        }
        Err(format!("{ARTIFACT} came back with {} bytes that are not those written", read.len()))
    }

    /// Fetches every file of the newest version of each registered model.
    async fn model(&self) -> Step {
        let answer = self.json(Method::GET, "mlflow/registered-models/search", None).await?;
        let models = answer["registered_models"].as_array().cloned().unwrap_or_default();
        let mut told = Vec::new();
        for model in &models {
            let name = text(&model["name"])?;
            let Some(newest) = model["latest_versions"].as_array().and_then(|all| all.last()) else {
                continue;
            };
            let (version, source) = (text(&newest["version"])?, text(&newest["source"])?);
            let Some(place) = place(&source) else {
                told.push(format!("{name} version {version} is at {source}, past the server"));
                continue;
            };
            let (files, bytes) = self.files(&place).await?;
            if !files.iter().any(|file| file == "MLmodel") {
                return Err(format!("{name} version {version} has no MLmodel among {}", files.join(", ")));
            }
            told.push(format!("{name} version {version}: {} files, {bytes} bytes", files.len()));
        }
        if told.is_empty() {
            return Ok(Outcome::failed("no model has a version", "pdex up --rerun ml_builder"));
        }
        Ok(Outcome::Passed(told.join("; ")))
    }

    /// Names of the files of a folder, each fetched, and their size together.
    async fn files(&self, place: &str) -> Result<(Vec<String>, usize), String> {
        let list = self.json(Method::GET, &format!("mlflow-artifacts/artifacts?path={place}"), None).await?;
        let files = list["files"].as_array().cloned().unwrap_or_default();
        let (mut names, mut bytes) = (Vec::new(), 0);
        for file in files.iter().filter(|file| file["is_dir"] != true) {
            let name = text(&file["path"])?;
            let name = name.rsplit('/').next().unwrap_or(&name).to_owned();
            let content =
                self.ask(Method::GET, &format!("mlflow-artifacts/artifacts/{place}/{name}"), None).await?;
            if file["file_size"].as_u64().is_some_and(|size| size != content.len() as u64) {
                return Err(format!(
                    "{name} has {} bytes, not the {} of its listing",
                    content.len(),
                    file["file_size"]
                ));
            }
            // What a loader would stumble over first: a model that breaks off.
            let is_json = Path::new(&name).extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
            if is_json && serde_json::from_slice::<serde::de::IgnoredAny>(&content).is_err() {
                return Err(format!("{name} is no JSON: {} bytes that break off", content.len()));
            }
            bytes += content.len();
            names.push(name);
        }
        Ok((names, bytes))
    }

    async fn delete(&self, run: &Run) -> Step {
        self.post("runs/delete", &json!({"run_id": run.id})).await?;
        let left = self.json(Method::GET, &format!("mlflow/runs/get?run_id={}", run.id), None).await?;
        match left["run"]["info"]["lifecycle_stage"].as_str() {
            Some("deleted") => Ok(Outcome::Passed(run.id.clone())),
            other => Err(format!("the run is {} after it was deleted", other.unwrap_or("of no stage"))),
        }
    }
}

/// What of a run's data should have this value.
fn judge(data: &Value, kind: &str, key: &str, value: &Value) -> Step {
    let found = data[kind].as_array().into_iter().flatten().find(|entry| entry["key"] == key);
    match found {
        Some(entry) if entry["value"] == *value => Ok(Outcome::Passed(format!("{key} = {value}, read back"))),
        Some(entry) => Err(format!("{key} came back as {}, not {value}", entry["value"])),
        None => Err(format!("{key} was written and is not there")),
    }
}

/// Below the server's own artifacts; none where they are elsewhere.
fn place(uri: &str) -> Option<String> {
    Some(uri.strip_prefix("mlflow-artifacts:/")?.trim_matches('/').to_owned())
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("an answer has {value} where a text belongs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_has_to_come_back() {
        let data = json!({"params": [{"key": "a", "value": "1"}], "metrics": [{"key": "b", "value": 0.5}]});
        assert!(judge(&data, "params", "a", &json!("1")).is_ok());
        assert!(judge(&data, "params", "a", &json!("2")).unwrap_err().contains("came back as \"1\""));
        assert!(judge(&data, "metrics", "b", &json!(0.5)).is_ok());
        assert!(judge(&data, "tags", "c", &json!("1")).unwrap_err().contains("is not there"));
    }

    #[test]
    fn artifacts_are_those_of_the_server() {
        assert_eq!(place("mlflow-artifacts:/1/abc/artifacts").as_deref(), Some("1/abc/artifacts"));
        assert_eq!(place("s3://bucket/1"), None);
    }

    #[tokio::test]
    async fn a_server_that_is_away_fails_at_the_first_step_and_leaves_the_others() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let http = Client::builder().no_proxy().build().unwrap();
        let results = round_trip(&http, &base, 0).await;
        let names: Vec<&str> = results.iter().map(|result| result.name).collect();
        assert_eq!(names, STEPS.map(|(name, _)| name));
        assert!(results[..7].iter().all(CheckResult::has_failed), "{results:?}");
        assert!(
            matches!(&results[0].outcome, Outcome::Failed { evidence, .. } if evidence.contains("refused"))
        );
        assert!(matches!(results[7].outcome, Outcome::Skipped(_)));
    }
}
