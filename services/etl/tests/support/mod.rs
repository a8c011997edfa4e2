//! What the tests share: a PokéAPI of a few documents on loopback, and a database of their own on a real PostgreSQL.
#![allow(dead_code, reason = "every test binary uses its own part")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they skip"
)]

pub(crate) mod web;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dex::store::{self, Password};
use etl::counts::Counts;
use etl::pokeapi::Politeness;
use etl::settings::{Choice, Live, Settings};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::{Client, NoTls};

/// Documents by path below the API's base, with or without query.
pub(crate) type Site = BTreeMap<String, Value>;

/// The hand-written site: three species in six forms of the games, and one form that is not in them.
pub(crate) fn fixture() -> Site {
    serde_json::from_str(include_str!("../fixtures/pokeapi.json")).unwrap()
}

/// What the fixture has.
pub(crate) const FIXTURE_COUNTS: Counts = Counts {
    types: 18,
    type_effectiveness: 324,
    species: 3,
    pokemon: 6,
    moves: 9,
    learnable_moves: 6,
    level_up: 8,
    machine: 2,
    tutor: 1,
    evolutions: 1,
    machines: 2,
    later_values: 5,
};

/// An answer other than the document: status line and extra header lines.
pub(crate) type Fault = Option<(&'static str, &'static str)>;

/// A running instance.
pub(crate) struct Instance {
    pub(crate) base_url: String,
    /// Path of every request, in order of arrival, and the User-Agent of the last.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    pub(crate) user_agent: Arc<Mutex<String>>,
    pub(crate) most_at_once: Arc<AtomicU32>,
}

/// Serves documents on a free loopback port until the runtime ends; `fault` may answer a path's nth request (from 1) instead.
pub(crate) async fn serve(
    site: Site,
    fault: impl Fn(&str, usize) -> Fault + Send + Sync + 'static,
) -> Instance {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let instance = Instance {
        base_url: format!("http://{}/api/v2", listener.local_addr().unwrap()),
        requests: Arc::default(),
        user_agent: Arc::default(),
        most_at_once: Arc::default(),
    };
    let (site, fault) = (Arc::new(site), Arc::new(fault));
    let (requests, user_agent) = (instance.requests.clone(), instance.user_agent.clone());
    let (most, now) = (instance.most_at_once.clone(), Arc::new(AtomicU32::new(0)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (site, fault, requests, user_agent) =
                (site.clone(), fault.clone(), requests.clone(), user_agent.clone());
            let (most, now) = (most.clone(), now.clone());
            tokio::spawn(async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                answer(stream, |path, agent| {
                    agent.clone_into(&mut user_agent.lock().unwrap());
                    let mut requests = requests.lock().unwrap();
                    requests.push(path.to_owned());
                    let nth = requests.iter().filter(|earlier| *earlier == path).count();
                    let bare = path.split('?').next().unwrap_or_default();
                    match (fault(path, nth), site.get(path).or_else(|| site.get(bare))) {
                        (Some((status, headers)), _) => {
                            (status.to_owned(), headers.to_owned(), String::new())
                        }
                        (None, Some(document)) => ("200 OK".to_owned(), String::new(), document.to_string()),
                        (None, None) => ("404 Not Found".to_owned(), String::new(), "Not Found".to_owned()),
                    }
                })
                .await;
                now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    instance
}

/// One request, one answer, one connection.
async fn answer(mut stream: TcpStream, respond: impl FnOnce(&str, &str) -> (String, String, String)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let agent =
        head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("user-agent: ").map(str::to_owned));
    let path = target.strip_prefix("/api/v2/").unwrap_or(target).trim_end_matches('/');
    let (status, headers, body) = respond(path, agent.as_deref().unwrap_or_default());
    let answer = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A client that gave up does not wait for its answer.
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// The client's manners with pauses short enough for tests.
pub(crate) fn brisk() -> Politeness {
    Politeness { first_pause: Duration::from_millis(1), ..Politeness::default() }
}

/// Live sources on loopback, asked without pauses and not kept.
pub(crate) fn live(pokeapi: &str, pokepedia: Option<&str>) -> Live {
    Live {
        pokeapi: pokeapi.to_owned(),
        pokepedia: pokepedia.map(str::to_owned),
        pokeapi_interval: Duration::ZERO,
        pokepedia_interval: Duration::ZERO,
        pokeapi_budget: Duration::from_mins(1),
        pokepedia_budget: Duration::from_mins(1),
        politeness: brisk(),
        cache: None,
        cache_fresh_for: Duration::from_hours(1),
    }
}

/// A database of its own, dropped by [`Database::drop_it`].
pub(crate) struct Database {
    admin: Client,
    pub(crate) settings: store::Settings,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// `None`, said on stderr, where no PostgreSQL is given.
    pub(crate) async fn create() -> Option<Self> {
        let Ok(url) = std::env::var("PDEX_TEST_POSTGRES_URL") else {
            eprintln!(
                "skipped: PDEX_TEST_POSTGRES_URL is not set; `make test` runs it, as does tests/with-postgres.sh"
            );
            return None;
        };
        let config: tokio_postgres::Config = url.parse().unwrap();
        let (admin, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = format!("etl_test_{}_{number}", std::process::id());
        admin.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else {
            panic!("not TCP: {url}")
        };
        let settings = store::Settings {
            host: host.clone(),
            port: config.get_ports()[0],
            database,
            user: config.get_user().unwrap().to_owned(),
            password: Password::new(String::from_utf8(config.get_password().unwrap().to_vec()).unwrap()),
        };
        Some(Self { admin, settings })
    }

    pub(crate) async fn connect(&self) -> Client {
        store::connect(&self.settings).await.unwrap()
    }

    /// Settings of a run on this database.
    pub(crate) fn run_settings(&self, choice: Choice, pokeapi: &str) -> Settings {
        Settings {
            database: self.settings.clone(),
            choice,
            live: live(pokeapi, None),
            database_wait: Duration::from_secs(10),
            lock_wait: Duration::from_secs(30),
            metrics_file: None,
        }
    }

    pub(crate) async fn drop_it(self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.settings.database);
        self.admin.batch_execute(&drop).await.unwrap();
    }
}

/// The first column of the rows of a query, as text.
pub(crate) async fn texts(client: &Client, query: &str) -> Vec<String> {
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
