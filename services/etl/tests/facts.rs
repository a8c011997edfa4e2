//! Two hundred published facts against what is shipped, line by line of a table; every source has to give the same (see `live`).
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use dex::pokedex::{LearnMethod, Move, Pokemon, Type};
use etl::facts::{Facts, Trigger};
use etl::snapshot::{SHIPPED, Snapshot};

const TABLE: &str = include_str!("fixtures/facts.txt");

fn pokemon<'f>(facts: &'f Facts, slug: &str) -> &'f Pokemon {
    facts.pokedex.pokemon.iter().find(|p| p.slug == slug).unwrap_or_else(|| panic!("no pokemon {slug}"))
}

fn move_<'f>(facts: &'f Facts, slug: &str) -> &'f Move {
    facts.pokedex.moves.iter().find(|m| m.slug == slug).unwrap_or_else(|| panic!("no move {slug}"))
}

/// What the data says where the table says something: the line as it would have to be, and how many facts it is.
fn line(facts: &Facts, words: &[&str]) -> (String, usize) {
    match words {
        ["stats", slug, ..] => {
            let s = pokemon(facts, slug).stats;
            let all = [s.hp, s.attack, s.defense, s.special_attack, s.special_defense, s.speed];
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            (format!("stats {slug} {}", all.join(" ")), 6)
        }
        ["types", slug, ..] => {
            let types: Vec<&str> = pokemon(facts, slug).types.iter().map(|t| t.slug()).collect();
            (format!("types {slug} {}", types.join(" ")), 1)
        }
        ["power", slug, _] => (format!("power {slug} {}", move_(facts, slug).power.unwrap()), 1),
        ["accuracy", slug, _] => (format!("accuracy {slug} {}", move_(facts, slug).accuracy.unwrap()), 1),
        ["pp", slug, _] => (format!("pp {slug} {}", move_(facts, slug).pp), 1),
        ["priority", slug, _] => (format!("priority {slug} {}", move_(facts, slug).priority), 1),
        ["level", slug, learnt, wanted] => (level(facts, slug, learnt, wanted), 1),
        ["tm", number, _] => {
            let machine = facts.machines.iter().find(|m| m.number.to_string() == **number).unwrap();
            let slug = &facts.pokedex.move_(machine.move_id).unwrap().slug;
            (format!("tm {number} {slug}"), 1)
        }
        ["factor", attack, defend, _] => {
            let (a, d) = (Type::from_slug(attack).unwrap(), Type::from_slug(defend).unwrap());
            (format!("factor {attack} {defend} {}", facts.pokedex.chart.halves(a, d)), 1)
        }
        ["evolves", from, to, ..] => (evolution(facts, from, to), 1),
        ["french", slug, _] => (format!("french {slug} {}", pokemon(facts, slug).name_fr), 1),
        ["weight", slug, _] => (format!("weight {slug} {}", pokemon(facts, slug).weight_hg), 1),
        ["later", slug, attribute, _] => {
            let id = move_(facts, slug).id;
            let of = |l: &&etl::facts::LaterValue| l.move_id == id && l.attribute.slug() == *attribute;
            let value = facts.later_values.iter().find(of).and_then(|l| l.value);
            (format!("later {slug} {attribute} {}", value.unwrap_or_default()), 1)
        }
        other => panic!("not a line of the table: {other:?}"),
    }
}

fn level(facts: &Facts, slug: &str, learnt: &str, wanted: &str) -> String {
    let id = move_(facts, learnt).id;
    let rows = pokemon(facts, slug).learnset.iter();
    let mut levels: Vec<String> = rows
        .filter(|l| l.move_id == id && l.method == LearnMethod::LevelUp)
        .map(|l| l.level.to_string())
        .collect();
    if levels.iter().any(|level| level == wanted) {
        levels = vec![wanted.to_owned()];
    }
    format!("level {slug} {learnt} {}", levels.join(" "))
}

fn evolution(facts: &Facts, from: &str, to: &str) -> String {
    let (from_id, to_id) = (pokemon(facts, from).id, pokemon(facts, to).id);
    let found = facts.evolutions.iter().find(|e| e.from_pokemon_id == from_id && e.pokemon_id == to_id);
    let how = found.map_or_else(
        || "not".to_owned(),
        |e| match (e.trigger, &e.item, e.min_level) {
            (Trigger::UseItem, Some(item), _) => item.clone(),
            (Trigger::LevelUp, _, Some(level)) => format!("level {level}"),
            (Trigger::LevelUp, ..) if e.friendship => "friendship".to_owned(),
            (trigger, ..) => trigger.slug().to_owned(),
        },
    );
    format!("evolves {from} {to} {how}")
}

#[test]
fn two_hundred_published_facts_are_the_datas() {
    let facts = Snapshot::decode(SHIPPED).unwrap().facts;
    let mut wrong = Vec::new();
    let mut count = 0;
    for text in TABLE.lines().filter(|text| !text.starts_with('#')) {
        let words: Vec<&str> = text.split(' ').collect();
        let (found, facts_of_line) = line(&facts, &words);
        count += facts_of_line;
        if found != text {
            wrong.push(format!("published: {text}\ndata:      {found}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "\n{}", wrong.join("\n"));
    assert!(count >= 200, "{count} facts");
}
