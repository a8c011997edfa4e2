//! What the environment says. Reads it through a lookup; only `main` touches the real one.

use std::error::Error as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use dex::store;

use crate::cors::Cors;
use crate::gate::Rules;
use crate::keys::{Key, Keys, KeysError};

/// Where the service listens unless `API_BIND` says otherwise.
const DEFAULT_BIND: &str = "0.0.0.0:8000";

/// The service's settings.
#[derive(Debug)]
pub struct Settings {
    pub bind: SocketAddr,
    pub database: store::Settings,
    pub model_dir: PathBuf,
    pub gate: Rules,
    pub cors: Cors,
}

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Database(#[from] store::SettingsError),
    #[error("{variable} is {value:?}, which is not {expected}")]
    Invalid { variable: &'static str, value: String, expected: &'static str },
    #[error(
        "a key is required and there is none: set API_KEY, API_KEY_FILE or API_KEYS_FILE, or DEV_MODE=true to serve without a key"
    )]
    NoKey,
    #[error("API_KEYS_FILE: {0}{cause}", cause = .0.source().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Keys(#[from] KeysError),
}

impl Settings {
    /// Reads the database's variables, `MODEL_DIR` (default `models`), `API_BIND` (default `0.0.0.0:8000`), `API_CORS_ORIGINS`
    /// (default none) and what [`gate`] reads. An empty variable counts as not set. Every problem is returned.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<SettingsError>> {
        let lookup = &|name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let database = store::Settings::from_lookup(lookup).map_err(SettingsError::from);
        let bind = bind(lookup);
        let model_dir = lookup("MODEL_DIR").unwrap_or_else(|| "models".to_owned());
        let mut errors = Vec::new();
        let gate = gate(lookup, &mut errors);
        let cors = cors(lookup);
        match (database, bind, cors) {
            (Ok(database), Ok(bind), Ok(cors)) if errors.is_empty() => {
                Ok(Self { bind, database, model_dir: PathBuf::from(model_dir), gate, cors })
            }
            (database, bind, cors) => {
                let others = [database.err(), bind.err(), cors.err()].into_iter().flatten();
                Err(others.chain(errors).collect())
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

fn cors(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Cors, SettingsError> {
    let value = lookup("API_CORS_ORIGINS").unwrap_or_default();
    let expected = "a list of origins such as https://dex.example, separated by commas";
    Cors::parse(&value).ok_or(SettingsError::Invalid { variable: "API_CORS_ORIGINS", value, expected })
}

/// Requests per second of one address unless `API_RATE_LIMIT` says otherwise; none in development mode.
const DEFAULT_RATE: u32 = 200;

/// Reads `DEV_MODE` (default false), `API_KEY` or `API_KEY_FILE`, `API_KEYS_FILE`, `API_KEY_REQUIRED` (default: unless in development mode),
/// `API_RATE_LIMIT` (requests per second of one address, 0 for no limit) and `API_BEHIND_PROXY` (default false).
fn gate(lookup: &dyn Fn(&str) -> Option<String>, errors: &mut Vec<SettingsError>) -> Rules {
    let mut or = |read: Result<bool, SettingsError>, default| {
        read.unwrap_or_else(|error| {
            errors.push(error);
            default
        })
    };
    let dev_mode = or(flag(lookup, "DEV_MODE", false), true);
    let key_required = or(flag(lookup, "API_KEY_REQUIRED", !dev_mode), false);
    let behind_proxy = or(flag(lookup, "API_BEHIND_PROXY", false), false);
    let mut keys = Keys::default();
    let keys_file = lookup("API_KEYS_FILE").map(PathBuf::from);
    if let Some(path) = &keys_file {
        match Keys::read(path) {
            Ok(read) => keys = read,
            Err(error) => {
                errors.push(error.into());
                return Rules::default();
            }
        }
    }
    match store::secret(lookup, "API_KEY") {
        Ok(Some(key)) => keys.push(Key::unlimited("default", &key)),
        Ok(None) => {}
        Err(error) => {
            errors.push(error.into());
            return Rules::default();
        }
    }
    if key_required && keys.is_empty() {
        errors.push(SettingsError::NoKey);
    }
    let per_address = match lookup("API_RATE_LIMIT").map(|v| (v.parse::<u32>(), v)) {
        None => (!dev_mode).then_some(DEFAULT_RATE),
        Some((Ok(rate), _)) => (rate > 0).then_some(rate),
        Some((Err(_), value)) => {
            let expected = "a number of requests per second, or 0";
            errors.push(SettingsError::Invalid { variable: "API_RATE_LIMIT", value, expected });
            None
        }
    };
    Rules { keys, keys_file, key_required, per_address, behind_proxy }
}

fn flag(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &'static str,
    default: bool,
) -> Result<bool, SettingsError> {
    match lookup(variable) {
        None => Ok(default),
        Some(value) => match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(SettingsError::Invalid { variable, value, expected: "true or false" }),
        },
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
            (&[("DEV_MODE", "true"), ("API_KEY", "k"), ("API_KEY_REQUIRED", "true")], Some(true)),
            (&[("DEV_MODE", "true"), ("API_KEY_REQUIRED", "true")], None),
            (&[("DEV_MODE", "false"), ("API_KEY", "k")], Some(true)),
            (&[("DEV_MODE", "false"), ("API_KEY_REQUIRED", "false")], Some(false)),
            (&[("API_KEY", "k")], Some(true)),
            (&[("DEV_MODE", "false")], None),
            (&[("DEV_MODE", "false"), ("API_KEY", "")], None),
            (&[], None),
        ] {
            assert_eq!(read(variables).ok().map(|s| s.gate.key_required), asked, "{variables:?}");
        }
    }

    #[test]
    fn the_key_may_be_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from-a-file\n").unwrap();
        let path = file.path().display().to_string();
        let gate = read(&[("API_KEY_FILE", &path)]).unwrap().gate;
        assert!(gate.key_required && gate.keys.find(b"from-a-file").is_some());
        assert_eq!(
            read(&[("API_KEY_FILE", &path), ("API_KEY", "k")]).unwrap_err(),
            ["both API_KEY and API_KEY_FILE are set: unset one of them"]
        );
        let absent = read(&[("API_KEY_FILE", "/nowhere/key")]).unwrap_err();
        assert_eq!(absent, ["API_KEY_FILE is \"/nowhere/key\", which cannot be read: entity not found"]);
    }

    #[test]
    fn addresses_are_limited_unless_in_dev_mode() {
        for (variables, rate) in [
            (&[("DEV_MODE", "true")][..], Some(None)),
            (&[("API_KEY", "k")], Some(Some(200))),
            (&[("DEV_MODE", "true"), ("API_RATE_LIMIT", "5")], Some(Some(5))),
            (&[("API_KEY", "k"), ("API_RATE_LIMIT", "0")], Some(None)),
            (&[("API_KEY", "k"), ("API_RATE_LIMIT", "-1")], None),
        ] {
            assert_eq!(read(variables).ok().map(|s| s.gate.per_address), rate, "{variables:?}");
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let errors = read(&[
            ("POSTGRES_PORT", "x"),
            ("API_BIND", "8000"),
            ("DEV_MODE", "maybe"),
            ("API_CORS_ORIGINS", "*"),
            ("API_KEYS_FILE", "/nowhere/keys.json"),
        ])
        .unwrap_err();
        assert_eq!(
            errors,
            [
                "POSTGRES_PORT is \"x\", which is not a port (1 to 65535)",
                "API_BIND is \"8000\", which is not an address and port, such as 0.0.0.0:8000",
                "API_CORS_ORIGINS is \"*\", which is not a list of origins such as https://dex.example, separated by commas",
                "DEV_MODE is \"maybe\", which is not true or false",
                "API_KEYS_FILE: cannot read /nowhere/keys.json: No such file or directory (os error 2)",
            ]
        );
    }

    #[test]
    fn debug_hides_the_secrets() {
        let shown = format!("{:?}", read(&[("API_KEY", "topsecret")]).unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("topsecret"), "{shown}");
    }
}
