//! How much of a thing: requests a second and shares of a processor, from what was counted and measured. Pure.

use std::time::Duration;

/// Bad events are to prevail within so many seconds: two scrapes.
const SOON_S: f64 = 30.0;
/// The healthy ones within so many; sooner would be a load of its own.
const LATER_S: f64 = 60.0;
/// For the twenty events that every alert asks for within two scrapes.
const LEAST_TROUBLE: f64 = 2.0;
/// Below what one address may send to an API that limits it.
const MOST: f64 = 150.0;
/// More than the share has to be: counts in Prometheus' windows are extrapolated.
const MARGIN: f64 = 1.5;

/// What one request alone takes on a processor that was cut.
const TAKES_S: f64 = 1.5;
/// Less, which engines would give, does not leave enough for the container's health test and Prometheus' scrapes.
const LEAST_SHARE: f64 = 0.02;
/// Many at once would wait for each other longer than the API lets any wait.
const MOST_AT_ONCE: f64 = 32.0;

/// Bad requests a second, where so many events were counted in the alert's window.
pub fn trouble(events: f64, share: f64) -> f64 {
    let wanted = events.max(0.0) * share / (1.0 - share);
    (MARGIN * wanted / SOON_S).clamp(LEAST_TROUBLE, MOST)
}

/// Healthy requests a second, after so many bad ones.
pub fn health(bad: f64, share: f64) -> f64 {
    if share <= 0.0 {
        return LEAST_TROUBLE;
    }
    let wanted = bad.max(0.0) * (1.0 - share) / share;
    (MARGIN * wanted / LATER_S).clamp(LEAST_TROUBLE, MOST)
}

/// How far the processor is cut, and how many requests are then kept waiting for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Of one processor.
    pub share: f64,
    pub at_once: usize,
    /// Requests a second that it gets done.
    pub rate: f64,
}

/// From what one request takes while nothing is cut: as far as makes it take a second and a half, whatever the machine. Where that
/// would be too little, more at once wait for each other.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most thirty-two")]
pub fn cut(alone: Duration) -> Cut {
    let alone = alone.as_secs_f64().max(1e-4);
    let share = (alone / TAKES_S).clamp(LEAST_SHARE, 0.5);
    let at_once = (TAKES_S * share / alone).ceil().clamp(2.0, MOST_AT_ONCE);
    Cut { share, at_once: at_once as usize, rate: share / alone }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bad_prevail_within_two_scrapes() {
        for (events, share) in [(0.0, 0.5), (600.0, 0.5), (3_000.0, 0.05), (f64::NAN, 0.05)] {
            let rate = trouble(events, share);
            let bad = rate * SOON_S;
            assert!(bad >= 20.0, "the alert asks for twenty events: {rate}");
            assert!(events.is_nan() || bad / (events + bad) > share, "{events} {share}: {rate}");
        }
        assert!((trouble(1e9, 0.5) - MOST).abs() < 1e-9, "a load that an API bears");
    }

    #[test]
    fn the_healthy_prevail_within_a_minute() {
        for (bad, share) in [(200.0, 0.5), (200.0, 0.05), (0.0, 0.05)] {
            let healthy = health(bad, share) * LATER_S;
            assert!(bad / (bad + healthy) < share, "{bad} {share}");
        }
        assert!((health(100.0, 0.0) - LEAST_TROUBLE).abs() < 1e-9);
    }

    #[test]
    fn a_request_takes_a_second_and_a_half_whatever_the_machine() {
        for (us, share, at_once) in
            [(150_000, 0.1, 2), (20_000, 0.02, 2), (5_000, 0.02, 6), (1_000, 0.02, 30)]
        {
            let cut = cut(Duration::from_micros(us));
            assert!((cut.share - share).abs() < 1e-3, "{us}: {cut:?}");
            assert_eq!(cut.at_once, at_once, "{us}: {cut:?}");
            let takes = cut.at_once as f64 / cut.rate;
            assert!((1.4..=3.1).contains(&takes), "{us}: {takes}");
        }
        // Nothing takes no time; what takes very long is not cut off altogether.
        assert!(cut(Duration::ZERO).at_once == 32 && cut(Duration::from_secs(9)).share <= 0.5);
    }
}
