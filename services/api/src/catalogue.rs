//! The Pokédex with an index of every name, and what every battle asks of a Pokémon worked out ahead: what requests look
//! things up in. Immutable once built.

use std::collections::HashMap;

use dex::battle::{Fighter, Rules, sets};
use dex::names::fold;
use dex::pokedex::{Evolution, Move, Pokedex, Pokemon, Type};
use dex::predict::Side;

/// Longest name looked up, in characters; longer ones match nothing.
pub const NAME_MAX: usize = 64;
const SUGGESTIONS: usize = 3;
/// Jaro-Winkler similarity below which a name is no suggestion.
const SIMILAR: f64 = 0.75;

/// A Pokédex and its names.
#[derive(Debug)]
pub struct Catalogue {
    pub dex: Pokedex,
    pokemon: Names,
    moves: Names,
    types: Names,
    /// By position of the Pokémon.
    ready: Vec<Ready>,
    evolutions: Vec<Evolution>,
}

/// A Pokémon made ready.
#[derive(Debug)]
struct Ready {
    /// With its best set.
    fighter: Fighter,
    /// Ids of what it can have learnt, before it evolved too; ascending.
    learnable: Vec<u16>,
    /// Ids of those that damage.
    attacks: Vec<u16>,
}

impl Ready {
    fn new(dex: &Pokedex, pokemon: &Pokemon) -> Self {
        let attacks: Vec<u16> = sets::candidates(dex, pokemon).iter().map(|m| m.id).collect();
        let own = pokemon.learnset.iter().map(|learn| learn.move_id);
        let mut learnable: Vec<u16> = own.chain(attacks.iter().copied()).collect();
        learnable.sort_unstable();
        learnable.dedup();
        Self { fighter: Fighter::new(dex, &Rules::default(), pokemon, &[]), learnable, attacks }
    }
}

impl Catalogue {
    pub fn new(dex: Pokedex, evolutions: Vec<Evolution>) -> Self {
        let pokemon = Names::new(dex.pokemon.iter().map(|p| [p.slug.as_str(), &p.name_en, &p.name_fr]));
        let moves = Names::new(dex.moves.iter().map(|m| [m.slug.as_str(), &m.name_en, &m.name_fr]));
        let types = Names::new(dex.types.iter().map(|t| [t.type_.slug(), &t.name_en, &t.name_fr]));
        let ready = dex.pokemon.iter().map(|pokemon| Ready::new(&dex, pokemon)).collect();
        Self { dex, pokemon, moves, types, ready, evolutions }
    }

    /// `None` for a Pokémon of another Pokédex.
    fn ready(&self, pokemon: &Pokemon) -> Option<&Ready> {
        self.dex.pokemon.binary_search_by_key(&pokemon.id, |p| p.id).ok().map(|i| &self.ready[i])
    }

    /// A side ready for battle; the best set was worked out ahead.
    pub fn fighter(&self, side: &Side<'_>) -> Fighter {
        match self.ready(side.pokemon) {
            Some(ready) if side.moves.is_empty() => ready.fighter,
            _ => Fighter::new(&self.dex, &Rules::default(), side.pokemon, &side.moves),
        }
    }

    /// Whether a Pokémon can have a move: it learns it, or did before it evolved.
    pub fn can_have(&self, pokemon: &Pokemon, move_: &Move) -> bool {
        self.ready(pokemon).is_some_and(|ready| ready.learnable.binary_search(&move_.id).is_ok())
    }

    /// Every move of a Pokémon that damages, by id.
    pub fn attacks(&self, pokemon: &Pokemon) -> impl Iterator<Item = &Move> {
        let ids = self.ready(pokemon).map_or(&[][..], |ready| &ready.attacks);
        ids.iter().filter_map(|id| self.dex.move_(*id))
    }

    /// How a Pokémon came to be, when it evolved.
    pub fn evolved_from(&self, id: u16) -> Option<&Evolution> {
        self.evolutions.iter().find(|evolution| evolution.pokemon_id == id)
    }

    /// What a Pokémon evolves into, by id.
    pub fn evolves_to(&self, id: u16) -> impl Iterator<Item = &Evolution> {
        self.evolutions.iter().filter(move |evolution| evolution.from_pokemon_id == id)
    }

