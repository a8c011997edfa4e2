//! What a backup says about itself: a few words at its beginning, the whole at its end, when everything in it is known.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Raised when an older pdex cannot read what is written now.
pub const FORMAT: u32 = 1;

/// How a backup begins: enough to tell it from any other file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    /// Version of the program that wrote it.
    pub pdex: String,
    pub project: String,
    /// RFC 3339.
    pub timestamp: String,
}

/// How it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    #[serde(flatten)]
    pub head: Head,
    /// Version of the container engine.
    pub engine: String,
    /// Service → the image that it ran from, of those that have something in the backup.
    pub images: BTreeMap<String, Image>,
    /// Service → its database server, of those that were dumped.
    pub servers: BTreeMap<String, Server>,
    /// What a reader might look for in vain.
    pub left_out: Vec<LeftOut>,
    /// In the order of the file.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// Bytes of all parts, before they were compressed.
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }
}

/// An image by name and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub reference: String,
    /// Unknown where nothing ran from it.
    pub id: Option<String>,
}

/// What belongs to a database server and to none of its databases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    pub version: String,
    /// Statements that make its roles, without their passwords.
    pub roles: String,
}

/// Something that is not in the backup, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    pub what: String,
    pub why: String,
}

/// One database, volume or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub service: String,
    #[serde(flatten)]
    pub what: What,
    /// Bytes.
    pub size: u64,
    /// Of the whole, in hexadecimal digits.
    pub sha256: String,
    /// Files, folders and links; 0 of a database.
    pub entries: u64,
    /// The pieces it lies in, one after the other.
    pub chunks: Vec<Chunk>,
}

/// What a part is, with what it takes to put it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// As `pg_dump` writes it in its own format.
    Database(Database),
    /// As tar. The key is the definition's, the name the engine's.
    Volume { key: String, name: String },
    /// As tar: a folder of the machine, by where it is mounted into the service.
    Folder { target: String, path: String },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(database) => write!(f, "database {}", database.name),
            Self::Volume { key, .. } => write!(f, "volume {key}"),
            Self::Folder { target, .. } => write!(f, "folder {target}"),
        }
    }
}

/// How a database is made anew before it is filled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub encoding: String,
    pub collate: String,
    pub ctype: String,
    pub owner: String,
    /// Clause that says who compares texts, where that is not the C library.
    #[serde(default)]
    pub provider: String,
    /// Who may do what with it, and its own settings; `:"name"` stands for its name.
    pub statements: Vec<String>,
}

/// A file inside the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_in_plain_words_and_read_back() {
        let part = |what| Part {
            service: "db".to_owned(),
            what,
            size: 3,
            sha256: "aa".to_owned(),
            entries: 0,
            chunks: vec![Chunk { path: "001-x/000001".to_owned(), size: 3, sha256: "bb".to_owned() }],
        };
        let manifest = Manifest {
            head: Head {
                format: FORMAT,
                pdex: "1.2.3".to_owned(),
                project: "shop".to_owned(),
                timestamp: "2026-01-01T00:00:00.000Z".to_owned(),
            },
            engine: "20.10".to_owned(),
            images: BTreeMap::new(),
            servers: BTreeMap::new(),
            left_out: Vec::new(),
            parts: vec![
                part(What::Database(Database { name: "shop".to_owned(), ..Database::default() })),
                part(What::Volume { key: "data".to_owned(), name: "shop_data".to_owned() }),
                part(What::Folder { target: "/models".to_owned(), path: "/srv/models".to_owned() }),
            ],
        };
        let written = serde_json::to_value(&manifest).unwrap();
        assert_eq!((&written["format"], &written["project"]), (&1.into(), &"shop".into()));
        let kinds: Vec<&str> =
            written["parts"].as_array().unwrap().iter().map(|p| p["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["database", "volume", "folder"]);
        assert_eq!(written["parts"][1]["key"], "data");
        assert_eq!(serde_json::from_value::<Manifest>(written).unwrap(), manifest);
        assert_eq!(manifest.size(), 9);
    }
}
