//! Servers on loopback that answer as the platform's services do, until a fault changes an answer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use pdex::world::time::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Status and body. `{n}` in it is a number that grows, `{now}` the time in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// How far the server's clock is ahead.
    pub(crate) ahead_s: i64,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { status: 200, body: body.into(), ahead_s: 0 }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok("{}") }
    }
}

/// One server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stub {
    /// By path and, where it matters, a part of what was sent: `/predict/battle Onix`.
    answers: Rc<RefCell<BTreeMap<String, Answer>>>,
    hits: Rc<Cell<u64>>,
    turn: Rc<RefCell<Option<Turn>>>,
}

/// After so many requests of a path, other answers by key.
#[derive(Debug)]
struct Turn {
    path: &'static str,
    left: u32,
    answers: Vec<(&'static str, Answer)>,
}

impl Stub {
    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.answers.borrow_mut().insert(path.to_owned(), answer);
    }

    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Answer)) {
        change(self.answers.borrow_mut().get_mut(path).unwrap_or_else(|| panic!("nothing answers {path}")));
    }

    /// Once `path` was asked for `times` times, these are the answers.
    pub(crate) fn turn(&self, path: &'static str, times: u32, answers: Vec<(&'static str, Answer)>) {
        *self.turn.borrow_mut() = Some(Turn { path, left: times, answers });
    }

    /// Counts a request towards the turn.
    fn count(&self, request: &str) {
        let mut turn = self.turn.borrow_mut();
        let Some(coming) = turn.as_mut().filter(|turn| request.contains(turn.path)) else { return };
        coming.left -= 1;
        if coming.left == 0 {
            let answers = turn.take().map(|turn| turn.answers).unwrap_or_default();
            self.answers
                .borrow_mut()
                .extend(answers.into_iter().map(|(key, answer)| (key.to_owned(), answer)));
        }
    }

    /// Begins to serve, on the same thread; the port.
    pub(crate) async fn serve(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stub = self.clone();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stub = stub.clone();
                tokio::task::spawn_local(async move { stub.answer(stream).await });
            }
        });
        port
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        let mut piece = [0; 4_096];
        while !is_whole(&request) {
            match stream.read(&mut piece).await? {
                0 => return Ok(()),
                count => request.extend_from_slice(&piece[..count]),
            }
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let answer = self.find(&text);
        self.count(&text);
        self.hits.set(self.hits.get() + 1);
        if answer.status == 101 {
            stream.write_all(&socket(&answer.body)).await?;
            while stream.read(&mut piece).await? > 0 {}
            return Ok(());
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let theirs = since.as_secs_f64() + answer.ahead_s as f64;
        let body =
            answer.body.replace("{n}", &self.hits.get().to_string()).replace("{now}", &theirs.to_string());
        let head = format!(
            "HTTP/1.1 {} stub\r\ndate: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.status,
            date(i64::try_from(since.as_secs()).unwrap() + answer.ahead_s),
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await
    }

    /// The longest key whose words the request has.
    fn find(&self, request: &str) -> Answer {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let plain = path.split('?').next().unwrap_or_default();
        let answers = self.answers.borrow();
        let fits = |key: &str| {
            let (wanted, part) = key.split_once(' ').unwrap_or((key, ""));
            wanted == plain && request.contains(part)
        };
        let found = answers.iter().filter(|(key, _)| fits(key)).max_by_key(|(key, _)| key.len());
        found.map_or_else(|| Answer::status(404), |(_, answer)| answer.clone())
    }
}

/// A web socket on which a page is shown: a line for each element, an `error` with its words, and the end.
fn socket(page: &str) -> Vec<u8> {
    let mut bytes =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".to_vec();
    let field = |key: &[u8], content: &[u8]| [key, &[u8::try_from(content.len()).unwrap()], content].concat();
    let mut frame =
        |content: &[u8]| bytes.extend([&[0x82, u8::try_from(content.len()).unwrap()], content].concat());
    for line in page.lines() {
        // Fields of Streamlit's messages: exception 8 with its message 2, markdown 29, new_element 3, delta 5.
        let element = match line.strip_prefix("error ") {
            Some(words) => field(
                &[(8 << 3) | 2],
                &[field(&[(1 << 3) | 2], b"Error"), field(&[(2 << 3) | 2], words.as_bytes())].concat(),
            ),
            None => field(&[0xea, 0x01], line.as_bytes()),
        };
        frame(&field(&[(5 << 3) | 2], &field(&[(3 << 3) | 2], &element)));
    }
    // script_finished 6: successfully.
    frame(&[6 << 3, 0]);
    bytes
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; the day of the week is nobody's business.
fn date(seconds: i64) -> String {
    let text = Timestamp::from_seconds(seconds).to_string();
    let (date, clock) = text.split_once('T').unwrap();
    let parts: Vec<&str> = date.split('-').collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[parts[1].parse::<usize>().unwrap() - 1];
    format!("Sun, {} {month} {} {} GMT", parts[2], parts[0], &clock[..8])
}

/// The six servers of a platform that is well.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    pub(crate) api: Stub,
    pub(crate) streamlit: Stub,
    pub(crate) prometheus: Stub,
    pub(crate) node_exporter: Stub,
    pub(crate) mlflow: Stub,
    pub(crate) grafana: Stub,
}

impl Platform {
    pub(crate) fn well() -> Self {
        let stub = |answers: Vec<(&str, Answer)>| {
            let stub = Stub::default();
            for (path, answer) in answers {
                stub.set(path, answer);
            }
            stub
        };
        let json = |value: Value| Answer::ok(value.to_string());
        Self {
            api: stub(api()),
            streamlit: stub(vec![
                ("/_stcore/health", Answer::ok("ok")),
                (
                    "/",
                    Answer::ok(
                        "<html><script type=\"module\" src=\"./static/js/index.1.js\"></script></html>",
                    ),
                ),
                ("/static/js/index.1.js", Answer::ok("render()")),
                ("/_stcore/stream", Answer { status: 101, ..Answer::ok("title\npicker") }),
            ]),
            prometheus: stub(prometheus()),
            node_exporter: stub(vec![(
                "/metrics",
                Answer::ok(
                    "node_cpu_seconds_total 1\nnode_memory_MemTotal_bytes 1\nnode_disk_io_time_seconds_total 1\n",
                ),
            )]),
            mlflow: stub(mlflow()),
            grafana: stub(vec![
                ("/api/health", Answer::ok("{}")),
                ("/api/search", json(json!([{"title": "Model Performance"}, {"title": "API Performance"}]))),
                (
                    "/api/datasources",
                    json(json!([{"type": "prometheus", "name": "Prometheus", "uid": "prometheus"}])),
                ),
                ("/api/ds/query", json(json!({"results": {"A": {"frames": [{}, {}, {}]}}}))),
            ]),
        }
    }
}

pub(crate) const METRICS: &str = "api_requests_total{endpoint=\"/predict/battle\",method=\"POST\",status=\"200\"} {n}\n\
    api_request_duration_seconds_count{endpoint=\"/predict/battle\",method=\"POST\"} {n}\n\
    api_errors_total{endpoint=\"/predict/battle\",error_type=\"not_found\",method=\"POST\"} 0\n\
    model_predictions_total{model_name=\"m\"} {n}\n\
    model_prediction_latency_seconds_count{model_name=\"m\"} {n}\n\
    model_prediction_confidence_count{model_name=\"m\"} {n}\n";

fn api() -> Vec<(&'static str, Answer)> {
    let odds = |a: f64| json!({"probability_a": a, "probability_b": 1.0 - a, "winner": "Onix"}).to_string();
    let paths = json!({"openapi": "3.1.0", "paths": {"/health": {}, "/metrics": {}, "/predict/battle": {}}});
    vec![
        ("/health", Answer::ok("{}")),
        ("/health/live", Answer::ok("{}")),
        ("/docs/", Answer::ok("<html></html>")),
        ("/openapi.json", Answer::ok(paths.to_string())),
        ("/metrics", Answer::ok(METRICS)),
        ("/predict/battle \"pokemon_a\":\"Pikachu\"", Answer::ok(odds(0.25))),
        ("/predict/battle \"pokemon_a\":\"Onix\"", Answer::ok(odds(0.75))),
    ]
}

pub(crate) fn targets(health: &str, error: &str) -> Answer {
    scraped(health, error, "{now}")
}

/// The API's last scrape was at `at`, as a text; `{now}` is always just now.
pub(crate) fn scraped(health: &str, error: &str, at: &str) -> Answer {
    let target = |job: &str, health: &str, error: &str| json!({"labels": {"job": job}, "health": health, "lastError": error, "scrapeUrl": job, "lastScrape": at});
    let targets =
        [target("api", health, error), target("node-exporter", "up", ""), target("prometheus", "up", "")];
    Answer::ok(json!({"data": {"activeTargets": targets}}).to_string())
}

pub(crate) fn rules(health: &str, error: &str, alerts: &Value) -> Answer {
    let rule = json!({"type": "alerting", "name": "HighErrorRate", "query": "ratio > 0.05", "health": health, "lastError": error, "alerts": alerts});
    Answer::ok(json!({"data": {"groups": [{"rules": [rule]}]}}).to_string())
}

fn prometheus() -> Vec<(&'static str, Answer)> {
    let one = |value: &str| Answer::ok(json!({"data": {"result": [{"value": [0, value]}]}}).to_string());
    vec![
        ("/api/v1/targets", targets("up", "")),
        ("/api/v1/rules", rules("ok", "", &json!([]))),
        ("/api/v1/query query=time", Answer::ok(r#"{"data": {"result": [0, "{now}"]}}"#)),
        ("/api/v1/query query=ratio", one("1")),
        ("/api/v1/query query=sum", one("5")),
    ]
}

fn mlflow() -> Vec<(&'static str, Answer)> {
    let json = |value: Value| Answer::ok(value.to_string());
    let version = json!({"version": "1", "source": "mlflow-artifacts:/1/abc/artifacts/model"});
    let file = |name: &str, size: usize| json!({"path": name, "is_dir": false, "file_size": size});
    vec![
        ("/health", Answer::ok("OK")),
        (
            "/api/2.0/mlflow/experiments/search",
            json(
                json!({"experiments": [{"name": "Default", "experiment_id": "0"}, {"name": "battle_winner", "experiment_id": "1"}]}),
            ),
        ),
        ("/api/2.0/mlflow/runs/search", json(json!({"runs": [{"info": {"run_name": "training-1"}}]}))),
        (
            "/api/2.0/mlflow/registered-models/search",
            json(json!({"registered_models": [{"name": "battle_winner", "latest_versions": [version]}]})),
        ),
        (
            "/api/2.0/mlflow-artifacts/artifacts",
            json(json!({"files": [file("MLmodel", 8), file("model.json", 10)]})),
        ),
        ("/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/model/MLmodel", Answer::ok("flavors:")),
        ("/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/model/model.json", Answer::ok("{\"tree\":1}")),
    ]
}
