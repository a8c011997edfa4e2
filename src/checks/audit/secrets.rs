//! Passwords and keys: where they are written down, who can read them, and whether they can be guessed. A value is never shown.

use super::{Advice, Facts, Hit, Look, Risk, Rule, Subject};
use crate::definition::model::{HealthTest, Service};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/secret-literal",
        risk: Risk::High,
        title: "secret written into a file",
        why: "everyone who gets the file, its history or a copy has the secret",
        fix: "put it into `secrets`, or into .env and write `${NAME:?}`; then change it, for it is known",
        references: &["CIS 4.10"],
        advice: Some(Advice::Passwords),
        look: Look::Definition(secret_literal),
    },
    Rule {
        id: "audit/secret-in-url",
        risk: Risk::High,
        title: "password in an address",
        why: "addresses are logged, shown in errors and passed on",
        fix: "write `scheme://${USER}:${PASSWORD:?}@host`, or give the password as a secret file",
        references: &["CIS 4.10"],
        advice: Some(Advice::Passwords),
        look: Look::Definition(secret_in_url),
    },
    Rule {
        id: "audit/secret-build-argument",
        risk: Risk::High,
        title: "secret as a build argument",
        why: "it stays in the history of the image, for everyone who has that",
        fix: "`build.secrets`, mounted for the one step that needs it",
        references: &["CIS 4.10"],
        advice: Some(Advice::Passwords),
        look: Look::Definition(secret_build_argument),
    },
    Rule {
        id: "audit/secret-in-environment",
        risk: Risk::Medium,
        title: "secret as an environment variable",
        why: "`docker inspect`, /proc and every error report show it to whoever may look",
        fix: "`secrets`, and the variable that ends in _FILE where the image knows one",
        references: &["CIS 4.10"],
        advice: Some(Advice::Passwords),
        look: Look::Definition(secret_in_environment),
    },
    Rule {
        id: "audit/weak-password",
        risk: Risk::High,
        title: "password that can be guessed",
        why: "it is empty, among the first that anyone tries, or so short that trying them all takes no time",
        fix: "take a random one: `openssl rand -base64 24`",
        references: &[],
        advice: Some(Advice::Passwords),
        look: Look::Definition(weak_password),
    },
    Rule {
        id: "audit/secret-file-readable",
        risk: Risk::Medium,
        title: "file of secrets that others may read",
        why: "every user and every service of the machine has what is in it",
        fix: "`chmod 600` it",
        references: &[],
        advice: Some(Advice::Passwords),
        look: Look::Stack(secret_file_readable),
    },
];

/// Parts of names of variables that hold secrets.
const SECRET: &[&str] = &[
    "PASSWORD",
    "PASSPHRASE",
    "PASSWD",
    "TOKEN",
    "SECRET",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "CREDENTIAL",
    "REQUIREPASS",
    "MASTERAUTH",
];
const SECRET_ENDS: &[&str] = &["_PASS", "_PWD", "_SALT", "_DSN", "_PAT"];
/// Parts of names of what is said about a secret.
const ABOUT: &[&str] = &[
    "TTL",
    "TIMEOUT",
    "EXPIR",
    "LIFETIME",
    "MAX_AGE",
    "MAXAGE",
    "ROTATION",
    "INTERVAL",
    "RETENTION",
    "DURATION",
    "SECONDS",
    "MINUTES",
    "HOURS",
    "DAYS",
    "LENGTH",
    "LIMIT",
    "SIZE",
    "POLICY",
    "ROUNDS",
    "ITERATIONS",
    "RETRIES",
    "ATTEMPTS",
    "TOKENS",
    "HISTORY",
    "COST",
    "PORT",
    "STRENGTH",
    "MIN_CHAR",
];

fn is_number(value: &str) -> bool {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    !digits.is_empty()
        && value.len() - digits.len() <= 2
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Whether a variable of this name with this value holds a secret.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let named =
        SECRET.iter().any(|part| name.contains(part)) || SECRET_ENDS.iter().any(|end| name.ends_with(end));
    let elsewhere = name.ends_with("_FILE")
        || name.ends_with("_PATH")
        || name.ends_with("_URL")
        || value.starts_with("/run/secrets/");
    let about = ABOUT.iter().any(|part| name.contains(part)) && is_number(value);
    // `ALLOW_EMPTY_PASSWORD: yes`
    let switch =
        matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off");
    named && !elsewhere && !about && !switch && !value.is_empty()
}

/// Variables of a service's environment that hold secrets, with what the files themselves say of each.
fn environment<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = (&'a str, Option<String>)> {
    let all = subject.service.environment.iter().filter(|(name, value)| is_secret(name, value));
    all.map(|(name, _)| {
        (name.as_str(), subject.shipped(&format!("environment.{name}")).filter(|text| !text.is_empty()))
    })
}

