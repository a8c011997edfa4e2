//! Waits for a database that is still starting: short probes up to a deadline, and no second try where trying cannot help.

use std::time::Duration;

use dex::store::{self, StoreError};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const PROBE: Duration = Duration::from_secs(3);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    #[error("the database did not answer within {seconds} s")]
    Timeout { seconds: u64, source: Option<StoreError> },
    #[error(transparent)]
    Refused(StoreError),
}

/// Connects, trying again until the deadline while the database is not there yet.
pub async fn for_database(settings: &store::Settings, longest: Duration) -> Result<Client, WaitError> {
    let deadline = Instant::now() + longest;
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let error = match timeout(PROBE, store::connect(settings)).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) if is_permanent(&error) => return Err(WaitError::Refused(error)),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        if Instant::now() + pause >= deadline {
            return Err(WaitError::Timeout { seconds: longest.as_secs(), source: error });
        }
        if !told {
            tracing::info!("waiting for the database on {}:{}", settings.host, settings.port);
            told = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A server that answered and refused who we are or what we ask for will do so again.
fn is_permanent(error: &StoreError) -> bool {
    let StoreError::Connect { source, .. } = error else { return true };
    source.code().is_some_and(|code| {
        [
            &SqlState::INVALID_PASSWORD,
            &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            &SqlState::INVALID_CATALOG_NAME,
            &SqlState::INSUFFICIENT_PRIVILEGE,
        ]
        .contains(&code)
    })
}
