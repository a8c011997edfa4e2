//! Two services that have to agree on a variable, a password most often, and do not.

use std::collections::BTreeSet;

use super::Facts;
use crate::definition::model::{Definition, Service, ServiceName};
use crate::finding::Finding;

/// Parts of names that both sides of a connection must give the same value.
const SHARED: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "MYSQL_USER",
    "MYSQL_DATABASE",
];

/// A service and one that it depends on, directly or not, with different values of a shared variable. The values are not told.
pub(super) fn agreement(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        for above in upstream(facts.definition, &service.name) {
            let Some(other) = facts.definition.services.get(&above) else { continue };
            let differing = service.environment.iter().filter(|(name, value)| {
                let shared = SHARED.iter().any(|word| name.to_uppercase().contains(word));
                // A file's path is no password, and whoever has one of its own has a login of its own.
                let own = name.ends_with("_FILE") || (name.ends_with("_USER") && has_own_login(service));
                shared && !own && other.environment.get(*name).is_some_and(|theirs| theirs != *value)
            });
            findings.extend(differing.map(|(name, _)| {
                let message = format!("{} and {above} have different values for {name}", service.name);
                Finding::warning("preflight/variable-differs", message).hint(format!(
                    "{} depends on {above}: give both the same, from one line of .env",
                    service.name
                ))
            }));
        }
    }
    findings
}

fn has_own_login(service: &Service) -> bool {
    service.environment.keys().any(|name| name.ends_with("PASSWORD_FILE"))
}

fn upstream(definition: &Definition, service: &ServiceName) -> BTreeSet<ServiceName> {
    let mut seen = BTreeSet::new();
    let mut open = vec![service.clone()];
    while let Some(next) = open.pop() {
        let Some(service) = definition.services.get(&next) else { continue };
        open.extend(service.depends_on.keys().filter(|name| seen.insert((*name).clone())).cloned());
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;

    fn said(db: &str, api: &str) -> Vec<String> {
        let stage = Stage::new(&format!(
            "name: x\nservices:\n  db: {{ image: \"a:1\", environment: {{ {db} }} }}\n  job: {{ image: \"a:1\", depends_on: [db] }}\n  \
             api: {{ image: \"a:1\", depends_on: [job], environment: {{ {api} }} }}\n  \
             apart: {{ image: \"a:1\", environment: {{ POSTGRES_PASSWORD: third }} }}\n"
        ));
        Stage::said(agreement, &stage.facts())
    }

    #[test]
    fn two_passwords_for_one_database_are_told_and_not_shown() {
        let found = said("POSTGRES_PASSWORD: hidden-one", "POSTGRES_PASSWORD: hidden-two");
        assert_eq!(
            found,
            ["Warning preflight/variable-differs api and db have different values for POSTGRES_PASSWORD"]
        );
    }

    #[test]
    fn the_same_password_and_other_variables_are_fine() {
        assert_eq!(said("POSTGRES_PASSWORD: same", "POSTGRES_PASSWORD: same"), [""; 0]);
        assert_eq!(said("LOG_LEVEL: debug", "LOG_LEVEL: info"), [""; 0]);
        let (owner, reader) = (
            "POSTGRES_USER: owner, POSTGRES_PASSWORD_FILE: /a",
            "POSTGRES_USER: reader, POSTGRES_PASSWORD_FILE: /b",
        );
        assert_eq!(said(owner, reader), [""; 0], "a login of its own");
    }
}
