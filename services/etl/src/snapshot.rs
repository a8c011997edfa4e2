//! The snapshot that ships with the project: the facts the stack needs in the project's own schema, with their provenance.
//! Equal data gives equal bytes, so there is no date in it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::facts::Facts;
use crate::fetch::hex;

/// The shipped snapshot, as `etl export` wrote it.
pub const SHIPPED: &[u8] = include_bytes!("../data/snapshot.json");

/// Version of the snapshot's format.
const FORMAT: u32 = 2;

/// Where the facts come from and under which terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    pub format: u32,
    pub source: String,
    pub url: String,
    pub licence: String,
    pub games: String,
    pub note: String,
}

/// Facts with their provenance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    pub provenance: Provenance,
    #[serde(flatten)]
    pub facts: Facts,
}

/// Why bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("the snapshot is not valid JSON of its schema")]
    Json(#[from] serde_json::Error),
    #[error("the snapshot has format {found}, this program reads format {FORMAT}")]
    Format { found: u32 },
}

impl Snapshot {
    /// Wraps what was read from `PokéAPI`.
    pub fn from_pokeapi(facts: Facts) -> Self {
        let provenance = Provenance {
            format: FORMAT,
            source: "PokéAPI".to_owned(),
            url: "https://pokeapi.co/".to_owned(),
            licence: "BSD-3-Clause, Copyright (c) Paul Hallett and PokéAPI contributors. Pokémon and Pokémon character \
                      names are trademarks of Nintendo."
                .to_owned(),
            games: "Pokémon: Let's Go, Pikachu! and Let's Go, Eevee!".to_owned(),
            note: "Written by `etl export`; do not edit.".to_owned(),
        };
        Self { provenance, facts }
    }

    /// Reads the bytes of [`Self::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        /// Only the format, so that another format is named as such whatever else it changed.
        #[derive(Deserialize)]
        struct Head {
            provenance: HeadProvenance,
        }
        #[derive(Deserialize)]
        struct HeadProvenance {
            format: u32,
        }
        let head: Head = serde_json::from_slice(bytes)?;
        match head.provenance.format {
            FORMAT => Ok(serde_json::from_slice(bytes)?),
            found => Err(SnapshotError::Format { found }),
        }
    }

    /// The canonical bytes: JSON with one record per line, so that a change of data is a readable diff.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        let provenance = serde_json::to_string(&self.provenance)?;
        Ok(format!("{{\"provenance\":{provenance},\n{}}}\n", encode_facts(&self.facts)?))
    }
}

/// SHA-256 of the data in its canonical form, whatever source it came from.
pub fn content_hash(facts: &Facts) -> Result<String, serde_json::Error> {
    Ok(hex(&Sha256::digest(encode_facts(facts)?.as_bytes())))
}

fn encode_facts(facts: &Facts) -> Result<String, serde_json::Error> {
    let dex = &facts.pokedex;
    Ok(format!(
        "\"pokedex\":{{\n\"types\":{},\n\"chart\":{},\n\"moves\":{},\n\"pokemon\":{}}},\n\"evolutions\":{},\n\"machines\":{},\n\"later_values\":{}",
        lines(&dex.types)?,
        lines(&dex.chart.0)?,
        lines(&dex.moves)?,
        lines(&dex.pokemon)?,
        lines(&facts.evolutions)?,
        lines(&facts.machines)?,
        lines(&facts.later_values)?
    ))
}

fn lines<T: Serialize>(records: &[T]) -> Result<String, serde_json::Error> {
    let records: Vec<String> = records.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(format!("[\n{}\n]", records.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::{SHIPPED, Snapshot, SnapshotError};
    use crate::counts::{Counts, EXPECTED};
    use crate::validate::sift;

    #[test]
    fn the_shipped_snapshot_is_canonical_complete_and_valid() {
        let snapshot = Snapshot::decode(SHIPPED).unwrap();
        assert_eq!(snapshot.encode().unwrap().as_bytes(), SHIPPED);
        assert_eq!(Counts::of(&snapshot.facts), EXPECTED);
        assert_eq!(sift(snapshot.facts.clone()), (snapshot.facts, Vec::new()));
    }

    #[test]
    fn another_format_is_named() {
        let error = Snapshot::decode(br#"{"provenance":{"format":3}}"#).unwrap_err();
        assert!(matches!(error, SnapshotError::Format { found: 3 }), "{error}");
    }

    #[test]
    fn hostile_bytes_are_an_error() {
        for bytes in
            [&b""[..], b"{", b"[]", b"{\"provenance\":{}}", b"\xff\xfe", b"{\"provenance\":{\"format\":2}}"]
        {
            assert!(matches!(Snapshot::decode(bytes), Err(SnapshotError::Json(_))), "{bytes:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(Snapshot::decode(deep.as_bytes()).is_err());
    }
}
