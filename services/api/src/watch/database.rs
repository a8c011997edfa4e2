//! Asks the database every second, over one connection, which ETL run loaded last: proof that it answers, and the sign to
//! read the Pokédex anew.

use std::time::Duration;

use dex::schema::{self, SchemaError};
use dex::store::{self, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls, Statement};

use super::{Once, with_causes};
use crate::catalogue::Catalogue;
use crate::state::Api;

const ASK_EVERY: Duration = Duration::from_secs(1);
/// For one question to be answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// For the whole Pokédex to arrive.
const LOAD_WITHIN: Duration = Duration::from_secs(20);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Pauses after a failure: short at first, for a service that starts along with its database.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_millis(500);

const LAST_RUN: &str = "SELECT max(id) FROM etl_runs WHERE status IN ('loaded', 'unchanged')";

#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error("cannot connect")]
    Connect(#[source] tokio_postgres::Error),
    #[error("no answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("the schema is not the one expected")]
    Schema(#[from] SchemaError),
    #[error("a query failed")]
    Query(#[from] tokio_postgres::Error),
    #[error("cannot read the Pokédex")]
    Load(#[from] StoreError),
}

impl WatchError {
    /// What clients may know.
    fn public(&self) -> String {
        match self {
            Self::Connect(_) => "cannot connect".to_owned(),
            Self::Late(_) => "no answer in time".to_owned(),
            Self::Schema(error @ (SchemaError::Newer { .. } | SchemaError::Older { .. })) => {
                error.to_string()
            }
            Self::Load(error @ StoreError::Empty) => error.to_string(),
            Self::Schema(_) | Self::Query(_) | Self::Load(_) => "a query failed".to_owned(),
        }
    }
}

/// Runs for the life of the process.
pub async fn database(api: Api, settings: store::Settings) {
    let mut once = Once::default();
    let mut retry = RETRY_FIRST;
    // The run the Pokédex in memory is of; outlives connections.
    let mut loaded = None;
    loop {
        let Err(error) = session(&api, &settings, &mut loaded, &mut retry, &mut once).await;
        let cause = with_causes(&error);
        if once.begins(&cause) {
            tracing::warn!(cause, "database unusable; trying again");
        }
        api.database_failed(error.public());
        sleep(retry).await;
        retry = (retry * 2).min(RETRY_MAX);
    }
}

/// One connection, until it fails.
async fn session(
    api: &Api,
    settings: &store::Settings,
    loaded: &mut Option<i64>,
    retry: &mut Duration,
    once: &mut Once,
) -> Result<std::convert::Infallible, WatchError> {
    let connection = Connection::open(settings).await?;
    timeout(ANSWER_WITHIN, schema::require_expected(&connection.client)).await??;
    let statement = timeout(ANSWER_WITHIN, connection.client.prepare(LAST_RUN)).await??;
    loop {
        let run = timeout(ANSWER_WITHIN, last_run(&connection.client, &statement)).await??;
        if api.snapshot().catalogue.is_none() || run != *loaded {
            load(api, &connection.client).await?;
            *loaded = run;
        }
        api.database_answered();
        *retry = RETRY_FIRST;
        if once.ends() {
            tracing::info!("database answers");
        }
        sleep(ASK_EVERY).await;
    }
}

async fn last_run(client: &Client, statement: &Statement) -> Result<Option<i64>, tokio_postgres::Error> {
    Ok(client.query_one(statement, &[]).await?.get(0))
}

async fn load(api: &Api, client: &Client) -> Result<(), WatchError> {
    let dex = timeout(LOAD_WITHIN, store::load(client)).await??;
    let evolutions = timeout(LOAD_WITHIN, store::evolutions(client)).await??;
    tracing::info!(pokemon = dex.pokemon.len(), moves = dex.moves.len(), "Pokédex loaded");
    api.set_catalogue(Catalogue::new(dex, evolutions));
    Ok(())
}

/// A client and the task that drives it, which ends with it.
struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

impl Connection {
    async fn open(settings: &store::Settings) -> Result<Self, WatchError> {
        let mut config = settings.to_config();
        config.application_name("pdex-api");
        let connected = timeout(CONNECT_WITHIN, config.connect(NoTls)).await?;
        let (client, connection) = connected.map_err(WatchError::Connect)?;
        // Its error also reaches whoever waits on the client.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client, driver })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
