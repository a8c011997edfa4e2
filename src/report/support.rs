//! The support archive: what someone else needs to see what is wrong, without any secret. A gzipped tar, made in memory.

use std::fmt::Write as _;
use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::listing::Containers;
use super::redact::Redactor;
use super::{doctor, live};
use crate::checks::doctor::Symptom;
use crate::checks::doctor::record::Record;
use crate::definition::model::Definition;
use crate::definition::render;
use crate::world::time::Timestamp;

/// What goes in.
#[derive(Debug)]
pub struct Support<'a> {
    pub definition: &'a Definition,
    pub symptoms: &'a [Symptom],
    pub record: &'a Record,
    pub now: Timestamp,
}

const INTRODUCTION: &str = "What `pdex doctor --bundle` found.\n\n\
    findings.txt, findings.json  what is wrong\n\
    versions.json                pdex, the engine, its machine\n\
    config.yaml                  the definition, resolved\n\
    ps.json                      the containers\n\
    events.jsonl                 what happened to them in the last day\n\
    logs/                        the last lines of each\n\n\
    Passwords, keys and tokens that the definition names, and what looks like one, read `***`. Look through it before you\n\
    send it to someone: what a program printed under another name is still there.\n";

/// Every file with its content, redacted, by name.
fn files(support: &Support<'_>) -> Vec<(String, String)> {
    let Support { definition, symptoms, record, now } = *support;
    let redactor = Redactor::new(definition);
    let listed: Vec<_> = record.containers.iter().collect();
    let containers = Containers { definition, named: &[], listed: &listed };
    let versions = json!({
        "pdex": env!("CARGO_PKG_VERSION"),
        "engine": record.engine,
        "machine": record.machine,
    });
    let mut events = String::new();
    for happening in &record.happenings {
        let _ = writeln!(events, "{}", live::event_json(happening));
    }
    let pretty = |value: &Value| format!("{value:#}\n");
    let mut all = vec![
        ("README.txt".to_owned(), INTRODUCTION.to_owned()),
        ("findings.txt".to_owned(), doctor::text(symptoms)),
        ("findings.json".to_owned(), pretty(&doctor::json(symptoms, &[], now))),
        ("versions.json".to_owned(), pretty(&versions)),
        ("config.yaml".to_owned(), render::yaml(&redactor.definition(definition))),
        ("ps.json".to_owned(), pretty(&containers.json(now))),
        ("events.jsonl".to_owned(), events),
    ];
    for (container, lines) in &record.logs {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.at.map_or_else(|| line.text.clone(), |at| format!("{at} {}", line.text)))
            .collect();
        all.push((format!("logs/{container}.log"), lines.join("\n") + "\n"));
    }
    all.into_iter().map(|(name, text)| (name, redactor.text(&text) + "\n")).collect()
}

/// The archive; everything is in one folder named for the project.
pub fn archive(support: &Support<'_>) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in files(support) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(support.now.0 / 1_000_000_000).unwrap_or_default());
        let path = format!("{}-support/{name}", support.definition.project);
        tar.append_data(&mut header, path, text.as_bytes())?;
    }
    tar.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::checks::doctor::record::LogEntry;
    use crate::definition::model::{Service, ServiceName};

    #[test]
    fn an_archive_has_everything_and_no_secret() {
        let mut definition = Definition { project: "shop".to_owned(), ..Definition::default() };
        let environment = [("POSTGRES_PASSWORD".to_owned(), "correct horse".to_owned())].into();
        let service = Service { name: ServiceName::new("db"), environment, ..Service::default() };
        definition.services.insert(service.name.clone(), service);
        let line = |text: &str| LogEntry { at: None, text: text.to_owned() };
        let lines = vec![line("started"), line("refused `correct horse`, token=abc")];
        let record = Record { logs: vec![("shop-db-1".to_owned(), lines)], ..Record::default() };
        let support = Support { definition: &definition, symptoms: &[], record: &record, now: Timestamp(0) };
        let packed = archive(&support).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let mut names = Vec::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert!(!text.contains("correct horse") && !text.contains("abc"), "{name}: {text}");
            if name.contains("/logs/") {
                assert_eq!(text, "started\nrefused `***`, token=***\n");
            }
            names.push(name);
        }
        assert_eq!(
            names,
            [
                "shop-support/README.txt",
                "shop-support/findings.txt",
                "shop-support/findings.json",
                "shop-support/versions.json",
                "shop-support/config.yaml",
                "shop-support/ps.json",
                "shop-support/events.jsonl",
                "shop-support/logs/shop-db-1.log",
            ]
        );
    }
}
