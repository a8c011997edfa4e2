//! Over real sockets on loopback: keep-alive, draining, watching the models folder.

use std::net::SocketAddr;
use std::time::Duration;

use api::app::app;
use api::serve::serve;
use api::state::Api;
use api::{healthcheck, watch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{eventually, get, ready};

const PATIENCE: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
}

async fn start(api: &Api, drain: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = app(api.clone());
    let shutdown = async move { drop(stopped.await) };
    let ended = tokio::spawn(serve(listener, api.clone(), router, shutdown, drain));
    Server { address, stop, ended }
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(end) {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(read > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
const HEAD: &[u8] = b"POST /predict/battle HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n";

#[tokio::test]
async fn one_connection_carries_many_requests_also_pipelined() {
    let server = start(&ready(), PATIENCE).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&LIVE.repeat(3)).await.unwrap();
    let mut text = String::new();
    while text.matches("{\"status\":\"live\"}").count() < 3 {
        text.push_str(&read_until(&mut stream, "live").await);
    }
    drop(stream);
    server.stop.send(()).unwrap();
    assert!(timeout(PATIENCE, server.ended).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_as_the_document_says() {
    let api = ready();
    let server = start(&api, PATIENCE).await;
    // As much as is read of a head, and no end of it.
    let mut endless = b"GET /types?x=".to_vec();
    endless.resize(16 * 1024, b'x');
    for (head, status) in [(&endless[..], "431"), (b"GET /types what\r\n\r\n", "400")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head).await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let document = get(&api, "/openapi.json").await.json();
    assert!(document["paths"]["/types"]["get"]["responses"]["431"]["description"].is_string(), "{document}");
}

#[tokio::test]
async fn draining_finishes_what_was_begun_and_takes_nothing_new() {
    let api = ready();
    let server = start(&api, PATIENCE).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(HEAD).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(LIVE).await.unwrap();
    read_until(&mut idle, "live").await;
    while api.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    server.stop.send(()).unwrap();
    // An idle connection is closed at once.
    assert_eq!(timeout(PATIENCE, idle.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
    busy.write_all(br#"{"pokemon_a": 25, "pokemon_b": 95}"#).await.unwrap();
    let answer = read_until(&mut busy, "\"model\"").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(timeout(PATIENCE, server.ended).await.unwrap().unwrap());
}

#[tokio::test]
async fn draining_has_a_deadline() {
    let api = ready();
    let server = start(&api, Duration::from_millis(50)).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(HEAD).await.unwrap();
    while api.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    server.stop.send(()).unwrap();
    assert!(!timeout(PATIENCE, server.ended).await.unwrap().unwrap());
}

#[tokio::test]
async fn the_health_check_asks_the_service() {
    let api = ready();
    let server = start(&api, PATIENCE).await;
    let ask = async || {
        let address = server.address;
        tokio::task::spawn_blocking(move || healthcheck::check(address)).await.unwrap()
    };
    ask().await.unwrap();
    api.begin_drain();
    assert!(ask().await.unwrap_err().to_string().contains("shutdown"));
}

#[tokio::test]
async fn a_model_that_does_not_load_leaves_the_one_in_use() {
    let api = ready();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("battle_winner.json"), "garbage").unwrap();
    std::fs::write(dir.path().join("battle_winner.metadata.json"), "garbage").unwrap();
    let watcher = tokio::spawn(watch::model(api.clone(), dir.path().to_owned()));
    let exposed = || String::from_utf8(api.metrics().render(0).unwrap()).unwrap();
    eventually("the model is refused", || exposed().contains("model_load_failures_total 1")).await;
    watcher.abort();
    let snapshot = api.snapshot();
    assert_eq!(snapshot.model().ok().map(|loaded| loaded.model.metadata().name.as_str()), Some("formula"));
    assert_eq!(get(&api, "/health").await.status, 200);
}
