//! How good probabilities are, against shares of battles won. Pure.

use std::collections::BTreeMap;

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
/// Bins of the calibration error.
const BINS: usize = 10;

/// All metrics by name: `log_loss`, `brier`, `auc`, `accuracy_decided`, `ece`, `mean_absolute_error`.
pub fn all(judged: &[Judged]) -> BTreeMap<String, f64> {
    let decided: Vec<_> = judged.iter().copied().filter(|j| j.rate.max(1.0 - j.rate) >= DECIDED).collect();
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

/// Expected calibration error over ten bins of equal width.
fn calibration_error(judged: &[Judged]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for j in judged {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability times ten"
        )]
        let bin = ((j.probability * BINS as f64) as usize).min(BINS - 1);
        bins[bin].0 += j.weight;
        bins[bin].1 += j.weight * (j.probability - j.rate);
    }
    let total: f64 = bins.iter().map(|b| b.0).sum();
    bins.iter().map(|b| b.1.abs()).sum::<f64>() / total.max(f64::MIN_POSITIVE)
}

/// The rule "the higher base-stat total wins", as a probability: a logistic curve through the origin, fitted on training
/// rows by Newton's method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaseStatRule {
    slope: f64,
}

impl BaseStatRule {
    /// Fits the slope to leads (base stats of the first side less the second's) and shares won.
    pub fn fit(leads: &[f32], rates: &[f32]) -> Self {
        let mut slope = 0.0;
        for _ in 0..25 {
            let (mut gradient, mut curvature) = (0.0, 1e-9);
            for (&lead, &rate) in leads.iter().zip(rates) {
                let x = f64::from(lead) / 100.0;
                let p = 1.0 / (1.0 + (-slope * x).exp());
                gradient += (f64::from(rate) - p) * x;
                curvature += p * (1.0 - p) * x * x;
            }
            slope += gradient / curvature;
        }
        Self { slope }
    }

    /// Probability for a lead.
    pub fn probability(self, lead: f32) -> f64 {
        1.0 / (1.0 + (-self.slope * f64::from(lead) / 100.0).exp())
    }
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

    #[test]
    fn base_stat_rule_finds_the_slope_that_made_the_data() {
        let leads: Vec<f32> = (-30..=30).map(|i| i as f32 * 10.0).collect();
        let rates: Vec<f32> = leads.iter().map(|l| 1.0 / (1.0 + (-1.5 * l / 100.0).exp())).collect();
        let rule = BaseStatRule::fit(&leads, &rates);
        assert!((rule.slope - 1.5).abs() < 1e-3, "{rule:?}");
        assert!((rule.probability(0.0) - 0.5).abs() < 1e-12);
    }
}