fn secret_literal(subject: &Subject<'_>) -> Vec<Hit> {
    let literal = environment(subject).filter(|(_, shipped)| shipped.is_some());
    let mut hits: Vec<Hit> = literal
        .map(|(name, _)| Hit::at(format!("environment.{name}"), format!("{name} is written out")).key(name))
        .collect();
    for (at, words) in command_lines(subject.service) {
        // A variable in the line may be what is secret in it.
        let shipped = secret_arguments(&shipped_words(subject, at));
        for name in secret_arguments(&words).into_iter().filter(|name| shipped.contains(name)) {
            let hit = Hit::at(at, format!("{at} has {name} written out"));
            hits.push(hit.key(format!("{at} {name}")));
        }
    }
    hits
}

/// The words of a line as the file has them, a list or one text.
fn shipped_words(subject: &Subject<'_>, at: &str) -> Vec<String> {
    let whole = subject.shipped(at).into_iter();
    let items = (0..MOST_WORDS).map_while(|index| {
        let path = format!("{at}[{index}]");
        let there =
            subject.facts.attributes.contains_key(&format!("services.{}.{path}", subject.service.name));
        there.then(|| subject.shipped(&path).unwrap_or_default())
    });
    whole.chain(items).flat_map(|text| split(&text)).collect()
}

/// Of a command; what comes after is no flag that anybody typed.
const MOST_WORDS: usize = 1_000;

/// Lines that are run, with the attribute that has each.
fn command_lines(service: &Service) -> Vec<(&'static str, Vec<String>)> {
    let mut lines: Vec<(&'static str, Vec<String>)> = Vec::new();
    lines.extend(service.command.iter().map(|words| ("command", words.clone())));
    lines.extend(service.entrypoint.iter().map(|words| ("entrypoint", words.clone())));
    match service.healthcheck.as_ref().map(|check| &check.test) {
        Some(HealthTest::Command(words)) => lines.push(("healthcheck.test", words.clone())),
        Some(HealthTest::Shell(line)) => lines.push(("healthcheck.test", split(line))),
        Some(HealthTest::Disabled) | None => {}
    }
    for (_, words) in &mut lines {
        // `sh -c "…"` is a line in a word.
        *words = words
            .iter()
            .flat_map(|word| if word.contains(' ') { split(word) } else { vec![word.clone()] })
            .collect();
    }
    lines
}

fn split(line: &str) -> Vec<String> {
    line.split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'))
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Names of flags and assignments that carry a secret: `--requirepass x`, `--token=x`, `PGPASSWORD=x`, `mysql -px`.
fn secret_arguments(words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let literal = |value: &str| !value.is_empty() && !value.starts_with(['$', '/', '-']);
    let mut of_mysql = false;
    for (index, word) in words.iter().enumerate() {
        let program = word.rsplit('/').next().unwrap_or(word);
        of_mysql |= program.starts_with("mysql") || program.starts_with("mariadb");
        let flag = word.starts_with('-');
        let name = word.trim_start_matches('-');
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value),
            None if flag => (name, words.get(index + 1).map_or("", String::as_str)),
            None => continue,
        };
        if of_mysql
            && flag
            && !word.starts_with("--")
            && name.len() > 1
            && name.starts_with('p')
            && literal(&name[1..])
        {
            found.push("-p".to_owned());
        } else if literal(value) && is_secret(&name.replace(['-', '.'], "_"), value) {
            found.push(if flag { format!("--{name}") } else { name.to_owned() });
        }
    }
    found
}

/// The password in `scheme://user:password@host`.
fn password_in_url(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    Some(password)
}

fn secret_in_url(subject: &Subject<'_>) -> Vec<Hit> {
    let all = subject.service.environment.iter();
    let with_password =
        all.filter(|(_, value)| password_in_url(value).is_some_and(|password| !password.is_empty()));
    with_password
        .filter_map(|(name, _)| {
            let at = format!("environment.{name}");
            let shipped = subject.shipped(&at);
            let given_away =
                shipped.as_deref().and_then(password_in_url).is_some_and(|password| !password.is_empty());
            given_away.then(|| Hit::at(at, format!("{name} is an address with a password in it")).key(name))
        })
        .collect()
}

fn secret_build_argument(subject: &Subject<'_>) -> Vec<Hit> {
    let arguments = subject.service.build.iter().flat_map(|build| &build.args);
    let secret = arguments.filter(|(name, value)| is_secret(name, value));
    secret.map(|(name, _)| Hit::at("build", format!("{name} is a build argument")).key(name)).collect()
}

fn secret_in_environment(subject: &Subject<'_>) -> Vec<Hit> {
    let from_outside = environment(subject).filter(|(_, shipped)| shipped.is_none());
    from_outside
        .map(|(name, _)| {
            Hit::at(format!("environment.{name}"), format!("{name} is in the environment")).key(name)
        })
        .collect()
}

