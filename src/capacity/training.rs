//! How long a training takes, by the rows it learns from: the line between what was measured.

/// A training: rows of the data set, seconds.
pub type Measured = (u32, f64);

/// Seconds for so many rows. Below what was measured as long as the smallest, which nothing is known to fall short of; above it as the
/// last two go on. The runs are given by their rows, the smallest first, two at least.
pub fn seconds(runs: &[Measured], rows: u32) -> f64 {
    let at = runs.partition_point(|run| run.0 < rows).clamp(1, runs.len() - 1);
    let (before, after) = (runs[at - 1], runs[at]);
    let share = (f64::from(rows) - f64::from(before.0)) / f64::from(after.0 - before.0);
    before.1 + share.max(0.0) * (after.1 - before.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_runs_lies_the_line_that_joins_them() {
        let runs = [(100, 10.0), (200, 20.0), (400, 60.0)];
        for (rows, expected) in
            [(1, 10.0), (100, 10.0), (150, 15.0), (200, 20.0), (300, 40.0), (400, 60.0), (500, 80.0)]
        {
            assert!((seconds(&runs, rows) - expected).abs() < 1e-9, "{rows}: {}", seconds(&runs, rows));
        }
    }
}
