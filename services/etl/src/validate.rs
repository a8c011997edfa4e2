//! The domain's rules, row by row, whatever source the rows came from: a row that breaks one is refused.

use std::collections::BTreeSet;

use dex::pokedex::{Category, Form, Learn, LearnMethod, Move, Pokedex, Pokemon, Stats};

use crate::reject::Reject;
use crate::transform::STATS;

/// Splits a Pokédex into the rows that keep the rules and the rejects.
pub fn sift(mut dex: Pokedex) -> (Pokedex, Vec<Reject>) {
    let mut rejects = Vec::new();
    let mut seen = BTreeSet::new();
    dex.types.retain(|names| {
        let reason = first(&[
            (names.name_en.is_empty() || names.name_fr.is_empty(), "a name is empty"),
            (!seen.insert(names.type_), "it is there twice"),
        ]);
        keep(&mut rejects, "type", names.type_.slug(), reason)
    });
    for (attack, row) in dex.chart.0.iter_mut().enumerate() {
        for halves in row.iter_mut().filter(|halves| ![0, 1, 2, 4].contains(*halves)) {
            rejects.push(Reject::new(format!("type chart row {}", attack + 1), format!("{halves} halves")));
            *halves = 2;
        }
    }
    let mut seen = Seen::default();
    dex.moves.retain(|m| {
        let reason = seen.again(m.id, &m.slug).or_else(|| move_fault(m));
        keep(&mut rejects, "move", &m.slug, reason)
    });
    let moves: BTreeSet<u16> = dex.moves.iter().map(|m| m.id).collect();
    let species: BTreeSet<u16> =
        dex.pokemon.iter().filter(|p| p.form == Form::Base).map(|p| p.species_id).collect();
    let mut seen = Seen::default();
    dex.pokemon.retain(|p| {
        let reason = seen.again(p.id, &p.slug).or_else(|| pokemon_fault(p, &species));
        keep(&mut rejects, "pokemon", &p.slug, reason)
    });
    for pokemon in &mut dex.pokemon {
        let slug = &pokemon.slug;
        let mut seen = BTreeSet::new();
        pokemon.learnset.retain(|learn| {
            let again = !seen.insert((learn.method, learn.level, learn.move_id));
            let reason = learn_fault(learn, &moves).or_else(|| first(&[(again, "it is there twice")]));
            keep(&mut rejects, "learnset row", &format!("{slug} {}", learn.move_id), reason)
        });
    }
    (dex, rejects)
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

fn pokemon_fault(p: &Pokemon, species: &BTreeSet<u16>) -> Option<&'static str> {
    let Stats { hp, attack, defense, special_attack, special_defense, speed } = p.stats;
    let stats = [hp, attack, defense, special_attack, special_defense, speed];
    first(&[
        (!is_slug(&p.slug), "its identifier is not lower case, digits and dashes"),
        (p.name_en.is_empty() || p.name_fr.is_empty(), "a name is empty"),
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
        (m.name_en.is_empty() || m.name_fr.is_empty(), "a name is empty"),
        (m.category == Category::Status && m.power.is_some(), "a status move has power"),
        (m.power.is_some_and(|power| !(1..=250).contains(&power)), "its power is not 1 to 250"),
        (m.accuracy.is_some_and(|accuracy| !(1..=100).contains(&accuracy)), "its accuracy is not 1 to 100"),
        (!(1..=40).contains(&m.pp), "its PP is not 1 to 40"),
        (!(-7..=5).contains(&m.priority), "its priority is not -7 to 5"),
        (m.min_hits < 1 || m.min_hits > m.max_hits || m.max_hits > 5, "its hits are not 1 to 5"),
        (m.crit_rate > 6, "its critical-hit stage is over 6"),
        (percent.iter().any(|chance| *chance > 100), "a chance is over 100"),
        (m.drain.unsigned_abs() > 100 || m.healing.unsigned_abs() > 100, "its drain or healing is over 100"),
        (m.ailment.is_empty() || m.effect_class.is_empty() || m.target.is_empty(), "an identifier is empty"),
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
