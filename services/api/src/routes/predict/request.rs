//! The request for a battle: its shape, then what its names stand for.

use dex::pokedex::{Move, Pokemon};
use dex::predict::Side;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::catalogue::Catalogue;
use crate::extract::{Reference, kind_of};
use crate::openapi;
use crate::problem::{FieldError, Kind, Problem};

const MOVES_MAX: usize = 4;
const FIELDS: [&str; 4] = ["pokemon_a", "pokemon_b", "moves_a", "moves_b"];

/// Two Pokémon that fight. Fields other than these are refused.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix", "moves_a": ["Thunderbolt", "Vive-Attaque"]}))]
pub(super) struct BattleRequest {
    pokemon_a: Reference,
    pokemon_b: Reference,
    /// Moves `pokemon_a` fights with, all of them ones it learns; the best set it can learn when absent, empty or `null`.
    #[schema(schema_with = openapi::moves, required = false)]
    moves_a: Vec<Reference>,
    /// Moves `pokemon_b` fights with.
    #[schema(schema_with = openapi::moves, required = false)]
    moves_b: Vec<Reference>,
}

impl BattleRequest {
    /// Checks the whole body before anything is looked up, so that a client learns all that is wrong at once.
    pub(super) fn from_json(body: &Value) -> Result<Self, Problem> {
        let Value::Object(fields) = body else {
            let detail = format!("expected an object, found {}", kind_of(body));
            return Err(Problem::invalid(vec![FieldError::body("", detail)]));
        };
        let mut errors = Vec::new();
        for name in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            errors.push(FieldError::body(&pointer, "there is no such field").suggesting(like_a_field(name)));
        }
        let pokemon = [pokemon(fields, "pokemon_a", &mut errors), pokemon(fields, "pokemon_b", &mut errors)];
        let [moves_a, moves_b] = ["moves_a", "moves_b"].map(|name| moves(fields, name, &mut errors));
        match pokemon {
            [Some(pokemon_a), Some(pokemon_b)] if errors.is_empty() => {
                Ok(Self { pokemon_a, pokemon_b, moves_a, moves_b })
            }
            _ => Err(Problem::invalid(errors)),
        }
    }

    /// Both sides looked up: 404 for an unknown Pokémon, then 422 for every move that is unknown, not learnable or repeated.
    pub(super) fn sides<'a>(&self, catalogue: &'a Catalogue) -> Result<[Side<'a>; 2], Problem> {
        let a = find_pokemon(catalogue, &self.pokemon_a);
        let b = find_pokemon(catalogue, &self.pokemon_b);
        let (a, b) = match (a, b) {
            (Some(a), Some(b)) => (a, b),
            (a, b) => return Err(unknown_pokemon(catalogue, self, a.is_none(), b.is_none())),
        };
        let mut errors = Vec::new();
        let moves_a = find_moves(catalogue, a, "moves_a", &self.moves_a, &mut errors);
        let moves_b = find_moves(catalogue, b, "moves_b", &self.moves_b, &mut errors);
        if errors.is_empty() {
            Ok([Side { pokemon: a, moves: moves_a }, Side { pokemon: b, moves: moves_b }])
        } else {
            Err(Problem::invalid(errors))
        }
    }
}

fn like_a_field(name: &str) -> Vec<String> {
    let like = |field: &&str| strsim::damerau_levenshtein(field, name) <= 2;
    if name.len() > 2 * FIELDS[0].len() {
        return Vec::new();
    }
    FIELDS.into_iter().filter(like).map(str::to_owned).collect()
}

fn pokemon(fields: &Map<String, Value>, name: &str, errors: &mut Vec<FieldError>) -> Option<Reference> {
    let read = match fields.get(name) {
        None => Err("is required".to_owned()),
        Some(value) => Reference::from_json(value),
    };
    read.map_err(|detail| errors.push(FieldError::body(&format!("/{name}"), detail))).ok()
}

fn moves(fields: &Map<String, Value>, name: &str, errors: &mut Vec<FieldError>) -> Vec<Reference> {
    let values = match fields.get(name) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(values)) if values.len() <= MOVES_MAX => values,
        Some(Value::Array(values)) => {
            let detail =
                format!("a Pokémon fights with at most {MOVES_MAX} moves, these are {}", values.len());
            errors.push(FieldError::body(&format!("/{name}"), detail));
            return Vec::new();
        }
        Some(other) => {
            let detail = format!("expected an array of moves, found {}", kind_of(other));
            errors.push(FieldError::body(&format!("/{name}"), detail));
            return Vec::new();
        }
    };
    let mut references = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        match Reference::from_json(value) {
            Ok(reference) => references.push(reference),
            Err(detail) => errors.push(FieldError::body(&format!("/{name}/{i}"), detail)),
        }
    }
    references
}

fn find_pokemon<'a>(catalogue: &'a Catalogue, reference: &Reference) -> Option<&'a Pokemon> {
    match reference {
        Reference::Id(id) => catalogue.dex.pokemon(*id),
        Reference::Name(name) => catalogue.find_pokemon(name),
    }
}

fn unknown_pokemon(catalogue: &Catalogue, request: &BattleRequest, a: bool, b: bool) -> Problem {
    let sides = [("pokemon_a", &request.pokemon_a, a), ("pokemon_b", &request.pokemon_b, b)];
    let mut problem = Problem::new(Kind::NotFound, "No Pokémon has this id or name.");
    let mut all: Vec<String> = Vec::new();
    for (field, reference, _) in sides.into_iter().filter(|(_, _, unknown)| *unknown) {
        let text = reference.text();
        let suggestions = catalogue.suggest_pokemon(&text);
        for suggestion in &suggestions {
            if !all.contains(suggestion) {
                all.push(suggestion.clone());
            }
        }
        let error = FieldError::body(&format!("/{field}"), format!("{text:?} names no Pokémon"));
        problem = problem.at(error.suggesting(suggestions));
    }
    problem.suggesting(all)
}

fn find_moves<'a>(
    catalogue: &'a Catalogue,
    pokemon: &Pokemon,
    field: &str,
    references: &[Reference],
    errors: &mut Vec<FieldError>,
) -> Vec<&'a Move> {
    let mut found: Vec<&Move> = Vec::with_capacity(references.len());
    for (i, reference) in references.iter().enumerate() {
        let pointer = format!("/{field}/{i}");
        let move_ = match reference {
            Reference::Id(id) => catalogue.dex.move_(*id),
            Reference::Name(name) => catalogue.find_move(name),
        };
        let Some(move_) = move_ else {
            let text = reference.text();
            let error = FieldError::body(&pointer, format!("{text:?} names no move"));
            errors.push(error.suggesting(catalogue.suggest_move(&text)));
            continue;
        };
        if !pokemon.learnset.iter().any(|learn| learn.move_id == move_.id) {
            let detail = format!("{} cannot learn {}", pokemon.name_en, move_.name_en);
            errors.push(FieldError::body(&pointer, detail));
        } else if found.iter().any(|m| m.id == move_.id) {
            errors.push(FieldError::body(&pointer, format!("{} is given twice", move_.name_en)));
        } else {
            found.push(move_);
        }
    }
    found
}