    /// Pokémon with a name like `text`, best first, with what was matched and how near it is (0 to 1).
    pub fn search(&self, text: &str, limit: usize) -> Vec<(f64, &Pokemon, Matched<'_>)> {
        let found = self.pokemon.search(text, limit).into_iter();
        found.map(|(score, i, matched)| (score, &self.dex.pokemon[i], matched)).collect()
    }

    /// The Pokémon of an id in digits, or of a slug or a name in either language.
    pub fn find_pokemon(&self, text: &str) -> Option<&Pokemon> {
        match id(text) {
            Some(id) => self.dex.pokemon(id),
            None => self.pokemon.find(text).map(|i| &self.dex.pokemon[i]),
        }
    }

    /// The move of an id in digits, or of a slug or a name in either language.
    pub fn find_move(&self, text: &str) -> Option<&Move> {
        match id(text) {
            Some(id) => self.dex.move_(id),
            None => self.moves.find(text).map(|i| &self.dex.moves[i]),
        }
    }

    /// The type of a slug or a name in either language.
    pub fn find_type(&self, text: &str) -> Option<Type> {
        self.types.find(text).map(|i| self.dex.types[i].type_)
    }

    /// Names like `text`, best first.
    pub fn suggest_pokemon(&self, text: &str) -> Vec<String> {
        self.pokemon.suggest(text)
    }

    /// Names like `text`, best first.
    pub fn suggest_move(&self, text: &str) -> Vec<String> {
        self.moves.suggest(text)
    }

    /// Names like `text`, best first.
    pub fn suggest_type(&self, text: &str) -> Vec<String> {
        self.types.suggest(text)
    }

    /// Pokémon of which a name contains `key` (folded), in order of id.
    pub fn pokemon_named<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Pokemon> {
        self.dex.pokemon.iter().enumerate().filter(|(i, _)| self.pokemon.contains(*i, key)).map(|(_, p)| p)
    }

    /// Moves of which a name contains `key` (folded), in order of id.
    pub fn moves_named<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Move> {
        self.dex.moves.iter().enumerate().filter(|(i, _)| self.moves.contains(*i, key)).map(|(_, m)| m)
    }
}

/// The id that `text` is, when it is made of digits; one out of range is the id 0, which nothing has.
fn id(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(0))
}

/// A name that was found, in its language (`en` or `fr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched<'a> {
    pub name: &'a str,
    pub language: &'static str,
}

/// How near a name is to what was typed, both folded: 1 the same, above 0.9 its beginning, above 0.8 a part of it, else by
/// the letters that differ, below 0.8.
fn nearness(name: &str, typed: &str) -> f64 {
    let share = typed.chars().count() as f64 / name.chars().count().max(1) as f64;
    if name == typed {
        1.0
    } else if name.starts_with(typed) {
        0.9 + share * 0.09
    } else if name.contains(typed) {
        0.8 + share * 0.09
    } else {
        0.8 * strsim::normalized_damerau_levenshtein(name, typed)
    }
}

/// Nearness below which a name is not what was searched for: about every second letter differs.
const FOUND: f64 = 0.45;

/// Index of the names of things that have a position each.
#[derive(Debug)]
struct Names {
    by_key: HashMap<String, usize>,
    /// Per position: key and name as written, for slug, English and French.
    written: Vec<[(String, String); 3]>,
}