/// What is tried first, in lower case.
const GUESSES: &[&str] = &[
    "password",
    "passw0rd",
    "changeme",
    "change_me",
    "changeit",
    "admin",
    "root",
    "secret",
    "postgres",
    "mysql",
    "test",
    "guest",
    "default",
    "letmein",
    "qwerty",
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "example",
    "grafana",
    "demo",
    "letsgo_password",
    "your_password",
    "yourpassword",
    "mysecretpassword",
    "password123",
    "admin123",
    "toor",
    "pass",
];
/// Shorter ones fall to trying them all.
const SHORTEST: usize = 8;

/// Why a password is weak.
fn weakness(password: &str, user: Option<&str>) -> Option<&'static str> {
    let lower = password.to_ascii_lowercase();
    if GUESSES.contains(&lower.as_str()) {
        return Some("is among the first that anyone tries");
    }
    if user.is_some_and(|user| user.eq_ignore_ascii_case(password)) {
        return Some("is the name of its user");
    }
    let length = password.chars().count();
    let first = password.chars().next();
    if length < SHORTEST || password.chars().all(|c| Some(c) == first) {
        return Some("is too short to be safe");
    }
    None
}

fn is_password(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let word = ["PASSWORD", "PASSWD"].iter().any(|part| name.contains(part)) || name.ends_with("_PASS");
    word && !name.ends_with("_FILE")
        && !["ALLOW_EMPTY", "RANDOM", "POLICY", "RESET"].iter().any(|part| name.contains(part))
}

fn weak_password(subject: &Subject<'_>) -> Vec<Hit> {
    let environment = &subject.service.environment;
    let user = environment.iter().find(|(name, _)| name.ends_with("_USER")).map(|(_, value)| value.as_str());
    let mut hits: Vec<Hit> = Vec::new();
    for (name, value) in environment {
        let why = if !is_password(name) {
            let open = match name.as_str() {
                "POSTGRES_HOST_AUTH_METHOD" => value == "trust",
                "MYSQL_ALLOW_EMPTY_PASSWORD"
                | "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD"
                | "ALLOW_EMPTY_PASSWORD" => {
                    !matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "no" | "false")
                }
                _ => false,
            };
            open.then_some("lets everyone in without a password")
        } else if value.is_empty() {
            Some("is empty")
        } else if !is_secret(name, value) {
            None
        } else {
            weakness(value, user)
        };
        hits.extend(why.map(|why| Hit::at(format!("environment.{name}"), format!("{name} {why}")).key(name)));
    }
    hits
}

fn secret_file_readable(facts: &Facts<'_>) -> Vec<Hit> {
    let hit = |path: &std::path::PathBuf| {
        let path = path.strip_prefix(&facts.definition.directory).unwrap_or(path).display().to_string();
        Hit::at("", format!("others than its owner may read {path}")).key(path)
    };
    facts.exposed.iter().map(hit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_value_make_a_secret() {
        for (name, value) in [
            ("POSTGRES_PASSWORD", "x"),
            ("db_pass", "x"),
            ("AUTH_TOKENS", "a,b"),
            ("GH_PAT", "x"),
            ("SENTRY_DSN", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("DB_PASSWORD", "12345678"),
        ] {
            assert!(is_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("PASSWORD_TTL", "900"),
            ("TOKEN_TIMEOUT", "30s"),
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/p"),
            ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes"),
            ("POSTGRES_PASSWORD", ""),
            ("KEYBOARD", "fr"),
            ("TOKEN_URL", "https://a"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
    }

    #[test]
    fn secrets_are_found_on_command_lines() {
        for (line, expected) in [
            ("redis-server --requirepass hunter2", vec!["--requirepass"]),
            ("app --api-key=abc --port 80", vec!["--api-key"]),
            ("sh -c PGPASSWORD=hunter2 psql", vec!["PGPASSWORD"]),
            ("mysqladmin ping -phunter2", vec!["-p"]),
            ("ssh -p2222 host", vec![]),
            ("redis-server --requirepass $PASS", vec![]),
            ("app --token-file /run/secrets/token --password", vec![]),
        ] {
            assert_eq!(secret_arguments(&split(line)), expected, "{line}");
        }
    }

    #[test]
    fn passwords_are_found_in_addresses() {
        for (text, expected) in [
            ("postgres://u:p@db/x", Some("p")),
            ("redis://:p@h", Some("p")),
            ("http://h:80/a@b", None),
            ("https://u@h", None),
            ("u:p@h", None),
            ("postgres://u:@db", Some("")),
        ] {
            assert_eq!(password_in_url(text), expected, "{text}");
        }
    }

    #[test]
    fn passwords_that_can_be_guessed_are_weak() {
        for (password, user) in
            [("admin", None), ("Bob", Some("bob")), ("a1b2c3", None), ("aaaaaaaaaaaa", None), ("ééé", None)]
        {
            assert!(weakness(password, user).is_some(), "{password}");
        }
        assert_eq!(weakness("f3wq0Zk2pL", Some("letsgo_user")), None);
    }
}
