//! The model against win rates of whole battles: the odds as they are served, for pairs and for species it has never seen.

use std::collections::BTreeMap;
use std::path::Path;

use dex::pokedex::Pokedex;
use dex::predict::{Predictor, Side};
use rayon::prelude::*;
use serde::Serialize;

use super::format::{self, BattlesLine, Names, VectorsError};
use crate::metrics::{self, Judged};
use crate::split::{Division, Place};

const FILES: [&str; 3] = ["battles_best4.jsonl", "battles_random.jsonl", "battles_single.jsonl"];

/// The model's metrics on a part of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    pub file: &'static str,
    /// `all`, `seen`, `unseen_pairs` or `unseen_species`.
    pub group: &'static str,
    pub pairs: usize,
    pub decided: usize,
    pub metrics: BTreeMap<String, f64>,
    /// Brier score of a model that knows the true odds: what few battles per pair alone make of it.
    pub brier_floor: f64,
}

/// Every group of every file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    pub schema_version: u32,
    pub model: String,
    pub groups: Vec<Group>,
}

/// Judges a model by every battle file of a folder.
pub fn evaluate(dex: &Pokedex, predictor: &Predictor, dir: &Path) -> Result<Evaluation, VectorsError> {
    let names = Names::read(dex, dir)?;
    let division = Division::of(dex);
    let mut groups = Vec::new();
    for file in FILES {
        let Some(lines) = format::lines::<BattlesLine>(&dir.join(file))? else { continue };
        let judged: Result<Vec<_>, VectorsError> = lines
            .par_iter()
            .enumerate()
            .map(|(i, line)| {
                judge(dex, &names, predictor, &division, line).map_err(|problem| VectorsError::Value {
                    path: dir.join(file),
                    line: i + 1,
                    problem,
                })
            })
            .collect();
        groups.extend(file_groups(file, &judged?));
    }
    if groups.is_empty() {
        return Err(VectorsError::Nothing { path: dir.to_owned(), expected: "battles_*.jsonl" });
    }
    Ok(Evaluation { schema_version: 1, model: predictor.version().to_owned(), groups })
}

/// A group's name and who belongs to it.
type Kind = (&'static str, fn(Place) -> bool);

/// One line: the judgement, battles on their side, and what the model knows of the pair.
type Line = (Judged, u32, Place);

fn judge(
    dex: &Pokedex,
    names: &Names<'_>,
    predictor: &Predictor,
    division: &Division,
    line: &BattlesLine,
) -> Result<Line, String> {
    if line.n == 0 {
        return Err("no battles".to_owned());
    }
    let side = |name: &str, moves: &[String]| {
        Ok::<_, String>(Side { pokemon: names.pokemon(name)?, moves: names.loadout(name, moves)? })
    };
    let (a, b) = (side(&line.a, &line.moves_a)?, side(&line.b, &line.moves_b)?);
    let probability = predictor.predict(dex, &a, &b).probability_a;
    let judged = Judged { probability, rate: line.win_rate(), weight: 1.0 };
    Ok((judged, line.n, division.place([a.pokemon.id, b.pokemon.id])))
}

fn file_groups(file: &'static str, lines: &[Line]) -> Vec<Group> {
    let kinds: [Kind; 4] = [
        ("all", |_| true),
        ("seen", |place| matches!(place, Place::Training { .. })),
        ("unseen_pairs", |place| place == Place::HeldOutPair),
        ("unseen_species", |place| place == Place::UnseenSpecies),
    ];
    let group = |(group, wanted): Kind| {
        let own: Vec<&Line> = lines.iter().filter(|line| wanted(line.2)).collect();
        if own.is_empty() {
            return None;
        }
        // Both orders, so that no metric depends on who stands first.
        let both = own.iter().flat_map(|(j, ..)| {
            let swapped = Judged { probability: 1.0 - j.probability, rate: 1.0 - j.rate, ..*j };
            [*j, swapped]
        });
        let judged: Vec<Judged> = both.collect();
        let variance = |(j, n, _): &&Line| j.probability * (1.0 - j.probability) / f64::from(*n);
        Some(Group {
            file,
            group,
            pairs: own.len(),
            decided: judged.iter().filter(|j| metrics::is_decided(j)).count() / 2,
            metrics: metrics::all(&judged),
            brier_floor: own.iter().map(variance).sum::<f64>() / own.len() as f64,
        })
    };
    kinds.into_iter().filter_map(group).collect()
}

impl Group {
    /// One line for people.
    pub fn line(&self) -> String {
        let m = |name: &str| self.metrics.get(name).copied().unwrap_or(f64::NAN);
        format!(
            "{:<21} {:<15}{:>7}{:>9.4} ({:.4}){:>9.4}{:>8.2} % of {:>5}{:>9.4}{:>9.4}",
            self.file,
            self.group,
            self.pairs,
            m("brier"),
            self.brier_floor,
            m("ece"),
            100.0 * m("accuracy_decided"),
            self.decided,
            m("log_loss"),
            m("auc"),
        )
    }
}

impl Evaluation {
    /// A table for people.
    pub fn table(&self) -> String {
        let head = format!(
            "{:<21} {:<15}{:>7}{:>18}{:>9}{:>19}{:>9}{:>9}",
            "file", "group", "pairs", "Brier (floor)", "ECE", "winner right", "log loss", "AUC"
        );
        let lines: Vec<_> = self.groups.iter().map(Group::line).collect();
        format!("model {}\n{head}\n{}", self.model, lines.join("\n"))
    }
}
