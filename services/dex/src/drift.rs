//! Whether what the model is asked still looks like what it learned from: reference distributions, and the population stability
//! index of a window of rows against them. No clock; observing takes no lock.
//!
//! The index of two distributions over the same bins is Σ (p - q) · ln(p / q). By custom, below 0.1 nothing has changed, above
//! 0.25 much has (Siddiqi, "Credit Risk Scorecards", 2006).

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

/// Most bins of a feature.
const BINS: usize = 10;

/// One feature's distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    pub feature: String,
    /// Upper bounds of all bins but the last, ascending; a value belongs to the first bin whose bound it does not exceed.
    pub edges: Vec<f32>,
    /// Share of the training rows in each bin; one more than edges.
    pub shares: Vec<f64>,
}

impl Distribution {
    /// Bins by the tenths of the values; a feature with few values has fewer bins.
    pub fn of(feature: &str, values: impl Iterator<Item = f32>) -> Self {
        let mut sorted: Vec<f32> = values.filter(|v| !v.is_nan()).collect();
        sorted.sort_by(f32::total_cmp);
        let mut edges: Vec<f32> =
            (1..BINS).filter_map(|i| sorted.get(sorted.len() * i / BINS).copied()).collect();
        edges.dedup();
        edges.retain(|edge| sorted.last() != Some(edge));
        let mut shares = vec![0.0; edges.len() + 1];
        for &v in &sorted {
            shares[edges.partition_point(|&edge| edge < v)] += 1.0;
        }
        let count = sorted.len().max(1) as f64;
        for share in &mut shares {
            *share /= count;
        }
        Self { feature: feature.to_owned(), edges, shares }
    }

    /// Stability index of counts per bin; 0 without counts.
    pub fn psi(&self, counts: &[u64]) -> f64 {
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return 0.0;
        }
        // Half a row in an empty bin keeps the index finite.
        let floor = 0.5 / total as f64;
        let pairs = self.shares.iter().zip(counts);
        pairs
            .map(|(&expected, &count)| {
                let (expected, found) = (expected.max(floor), (count as f64 / total as f64).max(floor));
                (found - expected) * (found / expected).ln()
            })
            .sum()
    }
}

/// The distributions of all features, in the model's order.
pub type Reference = Vec<Distribution>;

/// Rows after which a window is complete. With so many, chance alone makes an index of about 0.01.
pub const WINDOW: u64 = 2_000;

/// Counts are kept apart by thread, since a counter that two threads write costs each of them the other's cache. When there
/// are more threads, some share.
const STRIPES: usize = 8;

/// Bounds of one feature, filled up with the infinite to a number that is compared at once.
const BOUNDS: usize = BINS.next_multiple_of(4);

/// Counts the rows the model is asked about, in windows of [`WINDOW`].
#[derive(Debug)]
pub struct Monitor {
    reference: Reference,
    bins: Vec<Bins>,
    /// For each of two windows, the one being filled and the one before.
    windows: [Window; 2],
    rows: AtomicU64,
}

/// Where the values of one feature are counted.
#[derive(Debug)]
struct Bins {
    edges: [f32; BOUNDS],
    /// Of the first bin.
    offset: usize,
    count: usize,
}

/// Counts in the bins of all features one after the other, by stripe.
type Window = [Vec<AtomicU32>; STRIPES];

/// This thread's.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    STRIPE.with(|stripe| *stripe)
}

impl Monitor {
    /// Starts with empty windows.
    pub fn new(reference: Reference) -> Self {
        let mut offset = 0;
        let bins: Vec<Bins> = reference
            .iter()
            .map(|distribution| {
                let mut edges = [f32::INFINITY; BOUNDS];
                let known = distribution.edges.iter().take(BINS - 1);
                edges.iter_mut().zip(known.clone()).for_each(|(edge, known)| *edge = *known);
                let count = known.len() + 1;
                offset += count;
                Bins { edges, offset: offset - count, count }
            })
            .collect();
        let stripe = |_| (0..offset).map(|_| AtomicU32::new(0)).collect();
        let windows = std::array::from_fn(|_| std::array::from_fn(stripe));
        Self { reference, bins, windows, rows: AtomicU64::new(0) }
    }

