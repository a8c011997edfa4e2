//! Whole battles: our win rate of a pair beside the vectors'.

use dex::battle::{Matchup, Rng};
use dex::pokedex::Pokedex;
use rayon::prelude::*;

use super::format::{BattlesLine, Names, plain};

/// One pair, both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Share of battles the first side won: ours, theirs.
    pub rates: [f64; 2],
    /// Mean turns: ours, theirs.
    pub turns: [f64; 2],
    /// Battles on their side.
    pub n: u32,
    pub unanimous: bool,
    /// Both sides open with the vectors' move.
    pub same_openings: bool,
}

/// Plays every line `seeds` times. Depends on the lines' order and nothing else, whatever the threads.
pub fn play(
    dex: &Pokedex,
    names: &Names<'_>,
    lines: &[BattlesLine],
    seeds: u32,
) -> Result<Vec<Pair>, (usize, String)> {
    let pairs = lines.par_iter().enumerate().map(|(i, line)| {
        pair(dex, names, line, seeds, &mut Rng::of(&[1, i as u64])).map_err(|problem| (i, problem))
    });
    pairs.collect()
}

fn pair(
    dex: &Pokedex,
    names: &Names<'_>,
    line: &BattlesLine,
    seeds: u32,
    rng: &mut Rng,
) -> Result<Pair, String> {
    if line.n == 0 || line.wins_a.checked_add(line.draws).is_none_or(|counted| counted > line.n) {
        return Err(format!("{} wins and {} draws in {} battles", line.wins_a, line.draws, line.n));
    }
    let (a, b) = (names.fighter(&line.a, &line.moves_a)?, names.fighter(&line.b, &line.moves_b)?);
    let matchup = Matchup::new(&dex.chart, &a, &b);
    let opens_with = |side: usize, first: &Option<String>| {
        let ours = matchup.opening(side).and_then(|slot| dex.move_(matchup.fighter(side).moves()[slot].id));
        first.as_ref().is_none_or(|first| ours.is_some_and(|m| plain(&m.slug) == *first))
    };
    let same_openings = opens_with(0, &line.first_a) && opens_with(1, &line.first_b);
    let (mut halves, mut turns) = (0_u64, 0_u64);
    for _ in 0..seeds {
        let outcome = matchup.fight(rng);
        halves += match outcome.winner {
            Some(0) => 2,
            Some(_) => 0,
            None => 1,
        };
        turns += u64::from(outcome.turns);
    }
    let seeds = f64::from(seeds);
    Ok(Pair {
        rates: [halves as f64 / 2.0 / seeds, line.win_rate()],
        turns: [turns as f64 / seeds, line.mean_turns],
        n: line.n,
        unanimous: line.is_unanimous(),
        same_openings,
    })
}

/// What a set of pairs says about the mechanics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    pub pairs: usize,
    /// Pairs in which a side opens with another move.
    pub mismatches: usize,
    pub mean_difference: f64,
    /// What the mean difference would be if our rates were the truth: their sampling noise alone.
    pub noise: f64,
    /// Standard error of that number for so many pairs.
    pub noise_error: f64,
    /// Squared differences over what chance alone would make of them: 1 when only chance is at work.
    pub dispersion: f64,
    pub unanimous: usize,
    /// Of those, the same winner on our side.
    pub unanimous_same: usize,
    /// Ours, theirs.
    pub mean_turns: [f64; 2],
}

impl Agreement {
    pub fn of(pairs: &[Pair]) -> Self {
        let count = pairs.len().max(1) as f64;
        let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / count;
        let square = mean(&|p| (p.rates[0] - p.rates[1]).powi(2));
        let variance = mean(&|p| p.rates[0] * (1.0 - p.rates[0]) / f64::from(p.n));
        let unanimous = pairs.iter().filter(|p| p.unanimous);
        Self {
            pairs: pairs.len(),
            mismatches: pairs.iter().filter(|p| !p.same_openings).count(),
            mean_difference: mean(&|p| (p.rates[0] - p.rates[1]).abs()),
            noise: mean(&|p| noise(p.n, p.rates[0])),
            noise_error: (mean(&|p| {
                // The second moment of |X/n - p| is the variance of X/n.
                p.rates[0] * (1.0 - p.rates[0]) / f64::from(p.n) - noise(p.n, p.rates[0]).powi(2)
            }) / count)
                .sqrt(),
            dispersion: square / variance.max(f64::MIN_POSITIVE),
            unanimous: unanimous.clone().count(),
            unanimous_same: unanimous.filter(|p| (p.rates[0] > 0.5) == (p.rates[1] > 0.5)).count(),
            mean_turns: [0, 1].map(|i| mean(&|p| p.turns[i])),
        }
    }

    /// Share of the unanimous pairs with the same winner.
    pub fn unanimous_share(&self) -> f64 {
        if self.unanimous == 0 { 1.0 } else { self.unanimous_same as f64 / self.unanimous as f64 }
    }
}

/// Mean of |X/n - p| for X binomial(n, p).
pub fn noise(n: u32, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return 0.0;
    }
    // In logarithms: n choose k overflows for large n.
    let (mut ways, mut sum) = (0.0_f64, 0.0);
    for k in 0..=n {
        let log = ways + f64::from(k) * p.ln() + f64::from(n - k) * (1.0 - p).ln();
        sum += log.exp() * (f64::from(k) / f64::from(n) - p).abs();
        ways += (f64::from(n - k) / f64::from(k + 1)).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_few_coins_is_that_counted_by_hand() {
        // One coin is off by a half always; two coins by a half every second time.
        assert!((noise(1, 0.5) - 0.5).abs() < 1e-12);
        assert!((noise(2, 0.5) - 0.25).abs() < 1e-12);
        assert!((noise(1, 0.25) - 2.0 * 0.25 * 0.75).abs() < 1e-12);
        assert!(noise(20, 1.0).abs() < 1e-12);
        assert!((noise(2000, 0.5) - (2.0 / std::f64::consts::PI * 0.25 / 2000.0).sqrt()).abs() < 1e-5);
    }
}
