//! The files of a vectors folder as their author wrote them, and the names they use. Reads only.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use dex::battle::{Fighter, Rules};
use dex::pokedex::{Move, Pokedex, Pokemon};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a folder cannot be judged by.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: not a line of this format", path.display())]
    Line { path: PathBuf, line: usize, source: serde_json::Error },
    #[error("{}:{line}: {problem}", path.display())]
    Value { path: PathBuf, line: usize, problem: String },
    #[error("{} holds none of {expected}", path.display())]
    Nothing { path: PathBuf, expected: &'static str },
}

/// One damage line: HP of one hit for every random factor.
#[derive(Debug, Clone, Deserialize)]
pub struct DamageLine {
    pub attacker: String,
    #[serde(rename = "move")]
    pub move_: String,
    pub defender: String,
    pub crit: bool,
    pub atk_stage: i8,
    pub def_stage: i8,
    pub burned: bool,
    pub screen: bool,
    pub rolls: [u16; 16],
}

/// One pair with how its battles ended.
#[derive(Debug, Clone, Deserialize)]
pub struct BattlesLine {
    pub a: String,
    pub b: String,
    pub n: u32,
    pub wins_a: u32,
    #[serde(default)]
    pub draws: u32,
    #[serde(default)]
    pub mean_turns: f64,
    #[serde(default)]
    pub first_a: Option<String>,
    #[serde(default)]
    pub first_b: Option<String>,
    /// Absent: the sets of the species file, or the best sets.
    #[serde(default)]
    pub moves_a: Vec<String>,
    #[serde(default)]
    pub moves_b: Vec<String>,
}

impl BattlesLine {
    /// Share of the battles won by the first side; a draw is half a win.
    pub fn win_rate(&self) -> f64 {
        (f64::from(self.wins_a) + f64::from(self.draws) / 2.0) / f64::from(self.n)
    }

    /// Whether all of them ended alike.
    pub fn is_unanimous(&self) -> bool {
        self.draws == 0 && (self.wins_a == 0 || self.wins_a == self.n)
    }
}

#[derive(Deserialize)]
struct Species {
    id: String,
    #[serde(default)]
    set_best4: Vec<String>,
}

/// Reads a file of one JSON object per line; `None` when it is not there.
pub fn lines<T: DeserializeOwned>(path: &Path) -> Result<Option<Vec<T>>, VectorsError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(VectorsError::Read { path: path.to_owned(), source }),
    };
    let parsed = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(|(i, line)| {
        serde_json::from_str(line).map_err(|source| VectorsError::Line {
            path: path.to_owned(),
            line: i + 1,
            source,
        })
    });
    parsed.collect::<Result<_, _>>().map(Some)
}

/// The vectors write identifiers without dashes and spell one move the older way.
pub fn plain(slug: &str) -> String {
    if slug == "vice-grip" { "visegrip".to_owned() } else { slug.replace('-', "") }
}

/// Looks up Pokémon and moves by the vectors' names.
#[derive(Debug)]
pub struct Names<'a> {
    dex: &'a Pokedex,
    pokemon: HashMap<String, &'a Pokemon>,
    moves: HashMap<String, &'a Move>,
    sets: HashMap<String, Vec<String>>,
}

impl<'a> Names<'a> {
    /// With the sets of the folder's species file, where there is one.
    pub fn read(dex: &'a Pokedex, dir: &Path) -> Result<Self, VectorsError> {
        let species: Vec<Species> = lines(&dir.join("species_sets.jsonl"))?.unwrap_or_default();
        Ok(Self {
            dex,
            pokemon: dex.pokemon.iter().map(|p| (plain(&p.slug), p)).collect(),
            moves: dex.moves.iter().map(|m| (plain(&m.slug), m)).collect(),
            sets: species.into_iter().map(|s| (s.id, s.set_best4)).collect(),
        })
    }

    pub fn pokemon(&self, name: &str) -> Result<&'a Pokemon, String> {
        self.pokemon.get(name).copied().ok_or_else(|| format!("no Pokémon is called {name:?}"))
    }

    pub fn moves(&self, names: &[String]) -> Result<Vec<&'a Move>, String> {
        let find = |n: &String| self.moves.get(n).copied().ok_or_else(|| format!("no move is called {n:?}"));
        names.iter().map(find).collect()
    }

    /// The moves of a side: those of the line, else those of the species file. None at all means the best set.
    pub fn loadout(&self, pokemon: &str, moves: &[String]) -> Result<Vec<&'a Move>, String> {
        if moves.is_empty() {
            self.moves(self.sets.get(pokemon).map_or(&[], Vec::as_slice))
        } else {
            self.moves(moves)
        }
    }

    /// A fighter of the vectors' conventions: level 50, friendship 70, no awakening values.
    pub fn fighter(&self, pokemon: &str, moves: &[String]) -> Result<Fighter, String> {
        let moves = self.loadout(pokemon, moves)?;
        Ok(Fighter::new(self.dex, &Rules::default(), self.pokemon(pokemon)?, &moves))
    }
}
