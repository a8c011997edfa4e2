//! Reads the Pokédex from PostgreSQL. Writing it is the ETL's business.

mod settings;

use tokio_postgres::{Client, NoTls};

use crate::pokedex::{Evolution, Pokedex};
use crate::schema::{self, SchemaError};

pub use settings::{Password, Settings, SettingsError, secret};

/// Why the Pokédex could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot connect to database {database:?} on {host}:{port}")]
    Connect { host: String, port: u16, database: String, source: tokio_postgres::Error },
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the database holds no Pokédex yet: run the etl")]
    Empty,
    #[error("the Pokédex cannot be read from the database")]
    Query(#[source] tokio_postgres::Error),
    #[error("the database's Pokédex is not what this program expects")]
    Shape(#[source] serde_json::Error),
}

/// Opens one connection and drives it on the current tokio runtime until the client is dropped.
pub async fn connect(settings: &Settings) -> Result<Client, StoreError> {
    let (client, connection) =
        settings.to_config().connect(NoTls).await.map_err(|source| StoreError::Connect {
            host: settings.host.clone(),
            port: settings.port,
            database: settings.database.clone(),
            source,
        })?;
    // A lost connection shows as an error of the next statement; there is nothing else to do with it here.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// The whole Pokédex, ordered as [`Pokedex`] says, from one consistent view of the database.
pub async fn load(client: &Client) -> Result<Pokedex, StoreError> {
    schema::require_expected(client).await?;
    let filled = client
        .query_one("SELECT EXISTS (SELECT FROM types) AND EXISTS (SELECT FROM pokemon)", &[])
        .await
        .map_err(StoreError::Query)?;
    if !filled.get::<_, bool>(0) {
        return Err(StoreError::Empty);
    }
    let row = client.query_one(include_str!("load.sql"), &[]).await.map_err(StoreError::Query)?;
    serde_json::from_str(row.get(0)).map_err(StoreError::Shape)
}

/// Every evolution of the games, by id of the evolved Pokémon.
pub async fn evolutions(client: &Client) -> Result<Vec<Evolution>, StoreError> {
    let row = client.query_one(include_str!("evolutions.sql"), &[]).await.map_err(StoreError::Query)?;
    serde_json::from_str(row.get(0)).map_err(StoreError::Shape)
}
