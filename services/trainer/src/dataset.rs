//! The data set: battles fought by the shared engine, their file, and the rows the model learns from.
//!
//! The file holds what was fought and how it ended. Features follow from that and are computed when rows are made, so the
//! file stays small and a change of features needs no new battles.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dex::battle::{Fighter, MOVES, Matchup, Rng, Rules};
use dex::features;
use dex::pokedex::{Move, Pokedex};
use rayon::prelude::*;

use crate::artifact::{self, ArtifactError};
use crate::scenario::{Entrant, Scenario, loadouts};
use crate::settings::DatasetSettings;
use crate::split::Part;

/// The file's place in the models folder.
pub const FILE: &str = "dataset/battles.csv";

/// Raised whenever the same settings and Pokédex would give other battles or rows: engine, scenarios, features.
const RECIPE: u32 = 1;

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {problem}", path.display())]
    Header { path: PathBuf, problem: String },
    #[error("{}:{line}: {problem}", path.display())]
    Line { path: PathBuf, line: usize, problem: String },
    #[error(transparent)]
    Write(#[from] ArtifactError),
}

/// Battles of one pair with the same moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bout {
    pub scenario: Scenario,
    /// `PokéAPI` ids, the smaller first.
    pub pokemon: [u16; 2],
    /// Move ids by side; 0 fills up.
    pub moves: [[u16; MOVES]; 2],
    pub battles: u32,
    pub wins_a: u32,
    pub draws: u32,
}

impl Bout {
    /// Share of the battles won by the first side; a draw is half a win.
    pub fn win_rate(&self) -> f32 {
        (self.wins_a as f32 + self.draws as f32 / 2.0) / self.battles as f32
    }
}

/// SHA-256 over everything the data set depends on: the Pokédex, the settings, the recipe.
pub fn hash(dex: &Pokedex, settings: &DatasetSettings) -> Result<String, serde_json::Error> {
    let names: Vec<_> = settings.scenarios.iter().map(|s| s.name()).collect();
    let mut text = serde_json::to_string(dex)?;
    let DatasetSettings { repeats, random_samples, max_combinations, seed, .. } = settings;
    let _ = write!(text, "|{RECIPE}|{names:?}|{repeats}|{random_samples}|{max_combinations}|{seed}");
    Ok(dex::model::sha256_hex(text.as_bytes()))
}

