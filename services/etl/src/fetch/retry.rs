//! How long to wait before asking again. No I/O, no clock of this machine.

use std::time::{Duration, SystemTime};

/// The pause of a Retry-After header, in seconds or as a date. A date is compared with the answer's own Date: the clock of this
/// machine may be wrong, the server's differs from itself by nothing.
pub(super) fn asked_pause(retry_after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let retry_after = retry_after?.trim();
    if let Ok(seconds) = retry_after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let parse = |text: &str| -> Option<SystemTime> { httpdate::parse_http_date(text.trim()).ok() };
    Some(parse(retry_after)?.duration_since(parse(date?)?).unwrap_or_default())
}

/// Between half of the pause and all of it, so that clients that failed together do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    // Without randomness the whole pause is as good.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{asked_pause, jittered};

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let now = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(asked_pause(Some(" 3 "), now), Some(Duration::from_secs(3)));
        assert_eq!(
            asked_pause(Some("Wed, 21 Oct 2026 07:28:09 GMT"), now),
            Some(Duration::from_secs(9)),
            "whatever this machine's clock says"
        );
        assert_eq!(asked_pause(Some("Wed, 21 Oct 2026 07:00:00 GMT"), now), Some(Duration::ZERO));
        assert_eq!(asked_pause(Some("Wed, 21 Oct 2026 07:00:00 GMT"), None), None);
        assert_eq!(asked_pause(Some("-1"), now), None);
        assert_eq!(asked_pause(None, now), None);
    }

    proptest! {
        #[test]
        fn retry_after_never_panics(value in "\\PC*", date in "\\PC*") {
            let _ = asked_pause(Some(&value), Some(&date));
        }

        #[test]
        fn a_pause_is_at_least_half_and_at_most_whole(ms in 0_u64..100_000) {
            let pause = Duration::from_millis(ms);
            let jittered = jittered(pause);
            prop_assert!(pause / 2 <= jittered && jittered <= pause, "{:?}", jittered);
        }
    }
}
