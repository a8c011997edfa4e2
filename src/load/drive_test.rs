//! The driver against servers of its own on the loopback: they answer, stall, refuse, hang up and talk nonsense.

use std::future::{pending, ready};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::load::Mode;
use crate::load::schedule::Order;
use crate::load::stub::Stub;
use crate::load::target::Target;

/// What a server does with each request.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Answer(&'static str),
    /// Answers nobody between these instants after its start.
    Stall(Duration, Duration),
    HangUp,
    Nonsense,
    Never,
    /// Answers, and closes the connection without saying so.
    CloseAfter,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Lives as long as the test's runtime.
async fn server(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let began = Instant::now();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, manner, began));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, manner: Manner, began: Instant) {
    let mut buffer = vec![0; 4096];
    // What the tests send fits one segment, and no client sends a second request before its answer.
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        let answer = match manner {
            Manner::Answer(answer) => answer,
            Manner::Stall(from, to) => {
                if (from..to).contains(&began.elapsed()) {
                    tokio::time::sleep_until(began + to).await;
                }
                OK
            }
            Manner::HangUp => return,
            Manner::Nonsense => "hello\r\n\r\n",
            Manner::Never => return pending().await,
            Manner::CloseAfter => {
                let _ = stream.write_all(OK.as_bytes()).await;
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn settings(address: SocketAddr, duration: Duration) -> Settings {
    let target = Target::parse(&address.to_string()).unwrap();
    Settings {
        door: Door::new(target, address, None, None).unwrap(),
        http: Http::One,
        connections: 8,
        streams: 1,
        patience: Duration::from_secs(5),
        duration,
        has_schedule: true,
    }
}

fn constant(rate: f64, duration: Duration) -> Order {
    let asks = crate::load::scenario::parse("requests: [{ get: /a }]").unwrap().asks;
    Order { mode: Mode::Constant, duration, rate, users: None, seed: 1, asks }
}

async fn run(manner: Manner, rate: f64, duration: Duration) -> Summary {
    let address = server(manner).await;
    send(constant(rate, duration), settings(address, duration)).await
}

async fn send(order: Order, settings: Settings) -> Summary {
    drive(order.shots(), settings, pending::<()>(), |_, _| {}).await.unwrap().0
}

const SHORT: Duration = Duration::from_millis(400);

#[tokio::test]
async fn every_request_is_sent_and_counted() {
    let summary = run(Manner::Answer(OK), 500.0, SHORT).await;
    assert_eq!((summary.offered, summary.answered(), summary.cut), (200, 200, 0));
    assert_eq!(summary.bytes, 400);
    assert_eq!(summary.moments.iter().map(|moment| moment.ended).sum::<u64>(), 200);
    assert!((summary.achieved_share() - 1.0).abs() < 1e-9);
    assert!(summary.connections <= 8, "they are kept: {}", summary.connections);
}

#[tokio::test]
async fn a_stall_of_two_seconds_is_seen_by_all_who_came_meanwhile() {
    let stall = Manner::Stall(Duration::from_millis(500), Duration::from_millis(2_500));
    let summary = run(stall, 200.0, Duration::from_secs(4)).await;
    assert_eq!(summary.answered(), 800);
    let worst = summary.percentile(99.9);
    assert!(worst > Duration::from_millis(1_900), "{worst:?}");
    let median = summary.percentile(60.0);
    assert!(median > Duration::from_millis(50), "half of them came during the stall: {median:?}");
    // What a loader would say that waits for its answers: eight requests out of 800 were slow.
    let told = summary.service_percentile(98.0);
    assert!(told < worst / 2, "{told:?} beside {worst:?}");
}

#[tokio::test]
async fn errors_have_their_kinds() {
    for (manner, kind) in [
        (Manner::HangUp, "closed"),
        (Manner::Nonsense, "no HTTP"),
        (Manner::Answer("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"), "status 500"),
    ] {
        let summary = run(manner, 50.0, SHORT).await;
        assert_eq!(summary.kinds.get(kind), Some(&20), "{manner:?}: {:?}", summary.kinds);
        assert_eq!((summary.errors(), summary.answered()), (20, 0));
    }
}

#[tokio::test]
async fn a_port_nobody_listens_on_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let summary = send(constant(50.0, SHORT), settings(address, SHORT)).await;
    assert_eq!(summary.kinds.get("refused"), Some(&20), "{:?}", summary.kinds);
    assert_eq!(summary.percentile(99.0), Duration::ZERO, "failing fast is not answering fast");
}

#[tokio::test]
async fn no_answer_ends_with_patience() {
    let address = server(Manner::Never).await;
    let settings = Settings { patience: Duration::from_millis(300), ..settings(address, SHORT) };
    let summary = send(constant(50.0, SHORT), settings).await;
    assert_eq!((summary.offered, summary.errors()), (20, 20), "{:?}", summary.kinds);
    assert!(summary.kinds.contains_key("timeout"), "{:?}", summary.kinds);
    assert!(
        summary.took < Duration::from_secs(5),
        "sooner than by the patience of the others: {:?}",
        summary.took
    );
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let summary = run(Manner::CloseAfter, 50.0, SHORT).await;
    assert_eq!((summary.answered(), summary.errors()), (20, 0), "{:?}", summary.kinds);
}

#[tokio::test]
async fn http2_sends_several_at_once_on_each_of_its_connections() {
    let stub = Stub::http2(Duration::from_millis(50)).await;
    let settings = Settings { http: Http::Two, connections: 2, streams: 8, ..settings(stub.address, SHORT) };
    let summary = send(constant(250.0, SHORT), settings).await;
    assert_eq!((summary.answered(), summary.errors()), (100, 0), "{:?}", summary.kinds);
    assert_eq!(summary.connections, 2);
    let most = stub.most_at_once.load(Ordering::Relaxed);
    assert!((3..=16).contains(&most), "a request takes 50 ms and one comes every 4 ms: {most}");
}

#[tokio::test]
async fn an_http2_server_that_says_goodbye_loses_no_request() {
    let stub = Stub::http2_for(Duration::from_millis(5), 7).await;
    let settings = Settings { http: Http::Two, connections: 2, streams: 4, ..settings(stub.address, SHORT) };
    let summary = send(constant(250.0, SHORT), settings).await;
    assert_eq!((summary.answered(), summary.errors()), (100, 0), "{:?}", summary.kinds);
    assert!(summary.connections > 5, "each takes a few requests more than seven: {}", summary.connections);
}

#[tokio::test]
async fn http2_is_not_sent_to_a_server_that_does_not_speak_it() {
    let address = server(Manner::Answer(OK)).await;
    let settings = Settings { http: Http::Two, ..settings(address, SHORT) };
    let summary = send(constant(50.0, SHORT), settings).await;
    assert_eq!((summary.answered(), summary.errors()), (0, 20), "{:?}", summary.kinds);
    assert!(summary.kinds.contains_key("no HTTP"), "{:?}", summary.kinds);
}

#[tokio::test]
async fn without_a_schedule_each_answer_calls_for_the_next_request() {
    let address = server(Manner::Answer(OK)).await;
    let order = Order { mode: Mode::Saturate, ..constant(1.0, SHORT) };
    let settings = Settings { has_schedule: false, connections: 2, ..settings(address, SHORT) };
    let summary = send(order.clone(), settings.clone()).await;
    assert!(summary.answered() > 10, "{}", summary.answered());
    assert_eq!((summary.offered, summary.errors()), (summary.answered(), 0), "{:?}", summary.kinds);
    assert_eq!(summary.connections, 2);
    assert!(summary.took < SHORT * 10, "{:?}", summary.took);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut refused = settings;
    refused.door.address = listener.local_addr().unwrap();
    drop(listener);
    let summary = send(order, refused).await;
    assert!(summary.answered() == 0 && summary.errors() <= 100, "no storm: {}", summary.errors());
}

#[tokio::test]
async fn the_wish_to_stop_ends_the_run_with_what_it_counted() {
    let address = server(Manner::Answer(OK)).await;
    let long = Duration::from_hours(1);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "stopped"
    };
    let (summary, said) =
        drive(constant(100.0, long).shots(), settings(address, long), stop, |_, _| {}).await.unwrap();
    assert_eq!(said, Some("stopped"));
    assert!((1..1_000).contains(&summary.offered), "{}", summary.offered);
    assert!(summary.took < Duration::from_secs(10), "of an hour: {:?}", summary.took);
    let (_, said) = drive(std::iter::empty(), settings(address, SHORT), ready(()), |_, _| {}).await.unwrap();
    assert_eq!(said, Some(()));
}
