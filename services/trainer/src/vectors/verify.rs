//! The verdict on the mechanics: one line per file, and whether it is within bounds.

use std::fmt::Write as _;
use std::path::Path;

use dex::pokedex::Pokedex;
use rayon::prelude::*;
use serde::Serialize;

use super::battles::{self, Agreement, Pair};
use super::damage;
use super::format::{self, BattlesLine, DamageLine, Names, VectorsError};

/// Battle files with the bound on the mean difference that is asked for.
const BATTLES: [(&str, f64); 3] =
    [("battles_best4.jsonl", 0.02), ("battles_random.jsonl", 0.025), ("battles_single.jsonl", 0.025)];

/// Share of the unanimous pairs that must have the same winner.
const UNANIMOUS: f64 = 0.995;

/// One file's verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileVerdict {
    pub file: &'static str,
    pub lines: usize,
    /// Damage lines with a roll that differs; pairs in which a side opens with another move.
    pub mismatches: usize,
    /// The first few of them, in words.
    pub examples: Vec<String>,
    pub battles: Option<BattlesVerdict>,
    pub within: bool,
}

/// What only battle files have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BattlesVerdict {
    pub mean_absolute_difference: f64,
    /// The bound asked for.
    pub bound: f64,
    /// The mean difference that their few battles per pair alone would make if our rates were exactly right, and the standard
    /// error of that number.
    pub chance_alone: f64,
    pub chance_error: f64,
    /// Squared differences over what chance alone makes of them: 1 when nothing but chance is at work.
    pub dispersion: f64,
    pub unanimous: usize,
    pub unanimous_agreement: f64,
    pub mean_turns: [f64; 2],
}

/// All verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    pub schema_version: u32,
    pub seeds: u32,
    pub files: Vec<FileVerdict>,
    pub within: bool,
}

/// Holds the mechanics against every file of a folder; `seeds` battles per pair on our side.
pub fn verify(dex: &Pokedex, dir: &Path, seeds: u32) -> Result<Verification, VectorsError> {
    let names = Names::read(dex, dir)?;
    let mut files = Vec::new();
    if let Some(lines) = format::lines::<DamageLine>(&dir.join("damage.jsonl"))? {
        files.push(damage_verdict(dex, &names, dir, &lines)?);
    }
    for (file, bound) in BATTLES {
        if let Some(lines) = format::lines::<BattlesLine>(&dir.join(file))? {
            let pairs = battles::play(dex, &names, &lines, seeds)
                .map_err(|(i, problem)| VectorsError::Value { path: dir.join(file), line: i + 1, problem })?;
            files.push(battles_verdict(file, bound, &lines, &pairs));
        }
    }
    if files.is_empty() {
        let expected = "damage.jsonl, battles_best4.jsonl, battles_random.jsonl, battles_single.jsonl";
        return Err(VectorsError::Nothing { path: dir.to_owned(), expected });
    }
    let within = files.iter().all(|file| file.within);
    Ok(Verification { schema_version: 1, seeds, files, within })
}

/// Mismatches said in words.
const EXAMPLES: usize = 5;

fn damage_verdict(
    dex: &Pokedex,
    names: &Names<'_>,
    dir: &Path,
    lines: &[DamageLine],
) -> Result<FileVerdict, VectorsError> {
    let file = "damage.jsonl";
    let ours: Result<Vec<_>, VectorsError> = lines
        .par_iter()
        .enumerate()
        .map(|(i, line)| {
            damage::rolls(dex, names, line).map_err(|problem| VectorsError::Value {
                path: dir.join(file),
                line: i + 1,
                problem,
            })
        })
        .collect();
    let ours = ours?;
    let wrong: Vec<_> =
        lines.iter().zip(&ours).enumerate().filter(|(_, (line, ours))| line.rolls != **ours).collect();
    let examples = wrong.iter().take(EXAMPLES).map(|(i, (line, ours))| {
        format!(
            "line {}: {} {} {}: {ours:?} instead of {:?}",
            i + 1,
            line.attacker,
            line.move_,
            line.defender,
            line.rolls
        )
    });
    Ok(FileVerdict {
        file,
        lines: lines.len(),
        mismatches: wrong.len(),
        examples: examples.collect(),
        battles: None,
        within: wrong.is_empty(),
    })
}

fn battles_verdict(file: &'static str, bound: f64, lines: &[BattlesLine], pairs: &[Pair]) -> FileVerdict {
    let agreement = Agreement::of(pairs);
    let examples = lines.iter().zip(pairs).enumerate().filter(|(_, (_, pair))| !pair.same_openings);
    let examples = examples
        .take(EXAMPLES)
        .map(|(i, (line, _))| format!("line {}: {} {}: another opening move", i + 1, line.a, line.b))
        .collect();
    let share = agreement.unanimous_share();
    // No simulator can come nearer than chance lets it: with few battles on their side the noise alone may exceed the bound.
    let nearest = agreement.noise + 3.0 * agreement.noise_error;
    let within =
        agreement.mean_difference <= bound.max(nearest) && share >= UNANIMOUS && agreement.mismatches == 0;
    FileVerdict {
        file,
        lines: pairs.len(),
        mismatches: agreement.mismatches,
        examples,
        battles: Some(BattlesVerdict {
            mean_absolute_difference: agreement.mean_difference,
            bound,
            chance_alone: agreement.noise,
            chance_error: agreement.noise_error,
            dispersion: agreement.dispersion,
            unanimous: agreement.unanimous,
            unanimous_agreement: share,
            mean_turns: agreement.mean_turns,
        }),
        within,
    }
}

impl FileVerdict {
    /// One line for people.
    pub fn line(&self) -> String {
        let verdict = if self.within { "ok" } else { "OUTSIDE THE BOUNDS" };
        let mut text = format!("{}: {} lines, {} mismatches", self.file, self.lines, self.mismatches);
        if let Some(b) = &self.battles {
            let _ = write!(
                text,
                ", mean absolute difference {:.4} (bound {:.3}; chance alone {:.4} ± {:.4}), unanimous agreement {:.2} % of {}",
                b.mean_absolute_difference,
                b.bound,
                b.chance_alone,
                b.chance_error,
                100.0 * b.unanimous_agreement,
                b.unanimous
            );
        }
        format!("{text}: {verdict}")
    }
}
