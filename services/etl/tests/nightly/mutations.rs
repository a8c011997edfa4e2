//! Documents changed at random: what comes out keeps every rule or does not come out, and nothing panics.

use std::sync::LazyLock;

use etl::facts::Facts;
use etl::pokeapi::Documents;
use etl::pokeapi::documents::{
    EvolutionChain, Machine, Move, Pokemon, PokemonForm, Species, Type, VersionGroup,
};
use etl::validate::sift;
use etl::{rules, transform};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::support::{Site, fixture};

static FIXTURE: LazyLock<Site> = LazyLock::new(fixture);

fn all<T: DeserializeOwned>(site: &Site, resource: &str) -> Vec<T> {
    let prefix = format!("{resource}/");
    let documents = site.iter().filter(|(path, _)| path.starts_with(&prefix));
    // What does not even have the shape is a reject of the client; see `pokeapi`.
    documents.filter_map(|(_, document)| serde_json::from_value(document.clone()).ok()).collect()
}

fn facts(site: &Site) -> Facts {
    let groups: Vec<VersionGroup> = all(site, "version-group");
    let documents = Documents {
        version_group_order: groups.iter().map(|group| (group.name.clone(), group.order)).collect(),
        types: all::<Type>(site, "type"),
        species: all::<Species>(site, "pokemon-species"),
        pokemon: all::<Pokemon>(site, "pokemon"),
        forms: all::<PokemonForm>(site, "pokemon-form"),
        moves: all::<Move>(site, "move"),
        machines: all::<Machine>(site, "machine"),
        chains: all::<EvolutionChain>(site, "evolution-chain"),
        rejects: Vec::new(),
    };
    sift(transform::facts(&documents).0).0
}

/// Every place of a document as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| places(item, &format!("{at}/{i}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, field)| places(field, &format!("{at}/{key}"), found));
        }
        _ => {}
    }
}

fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|n| json!(n)),
        (-300_i64..300).prop_map(|n| json!(n)),
        "\\PC{0,8}".prop_map(|s| json!(s)),
        Just(json!("a\u{0}b")),
        prop::sample::select(vec!["fire", "pikachu", "level-up", "mega", "attack", "physical", "shadow"])
            .prop_map(|s| json!(s)),
        Just(json!([])),
        Just(json!({})),
        any::<bool>().prop_map(|b| json!(b)),
    ]
}

/// The rules of single rows, written down a second time, in the words of the schema.
fn keeps_the_schemas_rules(facts: &Facts) -> Result<(), TestCaseError> {
    let dex = &facts.pokedex;
    for m in &dex.moves {
        prop_assert!(m.power.is_none_or(|power| (1..=250).contains(&power)), "{m:?}");
        prop_assert!(m.accuracy.is_none_or(|accuracy| (1..=100).contains(&accuracy)), "{m:?}");
        prop_assert!((1..=40).contains(&m.pp) && (-7..=5).contains(&m.priority), "{m:?}");
        prop_assert!(!m.name_fr.contains('\0') && !m.slug.is_empty(), "{m:?}");
    }
    for p in &dex.pokemon {
        let s = p.stats;
        let stats = [s.hp, s.attack, s.defense, s.special_attack, s.special_defense, s.speed];
        prop_assert!(stats.iter().all(|stat| (1..=255).contains(stat)), "{p:?}");
        prop_assert!((1..=2).contains(&p.types.len()), "{p:?}");
        let base = dex.pokemon.iter().any(|base| base.id == p.species_id);
        prop_assert!(base, "{} has no base form", p.slug);
        for learn in &p.learnset {
            prop_assert!(learn.level <= 100 && dex.moves.iter().any(|m| m.id == learn.move_id), "{learn:?}");
        }
    }
    prop_assert!(dex.chart.0.iter().flatten().all(|halves| [0, 1, 2, 4].contains(halves)));
    for e in &facts.evolutions {
        prop_assert!(
            dex.pokemon.iter().any(|p| p.id == e.from_pokemon_id) && e.pokemon_id != e.from_pokemon_id
        );
    }
    for m in &facts.machines {
        prop_assert!(dex.moves.iter().any(|known| known.id == m.move_id), "{m:?}");
    }
    Ok(())
}

#[test]
fn unchanged_documents_break_nothing() {
    assert_eq!(rules::broken(&facts(&FIXTURE)), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_documents_never_give_a_row_that_breaks_a_rule(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), strange(), any::<bool>()), 1..4)
    ) {
        let mut site = FIXTURE.clone();
        for (document, place, value, is_removal) in changes {
            let path = (*document.get(&FIXTURE.keys().collect::<Vec<_>>())).clone();
            let document = site.get_mut(&path).unwrap();
            let mut found = Vec::new();
            places(document, "", &mut found);
            let at = place.get(&found).clone();
            match at.rsplit_once('/').filter(|_| is_removal) {
                Some((parent, key)) => match document.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(key)),
                    Some(Value::Array(items)) => drop(items.remove(key.parse().unwrap())),
                    _ => {}
                },
                None => *document.pointer_mut(&at).unwrap() = value,
            }
        }
        let facts = facts(&site);
        keeps_the_schemas_rules(&facts)?;
        // Rules of the whole are judged, never panicked about.
        let _ = rules::broken(&facts);
    }
}
