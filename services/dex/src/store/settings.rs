//! Where the database is and who asks: read from variables by name, through a lookup that the binary supplies.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

const PASSWORD: &str = "POSTGRES_PASSWORD";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A password: its Debug and Display print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How to reach the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: Password,
}

/// A variable that is missing or of the wrong kind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("{variable} is not set")]
    Missing { variable: &'static str },
    #[error("{variable} is {value:?}, which is not {expected}")]
    Invalid { variable: &'static str, value: String, expected: &'static str },
    #[error("both {variable} and {variable}_FILE are set: unset one of them")]
    Twice { variable: &'static str },
    #[error("{variable}_FILE is {path:?}, which cannot be read: {kind}")]
    Unreadable { variable: &'static str, path: String, kind: ErrorKind },
    #[error("{variable}_FILE is {path:?}, which is empty")]
    Empty { variable: &'static str, path: String },
}

/// A secret from `NAME`, or from the file that `NAME_FILE` names, without the line break at its end. Both at once is a contradiction.
pub fn secret(
    lookup: &dyn Fn(&str) -> Option<String>,
    variable: &'static str,
) -> Result<Option<String>, SettingsError> {
    let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let (given, path) = match (value(variable), value(&format!("{variable}_FILE"))) {
        (Some(_), Some(_)) => return Err(SettingsError::Twice { variable }),
        (given, None) => return Ok(given),
        (None, Some(path)) => (std::fs::read_to_string(&path), path),
    };
    match given.as_deref().map(|text| text.trim_end_matches(['\r', '\n'])) {
        Ok("") => Err(SettingsError::Empty { variable, path }),
        Ok(text) => Ok(Some(text.to_owned())),
        Err(error) => Err(SettingsError::Unreadable { variable, kind: error.kind(), path }),
    }
}

impl Settings {
    /// Reads `POSTGRES_HOST` (default `db`), `POSTGRES_PORT` (default 5432), `POSTGRES_DB`, `POSTGRES_USER` and
    /// `POSTGRES_PASSWORD` or `POSTGRES_PASSWORD_FILE`. An empty variable counts as not set.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |variable| lookup(variable).filter(|value| !value.is_empty());
        let required = |variable: &'static str| optional(variable).ok_or(SettingsError::Missing { variable });
        let port = match optional("POSTGRES_PORT") {
            None => 5432,
            Some(value) => match value.parse() {
                Ok(port) if port != 0 => port,
                _ => {
                    return Err(SettingsError::Invalid {
                        variable: "POSTGRES_PORT",
                        value,
                        expected: "a port (1 to 65535)",
                    });
                }
            },
        };
        Ok(Self {
            host: optional("POSTGRES_HOST").unwrap_or_else(|| "db".to_owned()),
            port,
            database: required("POSTGRES_DB")?,
            user: required("POSTGRES_USER")?,
            password: Password(
                secret(lookup, PASSWORD)?.ok_or(SettingsError::Missing { variable: PASSWORD })?,
            ),
        })
    }

    /// The driver's configuration, with a connection timeout of five seconds.
    pub fn to_config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .dbname(&self.database)
            .user(&self.user)
            .password(self.password.expose())
            .connect_timeout(CONNECT_TIMEOUT);
        config
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::{PASSWORD, Settings, SettingsError};

    fn from(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_lookup(&|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const REQUIRED: [(&str, &str); 3] =
        [("POSTGRES_DB", "letsgo_db"), ("POSTGRES_USER", "letsgo_user"), ("POSTGRES_PASSWORD", "hunter2")];

    #[test]
    fn host_and_port_have_defaults() {
        let settings = from(&REQUIRED).unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("db", 5432));
    }

    #[test]
    fn what_is_missing_is_named() {
        for left_out in 0..REQUIRED.len() {
            let mut pairs = REQUIRED.to_vec();
            let (variable, _) = pairs.remove(left_out);
            assert_eq!(from(&pairs), Err(SettingsError::Missing { variable }));
            pairs.push((variable, ""));
            assert_eq!(from(&pairs), Err(SettingsError::Missing { variable }), "empty is not set");
        }
    }

    #[test]
    fn a_port_that_is_none_names_variable_and_value() {
        for value in ["0", "65536", "-1", "5432 ", "postgres"] {
            let mut pairs = REQUIRED.to_vec();
            pairs.push(("POSTGRES_PORT", value));
            let message = from(&pairs).unwrap_err().to_string();
            assert_eq!(message, format!("POSTGRES_PORT is {value:?}, which is not a port (1 to 65535)"));
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let shown = format!("{:?}", from(&REQUIRED).unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    }

    #[test]
    fn the_password_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for (name, content) in [("good", "s3cret\n"), ("empty", "\n")] {
            std::fs::write(path(name), content).unwrap();
        }
        let with = |file: &str, more: &[(&str, &str)]| {
            let mut pairs = REQUIRED[..2].to_vec();
            pairs.push(("POSTGRES_PASSWORD_FILE", file));
            pairs.extend(more);
            from(&pairs)
        };
        let good = path("good");
        assert_eq!(with(&good, &[]).unwrap().password.expose(), "s3cret");
        assert_eq!(with("", &[("POSTGRES_PASSWORD", "p")]).unwrap().password.expose(), "p");
        let variable = PASSWORD;
        assert_eq!(with(&good, &[("POSTGRES_PASSWORD", "p")]), Err(SettingsError::Twice { variable }));
        let (empty, absent) = (path("empty"), path("absent"));
        assert_eq!(with(&empty, &[]), Err(SettingsError::Empty { variable, path: empty.clone() }));
        let kind = ErrorKind::NotFound;
        assert_eq!(
            with(&absent, &[]),
            Err(SettingsError::Unreadable { variable, path: absent.clone(), kind })
        );
    }
}
