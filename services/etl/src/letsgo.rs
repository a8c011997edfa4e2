//! What is known about Let's Go, Pikachu! and Let's Go, Eevee! and cannot be read from `PokéAPI`'s documents. Facts only.

use dex::pokedex::Move;

/// `PokéAPI`'s version group of the two games.
pub const VERSION_GROUP: &str = "lets-go-pikachu-lets-go-eevee";

/// The generation whose type chart, types and stats hold.
pub const GENERATION: u16 = 7;

/// Moves of the games that no learnset names: the partners' own moves, and what a Pokémon without PP falls back on.
pub const MOVES_OUTSIDE_LEARNSETS: [&str; 3] = ["pika-papow", "struggle", "veevee-volley"];

/// PP that were changed after these games without an entry in the documents' `past_values`.
const PP_THEN: [(&str, u8); 4] = [("recover", 10), ("rest", 10), ("roost", 10), ("soft-boiled", 10)];

/// `PokéAPI`'s critical-hit stage of moves that always land a critical hit.
const ALWAYS_CRITICAL: u8 = 6;

/// Gives a move the values it had in the games where the source documents only today's.
pub fn correct(move_: &mut Move) {
    if let Some((_, pp)) = PP_THEN.iter().find(|(slug, _)| *slug == move_.slug) {
        move_.pp = *pp;
    }
    match move_.slug.as_str() {
        // Raising evasion replaced the certain critical hit in the next generation.
        "zippy-zap" => {
            move_.crit_rate = ALWAYS_CRITICAL;
            move_.stat_changes.clear();
            move_.stat_chance = 0;
            "damage".clone_into(&mut move_.effect_class);
        }
        // Drained half until the next generation made it all.
        "bouncy-bubble" => move_.drain = 50,
        _ => {}
    }
}

/// Whether [`correct`] knows more of a move than its document says.
pub fn corrects(slug: &str) -> bool {
    PP_THEN.iter().any(|(corrected, _)| *corrected == slug) || ["zippy-zap", "bouncy-bubble"].contains(&slug)
}
