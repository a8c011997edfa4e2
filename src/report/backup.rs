//! What backups and restores say.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::tables::{table, trimmed};
use super::{bytes, document};
use crate::backup::Told;
use crate::backup::exchange::{Exchange, Target};
use crate::backup::manifest::{Manifest, Part};
use crate::definition::model::ServiceName;
use crate::world::time::Timestamp;

/// What is never in a backup, whatever the definition says.
const SECRETS: &str = ".env and the files of secrets: whoever restores needs them, so keep them elsewhere";

/// Something that was done.
pub fn told(told: &Told) -> String {
    match told {
        Told::Paused(container) => format!("paused {container} while its data are copied"),
        Told::Resumed(container) => format!("{container} goes on"),
        Told::Saved { what, service, size } => format!("saved {what} of {service}, {}", bytes(*size)),
        Told::Ready { what, service } => format!("{what} of {service} is ready"),
        Told::Replaced(what) => format!("replaced {what}"),
        Told::Left { what, why } => format!("warning: {what} could not be removed: {why}"),
    }
}

/// A backup that was made.
pub fn saved(path: &Path, size: u64, manifest: &Manifest) -> String {
    let mut text = String::new();
    for left in &manifest.left_out {
        let _ = writeln!(text, "not in it: {}: {}", left.what, left.why);
    }
    let _ = writeln!(text, "not in it: {SECRETS}");
    let parts = manifest.parts.len();
    let plural = if parts == 1 { "" } else { "s" };
    let _ = write!(
        text,
        "wrote {}: {parts} part{plural}, {} of {}",
        path.display(),
        bytes(size),
        bytes(manifest.size())
    );
    text
}

/// `backup --json`
pub fn saved_json(path: &Path, size: u64, manifest: &Manifest, now: Timestamp) -> Value {
    let left: Vec<Value> =
        manifest.left_out.iter().map(|left| json!({"what": left.what, "why": left.why})).collect();
    document(
        now,
        json!({
            "project": manifest.head.project,
            "file": path.display().to_string(),
            "size_bytes": size,
            "parts": manifest.parts.iter().map(part).collect::<Vec<_>>(),
            "left_out": left,
        }),
    )
}

fn part(part: &Part) -> Value {
    let mut document = json!(part.what);
    for (key, value) in [
        ("service", json!(part.service)),
        ("size_bytes", json!(part.size)),
        ("sha256", json!(part.sha256)),
        ("entries", json!(part.entries)),
    ] {
        document[key] = value;
    }
    document
}

/// What a restore would do.
pub fn plan(path: &Path, manifest: &Manifest, exchange: &Exchange, project: &str) -> String {
    let head = &manifest.head;
    let from = if head.project == project {
        String::new()
    } else {
        format!(", from another project, {}", head.project)
    };
    let mut text =
        format!("{} is whole: made {} by pdex {}{from}\n", path.display(), head.timestamp, head.pdex);
    let mut shown = table(&["service", "what", "size", "takes the place of"]);
    for step in &exchange.steps {
        let Some(part) = manifest.parts.get(step.part) else { continue };
        let place = place(&step.target);
        shown.add_row([part.service.clone(), part.what.to_string(), bytes(part.size), place]);
    }
    let _ = writeln!(text, "{}", trimmed(&shown));
    for left in &exchange.left {
        let _ = writeln!(text, "left in the file: {}: {}", left.what, left.why);
    }
    for differing in &exchange.differing {
        let _ = writeln!(text, "not the same image: {differing}");
    }
    let ran: Vec<&str> = exchange.ran.iter().map(ServiceName::as_str).collect();
    if ran.is_empty() {
        text.push_str("nothing of the stack runs");
    } else {
        let _ = write!(text, "stopped meanwhile, and started again: {}", ran.join(", "));
    }
    text
}

fn place(target: &Target) -> String {
    match target {
        Target::Database { name, .. } => format!("database {name}, if it is there"),
        Target::Volume { name, there: true, .. } => format!("volume {name}"),
        Target::Volume { name, there: false, .. } => format!("volume {name}, which is not there"),
        Target::Folder { path } => path.display().to_string(),
    }
}

/// `restore --json`: what would be replaced, or what was when it is `done`.
pub fn plan_json(
    path: &Path,
    manifest: &Manifest,
    exchange: &Exchange,
    done: bool,
    (project, now): (&str, Timestamp),
) -> Value {
    let steps = exchange.steps.iter().filter_map(|step| {
        let mut document = part(manifest.parts.get(step.part)?);
        document["replaces"] = match &step.target {
            Target::Database { name, .. } => json!({"database": name}),
            Target::Volume { name, there, .. } => json!({"volume": name, "present": there}),
            Target::Folder { path } => json!({"folder": path.display().to_string()}),
        };
        Some(document)
    });
    let left = exchange.left.iter().map(|left| json!({"what": left.what, "why": left.why}));
    let head = &manifest.head;
    document(
        now,
        json!({
            "project": project,
            "file": path.display().to_string(),
            "backup": {"timestamp": head.timestamp, "pdex": head.pdex, "project": head.project},
            "restored": done,
            "steps": steps.collect::<Vec<_>>(),
            "left": left.collect::<Vec<_>>(),
            "differing": exchange.differing,
            "restarts": exchange.ran,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::manifest::{FORMAT, Head, What};

    #[test]
    fn a_part_is_told_with_its_kind_and_without_its_pieces() {
        let what = What::Volume { key: "data".to_owned(), name: "shop_data".to_owned() };
        let one = Part {
            service: "db".to_owned(),
            what,
            size: 5,
            sha256: "aa".to_owned(),
            entries: 2,
            chunks: Vec::new(),
        };
        assert_eq!(
            part(&one),
            json!({"kind": "volume", "key": "data", "name": "shop_data", "service": "db", "size_bytes": 5, "sha256": "aa",
                   "entries": 2})
        );
        let head = Head {
            format: FORMAT,
            pdex: "1".to_owned(),
            project: "theirs".to_owned(),
            timestamp: "then".to_owned(),
        };
        let manifest = Manifest {
            head,
            engine: String::new(),
            images: [].into(),
            servers: [].into(),
            left_out: Vec::new(),
            parts: vec![one],
        };
        let text = plan(Path::new("x"), &manifest, &Exchange::default(), "shop");
        assert!(
            text.starts_with("x is whole: made then by pdex 1, from another project, theirs\n"),
            "{text}"
        );
        assert!(text.ends_with("nothing of the stack runs"), "{text}");
    }
}
