//! The floor the bench measures against: an axum handler that reads the body and answers the bytes of a battle's answer, on the same
//! accept loop settings as the service. `cargo run --release -p api --example empty -- 127.0.0.1:PORT`

#![expect(clippy::unwrap_used, reason = "a tool of the bench: what goes wrong ends it")]

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

const ANSWER: &str = r#"{"winner":"Onix","probability_a":0.45454545454545453,"probability_b":0.5454545454545454,"confidence":0.5454545454545454,"best_move_a":"Thunderbolt","best_move_b":"Rock Throw","method":"model","model":{"name":"battle_winner","version":"000000000000"},"simulation":null}"#;

#[tokio::main]
async fn main() {
    let bind = std::env::args().nth(1).unwrap();
    let listener = TcpListener::bind(bind).await.unwrap();
    let app = Router::new().route(
        "/predict/battle",
        post(async |body: Bytes| {
            drop(body);
            ([(CONTENT_TYPE, "application/json")], ANSWER)
        }),
    );
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
