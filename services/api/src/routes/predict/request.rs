//! Requests for predictions: their shape first, then what their names stand for.

use dex::pokedex::{Move, Pokemon};
use dex::predict::Side;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{BATCH_MAX, MOVES_RANKED_MAX, TEAM_MAX};
use crate::catalogue::Catalogue;
use crate::extract::{Reference, kind_of};
use crate::openapi;
use crate::problem::{ERRORS_MAX, FieldError, Kind, Problem};

/// Moves a Pokémon fights with.
const MOVES_MAX: usize = 4;

/// Two Pokémon that fight. Fields other than these are refused.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix", "moves_a": ["Thunderbolt", "Vive-Attaque"]}))]
#[expect(dead_code, reason = "it is the schema of what is read by hand")]
pub(super) struct BattleRequest {
    pokemon_a: Reference,
    pokemon_b: Reference,
    /// Moves `pokemon_a` fights with, all of them ones it can have; the best set of all it can have when absent, empty or
    /// `null`.
    #[schema(schema_with = openapi::moves, required = false)]
    moves_a: Vec<Reference>,
    /// Moves `pokemon_b` fights with.
    #[schema(schema_with = openapi::moves, required = false)]
    moves_b: Vec<Reference>,
}

/// A Pokémon that looks for its best move. Fields other than these are refused.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pokemon_a": "Pikachu", "pokemon_b": "Onix"}))]
#[expect(dead_code, reason = "it is the schema of what is read by hand")]
pub(super) struct BestMoveRequest {
    pokemon_a: Reference,
    pokemon_b: Reference,
    /// Moves to rank, all of them ones `pokemon_a` can have; all that damage when absent, empty or `null`.
    #[schema(schema_with = openapi::moves_to_rank, required = false)]
    moves_a: Vec<Reference>,
    /// Moves `pokemon_b` fights with; its best set when absent, empty or `null`.
    #[schema(schema_with = openapi::moves, required = false)]
    moves_b: Vec<Reference>,
}

/// Up to 1,000 battles. Fields other than these are refused.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"battles": [{"pokemon_a": "Pikachu", "pokemon_b": "Onix"}, {"pokemon_a": 6, "pokemon_b": 9}]}))]
#[expect(dead_code, reason = "it is the schema of what is read by hand")]
pub(super) struct BatchRequest {
    #[schema(min_items = 1, max_items = 1000)]
    battles: Vec<BattleRequest>,
}

/// Two teams of one to six. Fields other than these are refused.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"team_a": ["Pikachu", "Évoli"], "team_b": ["Onix", "Racaillou"]}))]
#[expect(dead_code, reason = "it is the schema of what is read by hand")]
pub(super) struct TeamRequest {
    #[schema(schema_with = openapi::team)]
    team_a: Vec<Reference>,
    #[schema(schema_with = openapi::team)]
    team_b: Vec<Reference>,
}

/// One Pokémon of a request, and where its names stand in the body.
#[derive(Debug)]
pub(super) struct Contender {
    pokemon: Reference,
    moves: Vec<Reference>,
    at: Place,
}

/// A place in a body; in words only when something is wrong there.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Side `a` or `b` of the body, or of a battle in its list.
    Side(Option<usize>, char),
    /// Of a team, which has no moves.
    Member(&'static str, usize),
}

impl Place {
    fn pokemon(self) -> String {
        match self {
            Self::Side(battle, side) => format!("{}/pokemon_{side}", battle_at(battle)),
            Self::Member(team, i) => format!("/{team}/{i}"),
        }
    }

    fn moves(self) -> String {
        match self {
            Self::Side(battle, side) => format!("{}/moves_{side}", battle_at(battle)),
            Self::Member(..) => self.pokemon(),
        }
    }
}

/// Where a battle stands: the body itself, or a place in its list.
fn battle_at(battle: Option<usize>) -> String {
    battle.map(|i| format!("/battles/{i}")).unwrap_or_default()
}

const BATTLE_FIELDS: &[&str] = &["pokemon_a", "pokemon_b", "moves_a", "moves_b"];

/// Both sides of a battle, with at most four moves each.
pub(super) fn battle(body: &Value) -> Result<[Contender; 2], Problem> {
    pair(body, MOVES_MAX)
}

/// Both sides, the first with moves to rank.
pub(super) fn best_move(body: &Value) -> Result<[Contender; 2], Problem> {
    pair(body, MOVES_RANKED_MAX)
}

