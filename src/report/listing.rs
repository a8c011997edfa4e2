//! What commands that look print: tables for people, documents for programs.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::document;
use super::tables::{table, trimmed};
use crate::definition::model::{Definition, ServiceName};
use crate::world::live::{Binding, ImageFacts, Listed, Processes};
use crate::world::time::Timestamp;
use crate::world::{Health, State};

/// A secret as `secrets list` shows it: never what it is.
#[derive(Debug)]
pub struct Secret<'a> {
    pub name: &'a str,
    pub file: &'a Path,
    /// How its file stands, in words.
    pub state: &'static str,
    /// Who is given it.
    pub services: Vec<ServiceName>,
}

/// `secrets list`
pub fn secrets(rows: &[Secret<'_>]) -> String {
    let mut shown = table(&["secret", "state", "used by", "file"]);
    for row in rows {
        let services: Vec<&str> = row.services.iter().map(ServiceName::as_str).collect();
        shown.add_row([row.name, row.state, &services.join(" "), &row.file.display().to_string()]);
    }
    trimmed(&shown)
}

/// `secrets list --json`
pub fn secrets_json(rows: &[Secret<'_>], now: Timestamp) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(
            |row| json!({"secret": row.name, "file": row.file, "state": row.state, "services": row.services}),
        )
        .collect();
    document(now, json!({"secrets": rows}))
}

/// What `ps` is about.
#[derive(Debug)]
pub struct Containers<'a> {
    pub definition: &'a Definition,
    /// The services asked for; empty means all.
    pub named: &'a [ServiceName],
    pub listed: &'a [&'a Listed],
}

impl Containers<'_> {
    /// The services asked for that have no container of their own.
    fn absent(&self) -> impl Iterator<Item = &ServiceName> {
        let all = self.definition.services.keys();
        all.filter(|name| self.named.is_empty() || self.named.contains(name))
            .filter(|name| !self.listed.iter().any(|c| c.service == **name && !c.one_off))
    }

    /// `ps`
    pub fn table(&self) -> String {
        let mut rows: Vec<[String; 4]> = self
            .listed
            .iter()
            .map(|c| [c.service.to_string(), c.name.clone(), words(&c.state), published(&c.ports)])
            .collect();
        let nothing = String::new();
        rows.extend(
            self.absent()
                .map(|name| [name.to_string(), nothing.clone(), "not created".to_owned(), nothing.clone()]),
        );
        rows.sort_by(|a, b| a[0].cmp(&b[0]));
        let mut shown = table(&["service", "container", "state", "ports"]);
        for row in rows {
            shown.add_row(row);
        }
        trimmed(&shown)
    }

    /// `ps --json`
    pub fn json(&self, now: Timestamp) -> Value {
        let mut rows: Vec<Value> = self.listed.iter().map(|c| container(c)).collect();
        rows.extend(self.absent().map(|name| json!({"service": name, "container": null, "state": "absent"})));
        document(now, json!({"project": self.definition.project, "containers": rows}))
    }
}

fn container(c: &Listed) -> Value {
    let (health, exit) = match &c.state {
        State::Running { health } => (health.map(health_word), None),
        State::Exited(exit) => (None, Some(exit)),
        _ => (None, None),
    };
    json!({
        "service": c.service,
        "number": c.number,
        "one_off": c.one_off,
        "container": c.name,
        "id": c.id.0,
        "image": c.image,
        "image_id": c.image_id.0,
        "command": c.command,
        "created": c.created.to_string(),
        "state": word(&c.state),
        "health": health,
        "exit_code": exit.map(|exit| exit.code),
        "ports": c.ports,
    })
}

/// A state as the engine calls it.
fn word(state: &State) -> &'static str {
    match state {
        State::Created => "created",
        State::Running { .. } => "running",
        State::Paused => "paused",
        State::Restarting => "restarting",
        State::Removing => "removing",
        State::Exited(_) => "exited",
        State::Dead => "dead",
    }
}

fn health_word(health: Health) -> &'static str {
    match health {
        Health::Starting => "starting",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
    }
}

/// A state in words.
pub fn words(state: &State) -> String {
    match state {
        State::Running { health: None } => "running".to_owned(),
        State::Running { health: Some(Health::Starting) } => "running, health not known yet".to_owned(),
        State::Running { health: Some(health) } => format!("running, {}", health_word(*health)),
        State::Removing => "being removed".to_owned(),
        State::Exited(exit) if exit.is_success() => "completed".to_owned(),
        State::Exited(exit) => format!("ended with {}", exit.meaning()),
        other => word(other).to_owned(),
    }
}

/// Published addresses, those of one port in both kinds of IP once.
fn published(ports: &[Binding]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for port in ports {
        if let Some(address) = address(port)
            && port.host_ip.as_deref() != Some("::")
            && !shown.contains(&address)
        {
            shown.push(address);
        }
    }
    shown.join(" ")
}

