//! Writes what the bench's Python peer has in memory: `cargo run -p dex --example rows -- DIR` makes `rows.f32` (for every ordered
//! pair of Pokémon with their best sets the model's row, little-endian) and `pokemon.json` (ids, names and opening moves per pair).

#![expect(clippy::unwrap_used, reason = "a tool of the bench: what goes wrong ends it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dex::battle::{Fighter, Matchup, Rules};
use dex::features;
use dex::pokedex::Pokedex;
use dex::predict::opening_move;
use serde_json::json;

fn main() {
    let dir = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dex: Pokedex = serde_json::from_value(snapshot["pokedex"].take()).unwrap();
    let fighters: Vec<_> =
        dex.pokemon.iter().map(|p| Fighter::new(&dex, &Rules::default(), p, &[])).collect();
    let mut rows = std::io::BufWriter::new(std::fs::File::create(dir.join("rows.f32")).unwrap());
    let mut openings = Vec::new();
    for a in &fighters {
        for b in &fighters {
            let matchup = Matchup::new(&dex.chart, a, b);
            for value in features::rows(&matchup)[0] {
                rows.write_all(&value.to_le_bytes()).unwrap();
            }
            let id = opening_move(&matchup, 0);
            openings.push(id.and_then(|id| dex.move_(id)).map(|m| m.name_en.clone()));
        }
    }
    rows.flush().unwrap();
    let names: Vec<_> = dex.pokemon.iter().map(|p| json!([p.id, p.slug, p.name_en, p.name_fr])).collect();
    let tables = json!({"pokemon": names, "openings": openings, "features": features::NAMES.to_vec()});
    std::fs::write(dir.join("pokemon.json"), tables.to_string()).unwrap();
}
