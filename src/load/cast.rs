//! Who takes part: Pokémon that people ask about, the most popular first, each with moves that it learns. A choice of this project's
//! out of its own Pokédex snapshot; the test holds it against that.

/// One Pokémon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: u16,
    pub(super) slug: &'static str,
    /// Slugs; each of them is one it learns.
    pub(super) moves: &'static [&'static str],
}

const fn member(id: u16, slug: &'static str, moves: &'static [&'static str]) -> Member {
    Member { id, slug, moves }
}

/// By popularity: the second is asked about half as often as the first, the third a third as often.
pub(super) const CAST: &[Member] = &[
    member(25, "pikachu", &["thunder", "iron-tail", "thunderbolt", "slam"]),
    member(133, "eevee", &["double-edge", "iron-tail", "take-down", "dig"]),
    member(6, "charizard", &["solar-beam", "hyper-beam", "outrage", "flare-blitz"]),
    member(150, "mewtwo", &["solar-beam", "self-destruct", "hyper-beam", "blizzard"]),
    member(94, "gengar", &["self-destruct", "hyper-beam", "thunder", "dream-eater"]),
    member(143, "snorlax", &["solar-beam", "self-destruct", "hyper-beam", "outrage"]),
    member(149, "dragonite", &["hyper-beam", "outrage", "superpower", "blizzard"]),
    member(130, "gyarados", &["hyper-beam", "thrash", "outrage", "hydro-pump"]),
    member(151, "mew", &["solar-beam", "self-destruct", "hyper-beam", "outrage"]),
    member(9, "blastoise", &["hyper-beam", "skull-bash", "outrage", "hydro-pump"]),
    member(3, "venusaur", &["solar-beam", "hyper-beam", "double-edge", "petal-dance"]),
    member(59, "arcanine", &["solar-beam", "hyper-beam", "double-edge", "outrage"]),
    member(131, "lapras", &["solar-beam", "hyper-beam", "outrage", "megahorn"]),
    member(1, "bulbasaur", &["solar-beam", "double-edge", "outrage", "take-down"]),
    member(4, "charmander", &["outrage", "fire-blast", "iron-tail", "flamethrower"]),
    member(7, "squirtle", &["skull-bash", "outrage", "hydro-pump", "blizzard"]),
    member(65, "alakazam", &["hyper-beam", "dream-eater", "iron-tail", "foul-play"]),
    member(68, "machamp", &["hyper-beam", "superpower", "fire-blast", "earthquake"]),
    member(134, "vaporeon", &["hyper-beam", "hydro-pump", "blizzard", "iron-tail"]),
    member(135, "jolteon", &["hyper-beam", "thunder", "iron-tail", "thunderbolt"]),
    member(136, "flareon", &["hyper-beam", "superpower", "flare-blitz", "fire-blast"]),
    member(10104, "ninetales-alola", &["hyper-beam", "blizzard", "dream-eater", "iron-tail"]),
    member(10100, "raichu-alola", &["hyper-beam", "thunder", "iron-tail", "thunderbolt"]),
    member(95, "onix", &["self-destruct", "double-edge", "earthquake", "iron-tail"]),
    member(54, "psyduck", &["hydro-pump", "blizzard", "iron-tail", "surf"]),
    member(52, "meowth", &["thunder", "iron-tail", "foul-play", "thunderbolt"]),
    member(39, "jigglypuff", &["solar-beam", "double-edge", "blizzard", "thunder"]),
    member(104, "cubone", &["thrash", "double-edge", "blizzard", "fire-blast"]),
    member(129, "magikarp", &["tackle", "splash"]),
    member(132, "ditto", &["transform"]),
    member(123, "scyther", &["hyper-beam", "razor-wind", "x-scissor", "brick-break"]),
    member(142, "aerodactyl", &["hyper-beam", "fire-blast", "earthquake", "iron-tail"]),
    member(144, "articuno", &["sky-attack", "hyper-beam", "blizzard", "fly"]),
    member(145, "zapdos", &["sky-attack", "hyper-beam", "thunder", "fly"]),
    member(146, "moltres", &["solar-beam", "sky-attack", "hyper-beam", "fire-blast"]),
    member(121, "starmie", &["hyper-beam", "blizzard", "thunder", "dream-eater"]),
    member(76, "golem", &["explosion", "self-destruct", "hyper-beam", "double-edge"]),
    member(34, "nidoking", &["hyper-beam", "thrash", "outrage", "megahorn"]),
    member(808, "meltan", &["thunderbolt", "flash-cannon", "headbutt", "thunder-shock"]),
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn everyone_learns_their_moves() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/services/etl/data/snapshot.json");
        let snapshot: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let all = |what: &str| snapshot["pokedex"][what].as_array().unwrap();
        for member in CAST {
            let pokemon = all("pokemon").iter().find(|p| p["slug"] == member.slug).unwrap();
            assert_eq!(pokemon["id"], member.id, "{member:?}");
            assert!(member.moves.len() <= 4, "{member:?}");
            for slug in member.moves {
                let id = &all("moves").iter().find(|m| m["slug"] == *slug).unwrap()["id"];
                let learns = pokemon["learnset"].as_array().unwrap().iter().any(|l| l["move_id"] == *id);
                assert!(learns, "{} learns {slug}", member.slug);
            }
        }
    }
}
