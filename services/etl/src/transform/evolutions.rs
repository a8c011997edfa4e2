//! Evolutions between Pokémon of the games. Those that need a place of another region do not happen in Kanto.

use std::collections::BTreeMap;

use dex::pokedex::{Form, Pokemon};

use crate::facts::{Evolution, Trigger};
use crate::pokeapi::Documents;
use crate::pokeapi::documents::{ChainLink, EvolutionDetail, Link};
use crate::reject::Reject;

/// Pokémon of the games by where documents point: species and forms.
struct Known {
    base: BTreeMap<String, u16>,
    forms: BTreeMap<String, u16>,
}

pub(super) fn evolutions(
    documents: &Documents,
    pokemon: &[Pokemon],
    rejects: &mut Vec<Reject>,
) -> Vec<Evolution> {
    let species: BTreeMap<u16, &str> = documents.species.iter().map(|s| (s.id, s.name.as_str())).collect();
    let base = pokemon
        .iter()
        .filter(|p| p.form == Form::Base)
        .filter_map(|p| Some(((*species.get(&p.species_id)?).to_owned(), p.id)))
        .collect();
    let known = Known { base, forms: pokemon.iter().map(|p| (p.slug.clone(), p.id)).collect() };
    let mut evolutions = Vec::new();
    for document in &documents.chains {
        let mut walk = vec![&document.chain];
        while let Some(from) = walk.pop() {
            for to in &from.evolves_to {
                walk.push(to);
                if let Err(reason) = between(from, to, document.id, &known, &mut evolutions) {
                    rejects.push(Reject::new(format!("evolution-chain/{}", document.id), reason));
                }
            }
        }
    }
    evolutions.sort_by_key(|e| e.pokemon_id);
    evolutions
}

fn between(
    from: &ChainLink,
    to: &ChainLink,
    chain: u16,
    known: &Known,
    evolutions: &mut Vec<Evolution>,
) -> Result<(), String> {
    for detail in to.evolution_details.iter().filter(|detail| detail.region.is_none()) {
        let (Some(from_pokemon_id), Some(pokemon_id)) = (
            known.id(&from.species, detail.base_form.as_ref()),
            known.id(&to.species, detail.evolved_form.as_ref()),
        ) else {
            continue;
        };
        let made = one(detail, chain, pokemon_id, from_pokemon_id)
            .map_err(|reason| format!("{}: {reason}", to.species.name))?;
        match evolutions.iter().find(|other| other.pokemon_id == pokemon_id) {
            None => evolutions.push(made),
            Some(other) if *other == made => {}
            Some(_) => return Err(format!("{} has two ways of evolving in the games", to.species.name)),
        }
    }
    Ok(())
}

impl Known {
    fn id(&self, species: &Link, form: Option<&Link>) -> Option<u16> {
        match form {
            Some(form) => self.forms.get(&form.name).copied(),
            None => self.base.get(&species.name).copied(),
        }
    }
}

fn one(
    detail: &EvolutionDetail,
    chain: u16,
    pokemon_id: u16,
    from_pokemon_id: u16,
) -> Result<Evolution, String> {
    let trigger = match detail.trigger.name.as_str() {
        "level-up" => Trigger::LevelUp,
        "use-item" => Trigger::UseItem,
        "trade" => Trigger::Trade,
        other => return Err(format!("unknown trigger {other:?}")),
    };
    Ok(Evolution {
        pokemon_id,
        from_pokemon_id,
        trigger,
        min_level: detail.min_level,
        item: detail.item.as_ref().map(|item| item.name.clone()),
        friendship: detail.min_happiness.is_some(),
        chain,
    })
}
