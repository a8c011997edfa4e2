//! What a run is told by its environment, read once through a lookup that `main` supplies.

use std::time::Duration;

use dex::store::{self, SettingsError};

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

/// Everything `etl run` needs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub database: store::Settings,
    pub choice: Choice,
    pub pokeapi: String,
    /// How long to wait for a database that does not answer yet.
    pub database_wait: Duration,
    /// How long to wait for another run.
    pub lock_wait: Duration,
    /// How long `PokéAPI` may take altogether.
    pub live_budget: Duration,
}

impl Settings {
    /// Reads the database's variables, `ETL_SOURCE` (default `snapshot`), `POKEAPI_BASE_URL`, and in seconds
    /// `ETL_DB_WAIT_S` (default 60).
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let value = |variable| lookup(variable).filter(|value| !value.is_empty());
        let choice = match value("ETL_SOURCE").as_deref() {
            None | Some("snapshot") => Choice::Snapshot,
            Some("live") => Choice::Live,
            Some("auto") => Choice::Auto,
            Some(other) => return Err(invalid("ETL_SOURCE", other, "snapshot, live or auto")),
        };
        let database_wait_s = match value("ETL_DB_WAIT_S") {
            None => 60,
            Some(text) => text
                .parse::<u32>()
                .map_err(|_| invalid("ETL_DB_WAIT_S", &text, "a whole number of seconds"))?,
        };
        Ok(Self {
            database: store::Settings::from_lookup(lookup)?,
            choice,
            pokeapi: pokeapi_base_url(lookup),
            database_wait: Duration::from_secs(database_wait_s.into()),
            lock_wait: Duration::from_mins(5),
            live_budget: Duration::from_mins(if choice == Choice::Auto { 2 } else { 10 }),
        })
    }
}

/// `POKEAPI_BASE_URL`, or the public instance.
pub fn pokeapi_base_url(lookup: &dyn Fn(&str) -> Option<String>) -> String {
    lookup("POKEAPI_BASE_URL")
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "https://pokeapi.co/api/v2".to_owned())
}

fn invalid(variable: &'static str, value: &str, expected: &'static str) -> SettingsError {
    SettingsError::Invalid { variable, value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Settings};

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
        assert_eq!(settings.pokeapi, "https://pokeapi.co/api/v2");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        for (variable, value, message) in [
            ("ETL_SOURCE", "Live", "ETL_SOURCE is \"Live\", which is not snapshot, live or auto"),
            ("ETL_DB_WAIT_S", "-1", "ETL_DB_WAIT_S is \"-1\", which is not a whole number of seconds"),
            ("POSTGRES_PORT", "x", "POSTGRES_PORT is \"x\", which is not a port (1 to 65535)"),
        ] {
            assert_eq!(from(&[(variable, value)]).unwrap_err(), message);
        }
    }
}
