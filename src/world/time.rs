//! Points in time as an engine writes and reads them. Plain arithmetic: nobody is asked what time it is.

use std::fmt;
use std::time::Duration;

/// Nanoseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

const SECOND: i64 = 1_000_000_000;
const DAY_S: i64 = 86_400;

impl Timestamp {
    /// Whole seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// So much earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// So much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// The time that passed since `earlier`; nothing when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// `1767225600.000000000`, the form that every engine takes in a query.
    pub fn as_query(self) -> String {
        format!("{}.{:09}", self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND))
    }

    /// Reads RFC 3339 (`2026-01-01T00:00:00.5Z`, with an offset, or only the date or the minute, then in UTC) and seconds since 1970.
    pub fn parse(text: &str) -> Option<Self> {
        number(text).or_else(|| rfc3339(text))
    }
}

/// `1767225600` or `1767225600.25`
fn number(text: &str) -> Option<Timestamp> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    seconds.checked_mul(SECOND)?.checked_add(fraction(part)).map(Timestamp)
}

/// Digits behind a point, as nanoseconds; what is finer is cut off.
fn fraction(digits: &str) -> i64 {
    digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00Z"));
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (clock, offset) = offset(clock)?;
    let (clock, part) = clock.split_once('.').unwrap_or((clock, ""));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) =
        (parts.next()??, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?);
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let seconds = days(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second - offset;
    seconds.checked_mul(SECOND)?.checked_add(fraction(part)).map(Timestamp)
}

/// The clock without its zone, and the zone's seconds east of UTC.
fn offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (hours, minutes) = clock[at + 1..].split_once(':')?;
    let east = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    Some((&clock[..at], if clock[at..].starts_with('-') { -east } else { east }))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way: `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds; all nine digits with `{:#}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let (year, month, day) = civil(seconds.div_euclid(DAY_S));
        let clock = seconds.rem_euclid(DAY_S);
        let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        if f.alternate() { write!(f, "{nanos:09}Z") } else { write!(f, "{:03}Z", nanos / 1_000_000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_and_people_write_is_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01", Some(0)),
            ("1969-12-31T23:59:59.5Z", Some(-SECOND / 2)),
            ("2024-02-29T12:30:00.000000001Z", Some(1_709_209_800 * SECOND + 1)),
            ("2024-02-29T14:30:00+02:00", Some(1_709_209_800 * SECOND)),
            ("2024-02-29 12:30", Some(1_709_209_800 * SECOND)),
            ("2024-02-29T07:00:00-05:30", Some(1_709_209_800 * SECOND)),
            ("1709209800.25", Some(1_709_209_800 * SECOND + SECOND / 4)),
            ("2024-13-01", None),
            ("2024-01-01T25:00:00Z", None),
            ("yesterday", None),
            ("", None),
            ("99999999999999999999", None),
            ("9223372036854775807", None),
        ] {
            assert_eq!(Timestamp::parse(text), expected.map(Timestamp), "{text}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        for at in
            [0, -1, 1_709_209_800 * SECOND + 1, 4_102_444_799 * SECOND + 999_999_999, -7_766_949_600 * SECOND]
        {
            let printed = format!("{:#}", Timestamp(at));
            assert_eq!(Timestamp::parse(&printed), Some(Timestamp(at)), "{printed}");
        }
        assert_eq!(Timestamp(1_709_209_800 * SECOND + 1).to_string(), "2024-02-29T12:30:00.000Z");
        assert_eq!(Timestamp(1_709_209_800 * SECOND + 1).as_query(), "1709209800.000000001");
    }
}
