//! Whether services and this machine agree on what time it is: scrapes, tokens and certificates go wrong where they do not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{Facts, Outcome, PATIENCE, root};
use crate::runtime::Runtime;

/// What is put up with, the whole seconds of an HTTP date included.
const TOLERANCE_S: f64 = 2.5;

/// By the date of an answer, which has whole seconds.
pub(super) async fn of_answer<R: Runtime>(facts: &Facts<'_, R>, url: &str) -> Result<Outcome, String> {
    let asked = now_s();
    let answer = facts.http.get(url).timeout(PATIENCE).send().await.map_err(|e| root(&e))?;
    let answered = now_s();
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).unwrap_or_default();
    let Some(theirs) = http_date(date) else {
        return Ok(Outcome::Skipped("its answers have no date".to_owned()));
    };
    // The date is that of the second it was in.
    Ok(judge(ahead(theirs + 0.5, asked, answered)))
}

/// By what Prometheus takes for now.
pub(super) async fn of_prometheus<R: Runtime>(facts: &Facts<'_, R>, base: &str) -> Result<Outcome, String> {
    let asked = now_s();
    let answer = facts.get_json(&format!("{base}/api/v1/query?query=time()")).await?;
    let answered = now_s();
    let theirs = told(&answer)?.parse().map_err(|_| "it does not tell the time")?;
    Ok(judge(ahead(theirs, asked, answered)))
}

/// What Prometheus answered to `time()`: seconds since 1970.
pub(super) fn told(answer: &Value) -> Result<&str, String> {
    answer["data"]["result"][1].as_str().ok_or_else(|| "it does not tell the time".to_owned())
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// How far outside of the time between question and answer it is.
fn ahead(theirs: f64, asked: f64, answered: f64) -> f64 {
    (theirs - answered).max(0.0) - (asked - theirs).max(0.0)
}

fn judge(ahead: f64) -> Outcome {
    let side = if ahead < 0.0 { "behind" } else { "ahead of" };
    if ahead.abs() <= TOLERANCE_S {
        return Outcome::Passed("as this machine's, within seconds".to_owned());
    }
    // Dates have whole seconds: more digits than are known are not told.
    let about = if ahead.abs() < 30.0 { ahead.abs().round() } else { (ahead.abs() / 10.0).round() * 10.0 };
    Outcome::failed(
        format!("its clock is about {about:.0} s {side} this machine's"),
        "set both by a time server: `timedatectl set-ntp true`; Docker Desktop: restart it",
    )
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers may send, in seconds since 1970.
fn http_date(text: &str) -> Option<f64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split(' ').skip(1);
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let stamp = crate::world::time::Timestamp::parse(&format!("{year}-{month:02}-{day}T{clock}Z"))?;
    Some(stamp.0 as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777.0));
        for text in ["", "yesterday", "Sun, 06 Nix 1994 08:49:37 GMT"] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_its_side() {
        assert!(matches!(judge(ahead(10.0, 9.0, 11.0)), Outcome::Passed(_)));
        assert!(matches!(judge(ahead(13.0, 9.0, 11.0)), Outcome::Passed(_)), "two seconds are nothing");
        for (theirs, expected) in [
            (71.0, "its clock is about 60 s ahead of this machine's"),
            (-51.0, "its clock is about 60 s behind this machine's"),
        ] {
            let Outcome::Failed { evidence, .. } = judge(ahead(theirs, 9.0, 11.0)) else {
                panic!("{theirs}")
            };
            assert_eq!(evidence, expected);
        }
    }
}
