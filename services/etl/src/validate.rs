//! The domain's rules, row by row, whatever source the rows came from: a row that breaks one is refused.

use std::collections::BTreeSet;

use dex::pokedex::{Category, Form, Learn, LearnMethod, Move, Pokemon, Stats};

use crate::facts::{Evolution, Facts, LaterValue, Machine, Trigger};
use crate::reject::Reject;
use crate::transform::STATS;

/// Splits facts into the rows that keep the rules and the rejects.
pub fn sift(mut facts: Facts) -> (Facts, Vec<Reject>) {
    let mut rejects = Vec::new();
    sift_types(&mut facts, &mut rejects);
    let moves = sift_moves(&mut facts, &mut rejects);
    let pokemon = sift_pokemon(&mut facts, &moves, &mut rejects);
    let mut evolved = BTreeSet::new();
    facts.evolutions.retain(|e| {
        let again = !evolved.insert(e.pokemon_id);
        let reason =
            evolution_fault(e, &pokemon).or_else(|| first(&[(again, "the Pokémon evolves in two ways")]));
        keep(&mut rejects, "evolution", &e.pokemon_id.to_string(), reason)
    });
    let (mut numbers, mut taught) = (BTreeSet::new(), BTreeSet::new());
    facts.machines.retain(|m| {
        let again = !numbers.insert(m.number) | !taught.insert(m.move_id);
        let reason =
            machine_fault(m, &moves).or_else(|| first(&[(again, "its number or move is there twice")]));
        keep(&mut rejects, "machine", &m.number.to_string(), reason)
    });
    let mut later = BTreeSet::new();
    facts.later_values.retain(|l| {
        let again = !later.insert((l.move_id, l.attribute));
        let reason = later_fault(l, &moves).or_else(|| first(&[(again, "it is there twice")]));
        keep(&mut rejects, "later value", &format!("{} {}", l.move_id, l.attribute.slug()), reason)
    });
    (facts, rejects)
}

fn sift_types(facts: &mut Facts, rejects: &mut Vec<Reject>) {
    let dex = &mut facts.pokedex;
    let mut seen = BTreeSet::new();
    dex.types.retain(|names| {
        let reason = first(&[
            (!is_name(&names.name_en) || !is_name(&names.name_fr), "a name is empty or not printable"),
            (!seen.insert(names.type_), "it is there twice"),
        ]);
        keep(rejects, "type", names.type_.slug(), reason)
    });
    for (attack, row) in dex.chart.0.iter_mut().enumerate() {
        for halves in row.iter_mut().filter(|halves| ![0, 1, 2, 4].contains(*halves)) {
            rejects.push(Reject::new(format!("type chart row {}", attack + 1), format!("{halves} halves")));
            *halves = 2;
        }
    }
}

fn sift_moves(facts: &mut Facts, rejects: &mut Vec<Reject>) -> BTreeSet<u16> {
    let mut seen = Seen::default();
    facts.pokedex.moves.retain(|m| {
        let reason = seen.again(m.id, &m.slug).or_else(|| move_fault(m));
        keep(rejects, "move", &m.slug, reason)
    });
    facts.pokedex.moves.iter().map(|m| m.id).collect()
}

fn sift_pokemon(facts: &mut Facts, moves: &BTreeSet<u16>, rejects: &mut Vec<Reject>) -> BTreeSet<u16> {
    let dex = &mut facts.pokedex;
    let species: BTreeSet<u16> =
        dex.pokemon.iter().filter(|p| p.form == Form::Base).map(|p| p.species_id).collect();
    let mut seen = Seen::default();
    dex.pokemon.retain(|p| {
        let reason = seen.again(p.id, &p.slug).or_else(|| pokemon_fault(p, &species));
        keep(rejects, "pokemon", &p.slug, reason)
    });
    // A species is its base form, and some may just have been refused.
    let species: BTreeSet<u16> =
        dex.pokemon.iter().filter(|p| p.form == Form::Base).map(|p| p.species_id).collect();
    dex.pokemon.retain(|p| {
        let reason = first(&[(!species.contains(&p.species_id), "its species' base form was refused")]);
        keep(rejects, "pokemon", &p.slug, reason)
    });
    for pokemon in &mut dex.pokemon {
        let slug = &pokemon.slug;
        let mut seen = BTreeSet::new();
        pokemon.learnset.retain(|learn| {
            let again = !seen.insert((learn.method, learn.level, learn.move_id));
            let reason = learn_fault(learn, moves).or_else(|| first(&[(again, "it is there twice")]));
            keep(rejects, "learnset row", &format!("{slug} {}", learn.move_id), reason)
        });
    }
    dex.pokemon.iter().map(|p| p.id).collect()
}

fn evolution_fault(e: &Evolution, pokemon: &BTreeSet<u16>) -> Option<&'static str> {
    let by_level = e.trigger == Trigger::LevelUp;
    first(&[
        (
            !pokemon.contains(&e.pokemon_id) || !pokemon.contains(&e.from_pokemon_id),
            "a side is not in the games",
        ),
        (e.pokemon_id == e.from_pokemon_id, "it evolves into itself"),
        (e.min_level.is_some_and(|level| !(1..=100).contains(&level)), "its level is not 1 to 100"),
        ((e.trigger == Trigger::UseItem) != e.item.is_some(), "an item and its use do not go together"),
        (!by_level && (e.min_level.is_some() || e.friendship), "a level or friendship without levelling up"),
        (e.item.as_ref().is_some_and(|item| !is_slug(item)), "its item is no identifier"),
    ])
}

