//! Variables of containers. A value that is a secret is nowhere in the export: the variable refers to a Secret, and the report
//! says how that is made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::config::CREDENTIALS;
use super::container::escaped;
use super::stack::Stack;
use super::{Origin, Secret, image};
use crate::checks::audit;
use crate::definition::model::{Definition, Service, ServiceName};

/// Which key of the Secret a variable of a service has.
#[derive(Debug, Default)]
pub(super) struct Credentials(BTreeMap<(ServiceName, String), String>);

impl Credentials {
    /// One key for a variable that is the same everywhere; where services differ, one for each of them.
    pub(super) fn of(definition: &Definition) -> Self {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let secret = || {
            definition.services.values().flat_map(|service| {
                let own = service.environment.iter().filter(|(name, value)| is_secret(name, value));
                own.map(move |(name, value)| (&service.name, name, value))
            })
        };
        for (_, name, value) in secret() {
            values.entry(name).or_default().insert(value);
        }
        let keys = secret().map(|(service, name, _)| {
            let alike = values[name.as_str()].len() == 1;
            let key = if alike { name.clone() } else { format!("{service}.{name}") };
            ((service.clone(), name.clone()), key)
        });
        Self(keys.collect())
    }

    fn key(&self, service: &Service, name: &str) -> Option<&String> {
        self.0.get(&(service.name.clone(), name.to_owned()))
    }
}

/// Whether the value had better not be read by everyone who may read manifests.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    audit::is_secret(name, value) || holds_login(value)
}

/// `scheme://user:password@host`
fn holds_login(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(login, _)| login.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
}

/// The variables of a container, by their names; null where there are none.
pub(super) fn of(stack: &Stack<'_>, service: &Service) -> Value {
    let mut variables: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, value) in &service.environment {
        let source = match stack.credentials.key(service, name) {
            Some(key) => {
                json!({"name": name, "valueFrom": {"secretKeyRef": {"name": CREDENTIALS, "key": key}}})
            }
            None => json!({"name": name, "value": escaped(value)}),
        };
        variables.insert(name, source);
    }
    if let Some((name, value)) = image::data_folder(service) {
        variables.insert(name, json!({"name": name, "value": value}));
        let path = format!("services.{}.volumes", service.name);
        stack.changed(path, format!("{name} is set: PostgreSQL does not use the root of a volume"));
    }
    if variables.is_empty() { Value::Null } else { variables.into_values().collect() }
}

/// The Secret of the variables, and where its values are now.
pub(super) fn secret(stack: &Stack<'_>) -> Option<Secret> {
    let keys: BTreeMap<String, Origin> = stack
        .credentials
        .0
        .iter()
        // Of services that share a key the first is named.
        .rev()
        .map(|((service, name), key)| {
            let path = format!("services.{service}.environment.{name}");
            let variable = stack.written(&path).and_then(variable_of);
            (key.clone(), variable.map_or(Origin::Attribute(path), Origin::Variable))
        })
        .collect();
    (!keys.is_empty()).then(|| Secret { name: CREDENTIALS.to_owned(), keys })
}

/// The variable that a text is nothing but. One with a default may not be set.
fn variable_of(written: &str) -> Option<String> {
    let inside = written.strip_prefix("${")?.strip_suffix('}')?;
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let set = matches!(rest, "" | "-" | ":-") || rest.starts_with('?') || rest.starts_with(":?");
    (!name.is_empty() && set).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_in_addresses_are_secrets() {
        for (value, expected) in [
            ("postgresql://me:hunter2@db:5432/x", true),
            ("http://mlflow:5000", false),
            ("https://me@host/a:b@c", false),
            ("text", false),
        ] {
            assert_eq!(is_secret("DATABASE", value), expected, "{value}");
        }
        assert!(is_secret("POSTGRES_PASSWORD", "x") && !is_secret("API_KEY", ""));
        assert!(
            !is_secret("POSTGRES_PASSWORD_FILE", "/run/secrets/p") && !is_secret("API_KEY_REQUIRED", "true")
        );
    }

    #[test]
    fn the_variable_behind_a_value_is_named() {
        for (written, expected) in [
            ("${POSTGRES_PASSWORD:?set it}", Some("POSTGRES_PASSWORD")),
            ("${KEY}", Some("KEY")),
            ("${KEY:-}", Some("KEY")),
            ("${A:-${B}}", None),
            ("${A:-default}", None),
            ("x${A}", None),
            ("literal", None),
        ] {
            assert_eq!(variable_of(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn services_that_differ_have_keys_of_their_own() {
        let service = |name: &str, password: &str, key: &str| {
            let environment = [("DB_PASSWORD", password), ("API_KEY", key)];
            let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let name = ServiceName::new(name);
            (name.clone(), Service { name, environment, ..Service::default() })
        };
        let services = [service("a", "one", "k"), service("b", "two", "k")].into();
        let credentials = Credentials::of(&Definition { services, ..Definition::default() });
        let keys: BTreeSet<&str> = credentials.0.values().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(["API_KEY", "a.DB_PASSWORD", "b.DB_PASSWORD"]));
    }
}
