//! The Pokédex with an index of every name: what requests look things up in. Immutable once built.

use std::collections::HashMap;

use dex::names::fold;
use dex::pokedex::{Move, Pokedex, Pokemon, Type};

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
}

impl Catalogue {
    pub fn new(dex: Pokedex) -> Self {
        let pokemon = Names::new(dex.pokemon.iter().map(|p| [p.slug.as_str(), &p.name_en, &p.name_fr]));
        let moves = Names::new(dex.moves.iter().map(|m| [m.slug.as_str(), &m.name_en, &m.name_fr]));
        let types = Names::new(dex.types.iter().map(|t| [t.type_.slug(), &t.name_en, &t.name_fr]));
        Self { dex, pokemon, moves, types }
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
    fn ids_are_digits_only() {
        assert_eq!(id("25"), Some(25));
        assert_eq!(id("0025"), Some(25));
        assert_eq!(id("70000"), Some(0));
        for text in ["", "+25", "-1", "25.0", "2 5", "２５"] {
            assert_eq!(id(text), None, "{text}");
        }
    }
}