fn machine_fault(m: &Machine, moves: &BTreeSet<u16>) -> Option<&'static str> {
    first(&[
        (!(1..=60).contains(&m.number), "its number is not 1 to 60"),
        (!moves.contains(&m.move_id), "the move is not in the games"),
    ])
}

fn later_fault(l: &LaterValue, moves: &BTreeSet<u16>) -> Option<&'static str> {
    first(&[
        (!moves.contains(&l.move_id), "the move is not in the games"),
        (l.value.is_some_and(|value| value > 250), "its value is over 250"),
    ])
}

#[derive(Default)]
struct Seen {
    ids: BTreeSet<u16>,
    slugs: BTreeSet<String>,
}

impl Seen {
    fn again(&mut self, id: u16, slug: &str) -> Option<&'static str> {
        let new = self.ids.insert(id) & self.slugs.insert(slug.to_owned());
        first(&[
            (!new, "its id or identifier is there twice"),
            (i16::try_from(id).unwrap_or(0) < 1, "its id is out of range"),
        ])
    }
}

fn keep(rejects: &mut Vec<Reject>, kind: &str, name: &str, reason: Option<&str>) -> bool {
    match reason {
        Some(reason) => rejects.push(Reject::new(format!("{kind} {name}"), reason)),
        None => return true,
    }
    false
}

/// The text of the first rule that is broken.
fn first(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    rules.iter().find(|(broken, _)| *broken).map(|(_, reason)| *reason)
}

fn is_slug(slug: &str) -> bool {
    !slug.is_empty() && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains(char::is_control)
}

fn pokemon_fault(p: &Pokemon, species: &BTreeSet<u16>) -> Option<&'static str> {
    let Stats { hp, attack, defense, special_attack, special_defense, speed } = p.stats;
    let stats = [hp, attack, defense, special_attack, special_defense, speed];
    first(&[
        (!is_slug(&p.slug), "its identifier is not lower case, digits and dashes"),
        (!is_name(&p.name_en) || !is_name(&p.name_fr), "a name is empty or not printable"),
        (!species.contains(&p.species_id), "its species has no base form"),
        (p.form == Form::Base && p.id != p.species_id, "a base form's id is not its species'"),
        (!(1..=2).contains(&p.types.len()), "it has not one or two types"),
        (p.types.len() == 2 && p.types[0] == p.types[1], "it has one type twice"),
        (stats.iter().any(|stat| !(1..=255).contains(stat)), "a base stat is not 1 to 255"),
        (i16::try_from(p.weight_hg).unwrap_or(0) < 1, "its weight is out of range"),
        (i16::try_from(p.height_dm).unwrap_or(0) < 1, "its height is out of range"),
        (p.learnset.is_empty(), "it learns no move"),
    ])
}

fn move_fault(m: &Move) -> Option<&'static str> {
    let percent = [m.flinch_chance, m.ailment_chance, m.stat_chance];
    let mut stats = BTreeSet::new();
    first(&[
        (!is_slug(&m.slug), "its identifier is not lower case, digits and dashes"),
        (!is_name(&m.name_en) || !is_name(&m.name_fr), "a name is empty or not printable"),
        (m.category == Category::Status && m.power.is_some(), "a status move has power"),
        (m.power.is_some_and(|power| !(1..=250).contains(&power)), "its power is not 1 to 250"),
        (m.accuracy.is_some_and(|accuracy| !(1..=100).contains(&accuracy)), "its accuracy is not 1 to 100"),
        (!(1..=40).contains(&m.pp), "its PP is not 1 to 40"),
        (!(-7..=5).contains(&m.priority), "its priority is not -7 to 5"),
        (m.min_hits < 1 || m.min_hits > m.max_hits || m.max_hits > 5, "its hits are not 1 to 5"),
        (m.crit_rate > 6, "its critical-hit stage is over 6"),
        (percent.iter().any(|chance| *chance > 100), "a chance is over 100"),
        (m.drain.unsigned_abs() > 100 || m.healing.unsigned_abs() > 100, "its drain or healing is over 100"),
        (
            [&m.ailment, &m.effect_class, &m.target].iter().any(|name| !is_name(name)),
            "an identifier is empty",
        ),
        (m.stat_changes.iter().any(|c| !STATS.contains(&c.stat.as_str())), "it changes an unknown stat"),
        (
            m.stat_changes.iter().any(|c| c.change == 0 || c.change.unsigned_abs() > 6),
            "a change is not 1 to 6 stages",
        ),
        (!m.stat_changes.iter().all(|c| stats.insert(&c.stat)), "it changes one stat twice"),
    ])
}

fn learn_fault(learn: &Learn, moves: &BTreeSet<u16>) -> Option<&'static str> {
    first(&[
        (!moves.contains(&learn.move_id), "the move is not in the games"),
        (learn.level > 100, "the level is over 100"),
        (learn.method != LearnMethod::LevelUp && learn.level != 0, "only level-up rows have a level"),
    ])
}
