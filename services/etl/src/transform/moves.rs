//! Moves with their values in the games.

use std::collections::BTreeMap;

use dex::pokedex::{Category, Move, StatChange};

use super::{names, type_of};
use crate::facts::{Attribute, LaterValue, Machine};
use crate::letsgo;
use crate::pokeapi::Documents;
use crate::pokeapi::documents::{self, PastValues};
use crate::reject::Reject;

/// The stats a move can change, in the order they are listed.
pub(crate) const STATS: [&str; 7] =
    ["attack", "defense", "special-attack", "special-defense", "speed", "accuracy", "evasion"];

pub(super) fn moves(documents: &Documents, rejects: &mut Vec<Reject>) -> (Vec<Move>, Vec<LaterValue>) {
    let (mut moves, mut later_values) = (Vec::new(), Vec::new());
    for document in &documents.moves {
        match one(document, &documents.version_group_order) {
            Ok(made) => {
                later_values.extend(later(document, &made));
                moves.push(made);
            }
            Err(reason) => rejects.push(Reject::new(format!("move/{}", document.id), reason)),
        }
    }
    moves.sort_by_key(|m| m.id);
    later_values.sort_by_key(|later| (later.move_id, later.attribute));
    (moves, later_values)
}

/// What the document says of today where the games had something else.
fn later(document: &documents::Move, made: &Move) -> Vec<LaterValue> {
    let rows = [
        (Attribute::Accuracy, made.accuracy.map(u16::from), document.accuracy.map(u16::from)),
        (Attribute::Power, made.power, document.power),
        (Attribute::Pp, Some(u16::from(made.pp)), document.pp.map(u16::from)),
    ];
    rows.into_iter()
        .filter(|(_, then, today)| then != today)
        .map(|(attribute, _, value)| LaterValue { move_id: made.id, attribute, value })
        .collect()
}

/// The games' machines: their number is in the name of their item, `tm01`.
pub(super) fn machines(documents: &Documents, rejects: &mut Vec<Reject>) -> Vec<Machine> {
    let mut machines = Vec::new();
    for document in &documents.machines {
        let number = document.item.name.strip_prefix("tm").and_then(|number| number.parse().ok());
        if let (Some(number), Some(move_id)) = (number, document.move_.id()) {
            machines.push(Machine { number, move_id, document: document.id });
        } else {
            let reason = format!("{:?} teaching {:?} is no machine", document.item.name, document.move_.url);
            rejects.push(Reject::new(format!("machine/{}", document.id), reason));
        }
    }
    machines.sort_by_key(|machine| machine.number);
    machines
}

fn one(document: &documents::Move, order: &BTreeMap<String, i32>) -> Result<Move, String> {
    let past = then(&document.past_values, order)?;
    let (name_en, name_fr) = names(&document.names)?;
    let meta = &document.meta;
    let mut stat_changes = document
        .stat_changes
        .iter()
        .map(|c| {
            STATS
                .iter()
                .position(|stat| *stat == c.stat.name)
                .map(|position| (position, StatChange { stat: c.stat.name.clone(), change: c.change }))
                .ok_or_else(|| format!("unknown stat {:?}", c.stat.name))
        })
        .collect::<Result<Vec<_>, String>>()?;
    stat_changes.sort_by_key(|(position, _)| *position);
    let mut made = Move {
        id: document.id,
        slug: document.name.clone(),
        name_en,
        name_fr,
        type_: type_of(past.and_then(|past| past.type_.as_ref()).unwrap_or(&document.type_))?,
        category: category(&document.damage_class.name)?,
        power: past.and_then(|past| past.power).or(document.power),
        accuracy: past.and_then(|past| past.accuracy).or(document.accuracy),
        pp: past.and_then(|past| past.pp).or(document.pp).ok_or("no PP")?,
        priority: document.priority,
        min_hits: meta.min_hits.unwrap_or(1),
        max_hits: meta.max_hits.unwrap_or(1),
        drain: meta.drain,
        healing: meta.healing,
        crit_rate: meta.crit_rate,
        flinch_chance: meta.flinch_chance,
        ailment: meta.ailment.name.clone(),
        ailment_chance: meta.ailment_chance,
        stat_chance: meta.stat_chance,
        stat_changes: stat_changes.into_iter().map(|(_, change)| change).collect(),
        effect_class: meta.category.name.clone(),
        target: document.target.name.clone(),
    };
    letsgo::correct(&mut made);
    Ok(made)
}

fn category(damage_class: &str) -> Result<Category, String> {
    match damage_class {
        "physical" => Ok(Category::Physical),
        "special" => Ok(Category::Special),
        "status" => Ok(Category::Status),
        other => Err(format!("unknown damage class {other:?}")),
    }
}

/// The past values that held in the games: those that the earliest later version group changed. An entry of the games' own
/// group tells what was before them.
fn then<'a>(past: &'a [PastValues], order: &BTreeMap<String, i32>) -> Result<Option<&'a PastValues>, String> {
    let position = |group: &str| {
        order.get(group).copied().ok_or_else(|| format!("version group {group:?} has no place in time"))
    };
    let games = position(letsgo::VERSION_GROUP)?;
    let mut held: Option<(i32, &PastValues)> = None;
    for values in past {
        let changed = position(&values.version_group.name)?;
        if changed > games && held.is_none_or(|(earliest, _)| changed < earliest) {
            held = Some((changed, values));
        }
    }
    Ok(held.map(|(_, values)| values))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::then;
    use crate::letsgo::VERSION_GROUP;
    use crate::pokeapi::documents::{Link, PastValues};

    fn past(group: &str, power: u16) -> PastValues {
        let version_group = Link { name: group.to_owned(), url: format!("https://x/version-group/{group}/") };
        PastValues { power: Some(power), accuracy: None, pp: None, type_: None, version_group }
    }

    fn order() -> BTreeMap<String, i32> {
        [("diamond-pearl", 10), (VERSION_GROUP, 21), ("sword-shield", 22), ("scarlet-violet", 27)]
            .map(|(name, order)| (name.to_owned(), order))
            .into()
    }

    #[test]
    fn the_earliest_later_change_tells_the_value_of_the_games() {
        for (entries, power) in [
            (vec![], None),
            (vec![past("diamond-pearl", 1)], None),
            (vec![past(VERSION_GROUP, 20)], None),
            (vec![past("diamond-pearl", 1), past(VERSION_GROUP, 20), past("sword-shield", 40)], Some(40)),
            (vec![past("scarlet-violet", 60), past("sword-shield", 40)], Some(40)),
        ] {
            assert_eq!(then(&entries, &order()).unwrap().and_then(|p| p.power), power, "{entries:?}");
        }
    }

    #[test]
    fn a_version_group_without_a_place_is_refused() {
        let error = then(&[past("legends-z-a", 1)], &order()).unwrap_err();
        assert_eq!(error, "version group \"legends-z-a\" has no place in time");
    }

    proptest! {
        #[test]
        fn the_order_of_entries_does_not_matter(
            entries in Just(vec![past("diamond-pearl", 1), past(VERSION_GROUP, 20), past("sword-shield", 40), past("scarlet-violet", 60)])
                .prop_shuffle()
        ) {
            prop_assert_eq!(then(&entries, &order()).unwrap().and_then(|p| p.power), Some(40));
        }
    }
}
