//! The Pokédex that ships with the project, as the API serves it.

use std::path::Path;

use api::catalogue::Catalogue;
use dex::pokedex::Pokedex;

fn shipped() -> Catalogue {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dex: Pokedex = serde_json::from_value(snapshot["pokedex"].take()).unwrap();
    Catalogue::new(dex)
}

#[test]
fn every_name_in_either_language_finds_its_own() {
    let catalogue = shipped();
    for pokemon in &catalogue.dex.pokemon {
        for name in [&pokemon.slug, &pokemon.name_en, &pokemon.name_fr, &pokemon.id.to_string()] {
            assert_eq!(catalogue.find_pokemon(name).map(|p| &p.slug), Some(&pokemon.slug), "{name}");
        }
    }
    for move_ in &catalogue.dex.moves {
        for name in [&move_.slug, &move_.name_en, &move_.name_fr, &move_.id.to_string()] {
            assert_eq!(catalogue.find_move(name).map(|m| &m.slug), Some(&move_.slug), "{name}");
        }
    }
    for names in &catalogue.dex.types {
        for name in [names.type_.slug(), &names.name_en, &names.name_fr] {
            assert_eq!(catalogue.find_type(name), Some(names.type_), "{name}");
        }
    }
}

#[test]
fn likely_slips_are_understood() {
    let catalogue = shipped();
    for (typed, meant) in [
        ("picachu", "Pikachu"),
        ("dracofeux", "Dracaufeu"),
        ("Bulbasur", "Bulbasaur"),
        ("rondoudu", "Rondoudou"),
    ] {
        assert!(catalogue.suggest_pokemon(typed).iter().any(|name| name == meant), "{typed}");
    }
}
