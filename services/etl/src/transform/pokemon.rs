//! Pokémon in the forms the games have, with their learnsets there.

use std::collections::BTreeMap;

use dex::pokedex::{Form, Learn, LearnMethod, Pokemon, Stats, Type};

use super::{names, then, type_of};
use crate::letsgo::{GENERATION, VERSION_GROUP};
use crate::pokeapi::Documents;
use crate::pokeapi::documents::{self, PokemonForm, Species};
use crate::reject::Reject;

pub(super) fn pokemon(documents: &Documents, rejects: &mut Vec<Reject>) -> Vec<Pokemon> {
    let species: BTreeMap<&str, &Species> =
        documents.species.iter().map(|species| (species.name.as_str(), species)).collect();
    let forms: BTreeMap<&str, &PokemonForm> =
        documents.forms.iter().map(|form| (form.pokemon.name.as_str(), form)).collect();
    let mut pokemon = Vec::new();
    for document in &documents.pokemon {
        let form = forms.get(document.name.as_str()).copied();
        let made = species
            .get(document.species.name.as_str())
            .ok_or_else(|| format!("its species {:?} is not at hand", document.species.name))
            .and_then(|species| one(document, species, form));
        match made {
            Ok(one) => pokemon.push(one),
            Err(reason) => rejects.push(Reject::new(format!("pokemon/{}", document.id), reason)),
        }
    }
    pokemon.sort_by_key(|p| p.id);
    share_learnsets(&mut pokemon);
    pokemon
}

fn one(
    document: &documents::Pokemon,
    species: &Species,
    form: Option<&PokemonForm>,
) -> Result<Pokemon, String> {
    let (form, (name_en, name_fr)) = if document.is_default {
        (Form::Base, names(&species.names)?)
    } else {
        let form = form.ok_or("its form document is not at hand")?;
        (form_of(&form.form_name)?, names(&form.names)?)
    };
    Ok(Pokemon {
        id: document.id,
        species_id: species.id,
        slug: document.name.clone(),
        name_en,
        name_fr,
        form,
        types: types(document)?,
        stats: stats(document)?,
        weight_hg: document.weight,
        height_dm: document.height,
        learnset: learnset(document)?,
    })
}

fn form_of(form_name: &str) -> Result<Form, String> {
    match form_name {
        "alola" => Ok(Form::Alola),
        "mega" | "mega-x" | "mega-y" => Ok(Form::Mega),
        "starter" => Ok(Form::Starter),
        other => Err(format!("form {other:?} is not one of the games'")),
    }
}

fn types(document: &documents::Pokemon) -> Result<Vec<Type>, String> {
    let mut slots: Vec<_> = then(&document.past_types, |past| &past.generation)
        .map_or(&document.types, |past| &past.types)
        .iter()
        .collect();
    slots.sort_by_key(|slot| slot.slot);
    slots.into_iter().map(|slot| type_of(&slot.type_)).collect()
}

fn stats(document: &documents::Pokemon) -> Result<Stats, String> {
    let stat = |name: &str| {
        // Past stats list only what changed, so each stat has its own earliest entry.
        document
            .past_stats
            .iter()
            .filter_map(|past| {
                Some((past.generation.id()?, past.stats.iter().find(|s| s.stat.name == name)?))
            })
            .filter(|(last, _)| *last >= GENERATION)
            .min_by_key(|(last, _)| *last)
            .map(|(_, past)| past)
            .or_else(|| document.stats.iter().find(|s| s.stat.name == name))
            .map(|s| s.base_stat)
            .ok_or_else(|| format!("no stat {name:?}"))
    };
    Ok(Stats {
        hp: stat("hp")?,
        attack: stat("attack")?,
        defense: stat("defense")?,
        special_attack: stat("special-attack")?,
        special_defense: stat("special-defense")?,
        speed: stat("speed")?,
    })
}

fn learnset(document: &documents::Pokemon) -> Result<Vec<Learn>, String> {
    let mut learnset = Vec::new();
    for learnt in &document.moves {
        let link = &learnt.move_;
        for detail in learnt.version_group_details.iter().filter(|d| d.version_group.name == VERSION_GROUP) {
            let move_id = link.id().ok_or_else(|| format!("{:?} is not a link to a move", link.url))?;
            let method = match detail.move_learn_method.name.as_str() {
                "level-up" => LearnMethod::LevelUp,
                "machine" => LearnMethod::Machine,
                "tutor" => LearnMethod::Tutor,
                other => return Err(format!("{} is learnt by unknown method {other:?}", link.name)),
            };
            learnset.push(Learn { move_id, method, level: detail.level_learned_at });
        }
    }
    learnset.sort_by_key(|learn| (learn.method, learn.level, learn.move_id));
    Ok(learnset)
}

/// Mega Evolution happens in battle and teaches nothing: a Mega form knows what its base form knows. (The source lists one
/// level differently.)
fn share_learnsets(pokemon: &mut [Pokemon]) {
    let base: BTreeMap<u16, Vec<Learn>> =
        pokemon.iter().filter(|p| p.form == Form::Base).map(|p| (p.species_id, p.learnset.clone())).collect();
    for mega in pokemon.iter_mut().filter(|p| p.form == Form::Mega) {
        if let Some(learnset) = base.get(&mega.species_id) {
            mega.learnset.clone_from(learnset);
        }
    }
}
