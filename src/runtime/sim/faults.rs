//! What can be wrong with the simulated engine, or happen to the program that uses it. Drawn from a seed where it is to be
//! random, so that a seed reproduces a run.

use std::cell::Cell;
use std::time::Duration;

/// Faults of a whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The program is killed at the call after this many.
    pub die_after: Option<u64>,
    /// Calls after this many are never answered.
    pub hang_after: Option<u64>,
    /// The stream of ends ends at once, always.
    pub deaf: bool,
    /// A process of the machine listens on this port.
    pub held_port: Option<u16>,
    /// It speaks an API that is too old.
    pub old: bool,
    /// How far its clock is ahead.
    pub skew_ms: i64,
    /// A network is in use for so long after the first wish to remove it, whoever was on it.
    pub lingers: Option<Duration>,
    /// The disk is full at calls after this many.
    pub full_after: Option<u64>,
    /// A call may take up to so many times as long.
    pub slow: u32,
    /// Of a hundred ends so many are not told, told twice, and told later than the next one.
    pub lost: u32,
    pub doubled: u32,
    pub late: u32,
    /// The stream of ends breaks off after every so many.
    pub breaks_after: Option<u32>,
    /// The engine goes away at that call, for so long. What ran is killed.
    pub restart: Option<(u64, Duration)>,
    /// The create of that number is carried out and never answered.
    pub unanswered_create: Option<u64>,
    /// Of what is drawn while the run goes on.
    pub seed: u64,
}

impl Faults {
    /// Faults that cost time and nothing else: whatever the seed, a run comes to the end it would have come to.
    pub fn of_time(seed: u64) -> Self {
        let draw = Draw::new(seed);
        let percent = |draw: &Draw| if draw.below(2) == 0 { 0 } else { draw.below(100) };
        Self {
            deaf: draw.below(12) == 0,
            slow: draw.below(5),
            lost: percent(&draw),
            doubled: percent(&draw),
            late: percent(&draw),
            breaks_after: (draw.below(3) == 0).then(|| 1 + draw.below(4)),
            unanswered_create: (draw.below(4) == 0).then(|| u64::from(draw.below(6))),
            seed,
            ..Self::default()
        }
    }

    /// Any fault: one that goes away for a while kills what runs, and the run may end in failure.
    pub fn of_any_kind(seed: u64) -> Self {
        let draw = Draw::new(seed ^ 0x9e37);
        let restart = (u64::from(draw.below(60)), Duration::from_millis(u64::from(draw.below(6_000))));
        Self { restart: (draw.below(2) == 0).then_some(restart), ..Self::of_time(seed) }
    }

    /// Words of the command line: `die=K`, `hang=K`, `held=PORT`, `full=K`, `lingers=MS`,
    /// `deaf`, `old`, `skew=MS`, `chaos=SEED`; `None` for others.
    pub(super) fn named(self, word: &str) -> Option<Self> {
        match word.split_once('=') {
            Some(("die", calls)) => Some(Self { die_after: calls.parse().ok(), ..self }),
            Some(("hang", calls)) => Some(Self { hang_after: calls.parse().ok(), ..self }),
            Some(("held", port)) => Some(Self { held_port: port.parse().ok(), ..self }),
            Some(("full", calls)) => Some(Self { full_after: calls.parse().ok(), ..self }),
            Some(("lingers", ms)) => {
                Some(Self { lingers: ms.parse().ok().map(Duration::from_millis), ..self })
            }
            Some(("skew", ms)) => Some(Self { skew_ms: ms.parse().ok()?, ..self }),
            Some(("chaos", seed)) => {
                let chaos = Self::of_any_kind(seed.parse().ok()?);
                Some(Self { die_after: self.die_after, hang_after: self.hang_after, ..chaos })
            }
            None if word == "old" => Some(Self { old: true, ..self }),
            None if word == "deaf" => Some(Self { deaf: true, ..self }),
            _ => None,
        }
    }
}

/// Numbers that follow from a seed: splitmix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone, Default)]
pub struct Draw {
    state: Cell<u64>,
}

impl Draw {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    /// The next number, any of 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `limit`; 0 where that is 0.
    pub fn below(&self, limit: u32) -> u32 {
        let drawn = self.next() % u64::from(limit.max(1));
        u32::try_from(drawn).unwrap_or_default()
    }
}

/// One thing the engine did, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    Made(String),
    Started(String),
    Stopped(String),
    Removed(String),
}