/// `127.0.0.1:8000`
pub fn address(port: &Binding) -> Option<String> {
    let host = port.host_ip.as_deref().unwrap_or("0.0.0.0");
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    port.host_port.map(|published| format!("{host}:{published}"))
}

/// `port`: one line per address.
pub fn ports(ports: &[&Binding], one: bool) -> String {
    let lines = ports.iter().filter_map(|port| {
        let address = address(port)?;
        Some(if one {
            format!("{address}\n")
        } else {
            format!("{}/{} -> {address}\n", port.container_port, port.protocol_name())
        })
    });
    lines.collect()
}

/// `port --json`
pub fn ports_json(now: Timestamp, container: &Listed, ports: &[&Binding]) -> Value {
    document(now, json!({"service": container.service, "container": container.name, "ports": ports}))
}

/// `top`: the processes of each container under its name.
pub fn processes(all: &[(&Listed, Processes)]) -> String {
    let mut text = String::new();
    for (container, processes) in all {
        let titles: Vec<&str> = processes.titles.iter().map(String::as_str).collect();
        let mut rows = table(&titles);
        for row in &processes.rows {
            rows.add_row(row);
        }
        let _ = write!(text, "{}\n{}\n\n", container.name, trimmed(&rows));
    }
    text.trim_end().to_owned()
}

/// `top --json`
pub fn processes_json(now: Timestamp, project: &str, all: &[(&Listed, Processes)]) -> Value {
    let containers: Vec<Value> = all
        .iter()
        .map(|(container, processes)| {
            let rows = processes.rows.iter().map(|row| {
                let fields = processes.titles.iter().zip(row).map(|(title, field)| (title.to_lowercase(), json!(field)));
                Value::Object(fields.collect())
            });
            json!({"service": container.service, "container": container.name, "processes": rows.collect::<Vec<_>>()})
        })
        .collect();
    document(now, json!({"project": project, "containers": containers}))
}

/// A service's image, and what the engine has of it.
pub type ImageRow<'a> = (&'a ServiceName, &'a str, Option<ImageFacts>);

/// `images`
pub fn images(rows: &[ImageRow<'_>]) -> String {
    let mut shown = table(&["service", "image", "id", "size", "made"]);
    for (service, reference, facts) in rows {
        let (id, size, made) = match facts {
            None => ("not there".to_owned(), String::new(), String::new()),
            Some(facts) => {
                let made = Timestamp::parse(&facts.created).map(|at| at.to_string());
                let day =
                    made.as_deref().and_then(|made| made.split('T').next()).unwrap_or_default().to_owned();
                (short(&facts.id.0), super::bytes(facts.size), day)
            }
        };
        shown.add_row([service.to_string(), (*reference).to_owned(), id, size, made]);
    }
    trimmed(&shown)
}

/// An identifier as people know it.
pub fn short(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(12).collect()
}

/// `images --json`
pub fn images_json(now: Timestamp, project: &str, rows: &[ImageRow<'_>]) -> Value {
    let images: Vec<Value> = rows
        .iter()
        .map(|(service, reference, facts)| {
            json!({
                "service": service,
                "image": reference,
                "id": facts.as_ref().map(|f| &f.id.0),
                "size_bytes": facts.as_ref().map(|f| f.size),
                "created": facts.as_ref().map(|f| &f.created),
                "architecture": facts.as_ref().map(|f| &f.architecture),
                "source": facts.as_ref().and_then(|f| f.source.as_ref()),
            })
        })
        .collect();
    document(now, json!({"project": project, "images": images}))
}

/// A network or volume of the definition.
#[derive(Debug, Clone)]
pub struct Thing {
    pub key: String,
    pub name: String,
    pub external: bool,
    pub present: bool,
    /// `None` when the definition is silent.
    pub driver: Option<String>,
}

/// `network ls` and `volume ls`
pub fn things(all: &[Thing]) -> String {
    let mut shown = table(&["key", "name", "driver", "state"]);
    for thing in all {
        let state = match (thing.present, thing.external) {
            (true, false) => "there",
            (true, true) => "there, not pdex's own",
            (false, false) => "not created",
            (false, true) => "missing, not pdex's own",
        };
        shown.add_row([&thing.key, &thing.name, thing.driver.as_deref().unwrap_or("default"), state]);
    }
    trimmed(&shown)
}

/// As [`things`], under a name.
pub fn things_json(now: Timestamp, project: &str, what: &str, all: &[Thing]) -> Value {
    let rows: Vec<Value> = all
        .iter()
        .map(|t| json!({"key": t.key, "name": t.name, "driver": t.driver, "external": t.external, "present": t.present}))
        .collect();
    document(now, json!({"project": project, what: rows}))
}

/// Documents of the engine, as they are or within one of ours.
pub fn inspected(wrap: Option<Timestamp>, what: &str, all: Vec<Value>) -> Value {
    match wrap {
        None => Value::Array(all),
        Some(now) => document(now, json!({what: all})),
    }
}
