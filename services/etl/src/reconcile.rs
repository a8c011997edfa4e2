//! Where the two sources disagree, and whose word is loaded. Pure.
//!
//! The rule: `PokéAPI` decides, always. It has ids instead of French spellings, and its values for these games equal those of an
//! independent simulator, where a page of a wiki may be edited at any minute. `Poképédia` is a witness: each of its rows that differs is
//! counted, recorded and shown by `etl diff`, and too many of them fail the run, since one of the two is not what it was.

use std::collections::{BTreeMap, BTreeSet};

use dex::names::fold;
use dex::pokedex::{Form, LearnMethod, Pokedex, Pokemon};

use crate::pokepedia::{Page, Row, Testimony, Who};
use crate::reject::Reject;

/// Of a hundred rows that were compared, so many may differ before neither source is believed.
const TOLERATED_PERCENT: usize = 5;

/// What kind of thing is said differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A move is learnt, but at other levels.
    Level,
    /// A move is learnt according to one source only.
    Move,
    /// A move's French name is spelt otherwise.
    Name,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Move => "move",
            Self::Name => "name",
        }
    }
}

/// One disagreement. `PokéAPI`'s word is the one that is loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    pub kind: Kind,
    /// `pikachu, level-up, thunderbolt`, or a move.
    pub subject: String,
    /// What each says; none where it says nothing.
    pub pokeapi: Option<String>,
    pub pokepedia: Option<String>,
}

/// What comparing came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows of a learnset that both sources could have had.
    pub compared: usize,
    pub disagreements: Vec<Disagreement>,
    /// Rows of pages that name no move of the games.
    pub rejects: Vec<Reject>,
}

impl Comparison {
    /// Rows that differ; spellings are none.
    pub fn differing(&self) -> usize {
        self.disagreements.iter().filter(|d| d.kind != Kind::Name).count()
    }

    /// Whether so much differs that neither source can be believed.
    pub fn is_beyond_belief(&self) -> bool {
        self.differing() * 100 > self.compared * TOLERATED_PERCENT
    }
}

/// Compares the learnsets with what the pages say. Tables that were refused or are missing say nothing.
pub fn compare(pokedex: &Pokedex, testimony: &Testimony) -> Comparison {
    let names: BTreeMap<String, u16> = pokedex.moves.iter().map(|m| (fold(&m.name_fr), m.id)).collect();
    let mut comparison = Comparison::default();
    let mut spellings = BTreeSet::new();
    for (id, page) in &testimony.pages {
        let Some(pokemon) = pokedex.pokemon(*id) else { continue };
        let known = recognise(page, pokemon, &names, &mut comparison.rejects);
        for (move_id, row) in &known {
            spellings.insert((*move_id, row.name.as_str()));
        }
        for (who, method) in &page.read {
            let Some(learner) = learner(pokedex, pokemon, *who) else { continue };
            let rows = known.iter().filter(|(_, row)| (row.who, row.method) == (*who, *method));
            let theirs = by_move(rows.map(|(move_id, row)| (*move_id, row.level)));
            let learnt = learner.learnset.iter().filter(|learn| learn.method == *method);
            let ours = by_move(learnt.map(|learn| (learn.move_id, learn.level)));
            one(pokedex, learner, *method, &ours, &theirs, &mut comparison);
        }
    }
    for (move_id, name) in spellings {
        let Some(m) = pokedex.move_(move_id).filter(|m| m.name_fr != name) else { continue };
        comparison.disagreements.push(Disagreement {
            kind: Kind::Name,
            subject: m.slug.clone(),
            pokeapi: Some(m.name_fr.clone()),
            pokepedia: Some(name.to_owned()),
        });
    }
    comparison.disagreements.sort();
    comparison
}

/// The rows whose move is one of the games'. Matching is by identifier from here on, never by a French string.
fn recognise<'p>(
    page: &'p Page,
    pokemon: &Pokemon,
    names: &BTreeMap<String, u16>,
    rejects: &mut Vec<Reject>,
) -> Vec<(u16, &'p Row)> {
    let mut known = Vec::new();
    for row in &page.rows {
        match names.get(&fold(&row.name)) {
            Some(id) => known.push((*id, row)),
            None => rejects.push(Reject::of(
                "pokepedia",
                format!("{}/Génération_7, table {}", pokemon.name_fr, method_name(row.method)),
                format!("{:?} is no move of the games", row.name),
            )),
        }
    }
    known
}

fn learner<'d>(pokedex: &'d Pokedex, pokemon: &'d Pokemon, who: Who) -> Option<&'d Pokemon> {
    match who {
        Who::Itself => Some(pokemon),
        Who::Partner => {
            pokedex.pokemon.iter().find(|p| p.form == Form::Starter && p.species_id == pokemon.species_id)
        }
    }
}

fn by_move(rows: impl Iterator<Item = (u16, u8)>) -> BTreeMap<u16, BTreeSet<u8>> {
    let mut moves: BTreeMap<u16, BTreeSet<u8>> = BTreeMap::new();
    for (move_id, level) in rows {
        moves.entry(move_id).or_default().insert(level);
    }
    moves
}

fn one(
    pokedex: &Pokedex,
    pokemon: &Pokemon,
    method: LearnMethod,
    ours: &BTreeMap<u16, BTreeSet<u8>>,
    theirs: &BTreeMap<u16, BTreeSet<u8>>,
    comparison: &mut Comparison,
) {
    let either: BTreeSet<u16> = ours.keys().chain(theirs.keys()).copied().collect();
    for move_id in either {
        let (our, their) = (ours.get(&move_id), theirs.get(&move_id));
        comparison.compared += our.or(their).map_or(0, BTreeSet::len);
        if our == their {
            continue;
        }
        let slug = pokedex.move_(move_id).map_or_else(|| move_id.to_string(), |m| m.slug.clone());
        comparison.disagreements.push(Disagreement {
            kind: if our.is_some() && their.is_some() { Kind::Level } else { Kind::Move },
            subject: format!("{}, {}, {slug}", pokemon.slug, method_name(method)),
            pokeapi: our.map(levels),
            pokepedia: their.map(levels),
        });
    }
}

fn levels(levels: &BTreeSet<u8>) -> String {
    let words: Vec<String> = levels
        .iter()
        .map(|level| match level {
            0 => "0".to_owned(),
            1 => "start".to_owned(),
            level => format!("level {level}"),
        })
        .collect();
    words.join(", ")
}

const fn method_name(method: LearnMethod) -> &'static str {
    match method {
        LearnMethod::LevelUp => "level-up",
        LearnMethod::Machine => "machine",
        LearnMethod::Tutor => "tutor",
    }
}