/// Fights every bout of the scenarios. The result depends on the settings and the Pokédex alone, never on the threads.
pub fn generate(dex: &Pokedex, settings: &DatasetSettings) -> Vec<Bout> {
    let entrants = Entrant::all(dex);
    let pairs: Vec<_> =
        (0..entrants.len()).flat_map(|i| (i + 1..entrants.len()).map(move |j| (i, j))).collect();
    settings
        .scenarios
        .iter()
        .flat_map(|&scenario| {
            pairs
                .par_iter()
                .flat_map_iter(|&(i, j)| {
                    let (a, b) = (&entrants[i], &entrants[j]);
                    loadouts(scenario, a, b, settings)
                        .into_iter()
                        .enumerate()
                        .map(|(n, moves)| fight(dex, scenario, [a, b], &moves, n, settings))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn fight(
    dex: &Pokedex,
    scenario: Scenario,
    entrants: [&Entrant<'_>; 2],
    moves: &[Vec<&Move>; 2],
    sample: usize,
    settings: &DatasetSettings,
) -> Bout {
    let pokemon = entrants.map(|e| e.pokemon.id);
    let [a, b] = [0, 1].map(|i| Fighter::new(dex, &Rules::default(), entrants[i].pokemon, &moves[i]));
    let matchup = Matchup::new(&dex.chart, &a, &b);
    // Apart from the sequence that drew the moves.
    let place =
        [settings.seed ^ 0x0ba7_71e5, scenario as u64, pokemon[0].into(), pokemon[1].into(), sample as u64];
    let mut rng = Rng::of(&place);
    let (mut wins_a, mut draws) = (0, 0);
    for _ in 0..settings.repeats {
        match matchup.fight(&mut rng).winner {
            Some(0) => wins_a += 1,
            Some(_) => {}
            None => draws += 1,
        }
    }
    let ids = |moves: &[&Move]| std::array::from_fn(|slot| moves.get(slot).map_or(0, |m| m.id));
    let moves = [ids(&moves[0]), ids(&moves[1])];
    Bout { scenario, pokemon, moves, battles: settings.repeats, wins_a, draws }
}

/// Rows for the model: two per bout, one in each order, side by side.
#[derive(Debug, Default)]
pub struct Table {
    /// Row after row, [`features::COUNT`] values each.
    pub values: Vec<f32>,
    /// Share of battles won by the row's first side.
    pub labels: Vec<f32>,
    /// Relative number of battles behind a label; 1 on average.
    pub weights: Vec<f32>,
    /// Sum of base stats of the first side less that of the second: the baseline's only feature.
    pub base_stat_lead: Vec<f32>,
}

impl Table {
    /// The rows of the bouts that `part` names.
    pub fn new(dex: &Pokedex, bouts: &[Bout], part: Part) -> Self {
        let chosen: Vec<&Bout> = bouts.iter().filter(|b| part.has(b.pokemon)).collect();
        let mut table = Self { values: vec![0.0; chosen.len() * 2 * features::COUNT], ..Self::default() };
        table.values.par_chunks_exact_mut(2 * features::COUNT).zip(&chosen).for_each(|(pair, bout)| {
            if let Some(rows) = rows(dex, bout) {
                pair.copy_from_slice(rows.as_flattened());
            }
        });
        let battles = chosen.iter().map(|b| b.battles as f32);
        let mean = battles.clone().sum::<f32>() / chosen.len().max(1) as f32;
        table.weights = battles.flat_map(|n| [n / mean; 2]).collect();
        for bout in chosen {
            let rate = bout.win_rate();
            let lead = base_stat_lead(dex, bout);
            table.labels.extend([rate, 1.0 - rate]);
            table.base_stat_lead.extend([lead, -lead]);
        }
        table
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Both orders' features; `None` for ids that the Pokédex has not (the file's are checked when it is read).
fn rows(dex: &Pokedex, bout: &Bout) -> Option<[features::Row; 2]> {
    let fighter = |side: usize| {
        let moves: Vec<_> = bout.moves[side].iter().filter_map(|&id| dex.move_(id)).collect();
        Some(Fighter::new(dex, &Rules::default(), dex.pokemon(bout.pokemon[side])?, &moves))
    };
    Some(features::rows(&Matchup::new(&dex.chart, &fighter(0)?, &fighter(1)?)))
}

fn base_stat_lead(dex: &Pokedex, bout: &Bout) -> f32 {
    let [a, b] = bout.pokemon.map(|id| dex.pokemon(id).map_or(0.0, |p| f32::from(p.stats.total())));
    a - b
}

const COLUMNS: &str = "scenario,pokemon_a,pokemon_b,moves_a,moves_b,battles,wins_a,draws";

/// Writes the data set beside the model, whole or not at all.
pub fn write(model_dir: &Path, bouts: &[Bout], hash: &str) -> Result<PathBuf, DatasetError> {
    let mut text = format!("# pdex battles, data hash {hash}\n{COLUMNS}\n");
    let ids = |moves: &[u16; MOVES]| {
        let ids: Vec<_> = moves.iter().filter(|&&id| id != 0).map(u16::to_string).collect();
        ids.join(" ")
    };
    for b in bouts {
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{}",
            b.scenario.name(),
            b.pokemon[0],
            b.pokemon[1],
            ids(&b.moves[0]),
            ids(&b.moves[1]),
            b.battles,
            b.wins_a,
            b.draws
        );
    }
    Ok(artifact::write(&model_dir.join(FILE), text.as_bytes())?)
}

/// Reads a data set back and checks every line against the Pokédex. Returns it with its data hash.
pub fn read(model_dir: &Path, dex: &Pokedex) -> Result<(Vec<Bout>, String), DatasetError> {
    let path = model_dir.join(FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|source| DatasetError::Read { path: path.clone(), source })?;
    let mut lines = text.lines().enumerate();
    let header = |problem: &str| DatasetError::Header { path: path.clone(), problem: problem.to_owned() };
    let hash = lines
        .next()
        .and_then(|(_, line)| line.strip_prefix("# pdex battles, data hash "))
        .ok_or_else(|| header("it is not a data set of this program"))?;
    if lines.next().map(|(_, line)| line) != Some(COLUMNS) {
        return Err(header(&format!("its columns are not {COLUMNS}")));
    }
    let bouts: Result<Vec<_>, _> = lines
        .map(|(i, line)| {
            parse(line, dex).map_err(|problem| DatasetError::Line {
                path: path.clone(),
                line: i + 1,
                problem,
            })
        })
        .collect();
    match bouts? {
        bouts if bouts.is_empty() => Err(header("it holds no battles")),
        bouts => Ok((bouts, hash.to_owned())),
    }
}

fn parse(line: &str, dex: &Pokedex) -> Result<Bout, String> {
    let fields: Vec<_> = line.split(',').collect();
    let [scenario, a, b, moves_a, moves_b, battles, wins_a, draws] = fields[..] else {
        return Err(format!("{} fields instead of 8", fields.len()));
    };
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text:?} is not a number"));
    let pokemon = |text: &str| {
        let id = text.parse().map_err(|_| format!("{text:?} is not an id"))?;
        if dex.pokemon(id).is_some() { Ok(id) } else { Err(format!("no Pokémon has id {id}")) }
    };
    let moves = |text: &str| {
        let mut ids = [0; MOVES];
        for (slot, word) in text.split_whitespace().enumerate() {
            let id = word.parse().map_err(|_| format!("{word:?} is not an id"))?;
            dex.move_(id).ok_or_else(|| format!("no move has id {id}"))?;
            *ids.get_mut(slot).ok_or_else(|| format!("more than {MOVES} moves"))? = id;
        }
        Ok::<_, String>(ids)
    };
    let bout = Bout {
        scenario: Scenario::from_name(scenario).ok_or_else(|| format!("{scenario:?} is not a scenario"))?,
        pokemon: [pokemon(a)?, pokemon(b)?],
        moves: [moves(moves_a)?, moves(moves_b)?],
        battles: number(battles)?,
        wins_a: number(wins_a)?,
        draws: number(draws)?,
    };
    let counted = u64::from(bout.wins_a) + u64::from(bout.draws);
    if bout.battles == 0 || counted > u64::from(bout.battles) {
        return Err(format!("{counted} wins and draws in {} battles", bout.battles));
    }
    Ok(bout)
}