impl Names {
    /// `names` yields slug, English and French name per position. Where two things share a key, slugs win over English
    /// names, those over French ones, and the first thing over later ones.
    fn new<'a>(names: impl Iterator<Item = [&'a str; 3]>) -> Self {
        let written: Vec<_> = names.map(|forms| forms.map(|name| (fold(name), name.to_owned()))).collect();
        let mut by_key = HashMap::with_capacity(written.len() * 3);
        for language in 0..3 {
            for (position, forms) in written.iter().enumerate() {
                by_key.entry(forms[language].0.clone()).or_insert(position);
            }
        }
        by_key.remove("");
        Self { by_key, written }
    }

    fn find(&self, text: &str) -> Option<usize> {
        if is_too_long(text) {
            return None;
        }
        self.by_key.get(&fold(text)).copied()
    }

    fn contains(&self, position: usize, key: &str) -> bool {
        self.written[position].iter().any(|(k, _)| k.contains(key))
    }

    /// Positions by nearness, then by position.
    fn search(&self, text: &str, limit: usize) -> Vec<(f64, usize, Matched<'_>)> {
        let key = fold(text);
        if key.is_empty() || is_too_long(text) {
            return Vec::new();
        }
        let mut ranked: Vec<_> = self
            .written
            .iter()
            .enumerate()
            .map(|(i, [slug, english, french])| {
                let [slug_score, english_score, french_score] =
                    [slug, english, french].map(|(name, _)| nearness(name, &key));
                if french_score > english_score.max(slug_score) {
                    (french_score, i, Matched { name: &french.1, language: "fr" })
                } else {
                    (english_score.max(slug_score), i, Matched { name: &english.1, language: "en" })
                }
            })
            .filter(|(score, ..)| *score >= FOUND)
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(limit);
        ranked
    }

    /// One name per thing, in the language that is nearest to `text`; slugs only count, they are not shown.
    fn suggest(&self, text: &str) -> Vec<String> {
        if is_too_long(text) {
            return Vec::new();
        }
        let key = fold(text);
        let mut ranked: Vec<(f64, &str)> = self
            .written
            .iter()
            .map(|[slug, english, french]| {
                let [slug_score, english_score, french_score] =
                    [slug, english, french].map(|(k, _)| strsim::jaro_winkler(k, &key));
                let name = if french_score > english_score.max(slug_score) { &french.1 } else { &english.1 };
                (slug_score.max(english_score).max(french_score), name.as_str())
            })
            .filter(|(score, _)| *score >= SIMILAR)
            .collect();
        // Stable: equally near names stay in order of id.
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.into_iter().take(SUGGESTIONS).map(|(_, name)| name.to_owned()).collect()
    }
}

fn is_too_long(text: &str) -> bool {
    text.chars().nth(NAME_MAX).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(
            [["pikachu", "Pikachu", "Pikachu"], ["eevee", "Eevee", "Évoli"], ["raichu", "Raichu", "Raichu"]]
                .into_iter(),
        )
    }

    #[test]
    fn names_are_found_in_both_languages() {
        for (text, position) in [
            ("pikachu", Some(0)),
            ("PIKACHU", Some(0)),
            ("Évoli", Some(1)),
            ("evoli", Some(1)),
            ("Eevee", Some(1)),
            ("", None),
            ("♥", None),
            ("Missingno", None),
        ] {
            assert_eq!(names().find(text), position, "{text}");
        }
    }

    #[test]
    fn suggestions_are_near_and_in_the_language_typed() {
        assert_eq!(names().suggest("pikachoo"), ["Pikachu"]);
        assert_eq!(names().suggest("evolie"), ["Évoli"]);
        assert_eq!(names().suggest("xyzzy"), Vec::<String>::new());
        assert_eq!(names().suggest(&"p".repeat(65)), Vec::<String>::new());
    }

    #[test]
    fn search_puts_the_nearest_first_and_takes_typing_errors() {
        let names = names();
        let found = |text: &str| -> Vec<_> {
            names.search(text, 9).into_iter().map(|(_, i, m)| (i, m.language)).collect()
        };
        assert_eq!(found("pikachu"), [(0, "en"), (2, "en")]);
        assert_eq!(found("évol"), [(1, "fr")]);
        assert_eq!(found("evloi"), [(1, "fr")]);
        assert_eq!(found("eve"), [(1, "en")]);
        assert_eq!(found("chu"), [(2, "en"), (0, "en")]);
        assert_eq!(found("♥"), []);
        assert_eq!(found("xyzzy"), []);
        assert!(names.search("p", 1).len() <= 1);
    }

    #[test]
    fn ids_are_digits_only() {
        assert_eq!(id("25"), Some(25));
        assert_eq!(id("0025"), Some(25));
        assert_eq!(id("70000"), Some(0));
        for text in ["", "+25", "-1", "25.0", "2 5", "２５"] {
            assert_eq!(id(text), None, "{text}");
        }
    }
}
