//! Documents changed at random: what comes out keeps every rule or does not come out, and nothing panics.

use std::cell::RefCell;
use std::error::Error as _;
use std::sync::LazyLock;

use etl::counts::Counts;
use etl::facts::Facts;
use etl::load::{LoadError, Plan, preview};
use etl::pokeapi::Documents;
use etl::pokeapi::documents::{
    EvolutionChain, Machine, Move, Pokemon, PokemonForm, Species, Type, VersionGroup,
};
use etl::validate::sift;
use etl::{rules, transform};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::support::{Database, FIXTURE_COUNTS, Site, fixture};

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

/// A document, a place in it, what is put there, and whether the place goes instead.
type Change = (prop::sample::Index, prop::sample::Index, Value, bool);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    prop::collection::vec((index(), index(), strange(), any::<bool>()), 1..4)
}

/// The fixture after these changes.
fn changed(changes: Vec<Change>) -> Site {
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
    site
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_documents_never_give_a_row_that_breaks_a_rule(changes in changes()) {
        let facts = facts(&changed(changes));
        keeps_the_schemas_rules(&facts)?;
        // Rules of the whole are judged, never panicked about.
        let _ = rules::broken(&facts);
    }
}

/// The schema is the judge of the rules that were written down a second time above: what was let through it takes.
#[test]
fn what_is_let_through_the_database_takes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(database) = runtime.block_on(Database::create()) else { return };
    let client = RefCell::new(runtime.block_on(database.connect()));
    runtime.block_on(dex::schema::migrate(&mut client.borrow_mut())).unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&changes(), |changes| {
        let facts = facts(&changed(changes));
        let counts = Counts::of(&facts);
        if counts.types != FIXTURE_COUNTS.types {
            // A chart without one of the types never comes so far: wrong counts end the run.
            return Ok(());
        }
        let mut client = client.borrow_mut();
        match runtime.block_on(preview(&mut client, &facts, &counts, &Plan::default())) {
            // A Pokémon may have lost its moves; that is for the whole to judge, and rolls back.
            Ok(_) | Err(LoadError::Orphans(_)) => Ok(()),
            Err(error) => Err(TestCaseError::fail(format!("{error}: {:?}", error.source()))),
        }
    });
    outcome.unwrap();
    drop(client);
    runtime.block_on(database.drop_it());
}