    /// Counts one row.
    pub fn observe(&self, row: &[f32]) {
        let n = self.rows.fetch_add(1, Ordering::Relaxed);
        let window = &self.windows[usize::from((n / WINDOW) % 2 == 1)];
        if n >= 2 * WINDOW && n.is_multiple_of(WINDOW) {
            // A row of another thread that is counted at this moment may be lost; one in thousands.
            for count in window.iter().flatten() {
                count.store(0, Ordering::Relaxed);
            }
        }
        let counts = &window[stripe()];
        for (bins, &value) in self.bins.iter().zip(row) {
            // So few bounds: counting those below is quicker than searching. The infinite is below nothing.
            let bin: u32 = bins.edges.iter().map(|&edge| u32::from(edge < value)).sum();
            counts[bins.offset + bin as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Rows counted so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Each feature's index over the last full window and what came since; not a number until the first window is full, so
    /// that the metrics have the same series from the start.
    pub fn indices(&self) -> Vec<(&str, f64)> {
        if self.rows() < WINDOW {
            return self
                .reference
                .iter()
                .map(|distribution| (distribution.feature.as_str(), f64::NAN))
                .collect();
        }
        let indexed = self.reference.iter().zip(&self.bins);
        indexed
            .map(|(distribution, bins)| {
                let count = |bin: usize| {
                    let stripes = self.windows.iter().flatten();
                    stripes.map(|counts| u64::from(counts[bin].load(Ordering::Relaxed))).sum()
                };
                let counts: Vec<u64> = (bins.offset..bins.offset + bins.count).map(count).collect();
                (distribution.feature.as_str(), distribution.psi(&counts))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 2_000;

    fn ramp(from: u16, to: u16) -> impl Iterator<Item = f32> + Clone {
        (from..to).map(f32::from)
    }

    #[test]
    fn index_is_that_computed_by_hand() {
        let halves = Distribution { feature: "x".to_owned(), edges: vec![0.0], shares: vec![0.5, 0.5] };
        assert!(halves.psi(&[10, 10]).abs() < 1e-12);
        // 0.25 · ln 1.5 - 0.25 · ln 0.5
        assert!((halves.psi(&[30, 10]) - 0.25 * (1.5_f64.ln() - 0.5_f64.ln())).abs() < 1e-12);
        assert!(halves.psi(&[0, 0]).abs() < 1e-12);
        assert!(halves.psi(&[40, 0]).is_finite());
    }

    #[test]
    fn bins_hold_equal_shares_and_constants_have_one() {
        let tenths = Distribution::of("x", ramp(0, 1000));
        assert_eq!(tenths.edges.len(), 9);
        assert!(tenths.shares.iter().all(|s| (s - 0.1).abs() < 0.002), "{tenths:?}");
        let constant = Distribution::of("x", std::iter::repeat_n(3.0, 50));
        assert_eq!((constant.edges.len(), constant.shares), (0, vec![1.0]));
        let flag = Distribution::of("x", (0..100).map(|i| f32::from(u8::from(i % 4 == 0))));
        assert_eq!((flag.edges.as_slice(), flag.shares.as_slice()), (&[0.0][..], &[0.75, 0.25][..]));
    }

    #[test]
    fn threads_count_into_one_window() {
        let monitor = Monitor::new(vec![Distribution::of("x", ramp(0, 1000))]);
        std::thread::scope(|scope| {
            for quarter in 0..4 {
                let monitor = &monitor;
                scope.spawn(move || {
                    ramp(250 * quarter, 250 * (quarter + 1))
                        .cycle()
                        .take(ROWS / 4)
                        .for_each(|x| monitor.observe(&[x]));
                });
            }
        });
        assert_eq!(monitor.rows(), WINDOW);
        // None of them saw more than a quarter; together they saw all.
        assert!(monitor.indices()[0].1 < 0.01, "{:?}", monitor.indices());
    }

    #[test]
    fn the_same_rows_do_not_drift_and_others_do() {
        let reference = || vec![Distribution::of("x", ramp(0, 1000))];
        let same = Monitor::new(reference());
        assert!(same.indices()[0].1.is_nan());
        ramp(0, 1000).cycle().take(5 * ROWS).for_each(|x| same.observe(&[x]));
        let (feature, index) = same.indices()[0];
        assert!(feature == "x" && index < 0.01, "{index}");

        // Back to normal after a drift: the windows forget.
        let moved = Monitor::new(reference());
        ramp(500, 1000).cycle().take(ROWS).for_each(|x| moved.observe(&[x]));
        assert!(moved.indices()[0].1 > 1.0);
        ramp(0, 1000).cycle().take(3 * ROWS).for_each(|x| moved.observe(&[x]));
        assert!(moved.indices()[0].1 < 0.01);
        assert_eq!((moved.rows(), ROWS as u64), (4 * WINDOW, WINDOW));
    }
}
