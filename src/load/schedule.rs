//! What a run sends, when: a stream that follows from its order alone. Pure, and lazy, so that a long run needs no more memory than
//! a short one.

use std::time::Duration;

use super::curve::{Instants, Mode};
use super::random::Random;
use super::scenario::Weighted;
use super::session::{Crowd, PER_USER};
use super::shot::{self, Ask, Shot};

/// Everything that the requests of a run follow from.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub mode: Mode,
    pub duration: Duration,
    /// Requests per second at the curve's highest.
    pub rate: f64,
    /// For [`Mode::Realistic`]: as many as make the rate unless told.
    pub users: Option<u32>,
    pub seed: u64,
    /// A scenario's own requests; none for those of the platform.
    pub asks: Vec<Weighted>,
}

impl Order {
    fn duration_us(&self) -> u64 {
        u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX)
    }

    /// Users of the run: 0 in modes that have none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is not negative"
    )]
    pub fn users(&self) -> u32 {
        match self.mode {
            Mode::Realistic if self.asks.is_empty() => {
                self.users.unwrap_or_else(|| (self.rate / PER_USER).ceil().max(1.0) as u32)
            }
            _ => 0,
        }
    }

    /// The requests in the order in which they leave; without a schedule, as many as are asked for.
    pub fn shots(&self) -> Box<dyn Iterator<Item = Shot> + Send> {
        let duration_us = self.duration_us();
        if self.users() > 0 {
            return Box::new(Crowd::new(self.users(), self.seed, duration_us));
        }
        let mut random = Random::new(self.seed, 0);
        let asks = self.asks.clone();
        if !self.mode.has_schedule() {
            return Box::new(std::iter::repeat_with(move || Shot {
                at_us: 0,
                user: None,
                ask: pick(&asks, &mut random),
            }));
        }
        let mut instants = Instants::new(self.mode, self.rate, duration_us);
        let even = self.mode != Mode::Soak && self.mode != Mode::Realistic;
        // The first leaves at once where instants are even.
        let mut first = even;
        Box::new(std::iter::from_fn(move || {
            let gap = if even { 1.0 } else { random.wait() };
            let at_us = if std::mem::take(&mut first) { 0 } else { instants.after(gap)? };
            Some(Shot { at_us, user: None, ask: pick(&asks, &mut random) })
        }))
    }
}

fn pick(asks: &[Weighted], random: &mut Random) -> Ask {
    let whole = asks.iter().map(|weighted| u64::from(weighted.weight)).sum::<u64>();
    if whole == 0 {
        return shot::any(random);
    }
    let mut left = random.below(whole);
    for weighted in asks {
        match left.checked_sub(u64::from(weighted.weight)) {
            Some(rest) => left = rest,
            None => return weighted.ask.clone(),
        }
    }
    shot::any(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(mode: Mode) -> Order {
        Order { mode, duration: Duration::from_secs(30), rate: 50.0, users: None, seed: 42, asks: Vec::new() }
    }

    #[test]
    fn a_seed_is_a_run() {
        for mode in [Mode::Realistic, Mode::Burst, Mode::Spike, Mode::Ramp, Mode::Soak, Mode::Constant] {
            let shots: Vec<Shot> = order(mode).shots().collect();
            assert!(!shots.is_empty() && shots.is_sorted_by_key(|shot| shot.at_us), "{mode:?}");
            assert_eq!(shots, order(mode).shots().collect::<Vec<Shot>>(), "{mode:?}");
            let other = Order { seed: 43, ..order(mode) };
            assert_ne!(shots, other.shots().collect::<Vec<Shot>>(), "{mode:?}");
        }
    }

    #[test]
    fn without_a_schedule_there_are_always_more() {
        let saturate = order(Mode::Saturate);
        assert!(!saturate.mode.has_schedule());
        let some = |seed| Order { seed, ..saturate.clone() }.shots().take(10_000).collect::<Vec<Shot>>();
        assert_eq!(some(1).len(), 10_000);
        assert!(some(1) == some(1) && some(1) != some(2));
    }

    #[test]
    fn a_constant_rate_sends_as_many_as_asked() {
        assert_eq!(order(Mode::Constant).shots().count(), 1_500);
        let soak = order(Mode::Soak).shots().count();
        assert!((1_350..1_650).contains(&soak), "{soak}");
    }
}
