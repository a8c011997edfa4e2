//! The database watcher on a real PostgreSQL. Without `PDEX_TEST_POSTGRES_URL` these tests say so and pass; `make test` sets
//! it, as does `tests/with-postgres.sh`.

use std::sync::atomic::{AtomicU32, Ordering};

use api::state::{Api, Limits};
use api::watch;
use dex::{schema, store};
use tokio_postgres::{Client, Config, NoTls};

use crate::support::{Formula, empty_with, eventually, get};

/// A database of its own, dropped with [`Database::drop_it`].
struct Database {
    admin: Client,
    config: Config,
    name: String,
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
}

impl Database {
    async fn create() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(url) = std::env::var("PDEX_TEST_POSTGRES_URL") else {
            #[expect(
                clippy::print_stderr,
                reason = "a test that was not run must not look like one that was"
            )]
            {
                eprintln!(
                    "skipped: PDEX_TEST_POSTGRES_URL is not set; `make test` runs it, as does tests/with-postgres.sh"
                );
            }
            return None;
        };
        let mut config: Config = url.parse().unwrap();
        let admin = connect(&config).await;
        let name = format!("pdex_api_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        config.dbname(&name);
        Some(Self { admin, config, name })
    }

    fn settings(&self) -> store::Settings {
        let host = match &self.config.get_hosts()[0] {
            tokio_postgres::config::Host::Tcp(host) => host.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        };
        let password = String::from_utf8(self.config.get_password().unwrap_or_default().to_vec()).unwrap();
        store::Settings {
            host,
            port: self.config.get_ports()[0],
            database: self.name.clone(),
            user: self.config.get_user().unwrap_or_default().to_owned(),
            password: store::Password::new(password),
        }
    }

    async fn kill_sessions_of_the_api(&self) {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'pdex-api'";
        assert!(
            !self.admin.query(kill, &[&self.name]).await.unwrap().is_empty(),
            "the watcher has a session"
        );
    }

    async fn drop_it(self) {
        self.admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }
}

/// The smallest Pokédex the schema takes.
const POKEDEX: &str = "
    INSERT INTO types SELECT n, slug, slug, slug FROM unnest('{normal,fighting,flying,poison,ground,rock,bug,ghost,steel,fire,
        water,grass,electric,psychic,ice,dragon,dark,fairy}'::text[]) WITH ORDINALITY AS t(slug, n);
    INSERT INTO type_effectiveness SELECT a, d, 2 FROM generate_series(1, 18) a, generate_series(1, 18) d;
    INSERT INTO species VALUES (25, 'pikachu', 'Pikachu', 'Pikachu');
    INSERT INTO pokemon VALUES (25, 25, 'pikachu', 'base', 'Pikachu', 'Pikachu', 35, 55, 40, 50, 50, 90, 60, 4);
    INSERT INTO pokemon_types VALUES (25, 1, 13);";

const RUN: &str = "INSERT INTO etl_runs (source, status, finished_at) VALUES ('snapshot', 'loaded', now())";

fn detail(api: &Api) -> Option<String> {
    api.failing().into_iter().find(|check| check.check == "database").map(|check| check.detail)
}

#[tokio::test]
async fn the_watcher_follows_the_database_through_its_life() {
    let Some(database) = Database::create().await else { return };
    let api = empty_with(Limits::default(), None);
    api.set_model(Box::new(Formula::new()));
    let watcher = tokio::spawn(watch::database(api.clone(), database.settings()));

    eventually("the schema is missed", || detail(&api).is_some_and(|d| d.contains("schema version 0"))).await;
    let mut client = connect(&database.config).await;
    schema::migrate(&mut client).await.unwrap();
    eventually("the data is missed", || detail(&api).is_some_and(|d| d.contains("no Pokédex yet"))).await;
    client.batch_execute(POKEDEX).await.unwrap();
    client.batch_execute(RUN).await.unwrap();
    eventually("it becomes ready", || api.failing().is_empty()).await;
    assert_eq!(get(&api, "/pokemon/pikachu").await.status, 200);

    database.kill_sessions_of_the_api().await;
    eventually("the loss is seen", || detail(&api).is_some()).await;
    assert_eq!(get(&api, "/pokemon/pikachu").await.status, 200, "reads go on without the database");
    eventually("it recovers", || api.failing().is_empty()).await;

    client.batch_execute("UPDATE pokemon SET name_fr = 'Pikatchou'").await.unwrap();
    client.batch_execute(RUN).await.unwrap();
    let renamed = || api.snapshot().catalogue().is_ok_and(|c| c.find_pokemon("pikatchou").is_some());
    eventually("a new run is read", renamed).await;

    watcher.abort();
    database.drop_it().await;
}

#[tokio::test]
async fn an_account_that_is_refused_is_not_named_to_clients() {
    let Some(database) = Database::create().await else { return };
    let api = empty_with(Limits::default(), None);
    let mut settings = database.settings();
    settings.password = store::Password::new("hunter2");
    let watcher = tokio::spawn(watch::database(api.clone(), settings));
    eventually("the refusal is seen", || detail(&api).is_some_and(|d| d == "cannot connect")).await;
    watcher.abort();
    database.drop_it().await;
}
