//! Which moves a Pokémon brings when nobody says: its best four by a fixed, foe-independent rule.

use super::moves::{BattleMove, Strike, Tempo};
use crate::pokedex::{Form, Move, Pokedex, Pokemon};

/// Moves the rule never picks: they need luck, a partner, a sleeping foe or the user's life.
const LEFT_OUT: [&str; 14] = [
    "bide",
    "counter",
    "dream-eater",
    "explosion",
    "fake-out",
    "fissure",
    "guillotine",
    "horn-drill",
    "mirror-coat",
    "pika-papow",
    "psywave",
    "self-destruct",
    "super-fang",
    "veevee-volley",
];

/// Species and the one it evolves from, by national number. A Pokémon keeps what it learnt before it evolved, so its
/// pre-evolutions' moves count as its own.
const EVOLVES_FROM: [(u16, u16); 73] = [
    (2, 1),
    (3, 2),
    (5, 4),
    (6, 5),
    (8, 7),
    (9, 8),
    (11, 10),
    (12, 11),
    (14, 13),
    (15, 14),
    (17, 16),
    (18, 17),
    (20, 19),
    (22, 21),
    (24, 23),
    (26, 25),
    (28, 27),
    (30, 29),
    (31, 30),
    (33, 32),
    (34, 33),
    (36, 35),
    (38, 37),
    (40, 39),
    (42, 41),
    (44, 43),
    (45, 44),
    (47, 46),
    (49, 48),
    (51, 50),
    (53, 52),
    (55, 54),
    (57, 56),
    (59, 58),
    (61, 60),
    (62, 61),
    (64, 63),
    (65, 64),
    (67, 66),
    (68, 67),
    (70, 69),
    (71, 70),
    (73, 72),
    (75, 74),
    (76, 75),
    (78, 77),
    (80, 79),
    (82, 81),
    (85, 84),
    (87, 86),
    (89, 88),
    (91, 90),
    (93, 92),
    (94, 93),
    (97, 96),
    (99, 98),
    (101, 100),
    (103, 102),
    (105, 104),
    (110, 109),
    (112, 111),
    (117, 116),
    (119, 118),
    (121, 120),
    (130, 129),
    (134, 133),
    (135, 133),
    (136, 133),
    (139, 138),
    (141, 140),
    (148, 147),
    (149, 148),
    (809, 808),
];

/// The Pokémon whose learnsets count for `pokemon`: itself and its pre-evolutions. An Alolan form counts Alolan ones only: the
/// Kantonian ones evolve elsewhere.
fn lineage<'a>(dex: &'a Pokedex, pokemon: &'a Pokemon) -> impl Iterator<Item = &'a Pokemon> {
    let form = if pokemon.form == Form::Alola { Form::Alola } else { Form::Base };
    std::iter::successors(Some(pokemon), move |evolved| {
        let (_, from) = EVOLVES_FROM.iter().find(|(species, _)| *species == evolved.species_id)?;
        dex.pokemon.iter().find(|p| p.species_id == *from && p.form == form)
    })
}

/// Every move that `pokemon` can have and that damages, by id, each once.
pub fn candidates<'a>(dex: &'a Pokedex, pokemon: &'a Pokemon) -> Vec<&'a Move> {
    let mut ids: Vec<u16> =
        lineage(dex, pokemon).flat_map(|p| p.learnset.iter().map(|learn| learn.move_id)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().filter_map(|id| dex.move_(id)).filter(|m| BattleMove::from(*m).damages()).collect()
}

/// What a move is worth before the foe is known: power × hits × accuracy × same-type bonus × attacking stat, halved where
/// every second turn is lost. In 40 000ths, so that equal scores are equal.
fn score(pokemon: &Pokemon, m: &Move) -> u64 {
    let spec = BattleMove::from(m);
    let accuracy = if spec.accuracy == 0 { 100 } else { u64::from(spec.accuracy) };
    let power = match spec.strike {
        Strike::Power(p) | Strike::TargetAttack(p) | Strike::Facade(p) => u64::from(p),
        Strike::Weight => 60,
        // Constant damage has neither bonus nor stat.
        Strike::Level | Strike::Fixed(_) => return 50 * accuracy * 400,
        _ => return 0,
    };
    let stat = if spec.physical { pokemon.stats.attack } else { pokemon.stats.special_attack };
    let hits = if (spec.min_hits, spec.max_hits) == (2, 5) { 3 } else { u64::from(spec.min_hits) };
    let bonus = if pokemon.types.contains(&m.type_) { 3 } else { 2 };
    let turns = if matches!(spec.tempo, Tempo::Single | Tempo::Rampage) { 2 } else { 1 };
    power * hits * accuracy * bonus * turns * u64::from(stat)
}

/// An identifier without its dashes: how ties between moves are ordered. (One move has been respelled since.)
pub(super) fn compact(slug: &str) -> String {
    if slug == "vice-grip" { "visegrip".to_owned() } else { slug.replace('-', "") }
}

/// The best four: the best move, then the best of each type not yet covered, then whatever is best. Ties go to the
/// identifier that sorts first without its dashes. Empty for a Pokémon that learns no damaging move.
pub fn best<'a>(dex: &'a Pokedex, pokemon: &'a Pokemon) -> Vec<&'a Move> {
    let mut ranked: Vec<(u64, String, &Move)> = candidates(dex, pokemon)
        .into_iter()
        .filter(|m| !LEFT_OUT.contains(&m.slug.as_str()))
        .map(|m| (score(pokemon, m), compact(&m.slug), m))
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut set: Vec<&Move> = Vec::with_capacity(super::MOVES);
    for (_, _, m) in &ranked {
        if set.len() < super::MOVES && set.iter().all(|chosen| chosen.type_ != m.type_) {
            set.push(m);
        }
    }
    for (_, _, m) in &ranked {
        if set.len() < super::MOVES && set.iter().all(|chosen| chosen.id != m.id) {
            set.push(m);
        }
    }
    set
}
