//! Takes secrets out of texts that leave the machine: those that the definition knows by value, and what looks like one. Pure, but
//! for the files that the definition names.

use crate::definition::model::{Definition, FileSource};

/// What stands in a secret's place.
const HIDDEN: &str = "***";
/// Parts of names whose values are nobody's business.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "private_key",
    "credential",
    "authorization",
    "cookie",
];
/// A shorter value would be taken out of words that it is part of.
const SHORTEST: usize = 4;

/// Knows the secrets of one definition.
#[derive(Clone)]
pub(super) struct Redactor {
    /// The longest first: one may be part of another.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

impl Redactor {
    /// Of everything that the definition gives its services under a telling name, and of its secrets.
    pub(super) fn new(definition: &Definition) -> Self {
        let environment = definition.services.values().flat_map(|service| &service.environment);
        let mut secrets: Vec<String> = environment
            .flat_map(|(name, value)| {
                let whole = is_secret(name).then(|| value.clone());
                whole.into_iter().chain(password(value).map(str::to_owned))
            })
            .collect();
        for object in definition.secrets.values() {
            secrets.extend(match &object.source {
                FileSource::Environment { value, .. } => {
                    value.as_ref().map(|value| value.reveal().to_owned())
                }
                // One that cannot be read cannot have been printed from there.
                FileSource::File(path) => std::fs::read_to_string(path).ok(),
                FileSource::Content(text) => Some(text.clone()),
            });
        }
        let mut secrets: Vec<String> = secrets.iter().map(|secret| secret.trim().to_owned()).collect();
        secrets.retain(|secret| secret.len() >= SHORTEST);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// A text without them.
    pub(super) fn text(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), HIDDEN);
            }
        }
        clean.lines().map(|line| userinfo(&assigned(line))).collect::<Vec<_>>().join("\n")
    }

    /// The definition without them: what has a telling name is hidden whatever its length.
    pub(super) fn definition(&self, definition: &Definition) -> Definition {
        let mut clean = definition.clone();
        for service in clean.services.values_mut() {
            for (name, value) in &mut service.environment {
                *value =
                    if is_secret(name) && !value.is_empty() { HIDDEN.to_owned() } else { self.text(value) };
            }
            for arguments in [&mut service.command, &mut service.entrypoint].into_iter().flatten() {
                for argument in arguments {
                    *argument = self.text(argument);
                }
            }
        }
        for object in clean.secrets.values_mut() {
            if let FileSource::Content(text) = &mut object.source {
                HIDDEN.clone_into(text);
            }
        }
        clean
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// The password of `scheme://user:password@host`.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (user, _) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    user.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
}

/// `…password=value`, `"token": "value"`, `Authorization: Bearer value`: without the value.
fn assigned(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut clean = String::with_capacity(line.len());
    let mut from = 0;
    while let Some((at, name)) = next_name(&lower, from) {
        let begin = value_after(line, at + name.len());
        let Some(begin) = begin else {
            clean.push_str(&line[from..at + name.len()]);
            from = at + name.len();
            continue;
        };
        clean.push_str(&line[from..begin]);
        from = begin + value_length(&line[begin..]);
        if from > begin {
            clean.push_str(HIDDEN);
        }
    }
    clean.push_str(&line[from..]);
    clean
}

fn next_name(lower: &str, from: usize) -> Option<(usize, &'static str)> {
    let found = NAMES.iter().filter_map(|name| Some((from + lower[from..].find(name)?, *name)));
    found.min_by_key(|(at, name)| (*at, std::cmp::Reverse(name.len())))
}

/// Where the value begins of a name that ends here; `None` where none is given.
fn value_after(line: &str, end: usize) -> Option<usize> {
    // The rest of the name: `POSTGRES_PASSWORD_FILE`, `tokens`.
    let rest = &line[end..];
    let named = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    let rest = &rest[named..];
    let quoted = rest.trim_start_matches(['"', '\'']);
    let spaced = quoted.trim_start();
    let assigned = spaced.strip_prefix([':', '='])?;
    let value = assigned.trim_start().trim_start_matches(['"', '\'']);
    Some(line.len() - value.len())
}

fn value_length(value: &str) -> usize {
    let scheme =
        ["bearer ", "basic "].into_iter().find(|scheme| value.to_ascii_lowercase().starts_with(scheme));
    let skip = scheme.map_or(0, str::len);
    let ends = |c: char| c.is_whitespace() || ['"', '\'', ',', '&', ';', '}', ')'].contains(&c);
    value[skip..].find(ends).map_or(value.len(), |end| skip + end)
}

/// `scheme://user:password@` without who it is.
fn userinfo(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || c == '"' || c == '\'')
            .unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                clean.push_str(HIDDEN);
                &after[at..]
            }
            None => after,
        };
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::model::{Service, ServiceName};

    fn redactor() -> (Redactor, Definition) {
        let mut definition = Definition::default();
        let environment = [
            ("POSTGRES_PASSWORD", "correct horse"),
            ("PIN_SECRET", "17"),
            ("DATABASE_URL", "postgres://app:battery@db:5432/x"),
            ("POSTGRES_USER", "letsgo"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let service = Service {
            name: ServiceName::new("db"),
            environment,
            command: Some(vec!["--key".to_owned(), "correct horse".to_owned()]),
            ..Service::default()
        };
        definition.services.insert(service.name.clone(), service);
        (Redactor::new(&definition), definition)
    }

    #[test]
    fn known_secrets_go_wherever_they_stand() {
        let (redactor, _) = redactor();
        assert_eq!(
            redactor.text("FATAL: `correct horse` refused, battery too"),
            "FATAL: `***` refused, *** too"
        );
        assert_eq!(
            redactor.text("user letsgo, pin 17"),
            "user letsgo, pin 17",
            "too short to be told from other text"
        );
    }

    #[test]
    fn what_looks_like_a_secret_goes_too() {
        let (redactor, _) = redactor();
        for (text, expected) in [
            ("connect password=hunter2 host=db", "connect password=*** host=db"),
            (r#"{"api_key": "abc-123", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            ("Authorization: Bearer abc.def", "Authorization: ***"),
            ("X-API-Key: k1, other", "X-API-Key: ***, other"),
            ("GET /?token=abc&page=2", "GET /?token=***&page=2"),
            ("see http://joe:pw@host:1/x and https://plain/y", "see http://***@host:1/x and https://plain/y"),
            (
                "password authentication failed for user \"x\"",
                "password authentication failed for user \"x\"",
            ),
            ("Set-Cookie: id=1; Path=/", "Set-Cookie: ***; Path=/"),
            ("no secrets here\nnor here", "no secrets here\nnor here"),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
    }

    #[test]
    fn the_definition_has_none_left() {
        let (redactor, definition) = redactor();
        let clean = redactor.definition(&definition);
        let service = &clean.services[&ServiceName::new("db")];
        assert_eq!(service.environment["POSTGRES_PASSWORD"], "***");
        assert_eq!(service.environment["PIN_SECRET"], "***");
        assert_eq!(service.environment["POSTGRES_USER"], "letsgo");
        assert!(!service.environment["DATABASE_URL"].contains("battery"));
        assert_eq!(service.command.as_deref().unwrap(), ["--key", "***"]);
        assert_eq!(format!("{redactor:?}"), "Redactor(2 secrets)");
    }
}
