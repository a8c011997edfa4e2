//! The Pokédex as it is shipped with the project, for what needs no database: checking mechanics and models against files.

use std::sync::LazyLock;

use dex::pokedex::Pokedex;
use serde::Deserialize;

/// The ETL's own export.
const SNAPSHOT: &str = include_str!("../../etl/data/snapshot.json");

static POKEDEX: LazyLock<Pokedex> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Snapshot {
        pokedex: Pokedex,
    }
    serde_json::from_str::<Snapshot>(SNAPSHOT)
        .expect("the snapshot is part of the program and has a test")
        .pokedex
});

/// The shipped Pokédex.
pub fn pokedex() -> &'static Pokedex {
    &POKEDEX
}

#[cfg(test)]
mod tests {
    #[test]
    fn snapshot_holds_every_combatant() {
        assert_eq!(super::pokedex().pokemon.len(), 188);
    }
}
