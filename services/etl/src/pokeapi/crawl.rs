//! The walk through `PokéAPI` from the games' version group to every document they need. Transforms nothing.

use std::collections::{BTreeMap, BTreeSet};

use dex::pokedex::Type as PokedexType;

use super::client::Client;
use super::documents::{
    EvolutionChain, Link, Listing, Machine, Move, Pokemon, PokemonForm, RegionalDex, Species, Type,
    VersionGroup,
};
use crate::fetch::FetchError;
use crate::letsgo::{MOVES_OUTSIDE_LEARNSETS, VERSION_GROUP};
use crate::reject::Reject;

/// Enough for every listing of the API in one page; more pages are followed all the same.
const PAGE: usize = 2000;

/// Everything the games need, each kind in the order of its listing.
#[derive(Debug, Default)]
pub struct Documents {
    /// Position of each version group in time.
    pub version_group_order: BTreeMap<String, i32>,
    pub types: Vec<Type>,
    pub species: Vec<Species>,
    /// Those with a learnset in the games.
    pub pokemon: Vec<Pokemon>,
    pub forms: Vec<PokemonForm>,
    pub moves: Vec<Move>,
    pub machines: Vec<Machine>,
    pub chains: Vec<EvolutionChain>,
    /// Documents that are missing or not as expected.
    pub rejects: Vec<Reject>,
}

/// Reads every document the games need.
pub async fn crawl(client: &Client) -> Result<Documents, FetchError> {
    let mut found = Documents::default();
    let version_groups = version_groups(client).await?;
    found.version_group_order =
        version_groups.iter().map(|group| (group.name.clone(), group.order)).collect();
    found.types = client
        .get_all(
            "types",
            PokedexType::ALL.iter().map(|t| format!("type/{}", t.id())).collect(),
            &mut found.rejects,
        )
        .await?;

    let species = species_of_the_games(client, &version_groups).await?;
    found.species = client.get_all("species", paths(&species)?, &mut found.rejects).await?;
    let pokemon = varieties_that_exist(client, &found.species).await?;
    let all: Vec<Pokemon> = client.get_all("pokemon", paths(&pokemon)?, &mut found.rejects).await?;
    found.pokemon = all.into_iter().filter(is_in_the_games).collect();

    let forms: Vec<Link> =
        found.pokemon.iter().filter(|p| !p.is_default).filter_map(|p| p.forms.first().cloned()).collect();
    found.forms = client.get_all("forms", paths(&forms)?, &mut found.rejects).await?;
    let moves = moves_of(&found.pokemon)?;
    found.moves = client.get_all("moves", moves, &mut found.rejects).await?;
    found.machines = client.get_all("machines", machines_of(&found.moves), &mut found.rejects).await?;
    let chains: BTreeSet<String> = found.species.iter().filter_map(|s| s.evolution_chain.path()).collect();
    found.chains =
        client.get_all("evolution chains", chains.into_iter().collect(), &mut found.rejects).await?;
    Ok(found)
}

/// The games' machines of the moves.
fn machines_of(moves: &[Move]) -> Vec<String> {
    let of_the_games = |m: &Move| {
        m.machines
            .iter()
            .filter(|machine| machine.version_group.name == VERSION_GROUP)
            .filter_map(|machine| machine.machine.path())
            .collect::<Vec<_>>()
    };
    moves.iter().flat_map(of_the_games).collect()
}

async fn version_groups(client: &Client) -> Result<Vec<VersionGroup>, FetchError> {
    let links = listing(client, "version-group").await?;
    // Times cannot be told apart with one of them missing, so a reject here is an error.
    let mut rejects = Vec::new();
    let groups = client.get_all("version groups", paths(&links)?, &mut rejects).await?;
    match rejects.into_iter().next() {
        Some(Reject { resource, reason, .. }) => Err(FetchError::Malformed { document: resource, reason }),
        None => Ok(groups),
    }
}

async fn species_of_the_games(client: &Client, groups: &[VersionGroup]) -> Result<Vec<Link>, FetchError> {
    let games =
        groups.iter().find(|group| group.name == VERSION_GROUP).ok_or_else(|| FetchError::Malformed {
            document: "version-group".to_owned(),
            reason: format!("{VERSION_GROUP} is not listed"),
        })?;
    let mut species = Vec::new();
    for path in paths(&games.pokedexes)? {
        let dex: RegionalDex = client.get(&path).await?;
        species.extend(dex.pokemon_entries.into_iter().map(|entry| entry.pokemon_species));
    }
    Ok(species)
}

/// The varieties of the species that the instance holds: a mirror need not have those of later games.
async fn varieties_that_exist(client: &Client, species: &[Species]) -> Result<Vec<Link>, FetchError> {
    let existing: BTreeSet<String> =
        listing(client, "pokemon").await?.into_iter().map(|link| link.name).collect();
    Ok(species
        .iter()
        .flat_map(|species| &species.varieties)
        .map(|variety| variety.pokemon.clone())
        .filter(|link| existing.contains(&link.name))
        .collect())
}

async fn listing(client: &Client, resource: &str) -> Result<Vec<Link>, FetchError> {
    let mut links = Vec::new();
    loop {
        let page: Listing = client.get(&format!("{resource}?limit={PAGE}&offset={}", links.len())).await?;
        let empty = page.results.is_empty();
        links.extend(page.results);
        if page.next.is_none() || empty {
            return Ok(links);
        }
    }
}

fn is_in_the_games(pokemon: &Pokemon) -> bool {
    pokemon
        .moves
        .iter()
        .flat_map(|learnt| &learnt.version_group_details)
        .any(|detail| detail.version_group.name == VERSION_GROUP)
}

fn moves_of(pokemon: &[Pokemon]) -> Result<Vec<String>, FetchError> {
    let learnt: Vec<Link> = pokemon
        .iter()
        .flat_map(|p| &p.moves)
        .filter(|learnt| learnt.version_group_details.iter().any(|d| d.version_group.name == VERSION_GROUP))
        .map(|learnt| learnt.move_.clone())
        .collect();
    let mut moves: BTreeSet<String> = paths(&learnt)?.into_iter().collect();
    moves.extend(MOVES_OUTSIDE_LEARNSETS.iter().map(|slug| format!("move/{slug}")));
    Ok(moves.into_iter().collect())
}

fn paths(links: &[Link]) -> Result<Vec<String>, FetchError> {
    links
        .iter()
        .map(|link| {
            link.path().ok_or_else(|| FetchError::Malformed {
                document: link.name.clone(),
                reason: format!("{:?} is not a link to a document", link.url),
            })
        })
        .collect()
}
