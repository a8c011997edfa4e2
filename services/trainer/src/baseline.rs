//! What the model has to beat: three simple rules, each fitted on the training rows and symmetric in the two sides. Pure.

use dex::features;
use dex::pokedex::Pokedex;

use crate::table::{Key, Table};

/// Names of the rules, as metrics carry them.
pub const NAMES: [&str; 3] = ["base_stats", "type_chart", "logistic"];

/// Probabilities of each rule for the rows of `judged`, in the order of [`NAMES`].
pub fn all(dex: &Pokedex, training: &Table, judged: &Table) -> [Vec<f64>; 3] {
    let rule = |lead: &dyn Fn(Key) -> f64| {
        let leads: Vec<f64> = training.keys.iter().copied().map(lead).collect();
        let slope = slope(&leads, &training.rates);
        judged.keys.iter().map(|&key| logistic(slope * lead(key))).collect()
    };
    let base_stats = rule(&|key| base_stat_lead(dex, key));
    let type_chart = rule(&|key| type_lead(dex, key));
    let weights = Regression::fit(training);
    let regression = (0..judged.len()).map(|i| weights.probability(judged.row(i))).collect();
    [base_stats, type_chart, regression]
}

/// Sum of base stats of the first side less that of the second, in hundreds.
fn base_stat_lead(dex: &Pokedex, key: Key) -> f64 {
    let [a, b] = key.pokemon.map(|id| dex.pokemon(id).map_or(0.0, |p| f64::from(p.stats.total())));
    (a - b) / 100.0
}

/// Doublings by which the first side's best own type meets the second better than the other way round.
fn type_lead(dex: &Pokedex, key: Key) -> f64 {
    let [a, b] = key.pokemon.map(|id| dex.pokemon(id).map_or(&[][..], |p| &p.types[..]));
    let best = |own: &[_], foe: &[_]| {
        let factor = own.iter().map(|&t| dex.chart.factor(t, foe)).fold(0.0_f32, f32::max);
        f64::from(factor.max(0.125)).log2()
    };
    best(a, b) - best(b, a)
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Slope of a logistic curve through the origin, by Newton's method.
fn slope(leads: &[f64], rates: &[f32]) -> f64 {
    let mut slope = 0.0;
    for _ in 0..25 {
        let (mut gradient, mut curvature) = (0.0, 1e-9);
        for (&x, &rate) in leads.iter().zip(rates) {
            let p = logistic(slope * x);
            gradient += (f64::from(rate) - p) * x;
            curvature += p * (1.0 - p) * x * x;
        }
        slope += gradient / curvature;
    }
    slope
}

/// Logistic regression on the differences of both sides' features and on those of the pair; no constant, so that swapping the
/// sides gives the complement.
struct Regression {
    /// In units of each input's standard deviation.
    weights: Vec<f64>,
    scales: Vec<f64>,
}

/// Rows a regression is fitted on at most; more change its weights by less than its own error.
const REGRESSION_ROWS: usize = 20_000;

impl Regression {
    fn fit(training: &Table) -> Self {
        let step = training.len().div_ceil(REGRESSION_ROWS).max(1);
        // Odd steps take rows of both orders.
        let rows: Vec<usize> = (0..training.len()).step_by(step | 1).collect();
        let inputs: Vec<Vec<f64>> = rows.iter().map(|&i| differences(training.row(i))).collect();
        let width = inputs.first().map_or(0, Vec::len);
        let scales: Vec<f64> = (0..width)
            .map(|j| {
                let square = inputs.iter().map(|x| x[j] * x[j]).sum::<f64>() / inputs.len() as f64;
                if square > 0.0 { square.sqrt() } else { 1.0 }
            })
            .collect();
        let mut weights = vec![0.0; width];
        for _ in 0..12 {
            // A ridge of one row keeps the system solvable where inputs depend on each other.
            let mut gradient: Vec<f64> = weights.iter().map(|w| -w).collect();
            let mut hessian: Vec<Vec<f64>> =
                (0..width).map(|i| (0..width).map(|j| f64::from(u8::from(i == j))).collect()).collect();
            for (x, &row) in inputs.iter().zip(&rows) {
                let x: Vec<f64> = x.iter().zip(&scales).map(|(x, s)| x / s).collect();
                let p = logistic(x.iter().zip(&weights).map(|(x, w)| x * w).sum());
                let (error, spread) = (f64::from(training.rates[row]) - p, p * (1.0 - p));
                for i in 0..width {
                    gradient[i] += error * x[i];
                    for j in 0..=i {
                        hessian[i][j] += spread * x[i] * x[j];
                    }
                }
            }
            for (w, d) in weights.iter_mut().zip(solve(hessian, gradient)) {
                *w += d;
            }
        }
        Self { weights, scales }
    }

    fn probability(&self, row: &[f32]) -> f64 {
        let inputs = differences(row);
        let scaled = inputs.iter().zip(&self.scales).map(|(x, s)| x / s);
        logistic(scaled.zip(&self.weights).map(|(x, w)| x * w).sum())
    }
}

fn differences(row: &[f32]) -> Vec<f64> {
    let side = features::SIDE;
    let own = (0..side).map(|i| f64::from(row[i]) - f64::from(row[side + i]));
    own.chain(row[2 * side..].iter().map(|&x| f64::from(x))).collect()
}

/// Solves a symmetric positive definite system given by its lower triangle (Cholesky).
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            a[i][j] = if i == j { (a[i][i] - sum).max(1e-12).sqrt() } else { (a[i][j] - sum) / a[j][j] };
        }
    }
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i][i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| a[k][i] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i][i];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "shares are single precision")]
    fn slope_is_the_one_that_made_the_data() {
        let leads: Vec<f64> = (-30..=30).map(|i| f64::from(i) / 10.0).collect();
        let rates: Vec<f32> = leads.iter().map(|l| logistic(1.5 * l) as f32).collect();
        assert!((slope(&leads, &rates) - 1.5).abs() < 1e-3);
    }

    #[test]
    fn symmetric_system_is_solved() {
        let a = vec![vec![4.0, 0.0], vec![2.0, 3.0]];
        let x = solve(a, vec![2.0, 5.0]);
        // 4x + 2y = 2, 2x + 3y = 5.
        assert!((x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12, "{x:?}");
    }
}
