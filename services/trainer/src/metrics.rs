//! How good probabilities are, against shares of battles won. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

/// A probability with the truth it is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    pub probability: f64,
    /// Share of battles won, 0 to 1.
    pub rate: f64,
    pub weight: f64,
}

/// A pair is decided when one side wins at least four battles in five.
const DECIDED: f64 = 0.8;

/// Whether one side wins nearly always.
pub fn is_decided(judged: &Judged) -> bool {
    judged.rate.max(1.0 - judged.rate) >= DECIDED
}

/// Bins of the calibration error.
pub const BINS: usize = 10;

/// All metrics by name: `log_loss`, `brier`, `auc`, `accuracy_decided`, `ece`, `mean_absolute_error`.
pub fn all(judged: &[Judged]) -> BTreeMap<String, f64> {
    let decided: Vec<_> = judged.iter().copied().filter(is_decided).collect();
    [
        ("log_loss", mean(judged, log_loss)),
        ("brier", mean(judged, |j| (j.probability - j.rate).powi(2))),
        ("mean_absolute_error", mean(judged, |j| (j.probability - j.rate).abs())),
        ("auc", auc(judged)),
        (
            "accuracy_decided",
            mean(&decided, |j| f64::from(u8::from((j.probability > 0.5) == (j.rate > 0.5)))),
        ),
        ("ece", calibration_error(judged)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn mean(judged: &[Judged], of: impl Fn(&Judged) -> f64) -> f64 {
    let weight: f64 = judged.iter().map(|j| j.weight).sum();
    judged.iter().map(|j| j.weight * of(j)).sum::<f64>() / weight.max(f64::MIN_POSITIVE)
}

/// Cross entropy of the odds with the share won. Bounded away from certainty, which no finite number of battles shows.
fn log_loss(j: &Judged) -> f64 {
    let p = j.probability.clamp(1e-7, 1.0 - 1e-7);
    -(j.rate * p.ln() + (1.0 - j.rate) * (1.0 - p).ln())
}

/// Area under the ROC curve where each row is a win with the weight of its rate and a loss with the rest; equal
/// probabilities count half.
fn auc(judged: &[Judged]) -> f64 {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    let (mut losses, mut wins, mut area) = (0.0, 0.0, 0.0);
    for group in sorted.chunk_by(|a, b| a.probability.total_cmp(&b.probability).is_eq()) {
        let won: f64 = group.iter().map(|j| j.weight * j.rate).sum();
        let lost: f64 = group.iter().map(|j| j.weight * (1.0 - j.rate)).sum();
        area += won * (losses + lost / 2.0);
        wins += won;
        losses += lost;
    }
    area / (wins * losses).max(f64::MIN_POSITIVE)
}

/// One bin of the calibration curve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Sum of weights.
    pub weight: f64,
    /// Weighted means of what was predicted and of what happened.
    pub predicted: f64,
    pub happened: f64,
}

/// The calibration curve: ten bins of equal width; empty bins have weight 0.
pub fn calibration(judged: &[Judged]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for j in judged {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability times ten"
        )]
        let bin = &mut bins[((j.probability * BINS as f64) as usize).min(BINS - 1)];
        bin.weight += j.weight;
        bin.predicted += j.weight * j.probability;
        bin.happened += j.weight * j.rate;
    }
    for bin in &mut bins {
        let weight = bin.weight.max(f64::MIN_POSITIVE);
        bin.predicted /= weight;
        bin.happened /= weight;
    }
    bins
}

/// Expected calibration error: mean distance of the calibration curve from the diagonal.
fn calibration_error(judged: &[Judged]) -> f64 {
    let bins = calibration(judged);
    let total: f64 = bins.iter().map(|b| b.weight).sum();
    bins.iter().map(|b| b.weight * (b.predicted - b.happened).abs()).sum::<f64>()
        / total.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(f64, f64)]) -> Vec<Judged> {
        pairs.iter().map(|&(probability, rate)| Judged { probability, rate, weight: 1.0 }).collect()
    }

    #[track_caller]
    fn check(pairs: &[(f64, f64)], name: &str, expected: f64) {
        let found = all(&judged(pairs))[name];
        assert!((found - expected).abs() < 1e-9, "{name} is {found}, not {expected}");
    }

    #[test]
    fn values_are_those_computed_by_hand() {
        let pairs = [(0.9, 1.0), (0.2, 0.0), (0.6, 0.5)];
        check(&pairs, "brier", (0.01 + 0.04 + 0.01) / 3.0);
        check(&pairs, "mean_absolute_error", 0.4 / 3.0);
        check(&pairs, "accuracy_decided", 1.0);
        check(&pairs, "ece", 0.4 / 3.0);
        check(&[(0.5, 0.5)], "log_loss", std::f64::consts::LN_2);
        // Wins 1 and 0.5 at 0.9 and 0.6; losses 1 and 0.5 at 0.2 and 0.6.
        check(&pairs, "auc", (1.5 + 0.5 * (1.0 + 0.25)) / (1.5 * 1.5));
        check(&[(0.5, 1.0), (0.5, 0.0)], "auc", 0.5);
        check(&[(0.4, 0.9)], "accuracy_decided", 0.0);
    }
}
