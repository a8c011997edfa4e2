//! What of a stack makes it easier to attack or to bring down than it has to be. A rule is a small function from facts to hits in
//! the lists of the files beside this one; the same rules judge the definition and the containers that were made from it.

pub mod baseline;
mod images;
mod known;
mod mounts;
mod network;
pub mod observed;
pub mod overlay;
pub mod packages;
mod privileges;
mod resources;
pub mod scan;
mod secrets;
mod stack;

use std::collections::BTreeMap;
use std::fmt;

use crate::definition::Attribute;
use crate::definition::model::{Definition, Service, ServiceName};
use crate::finding::{Finding, Place, Severity};

pub use known::repository;
pub use observed::Observed;
pub use scan::Scan;
pub use secrets::is_secret;

/// How much harm a finding stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// Worth knowing, no harm by itself.
    Info,
    /// Removes a second line of defence.
    Low,
    /// Makes an attack that has got in much worse, or the machine stand still.
    Medium,
    /// A way in, or a secret given away.
    High,
    /// Whoever has the container has the machine.
    Critical,
}

impl Risk {
    /// From the least.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// As it is typed and printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Info | Self::Low => Severity::Note,
            Self::Medium => Severity::Warning,
            Self::High | Self::Critical => Severity::Error,
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the platform's own documentation advises for production. Every audit says of each whether it is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    Passwords,
    Grafana,
    Https,
    Network,
    Scan,
}

impl Advice {
    /// In the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Passwords, Self::Grafana, Self::Https, Self::Network, Self::Scan];

    /// What is advised.
    pub fn title(self) -> &'static str {
        match self {
            Self::Passwords => "strong passwords, out of files and environments",
            Self::Grafana => "no anonymous access to Grafana",
            Self::Https => "HTTPS by a reverse proxy",
            Self::Network => "limited network access: ports on loopback, networks apart",
            Self::Scan => "images scanned for known vulnerabilities",
        }
    }
}

/// A rule with all that its documentation says.
#[derive(Debug)]
pub struct Rule {
    /// `audit/privileged`
    pub id: &'static str,
    /// Of most of its findings; one may be graded otherwise.
    pub risk: Risk,
    /// What it looks for, in a few words.
    pub title: &'static str,
    pub why: &'static str,
    pub fix: &'static str,
    /// Items of the CIS Docker Benchmark 1.6.
    pub references: &'static [&'static str],
    pub advice: Option<Advice>,
    look: Look,
}

/// What a rule looks at.
#[derive(Debug)]
enum Look {
    /// A service, of the definition and as its containers were made.
    Service(fn(&Subject<'_>) -> Vec<Hit>),
    /// A service, of the definition alone: a container does not tell.
    Definition(fn(&Subject<'_>) -> Vec<Hit>),
    /// Everything at once.
    Stack(fn(&Facts<'_>) -> Vec<Hit>),
}

/// Every rule, in the order of its documentation.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let lists = [
        privileges::RULES,
        mounts::RULES,
        network::RULES,
        resources::RULES,
        images::RULES,
        secrets::RULES,
        stack::RULES,
        scan::RULES,
    ];
    lists.into_iter().flatten()
}

/// What rules look at.
#[derive(Debug)]
pub struct Facts<'a> {
    pub definition: &'a Definition,
    /// Where its services and their attributes stand, see [`crate::definition::Loaded`].
    pub attributes: &'a BTreeMap<String, Attribute>,
    /// What the engine has of it; nothing where none was asked.
    pub observed: &'a Observed,
    pub scan: &'a Scan,
    /// Files with secrets that others than their owner may read, see [`exposed_files`].
    pub exposed: &'a [std::path::PathBuf],
}

impl Facts<'_> {
    /// The service as the definition has it, for a rule that looks at everything.
    fn subject<'s>(&'s self, service: &'s Service) -> Subject<'s> {
        Subject { facts: self, service, container: None }
    }

    /// Where an attribute of a service stands; what is not there by itself stands in what holds it.
    fn place(&self, service: &ServiceName, at: &str) -> Option<Place> {
        let mut path =
            if at.is_empty() { format!("services.{service}") } else { format!("services.{service}.{at}") };
        loop {
            if let Some(attribute) = self.attributes.get(&path) {
                return Some(attribute.place.clone());
            }
            let end = path.rfind(['.', '['])?;
            path.truncate(end);
        }
    }
}

/// One service under one rule.
struct Subject<'a> {
    facts: &'a Facts<'a>,
    service: &'a Service,
    /// The container whose making this is; `None` for the definition.
    container: Option<&'a str>,
}

impl Subject<'_> {
    /// What an attribute says with no variable set: what the files themselves give away. `None` where variables are needed, or
    /// where the files do not have it.
    fn shipped(&self, at: &str) -> Option<String> {
        let attribute = self.facts.attributes.get(&format!("services.{}.{at}", self.service.name))?;
        crate::definition::alone(attribute.text.as_deref()?)
    }

    /// `name[2]`, where the list in the file has as many items as the service; else only `name`.
    fn item(&self, name: &str, index: usize, length: usize) -> String {
        let has = |index: usize| {
            self.facts.attributes.contains_key(&format!("services.{}.{name}[{index}]", self.service.name))
        };
        if has(length.saturating_sub(1)) && !has(length) {
            format!("{name}[{index}]")
        } else {
            name.to_owned()
        }
    }
}

