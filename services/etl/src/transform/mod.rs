//! `PokéAPI`'s documents into the Pokédex of Let's Go: pure, and every document that cannot be used is a reject with its reason.

mod evolutions;
mod moves;
mod pokemon;
mod types;

use dex::pokedex::Pokedex;

use crate::facts::Facts;
use crate::pokeapi::Documents;
use crate::pokeapi::documents::{Link, LocalName};
use crate::reject::Reject;

pub(crate) use moves::STATS;

/// The facts of the games, ordered as [`Facts`] says, and what was refused on the way (the crawl's rejects included).
pub fn facts(documents: &Documents) -> (Facts, Vec<Reject>) {
    let mut rejects = documents.rejects.clone();
    let types = types::names(documents, &mut rejects);
    let chart = types::chart(documents, &mut rejects);
    let (moves, later_values) = moves::moves(documents, &mut rejects);
    let machines = moves::machines(documents, &mut rejects);
    let pokemon = pokemon::pokemon(documents, &mut rejects);
    let evolutions = evolutions::evolutions(documents, &pokemon, &mut rejects);
    (Facts { pokedex: Pokedex { pokemon, moves, types, chart }, evolutions, machines, later_values }, rejects)
}

/// English and French names.
fn names(names: &[LocalName]) -> Result<(String, String), String> {
    let name = |language: &str| {
        names
            .iter()
            .find(|name| name.language.name == language && !name.name.is_empty())
            .map(|name| name.name.clone())
            .ok_or_else(|| format!("no name in language {language}"))
    };
    Ok((name("en")?, name("fr")?))
}

fn type_of(link: &Link) -> Result<dex::pokedex::Type, String> {
    dex::pokedex::Type::from_slug(&link.name).ok_or_else(|| format!("unknown type {:?}", link.name))
}

/// Of values that held up to and including a generation, the one of the games: the earliest that reaches their generation.
fn then<T>(past: &[T], generation: impl Fn(&T) -> &Link) -> Option<&T> {
    past.iter()
        .filter_map(|value| Some((generation(value).id()?, value)))
        .filter(|(last, _)| *last >= crate::letsgo::GENERATION)
        .min_by_key(|(last, _)| *last)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::then;
    use crate::pokeapi::documents::Link;

    fn generations(ids: &[u16]) -> Vec<Link> {
        ids.iter()
            .map(|id| Link {
                name: format!("generation-{id}"),
                url: format!("https://x/api/v2/generation/{id}/"),
            })
            .collect()
    }

    #[test]
    fn past_values_hold_up_to_and_including_their_generation() {
        for (past, chosen) in [
            (&[][..], None),
            (&[1, 5, 6], None),
            (&[5, 7], Some("generation-7")),
            (&[9, 8, 6], Some("generation-8")),
        ] {
            let past = generations(past);
            assert_eq!(then(&past, |link| link).map(|link| link.name.as_str()), chosen, "{past:?}");
        }
    }
}
