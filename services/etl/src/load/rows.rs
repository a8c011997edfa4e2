//! Facts as rows of the tables, each with its provenance: who says so, and in which document. Ids tell the documents, so that a
//! snapshot and a live run give the same rows.

use std::borrow::Cow;

use dex::pokedex::{Category, Form, LearnMethod, Move, Pokemon, Type};

use super::tables::Value;
use crate::facts::Facts;
use crate::letsgo;

type Row<'a> = Vec<Value<'a>>;

fn number<'a>(n: impl Into<i32>) -> Value<'a> {
    Value::Number(Some(n.into()))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

/// Ends a row of `PokéAPI` with its document.
fn from<'a>(mut row: Row<'a>, resource: &str, id: u16) -> Row<'a> {
    row.push(text("pokeapi"));
    row.push(Value::Text(Cow::Owned(format!("{resource}/{id}"))));
    row
}

pub(super) fn types(facts: &Facts) -> Vec<Row<'_>> {
    let types = facts.pokedex.types.iter();
    types
        .map(|t| {
            let id = t.type_.id();
            from(
                vec![number(id), text(t.type_.slug()), text(&t.name_en), text(&t.name_fr)],
                "type",
                id.into(),
            )
        })
        .collect()
}

pub(super) fn type_effectiveness(facts: &Facts) -> Vec<Row<'_>> {
    let pairs = Type::ALL.into_iter().flat_map(|attack| Type::ALL.map(|defend| (attack, defend)));
    pairs
        .map(|(attack, defend)| {
            let halves = number(facts.pokedex.chart.halves(attack, defend));
            from(vec![number(attack.id()), number(defend.id()), halves], "type", attack.id().into())
        })
        .collect()
}

pub(super) fn species(facts: &Facts) -> Vec<Row<'_>> {
    // A base form has its species' names and identifier.
    let base = facts.pokedex.pokemon.iter().filter(|p| p.form == Form::Base);
    base.map(|p| {
        let row = vec![number(p.species_id), text(&p.slug), text(&p.name_en), text(&p.name_fr)];
        from(row, "pokemon-species", p.species_id)
    })
    .collect()
}

pub(super) fn pokemon(facts: &Facts) -> Vec<Row<'_>> {
    facts.pokedex.pokemon.iter().map(|p| from(combatant(p), "pokemon", p.id)).collect()
}

fn combatant(p: &Pokemon) -> Row<'_> {
    let form = match p.form {
        Form::Base => "base",
        Form::Alola => "alola",
        Form::Mega => "mega",
        Form::Starter => "starter",
    };
    vec![
        number(p.id),
        number(p.species_id),
        text(&p.slug),
        text(form),
        text(&p.name_en),
        text(&p.name_fr),
        number(p.stats.hp),
        number(p.stats.attack),
        number(p.stats.defense),
        number(p.stats.special_attack),
        number(p.stats.special_defense),
        number(p.stats.speed),
        number(p.weight_hg),
        number(p.height_dm),
    ]
}

pub(super) fn pokemon_types(facts: &Facts) -> Vec<Row<'_>> {
    let slot = |id: u16, (slot, type_): (i32, &Type)| {
        from(vec![number(id), number(slot), number(type_.id())], "pokemon", id)
    };
    let pokemon = facts.pokedex.pokemon.iter();
    pokemon.flat_map(|p| (1..).zip(&p.types).map(move |at| slot(p.id, at))).collect()
}

pub(super) fn moves(facts: &Facts) -> Vec<Row<'_>> {
    let moves = facts.pokedex.moves.iter();
    moves
        .map(|m| {
            if letsgo::corrects(&m.slug) {
                let mut row = move_(m);
                row.extend([text("project"), text("services/etl/src/letsgo.rs")]);
                row
            } else {
                from(move_(m), "move", m.id)
            }
        })
        .collect()
}

fn move_(m: &Move) -> Row<'_> {
    let category = match m.category {
        Category::Physical => "physical",
        Category::Special => "special",
        Category::Status => "status",
    };
    vec![
        number(m.id),
        text(&m.slug),
        text(&m.name_en),
        text(&m.name_fr),
        number(m.type_.id()),
        text(category),
        Value::Number(m.power.map(Into::into)),
        Value::Number(m.accuracy.map(Into::into)),
        number(m.pp),
        number(m.priority),
        number(m.min_hits),
        number(m.max_hits),
        number(m.drain),
        number(m.healing),
        number(m.crit_rate),
        number(m.flinch_chance),
        text(&m.ailment),
        number(m.ailment_chance),
        number(m.stat_chance),
        text(&m.effect_class),
        text(&m.target),
    ]
}

pub(super) fn move_stat_changes(facts: &Facts) -> Vec<Row<'_>> {
    let moves = facts.pokedex.moves.iter();
    moves
        .flat_map(|m| {
            let changes = m.stat_changes.iter();
            changes.map(|c| from(vec![number(m.id), text(&c.stat), number(c.change)], "move", m.id))
        })
        .collect()
}

pub(super) fn learnsets(facts: &Facts) -> Vec<Row<'_>> {
    let method = |method| match method {
        LearnMethod::LevelUp => "level-up",
        LearnMethod::Machine => "machine",
        LearnMethod::Tutor => "tutor",
    };
    let pokemon = facts.pokedex.pokemon.iter();
    pokemon
        .flat_map(|p| {
            // A Mega form knows what its base form's document says.
            let document = if p.form == Form::Mega { p.species_id } else { p.id };
            p.learnset.iter().map(move |l| {
                let row = vec![number(p.id), text(method(l.method)), number(l.level), number(l.move_id)];
                from(row, "pokemon", document)
            })
        })
        .collect()
}

pub(super) fn evolutions(facts: &Facts) -> Vec<Row<'_>> {
    let evolutions = facts.evolutions.iter();
    evolutions
        .map(|e| {
            let row = vec![
                number(e.pokemon_id),
                number(e.from_pokemon_id),
                text(e.trigger.slug()),
                Value::Number(e.min_level.map(Into::into)),
                Value::MaybeText(e.item.as_deref()),
                Value::Flag(e.friendship),
            ];
            from(row, "evolution-chain", e.chain)
        })
        .collect()
}

pub(super) fn machines(facts: &Facts) -> Vec<Row<'_>> {
    let machines = facts.machines.iter();
    machines.map(|m| from(vec![number(m.number), number(m.move_id)], "machine", m.document)).collect()
}

pub(super) fn later_values(facts: &Facts) -> Vec<Row<'_>> {
    let later_values = facts.later_values.iter();
    later_values
        .map(|l| {
            let row =
                vec![number(l.move_id), text(l.attribute.slug()), Value::Number(l.value.map(Into::into))];
            from(row, "move", l.move_id)
        })
        .collect()
}