/// Checks the whole body before anything is looked up, so that a client learns all that is wrong at once.
fn pair(body: &Value, moves_a_max: usize) -> Result<[Contender; 2], Problem> {
    let mut errors = Vec::new();
    match (sides(body, None, moves_a_max, &mut errors), errors.is_empty()) {
        (Some(sides), true) => Ok(sides),
        _ => Err(Problem::invalid(errors)),
    }
}

/// The sides of each battle, one after the other.
pub(super) fn batch(body: &Value) -> Result<Vec<Contender>, Problem> {
    let mut errors = Vec::new();
    let fields = object(body, "", &["battles"], &mut errors);
    let battles =
        fields.and_then(|fields| list(fields, "battles", BATCH_MAX, &mut errors)).unwrap_or_default();
    let mut all = Vec::with_capacity(2 * battles.len());
    for (i, battle) in battles.iter().enumerate() {
        all.extend(sides(battle, Some(i), MOVES_MAX, &mut errors).into_iter().flatten());
    }
    if errors.is_empty() { Ok(all) } else { Err(Problem::invalid(errors)) }
}

/// The members of both teams.
pub(super) fn teams(body: &Value) -> Result<[Vec<Contender>; 2], Problem> {
    let mut errors = Vec::new();
    let names = ["team_a", "team_b"];
    let fields = object(body, "", &names, &mut errors);
    let teams = names.map(|name| {
        let members = fields.and_then(|fields| list(fields, name, TEAM_MAX, &mut errors)).unwrap_or_default();
        let member = |(i, value): (usize, &Value)| {
            let at = Place::Member(name, i);
            let read = Reference::from_json(value);
            let pokemon = read.map_err(|detail| errors.push(FieldError::body(&at.pokemon(), detail))).ok()?;
            Some(Contender { pokemon, moves: Vec::new(), at })
        };
        members.iter().enumerate().filter_map(member).collect()
    });
    if errors.is_empty() { Ok(teams) } else { Err(Problem::invalid(errors)) }
}

/// An object with no fields but `known`.
fn object<'a>(
    value: &'a Value,
    at: &str,
    known: &[&str],
    errors: &mut Vec<FieldError>,
) -> Option<&'a Map<String, Value>> {
    let Value::Object(fields) = value else {
        errors.push(FieldError::body(at, format!("expected an object, found {}", kind_of(value))));
        return None;
    };
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let error = FieldError::body(&pointer, "there is no such field");
        errors.push(error.suggesting(like_a_field(name, known)));
    }
    Some(fields)
}

fn like_a_field(name: &str, known: &[&str]) -> Vec<String> {
    let like = |field: &&&str| name.len() <= 2 * field.len() && strsim::damerau_levenshtein(field, name) <= 2;
    known.iter().filter(like).map(|field| (*field).to_owned()).collect()
}

/// The field `name`, an array of 1 to `most` values.
fn list<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
    most: usize,
    errors: &mut Vec<FieldError>,
) -> Option<&'a [Value]> {
    let detail = match fields.get(name) {
        None => "is required".to_owned(),
        Some(Value::Array(values)) if (1..=most).contains(&values.len()) => return Some(values),
        Some(Value::Array(values)) => format!("has 1 to {most} entries, these are {}", values.len()),
        Some(other) => format!("expected an array, found {}", kind_of(other)),
    };
    errors.push(FieldError::body(&format!("/{name}"), detail));
    None
}

fn sides(
    value: &Value,
    battle: Option<usize>,
    moves_a_max: usize,
    errors: &mut Vec<FieldError>,
) -> Option<[Contender; 2]> {
    let at = battle_at(battle);
    let at = at.as_str();
    let fields = object(value, at, BATTLE_FIELDS, errors)?;
    let pokemon = ["pokemon_a", "pokemon_b"].map(|name| pokemon(fields, at, name, errors));
    let [moves_a, moves_b] = [("moves_a", moves_a_max), ("moves_b", MOVES_MAX)]
        .map(|(name, most)| moves(fields, at, name, most, errors));
    let [Some(a), Some(b)] = pokemon else { return None };
    let contender = |pokemon, moves, side| Contender { pokemon, moves, at: Place::Side(battle, side) };
    Some([contender(a, moves_a, 'a'), contender(b, moves_b, 'b')])
}

fn pokemon(
    fields: &Map<String, Value>,
    at: &str,
    name: &str,
    errors: &mut Vec<FieldError>,
) -> Option<Reference> {
    let read = match fields.get(name) {
        None => Err("is required".to_owned()),
        Some(value) => Reference::from_json(value),
    };
    read.map_err(|detail| errors.push(FieldError::body(&format!("{at}/{name}"), detail))).ok()
}

