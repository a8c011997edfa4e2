//! What the last lines of a service give away, where they do: a list of words that programs print, with what they mean. Pure.

use crate::definition::model::{Definition, MountSource, Service};

/// Which symptom a clue belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Volume,
    Names,
    Service,
}

/// Words, and what they mean.
#[derive(Debug)]
pub(super) struct Clue {
    pub(super) code: &'static str,
    pub(super) kind: Kind,
    /// Any of them.
    words: &'static [&'static str],
    pub(super) says: &'static str,
    pub(super) hint: fn(&Definition, &Service) -> String,
    /// Starting it again without doing what the hint says changes nothing.
    pub(super) stays: bool,
}

/// The first that fits counts, so what is particular stands before what is common.
const CLUES: &[Clue] = &[
    Clue {
        code: "doctor/volume-version",
        kind: Kind::Volume,
        words: &["database files are incompatible with server", "data directory was initialized by"],
        says: "its data were made by another version of the program",
        hint: |definition, service| {
            format!(
                "put back the image that made them; or dump with that one and load with {}. To begin without them: {}",
                service.image,
                anew(definition, service)
            )
        },
        stays: true,
    },
    Clue {
        code: "doctor/volume-damaged",
        kind: Kind::Volume,
        words: &[
            "could not locate a valid checkpoint record",
            "invalid primary checkpoint record",
            "invalid page in block",
            "could not read block",
            "is not a valid data directory",
            "could not open file \"global/pg_",
            "database disk image is malformed",
            "file is not a database",
            "unexpected end of JSON input",
            "segment is corrupted",
            "Encountered WAL read error",
        ],
        says: "its data are damaged",
        hint: |definition, service| {
            format!("bring back a copy; or begin without them: {}", anew(definition, service))
        },
        stays: true,
    },
    Clue {
        code: "doctor/password",
        kind: Kind::Service,
        words: &["password authentication failed"],
        says: "the database refuses its password: data keep the password that they were first given",
        hint: |_, _| {
            "put back the .env that the data were made with; or begin without them: `pdex down -v`, then `pdex up`"
                .to_owned()
        },
        stays: true,
    },
    Clue {
        code: "doctor/no-space",
        kind: Kind::Service,
        words: &["No space left on device", "no space left on device"],
        says: "there is no room left on the disk",
        hint: |_, _| {
            "`docker system df` shows what takes the space, `docker image prune` frees images that nothing uses"
                .to_owned()
        },
        stays: true,
    },
    Clue {
        code: "doctor/names",
        kind: Kind::Names,
        words: &[
            "Temporary failure in name resolution",
            "could not translate host name",
            "Name or service not known",
            "failed to lookup address information",
            "no such host",
            "server misbehaving",
            "Could not resolve host",
        ],
        says: "a name is not found inside its container",
        hint: |_, service| {
            format!(
                "`pdex network inspect` shows who is on which network; `pdex up --force-recreate {}`",
                service.name
            )
        },
        stays: false,
    },
    Clue {
        code: "doctor/permission",
        kind: Kind::Service,
        words: &["Permission denied", "permission denied", "has wrong ownership", "has invalid permissions"],
        says: "it may not use a file or folder that it needs",
        hint: |_, service| {
            format!(
                "`pdex config` shows `user` and the mounts of {}: give that user the files with chown",
                service.name
            )
        },
        stays: true,
    },
    Clue {
        code: "doctor/address-in-use",
        kind: Kind::Service,
        words: &["Address already in use", "address already in use"],
        says: "something has the address that it listens on",
        hint: |_, service| {
            format!("`pdex top {}`; `sudo ss -ltnp` shows who listens on this machine", service.name)
        },
        stays: false,
    },
    Clue {
        code: "doctor/refused",
        kind: Kind::Service,
        words: &["Connection refused", "connection refused"],
        says: "what it connects to does not answer",
        hint: |_, service| {
            format!("`pdex ps` shows what runs; `pdex logs {}` shows what it looked for", service.name)
        },
        stays: false,
    },
];

/// The clue in what was printed, and the line that has it: the last of them.
pub(super) fn read(lines: &[String]) -> Option<(&'static Clue, &str)> {
    CLUES.iter().find_map(|clue| {
        let has = |line: &&String| clue.words.iter().any(|words| line.contains(words));
        lines.iter().rev().find(has).map(|line| (clue, line.as_str()))
    })
}

/// How to begin without the volumes of a service, a copy first. Taking data away is for a person to type.
fn anew(definition: &Definition, service: &Service) -> String {
    let volumes: Vec<&str> = service
        .mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Volume(key) => Some(definition.volumes.get(key)?.name.as_str()),
            _ => None,
        })
        .collect();
    let name = &service.name;
    if volumes.is_empty() {
        return format!("`pdex up --force-recreate {name}`");
    }
    format!(
        "`pdex rm -s -f {name}`, `docker volume rm {}` (what is in there is lost), `pdex up`",
        volumes.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(lines: &[&str]) -> Option<&'static str> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        read(&lines).map(|(clue, _)| clue.code)
    }

    #[test]
    fn what_programs_print_is_understood() {
        for (line, expected) in [
            ("2026-01-01 PANIC:  could not locate a valid checkpoint record", Some("doctor/volume-damaged")),
            (
                "DETAIL:  The data directory was initialized by PostgreSQL version 14, which is not compatible with this version 15.",
                Some("doctor/volume-version"),
            ),
            ("FATAL:  password authentication failed for user \"letsgo_user\"", Some("doctor/password")),
            ("write /prometheus/wal: no space left on device", Some("doctor/no-space")),
            (
                "could not translate host name \"db\" to address: Temporary failure in name resolution",
                Some("doctor/names"),
            ),
            ("open /app/models/model.json: Permission denied (os error 13)", Some("doctor/permission")),
            ("error: Connection refused (os error 111)", Some("doctor/refused")),
            ("listening on 0.0.0.0:8000", None),
        ] {
            assert_eq!(code(&[line]), expected, "{line}");
        }
    }

    #[test]
    fn what_is_particular_goes_before_what_is_common() {
        let lines = ["database files are incompatible with server", "connection refused", "bye"];
        assert_eq!(code(&lines), Some("doctor/volume-version"));
        let lines: Vec<String> = ["Connection refused 1", "Connection refused 2"].map(str::to_owned).to_vec();
        assert_eq!(read(&lines).map(|(_, line)| line), Some("Connection refused 2"));
    }
}
