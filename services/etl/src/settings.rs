//! What a run is told by its environment, read once through a lookup that `main` supplies.

use std::path::PathBuf;
use std::time::Duration;

use dex::store::{self, SettingsError};

use crate::fetch::Politeness;
use crate::pokepedia;

/// Requests at once to a server of this machine: enough to hide tens of milliseconds of each answer.
const ON_THIS_MACHINE: usize = 32;

/// Where the data may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// What ships with the program.
    Snapshot,
    /// `PokéAPI` or failure.
    Live,
    /// `PokéAPI`, and the snapshot where that gives nothing usable.
    Auto,
}

/// The live sources.
#[derive(Debug, Clone)]
pub struct Live {
    pub pokeapi: String,
    /// `None`: the witness is not asked.
    pub pokepedia: Option<String>,
    pub pokeapi_interval: Duration,
    pub pokepedia_interval: Duration,
    /// How long each may take altogether.
    pub pokeapi_budget: Duration,
    pub pokepedia_budget: Duration,
    pub politeness: Politeness,
    /// Where documents are kept between runs; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// How long a kept document is used without asking whether it changed.
    pub cache_fresh_for: Duration,
}

/// Everything `etl run` needs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub database: store::Settings,
    pub choice: Choice,
    pub live: Live,
    /// How long to wait for a database that does not answer yet.
    pub database_wait: Duration,
    /// How long to wait for another run.
    pub lock_wait: Duration,
    /// Where metrics are written for node-exporter's textfile collector.
    pub metrics_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the database's variables, `ETL_SOURCE` (default `snapshot`), `ETL_DB_WAIT_S` (default 60), `ETL_METRICS_FILE` and the
    /// live sources' variables.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let value = |variable| lookup(variable).filter(|value| !value.is_empty());
        let choice = match value("ETL_SOURCE").as_deref() {
            None | Some("snapshot") => Choice::Snapshot,
            Some("live") => Choice::Live,
            Some("auto") => Choice::Auto,
            Some(other) => return Err(invalid("ETL_SOURCE", other, "snapshot, live or auto")),
        };
        let mut live = Live::from_lookup(lookup)?;
        if choice == Choice::Auto {
            live.pokeapi_budget = Duration::from_mins(2);
        }
        Ok(Self {
            database: store::Settings::from_lookup(lookup)?,
            choice,
            live,
            database_wait: Duration::from_secs(whole(lookup, "ETL_DB_WAIT_S", 60)?),
            lock_wait: Duration::from_mins(5),
            metrics_file: value("ETL_METRICS_FILE").map(PathBuf::from),
        })
    }
}

impl Live {
    /// Reads `POKEAPI_BASE_URL`, `POKEPEDIA_BASE_URL` (`off` asks nobody), `POKEAPI_INTERVAL_MS`, `POKEPEDIA_INTERVAL_MS`,
    /// `ETL_CACHE_DIR` and `ETL_CACHE_FRESH_S`.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let value = |variable| lookup(variable).filter(|value| !value.is_empty());
        let pokeapi = value("POKEAPI_BASE_URL").unwrap_or_else(|| "https://pokeapi.co/api/v2".to_owned());
        let pokepedia = value("POKEPEDIA_BASE_URL").unwrap_or_else(|| "https://www.pokepedia.fr".to_owned());
        // What is on this machine is nobody else's to be spared.
        let own = ["://127.0.0.1", "://localhost", "://[::1]"].iter().any(|host| pokeapi.contains(host));
        let pokeapi_interval_ms = whole(lookup, "POKEAPI_INTERVAL_MS", if own { 0 } else { 20 })?;
        let requests_at_once = if own { ON_THIS_MACHINE } else { Politeness::default().requests_at_once };
        let second_ms = u64::try_from(pokepedia::INTERVAL.as_millis()).unwrap_or(1000);
        Ok(Self {
            pokeapi,
            pokepedia: Some(pokepedia).filter(|url| url != "off"),
            pokeapi_interval: Duration::from_millis(pokeapi_interval_ms),
            pokepedia_interval: Duration::from_millis(whole(lookup, "POKEPEDIA_INTERVAL_MS", second_ms)?),
            pokeapi_budget: Duration::from_mins(10),
            pokepedia_budget: Duration::from_mins(10),
            politeness: Politeness { requests_at_once, ..Politeness::default() },
            cache: value("ETL_CACHE_DIR").map(PathBuf::from),
            cache_fresh_for: Duration::from_secs(whole(lookup, "ETL_CACHE_FRESH_S", 12 * 3600)?),
        })
    }
}

fn whole(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &'static str,
    default: u64,
) -> Result<u64, SettingsError> {
    match lookup(variable).filter(|value| !value.is_empty()) {
        None => Ok(default),
        Some(text) => text.parse::<u32>().map(u64::from).map_err(|_| {
            invalid(variable, &text, if variable.ends_with("_MS") { MILLISECONDS } else { SECONDS })
        }),
    }
}

const SECONDS: &str = "a whole number of seconds";
const MILLISECONDS: &str = "a whole number of milliseconds";

fn invalid(variable: &'static str, value: &str, expected: &'static str) -> SettingsError {
    SettingsError::Invalid { variable, value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Settings};
    use crate::pokepedia;

    fn from(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let database = [("POSTGRES_DB", "d"), ("POSTGRES_USER", "u"), ("POSTGRES_PASSWORD", "p")];
        Settings::from_lookup(&|name| {
            pairs.iter().chain(&database).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn the_shipped_snapshot_is_the_default() {
        let settings = from(&[("ETL_SOURCE", "")]).unwrap();
        assert_eq!(settings.choice, Choice::Snapshot);
        assert_eq!(settings.live.pokeapi, "https://pokeapi.co/api/v2");
        assert_eq!(settings.live.pokepedia_interval, pokepedia::INTERVAL);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        for (variable, value, message) in [
            ("ETL_SOURCE", "Live", "ETL_SOURCE is \"Live\", which is not snapshot, live or auto"),
            ("ETL_DB_WAIT_S", "-1", "ETL_DB_WAIT_S is \"-1\", which is not a whole number of seconds"),
            (
                "POKEAPI_INTERVAL_MS",
                "1s",
                "POKEAPI_INTERVAL_MS is \"1s\", which is not a whole number of milliseconds",
            ),
            ("POSTGRES_PORT", "x", "POSTGRES_PORT is \"x\", which is not a port (1 to 65535)"),
        ] {
            assert_eq!(from(&[(variable, value)]).unwrap_err(), message);
        }
    }
}
