//! How many requests per second, when: the shape of each mode, and the instants that follow from it. Pure, and made of the four
//! operations alone, see `random`.

use serde::{Deserialize, Serialize};

/// What the load looks like over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Users in sessions, with pauses, over a day pressed into the run
    Realistic,
    /// Two seconds at the rate, eight at a tenth of it, and again
    Burst,
    /// A fifth of the rate, and the rate itself for a tenth of the run in its middle
    Spike,
    /// From a tenth of the rate up to it
    Ramp,
    /// At the rate, at random instants, for long
    Soak,
    /// At the rate, evenly
    Constant,
    /// As fast as the answers come, to find the most that is answered: nobody waits in line, so times say little
    Saturate,
}

impl Mode {
    /// Minutes a run takes unless told.
    pub fn minutes(self) -> u64 {
        match self {
            Self::Realistic | Self::Ramp | Self::Spike | Self::Constant => 5,
            Self::Saturate => 1,
            Self::Burst => 10,
            Self::Soak => 60,
        }
    }

    /// Requests per second at the highest, unless told.
    pub fn rate(self) -> f64 {
        match self {
            Self::Realistic | Self::Soak | Self::Constant | Self::Saturate => 20.0,
            Self::Burst | Self::Ramp => 100.0,
            Self::Spike => 200.0,
        }
    }

    /// Whether instants say when requests leave; else the answers do.
    pub fn has_schedule(self) -> bool {
        self != Self::Saturate
    }

    /// Share of the rate at an instant; `moment` runs from 0 to 1 over the run, `seconds` from its start.
    pub(super) fn share(self, moment: f64, seconds: f64) -> f64 {
        match self {
            Self::Soak | Self::Constant | Self::Saturate => 1.0,
            Self::Ramp => 0.1 + 0.9 * moment,
            Self::Spike if (0.45..0.55).contains(&moment) => 1.0,
            Self::Spike => 0.2,
            Self::Burst if seconds % 10.0 < 2.0 => 1.0,
            Self::Burst => 0.1,
            Self::Realistic => day(moment),
        }
    }
}

/// Hourly activity from midnight to midnight, as a share of the evening's.
const DAY: [f64; 25] = [
    0.30, 0.20, 0.14, 0.10, 0.10, 0.12, 0.18, 0.30, 0.42, 0.48, 0.50, 0.55, 0.68, 0.66, 0.55, 0.55, 0.62,
    0.72, 0.84, 0.94, 1.00, 0.98, 0.80, 0.52, 0.30,
];

/// Activity at a moment of the day, straight between the hours. A day begins and ends in the middle of the night.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an hour from 0 to 23")]
fn day(moment: f64) -> f64 {
    let hours = (moment * 24.0).clamp(0.0, 24.0);
    let hour = (hours as usize).min(23);
    let into = hours - hour as f64;
    DAY[hour] * (1.0 - into) + DAY[hour + 1] * into
}

/// Instants at which requests leave, in microseconds: each where the area under the curve passes what the next one waits for.
#[derive(Debug, Clone)]
pub(super) struct Instants {
    pub(super) mode: Mode,
    pub(super) rate: f64,
    pub(super) duration_us: u64,
    at_us: f64,
}

/// The curve is taken as constant this long.
const STEP_US: f64 = 10_000.0;

impl Instants {
    pub(super) fn new(mode: Mode, rate: f64, duration_us: u64) -> Self {
        Self { mode, rate, duration_us, at_us: 0.0 }
    }

    /// The instant `gap` requests after the last one; none behind the end.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds of a run")]
    pub(super) fn after(&mut self, gap: f64) -> Option<u64> {
        let mut left = gap;
        loop {
            let whole = self.duration_us as f64;
            if self.at_us >= whole {
                return None;
            }
            let step_end = ((self.at_us / STEP_US).floor() + 1.0) * STEP_US;
            let middle = step_end - STEP_US / 2.0;
            let per_us = self.rate * self.mode.share(middle / whole, middle / 1e6) / 1e6;
            let area = per_us * (step_end - self.at_us);
            if area >= left {
                self.at_us += left / per_us;
                let at = self.at_us as u64;
                return (at < self.duration_us).then_some(at);
            }
            left -= area;
            self.at_us = step_end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(mode: Mode, seconds: u64, within: std::ops::Range<u64>) -> usize {
        let mut instants = Instants::new(mode, 100.0, seconds * 1_000_000);
        std::iter::from_fn(|| instants.after(1.0)).filter(|at| within.contains(&(at / 1_000_000))).count()
    }

    #[test]
    fn a_constant_rate_is_even() {
        let mut instants = Instants::new(Mode::Constant, 100.0, 1_000_000);
        let all: Vec<u64> = std::iter::from_fn(|| instants.after(1.0)).collect();
        assert!((99..=100).contains(&all.len()), "{}", all.len());
        assert!(all.windows(2).all(|pair| (9_999..=10_001).contains(&(pair[1] - pair[0]))), "{all:?}");
    }

    #[test]
    fn shapes_are_what_their_names_say() {
        let near = |found: usize, wanted: usize| {
            assert!(found.abs_diff(wanted) <= 2 + wanted / 50, "{found}, not {wanted}");
        };
        near(count(Mode::Burst, 20, 0..2), 200);
        near(count(Mode::Burst, 20, 2..10), 80);
        near(count(Mode::Burst, 20, 10..12), 200);
        near(count(Mode::Spike, 100, 0..10), 200);
        near(count(Mode::Spike, 100, 45..55), 1_000);
        near(count(Mode::Ramp, 100, 0..100), 5_500);
        near(count(Mode::Ramp, 100, 90..100), 955);
        assert!(count(Mode::Realistic, 240, 30..50) * 4 < count(Mode::Realistic, 240, 190..210));
    }

    #[test]
    fn the_day_is_whole() {
        assert!((day(0.0) - day(1.0)).abs() < 1e-12);
        assert!((day(20.0 / 24.0) - 1.0).abs() < 1e-12);
    }
}
