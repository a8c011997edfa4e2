//! What the environment says. Reads it through a lookup; only `main` touches the real one.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use dex::store;
use subtle::ConstantTimeEq as _;

/// Where the service listens unless `API_BIND` says otherwise.
const DEFAULT_BIND: &str = "0.0.0.0:8000";

/// An API key: its Debug prints `***`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Compares in time that depends on the lengths only.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The service's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    pub bind: SocketAddr,
    pub database: store::Settings,
    pub model_dir: PathBuf,
    /// Asked of clients when set.
    pub key: Option<Secret>,
}

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Database(#[from] store::SettingsError),
    #[error("{variable} is {value:?}, which is not {expected}")]
    Invalid { variable: &'static str, value: String, expected: &'static str },
    #[error(
        "DEV_MODE is not true and API_KEY is empty: set API_KEY, or DEV_MODE=true to serve without a key"
    )]
    NoKey,
}

impl Settings {
    /// Reads `POSTGRES_*`, `MODEL_DIR` (default `models`), `API_BIND` (default `0.0.0.0:8000`), `DEV_MODE` (default false)
    /// and `API_KEY`. An empty variable counts as not set. Every problem is returned.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<SettingsError>> {
        let database = store::Settings::from_lookup(lookup).map_err(SettingsError::from);
        let bind = bind(lookup);
        let key = key(lookup);
        let model_dir = lookup("MODEL_DIR").filter(|v| !v.is_empty()).unwrap_or_else(|| "models".to_owned());
        match (database, bind, key) {
            (Ok(database), Ok(bind), Ok(key)) => {
                Ok(Self { bind, database, model_dir: PathBuf::from(model_dir), key })
            }
            (database, bind, key) => {
                Err([database.err(), bind.err(), key.err()].into_iter().flatten().collect())
            }
        }
    }
}

/// The listening address alone: what `healthcheck` needs.
pub fn bind(lookup: &dyn Fn(&str) -> Option<String>) -> Result<SocketAddr, SettingsError> {
    let value = lookup("API_BIND").filter(|v| !v.is_empty()).unwrap_or_else(|| DEFAULT_BIND.to_owned());
    value.parse().map_err(|_| SettingsError::Invalid {
        variable: "API_BIND",
        value,
        expected: "an address and port, such as 0.0.0.0:8000",
    })
}

fn key(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Secret>, SettingsError> {
    let dev_mode = match lookup("DEV_MODE").as_deref().map(str::trim) {
        None | Some("" | "0") => false,
        Some("1") => true,
        Some(value) if value.eq_ignore_ascii_case("true") => true,
        Some(value) if value.eq_ignore_ascii_case("false") => false,
        Some(value) => {
            return Err(SettingsError::Invalid {
                variable: "DEV_MODE",
                value: value.to_owned(),
                expected: "true or false",
            });
        }
    };
    match lookup("API_KEY").filter(|key| !key.is_empty()) {
        _ if dev_mode => Ok(None),
        Some(key) => Ok(Some(Secret::new(key))),
        None => Err(SettingsError::NoKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: [(&str, &str); 3] =
        [("POSTGRES_DB", "d"), ("POSTGRES_USER", "u"), ("POSTGRES_PASSWORD", "hunter2")];

    fn read(more: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let all: Vec<_> = DATABASE.iter().chain(more).copied().collect();
        Settings::from_lookup(&|name| {
            all.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_key_is_asked_for_unless_in_dev_mode() {
        for (variables, asked) in [
            (&[("DEV_MODE", "true")][..], Some(false)),
            (&[("DEV_MODE", "TRUE"), ("API_KEY", "k")], Some(false)),
            (&[("DEV_MODE", "false"), ("API_KEY", "k")], Some(true)),
            (&[("API_KEY", "k")], Some(true)),
            (&[("DEV_MODE", "false")], None),
            (&[("DEV_MODE", "false"), ("API_KEY", "")], None),
            (&[], None),
        ] {
            assert_eq!(read(variables).ok().map(|s| s.key.is_some()), asked, "{variables:?}");
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let errors =
            read(&[("POSTGRES_PORT", "x"), ("API_BIND", "8000"), ("DEV_MODE", "maybe")]).unwrap_err();
        assert_eq!(
            errors,
            [
                "POSTGRES_PORT is \"x\", which is not a port (1 to 65535)",
                "API_BIND is \"8000\", which is not an address and port, such as 0.0.0.0:8000",
                "DEV_MODE is \"maybe\", which is not true or false",
            ]
        );
    }

    #[test]
    fn debug_hides_the_secrets() {
        let shown = format!("{:?}", read(&[("API_KEY", "topsecret")]).unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("topsecret"), "{shown}");
    }

    #[test]
    fn keys_match_whole() {
        let key = Secret::new("abc");
        assert!(key.matches(b"abc"));
        for wrong in [&b""[..], b"ab", b"abcd", b"abd"] {
            assert!(!key.matches(wrong));
        }
    }
}
