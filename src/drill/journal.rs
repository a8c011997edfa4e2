//! What a drill owes: written to a file before anything is touched, and removed once everything is put back. Whoever finds the file
//! knows what to do, however the drill ended.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::world::live::CpuLimit;

/// What is to be done to a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub service: String,
    /// Its name, for people.
    pub container: String,
    pub id: String,
    pub owed: Owed,
}

/// See [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owed {
    /// With the time of the start that the drill found, as the engine wrote it.
    Start {
        since: String,
    },
    Unpause,
    Cpu(CpuLimit),
}

impl Entry {
    /// What is put back, for a person.
    pub fn words(&self) -> String {
        let Self { container, owed, .. } = self;
        match owed {
            Owed::Start { .. } => format!("{container}: runs"),
            Owed::Unpause => format!("{container}: goes on"),
            Owed::Cpu(limit) if limit.nano_cpus > 0 => {
                format!("{container}: {} processors", limit.nano_cpus as f64 / 1e9)
            }
            Owed::Cpu(_) => format!("{container}: its share of the processors"),
        }
    }
}

/// The file of one project.
#[derive(Debug, Clone)]
pub struct Journal {
    file: PathBuf,
}

impl Journal {
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is owed; nothing where there is no file.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        match std::fs::read(&self.file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Aside and then into place, on the disk before this returns.
    pub fn keep(&self, entries: &[Entry]) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut aside = tempfile::NamedTempFile::new_in(folder)?;
        aside.write_all(&serde_json::to_vec_pretty(entries)?)?;
        aside.as_file().sync_all()?;
        aside.persist(&self.file)?;
        Ok(())
    }

    /// Everything is put back.
    pub fn clear(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("a/shop.drill.json"));
        assert_eq!(journal.entries().unwrap(), []);
        let cpu = CpuLimit { nano_cpus: 1_000_000_000, ..CpuLimit::default() };
        let entries: Vec<Entry> =
            [Owed::Start { since: "2026-01-01T00:00:00Z".to_owned() }, Owed::Unpause, Owed::Cpu(cpu)]
                .into_iter()
                .map(|owed| Entry {
                    service: "api".to_owned(),
                    container: "shop-api-1".to_owned(),
                    id: "1".to_owned(),
                    owed,
                })
                .collect();
        journal.keep(&entries).unwrap();
        assert_eq!(journal.entries().unwrap(), entries);
        assert_eq!(entries[2].words(), "shop-api-1: 1 processors");
        for _ in 0..2 {
            journal.clear().unwrap();
        }
        assert_eq!(journal.entries().unwrap(), []);
        std::fs::write(journal.file(), "{").unwrap();
        assert!(journal.entries().is_err(), "one that cannot be read is not nothing");
    }
}
