//! Rules that hold over the whole data and not row by row: broken, they fail a run, and `etl check` asks them of the database. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use dex::pokedex::{Category, Form, LearnMethod, Type};

use crate::facts::Facts;

/// Sum of the base stats of the weakest and the strongest combatant of the games: Caterpie and Mega Mewtwo.
const TOTALS: std::ops::RangeInclusive<u16> = 195..=780;

/// Immunities are one-sided, so symmetric is only that each of these pairs is mutually strong or mutually weak.
const MUTUAL: [(Type, Type, u8); 4] = [
    (Type::Dragon, Type::Dragon, 4),
    (Type::Ghost, Type::Ghost, 4),
    (Type::Steel, Type::Steel, 1),
    (Type::Fire, Type::Fire, 1),
];

/// Every rule that is broken, in words; none is good.
pub fn broken(facts: &Facts) -> Vec<String> {
    [combatants, learnsets, chart, evolutions, moves].into_iter().flat_map(|rule| rule(facts)).collect()
}

fn combatants(facts: &Facts) -> Vec<String> {
    let mut broken = Vec::new();
    let base: BTreeMap<u16, _> =
        facts.pokedex.pokemon.iter().filter(|p| p.form == Form::Base).map(|p| (p.species_id, p)).collect();
    for p in &facts.pokedex.pokemon {
        let total = p.stats.total();
        if !TOTALS.contains(&total) {
            broken.push(format!("{}: its base stats sum to {total}", p.slug));
        }
        match base.get(&p.species_id) {
            None => broken.push(format!("{}: its species has no base form", p.slug)),
            // Mega Evolution adds a hundred points and leaves HP alone.
            Some(base) if p.form == Form::Mega => {
                if total != base.stats.total() + 100 || p.stats.hp != base.stats.hp {
                    broken.push(format!("{}: Mega Evolution adds 100 to the sum and none to HP", p.slug));
                }
            }
            Some(_) => {}
        }
    }
    broken
}

fn learnsets(facts: &Facts) -> Vec<String> {
    let mut broken = Vec::new();
    let moves: BTreeMap<u16, &str> = facts.pokedex.moves.iter().map(|m| (m.id, m.slug.as_str())).collect();
    let taught: BTreeSet<u16> = facts.machines.iter().map(|m| m.move_id).collect();
    for p in &facts.pokedex.pokemon {
        for learn in &p.learnset {
            match moves.get(&learn.move_id) {
                None => broken.push(format!("{}: it learns move {}, which is none", p.slug, learn.move_id)),
                Some(slug) if learn.method == LearnMethod::Machine && !taught.contains(&learn.move_id) => {
                    broken.push(format!("{}: no machine teaches {slug}", p.slug));
                }
                Some(_) => {}
            }
        }
    }
    broken
}

fn chart(facts: &Facts) -> Vec<String> {
    let chart = &facts.pokedex.chart;
    let mut broken = Vec::new();
    for (a, b, halves) in MUTUAL {
        if chart.halves(a, b) != halves || chart.halves(b, a) != halves {
            broken.push(format!("type chart: {} and {} are not mutual", a.slug(), b.slug()));
        }
    }
    // Eight immunities since the sixth generation, each of them one of these.
    let immune = Type::ALL
        .into_iter()
        .flat_map(|a| Type::ALL.map(|d| (a, d)))
        .filter(|(a, d)| chart.halves(*a, *d) == 0)
        .count();
    if immune != 8 {
        broken.push(format!("type chart: {immune} immunities instead of 8"));
    }
    broken
}

fn evolutions(facts: &Facts) -> Vec<String> {
    let mut broken = Vec::new();
    let from: BTreeMap<u16, u16> =
        facts.evolutions.iter().map(|e| (e.pokemon_id, e.from_pokemon_id)).collect();
    for start in from.keys() {
        let mut at = *start;
        let mut steps = 0;
        while let Some(next) = from.get(&at) {
            at = *next;
            steps += 1;
            // No line of the games has more than three members.
            if steps > 2 {
                broken.push(format!("evolution of {start}: it goes in a circle or over more than two steps"));
                break;
            }
        }
    }
    broken
}

