//! How long a run takes, as a person writes it. Pure.

use std::time::Duration;

/// A run longer than a week, or shorter than a tenth of a second, is a slip of the finger.
const MOST: Duration = Duration::from_hours(7 * 24);
const LEAST: Duration = Duration::from_millis(100);

/// `10` is ten minutes; `90s`, `1h30m`, `500ms` say their units.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no duration; write minutes, such as 10, or units, such as 90s or 1h30m");
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..letters] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "" if digits == text.trim().len() => 60.0,
                _ => return Err(wrong()),
            };
        rest = &rest[letters..];
    }
    let span = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    match span {
        _ if span.is_zero() => Err(format!("`{text}` is no time at all")),
        _ if span < LEAST => Err(format!("`{text}` is too short; a run takes 100ms at least")),
        _ if span > MOST => Err(format!("`{text}` is too long; a run takes a week at most")),
        _ => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_or_units() {
        for (text, millis) in [
            ("10", 600_000),
            ("0.5", 30_000),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("2m5s", 125_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "0", "0s", "-1", "1d", "s", "1e9", "99999h", "1ms", "5m3", "inf", "NaN", "1..2s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