/// Something a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hit {
    service: Option<ServiceName>,
    /// Attribute of the service, as in [`Facts::attributes`].
    at: String,
    /// What it is about, the same on every run: a capability, a path, a variable.
    key: String,
    /// After the service's name: `adds SYS_ADMIN`.
    what: String,
    risk: Option<Risk>,
}

impl Hit {
    /// At an attribute, or with an empty one at the service itself.
    fn at(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { service: None, at: at.into(), key: String::new(), what: what.into(), risk: None }
    }

    fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    fn risk(mut self, risk: Risk) -> Self {
        self.risk = Some(risk);
        self
    }

    fn of(mut self, service: &ServiceName) -> Self {
        self.service = Some(service.clone());
        self
    }
}

/// A hit as people get it.
#[derive(Debug, Clone)]
pub struct Issue {
    pub rule: &'static Rule,
    pub risk: Risk,
    pub service: Option<ServiceName>,
    /// Containers that were made so.
    pub containers: Vec<String>,
    /// Whether the definition has it; else only the containers do.
    pub defined: bool,
    /// With rule and service what tells it from others, whatever line it stands at.
    pub key: String,
    /// In a baseline.
    pub accepted: bool,
    /// Code, place, message and hint.
    pub finding: Finding,
}

/// Runs every rule. The worst come first, then by rule, place and service.
pub fn check(facts: &Facts<'_>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for rule in rules() {
        let mut found = defined(rule, facts);
        for seen in &facts.observed.containers {
            let Look::Service(look) = &rule.look else { continue };
            let subject = Subject { facts, service: &seen.service, container: Some(&seen.name) };
            for hit in look(&subject) {
                add_observed(&mut found, rule, facts, &subject, hit);
            }
        }
        issues.append(&mut found);
    }
    issues.sort_by(|a, b| {
        (b.risk, a.rule.id)
            .cmp(&(a.risk, b.rule.id))
            .then_with(|| (&a.finding.place, &a.service, &a.key).cmp(&(&b.finding.place, &b.service, &b.key)))
    });
    issues
}

fn defined(rule: &'static Rule, facts: &Facts<'_>) -> Vec<Issue> {
    let hits: Vec<Hit> = match &rule.look {
        Look::Service(look) | Look::Definition(look) => {
            let services = facts.definition.services.values();
            let of = |service: &Service| {
                let hits = look(&facts.subject(service)).into_iter();
                hits.map(|hit| hit.of(&service.name)).collect::<Vec<_>>()
            };
            services.flat_map(of).collect()
        }
        Look::Stack(look) => look(facts),
    };
    hits.into_iter().map(|hit| issue(rule, facts, hit, None)).collect()
}

/// What a container and the definition have both is told once.
fn add_observed(
    found: &mut Vec<Issue>,
    rule: &'static Rule,
    facts: &Facts<'_>,
    subject: &Subject<'_>,
    hit: Hit,
) {
    let Some(container) = subject.container else { return };
    let service = &subject.service.name;
    let same = found.iter_mut().find(|issue| issue.service.as_ref() == Some(service) && issue.key == hit.key);
    match same {
        Some(issue) => issue.containers.push(container.to_owned()),
        None => found.push(issue(rule, facts, hit.of(service), Some(container))),
    }
}

fn issue(rule: &'static Rule, facts: &Facts<'_>, hit: Hit, container: Option<&str>) -> Issue {
    let risk = hit.risk.unwrap_or(rule.risk);
    let place = match (&hit.service, container) {
        (Some(service), None) => facts.place(service, &hit.at),
        _ => None,
    };
    let subject = container.map(str::to_owned).or_else(|| hit.service.as_ref().map(ToString::to_string));
    let message = subject.map_or_else(|| hit.what.clone(), |subject| format!("{subject}: {}", hit.what));
    Issue {
        rule,
        risk,
        service: hit.service,
        containers: container.into_iter().map(str::to_owned).collect(),
        defined: container.is_none(),
        key: hit.key,
        accepted: false,
        finding: Finding {
            code: rule.id,
            severity: risk.severity(),
            place,
            message,
            hint: Some(rule.fix.to_owned()),
        },
    }
}

/// Of the files that hold secrets, `.env` and those of `secrets`, the ones that others may read than their owner and the group that the
/// definition gives them.
pub fn exposed_files(definition: &Definition) -> Vec<std::path::PathBuf> {
    use std::os::unix::fs::MetadataExt as _;

    use crate::definition::model::FileSource;
    let own = std::iter::once((definition.directory.join(".env"), None));
    let files = definition.secrets.values().filter_map(|secret| match &secret.source {
        FileSource::File(path) => {
            Some((path.clone(), secret.keeping.as_ref().and_then(|keeping| keeping.group)))
        }
        _ => None,
    });
    let open = |(path, group): &(std::path::PathBuf, Option<u32>)| {
        path.metadata().is_ok_and(|file| {
            let trusted = if *group == Some(file.gid()) { 0o040 } else { 0 };
            file.is_file() && file.mode() & 0o077 & !trusted != 0
        })
    };
    own.chain(files).filter(open).map(|(path, _)| path).collect()
}

#[cfg(test)]
mod stage;
#[cfg(test)]
mod tests;