fn moves(facts: &Facts) -> Vec<String> {
    let known: BTreeSet<Type> = facts.pokedex.types.iter().map(|names| names.type_).collect();
    let mut broken: Vec<String> = facts
        .pokedex
        .moves
        .iter()
        .filter(|m| !known.contains(&m.type_))
        .map(|m| format!("{}: its type is none of the types", m.slug))
        .collect();
    for later in &facts.later_values {
        let same = facts.pokedex.moves.iter().find(|m| m.id == later.move_id).is_none_or(|m| {
            use crate::facts::Attribute;
            later.value
                == match later.attribute {
                    Attribute::Accuracy => m.accuracy.map(u16::from),
                    Attribute::Power => m.power,
                    Attribute::Pp => Some(u16::from(m.pp)),
                }
        });
        if same {
            broken.push(format!("move {}: its later {} is no other", later.move_id, later.attribute.slug()));
        }
    }
    let status = facts.pokedex.moves.iter().filter(|m| m.category == Category::Status && m.power.is_some());
    broken.extend(status.map(|m| format!("{}: a status move has power", m.slug)));
    broken
}

#[cfg(test)]
mod tests {
    use dex::pokedex::{LearnMethod, Type};

    use super::broken;
    use crate::facts::Facts;
    use crate::snapshot::{SHIPPED, Snapshot};

    fn check(change: impl FnOnce(&mut Facts), expected: &[&str]) {
        let mut facts = Snapshot::decode(SHIPPED).unwrap().facts;
        change(&mut facts);
        assert_eq!(broken(&facts), expected);
    }

    #[test]
    fn the_shipped_facts_break_none() {
        check(|_| {}, &[]);
    }

    #[test]
    fn each_rule_names_what_breaks_it() {
        check(
            |f| {
                let caterpie = f.pokedex.pokemon.iter_mut().find(|p| p.slug == "caterpie").unwrap();
                caterpie.stats.hp = 1;
            },
            &["caterpie: its base stats sum to 151"],
        );
        check(
            |f| {
                let mega = f.pokedex.pokemon.iter_mut().find(|p| p.slug == "pinsir-mega").unwrap();
                mega.stats.hp += 1;
            },
            &["pinsir-mega: Mega Evolution adds 100 to the sum and none to HP"],
        );
        check(
            |f| f.pokedex.chart.0[Type::Electric.index()][Type::Ground.index()] = 2,
            &["type chart: 7 immunities instead of 8"],
        );
        check(
            |f| f.pokedex.chart.0[Type::Ghost.index()][Type::Ghost.index()] = 2,
            &["type chart: ghost and ghost are not mutual"],
        );
        check(
            |f| {
                let (from, to) = (f.evolutions[0].from_pokemon_id, f.evolutions[0].pokemon_id);
                let mut back = f.evolutions[0].clone();
                (back.pokemon_id, back.from_pokemon_id) = (from, to);
                f.evolutions.push(back);
            },
            &[
                "evolution of 1: it goes in a circle or over more than two steps",
                "evolution of 2: it goes in a circle or over more than two steps",
                "evolution of 3: it goes in a circle or over more than two steps",
            ],
        );
    }

    #[test]
    fn a_machine_that_is_none_and_an_orphan_are_found() {
        check(
            |f| {
                let mew = f.pokedex.pokemon.iter_mut().find(|p| p.slug == "ditto").unwrap();
                mew.learnset.push(dex::pokedex::Learn {
                    move_id: 33,
                    method: LearnMethod::Machine,
                    level: 0,
                });
                mew.learnset.push(dex::pokedex::Learn {
                    move_id: 999,
                    method: LearnMethod::LevelUp,
                    level: 1,
                });
            },
            &["ditto: no machine teaches tackle", "ditto: it learns move 999, which is none"],
        );
        check(
            |f| {
                f.later_values[0].value =
                    f.pokedex.moves.iter().find(|m| m.id == f.later_values[0].move_id).unwrap().power;
            },
            &["move 71: its later power is no other"],
        );
    }
}
