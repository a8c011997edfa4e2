//! Types and their chart in the games' generation.

use dex::pokedex::{Type, TypeChart, TypeNames};

use super::{names as local_names, then, type_of};
use crate::pokeapi::Documents;
use crate::pokeapi::documents;
use crate::reject::Reject;

const NORMAL: u8 = 2;

pub(super) fn names(documents: &Documents, rejects: &mut Vec<Reject>) -> Vec<TypeNames> {
    let mut types = Vec::new();
    for document in &documents.types {
        match one(document) {
            Ok(names) => types.push(names),
            Err(reason) => rejects.push(Reject::new(format!("type/{}", document.id), reason)),
        }
    }
    types.sort_by_key(|names| names.type_);
    types
}

fn one(document: &documents::Type) -> Result<TypeNames, String> {
    let type_ = Type::from_slug(&document.name).ok_or_else(|| format!("unknown type {:?}", document.name))?;
    if u16::from(type_.id()) != document.id {
        return Err(format!("{} has id {}", document.name, document.id));
    }
    let (name_en, name_fr) = local_names(&document.names)?;
    Ok(TypeNames { type_, name_en, name_fr })
}

pub(super) fn chart(documents: &Documents, rejects: &mut Vec<Reject>) -> TypeChart {
    let mut chart = TypeChart([[NORMAL; 18]; 18]);
    for document in &documents.types {
        // A type that is unknown was refused with its names.
        let Some(attack) = Type::from_slug(&document.name) else { continue };
        let relations = then(&document.past_damage_relations, |past| &past.generation)
            .map_or(&document.damage_relations, |past| &past.damage_relations);
        let factors =
            [(&relations.no_damage_to, 0), (&relations.half_damage_to, 1), (&relations.double_damage_to, 4)];
        for (links, halves) in factors {
            for link in links {
                match type_of(link) {
                    Ok(defend) => chart.0[attack.index()][defend.index()] = halves,
                    Err(reason) => rejects.push(Reject::new(format!("type/{}", document.id), reason)),
                }
            }
        }
    }
    chart
}
