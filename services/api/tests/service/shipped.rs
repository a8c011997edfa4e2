//! The Pokédex that ships with the project, as the API serves it.

use std::path::Path;

use api::catalogue::Catalogue;
use dex::pokedex::Pokedex;

fn shipped() -> Catalogue {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etl/data/snapshot.json");
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let dex: Pokedex = serde_json::from_value(snapshot["pokedex"].take()).unwrap();
    Catalogue::new(dex, serde_json::from_value(snapshot["evolutions"].take()).unwrap())
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

#[test]
fn searches_find_what_was_meant_first() {
    let catalogue = shipped();
    for (typed, meant) in [
        ("pikachu", "pikachu"),
        ("picachu", "pikachu"),
        ("pikahcu", "pikachu"),
        ("bulbizare", "bulbasaur"),
        ("Dracofeu", "charizard"),
        ("salameche", "charmander"),
        ("mew", "mew"),
        ("mewt", "mewtwo"),
        ("rafflesia", "vileplume"),
        ("nidoran♀", "nidoran-f"),
        ("mr mime", "mr-mime"),
        ("farfetchd", "farfetchd"),
        ("alakzam", "alakazam"),
        ("evolli", "eevee"),
        ("Ronflex", "snorlax"),
        ("alolan vulpix", "vulpix-alola"),
    ] {
        let found = catalogue.search(typed, 5);
        assert_eq!(
            found.first().map(|(_, pokemon, _)| pokemon.slug.as_str()),
            Some(meant),
            "{typed}: {found:?}"
        );
    }
}

#[test]
fn every_evolution_joins_two_that_are_there() {
    let catalogue = shipped();
    let count = catalogue.dex.pokemon.iter().filter(|p| catalogue.evolved_from(p.id).is_some()).count();
    assert_eq!(count, 80);
    let ivysaur = catalogue.evolves_to(1).map(|e| e.pokemon_id).collect::<Vec<_>>();
    assert_eq!(ivysaur, [2]);
}

#[test]
fn simulated_battles_agree_with_themselves_whichever_side_asks() {
    use api::engine::{matchup, simulate};
    use dex::predict::Side;
    let catalogue = shipped();
    let side = |slug: &str| {
        let pokemon = catalogue.dex.pokemon.iter().find(|p| p.slug == slug).unwrap();
        Side { pokemon, moves: Vec::new() }
    };
    for [a, b] in [["pikachu", "onix"], ["mewtwo", "magikarp"], ["eevee", "eevee"], ["ditto", "chansey"]] {
        let [a, b] = [side(a), side(b)];
        let fight = |a: &Side<'_>, b: &Side<'_>| simulate(&matchup(&catalogue, a, b), &catalogue.dex.chart);
        let (ab, ba) = (fight(&a, &b), fight(&b, &a));
        assert_eq!(ab, fight(&a, &b), "the same question has the same answer");
        assert_eq!(ab.probability_a.to_bits(), (1.0 - ba.probability_a).to_bits());
        assert!(ab.interval[0] <= ab.probability_a && ab.probability_a <= ab.interval[1], "{ab:?}");
        assert!((ab.interval[0] + ba.interval[1] - 1.0).abs() < 1e-12, "{ab:?} {ba:?}");
    }
}