fn moves(
    fields: &Map<String, Value>,
    at: &str,
    name: &str,
    most: usize,
    errors: &mut Vec<FieldError>,
) -> Vec<Reference> {
    let detail = match fields.get(name) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(values)) if values.len() <= most => {
            let mut read = |(i, value)| {
                let wrong = |detail| errors.push(FieldError::body(&format!("{at}/{name}/{i}"), detail));
                Reference::from_json(value).map_err(wrong).ok()
            };
            return values.iter().enumerate().filter_map(&mut read).collect();
        }
        Some(Value::Array(values)) => format!("has at most {most} moves, these are {}", values.len()),
        Some(other) => format!("expected an array of moves, found {}", kind_of(other)),
    };
    errors.push(FieldError::body(&format!("{at}/{name}"), detail));
    Vec::new()
}

/// Contenders looked up: 404 for an unknown Pokémon, then 422 for every move that is unknown, not to be had or repeated.
pub(super) fn resolve<'a>(
    catalogue: &'a Catalogue,
    contenders: &[Contender],
) -> Result<Vec<Side<'a>>, Problem> {
    let found: Vec<Option<&Pokemon>> =
        contenders.iter().map(|contender| find_pokemon(catalogue, &contender.pokemon)).collect();
    let unknown = contenders.iter().zip(&found).filter(|(_, found)| found.is_none());
    let unknown: Vec<&Contender> = unknown.map(|(contender, _)| contender).take(ERRORS_MAX).collect();
    if !unknown.is_empty() {
        return Err(unknown_pokemon(catalogue, &unknown));
    }
    let mut errors = Vec::new();
    let mut sides = Vec::with_capacity(contenders.len());
    for (contender, pokemon) in contenders.iter().zip(found.into_iter().flatten()) {
        // Looking for what was meant takes a while: not for more than is told.
        if errors.len() < ERRORS_MAX {
            let moves = find_moves(catalogue, pokemon, contender, &mut errors);
            sides.push(Side { pokemon, moves });
        }
    }
    if errors.is_empty() { Ok(sides) } else { Err(Problem::invalid(errors)) }
}

/// The two contenders of a battle looked up.
pub(super) fn resolve_pair<'a>(
    catalogue: &'a Catalogue,
    contenders: &[Contender; 2],
) -> Result<[Side<'a>; 2], Problem> {
    let sides = resolve(catalogue, contenders)?;
    sides.try_into().map_err(|_| Problem::internal("two contenders have two sides"))
}

fn find_pokemon<'a>(catalogue: &'a Catalogue, reference: &Reference) -> Option<&'a Pokemon> {
    match reference {
        Reference::Id(id) => catalogue.dex.pokemon(*id),
        Reference::Name(name) => catalogue.find_pokemon(name),
    }
}

fn unknown_pokemon(catalogue: &Catalogue, unknown: &[&Contender]) -> Problem {
    let mut problem = Problem::new(Kind::NotFound, "No Pokémon has this id or name.");
    let mut all: Vec<String> = Vec::new();
    for contender in unknown {
        let text = contender.pokemon.text();
        let suggestions = catalogue.suggest_pokemon(&text);
        for suggestion in &suggestions {
            if !all.contains(suggestion) {
                all.push(suggestion.clone());
            }
        }
        let error = FieldError::body(&contender.at.pokemon(), format!("{text:?} names no Pokémon"));
        problem = problem.at(error.suggesting(suggestions));
    }
    problem.suggesting(all)
}

fn find_moves<'a>(
    catalogue: &'a Catalogue,
    pokemon: &Pokemon,
    contender: &Contender,
    errors: &mut Vec<FieldError>,
) -> Vec<&'a Move> {
    let mut found: Vec<&Move> = Vec::with_capacity(contender.moves.len());
    for (i, reference) in contender.moves.iter().enumerate() {
        let pointer = || format!("{}/{i}", contender.at.moves());
        let move_ = match reference {
            Reference::Id(id) => catalogue.dex.move_(*id),
            Reference::Name(name) => catalogue.find_move(name),
        };
        let Some(move_) = move_ else {
            let text = reference.text();
            let error = FieldError::body(&pointer(), format!("{text:?} names no move"));
            errors.push(error.suggesting(catalogue.suggest_move(&text)));
            continue;
        };
        if !catalogue.can_have(pokemon, move_) {
            let detail = format!("{} cannot learn {}", pokemon.name_en, move_.name_en);
            errors.push(FieldError::body(&pointer(), detail));
        } else if found.iter().any(|m| m.id == move_.id) {
            errors.push(FieldError::body(&pointer(), format!("{} is given twice", move_.name_en)));
        } else {
            found.push(move_);
        }
    }
    found
}
