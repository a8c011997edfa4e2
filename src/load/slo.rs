//! What a run has to keep: `p99<50ms,errors<1%,rate>=95%`. Pure.

use std::fmt;
use std::time::Duration;

use super::tally::Summary;

/// One bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    measure: Measure,
    relation: Relation,
    bound: f64,
    /// As it was written.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// Percentile, in milliseconds.
    Percentile(f64),
    Mean,
    /// Percent of all requests.
    Errors,
    /// Requests answered per second; in percent of what was offered where the bound is one.
    Rate,
    Achieved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// A bound and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub objective: String,
    /// With its unit.
    pub measured: String,
    pub kept: bool,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Objective {
    /// Whether it is about what a schedule wanted.
    pub fn needs_schedule(&self) -> bool {
        self.measure == Measure::Achieved
    }
}

/// Every bound of a list with commas.
pub fn parse(text: &str) -> Result<Vec<Objective>, String> {
    text.split(',').map(|one| objective(one.trim())).collect()
}

fn objective(text: &str) -> Result<Objective, String> {
    let wrong = |what: &str| {
        format!("`{text}`: {what}; write bounds such as p99<50ms, p99.9<=1s, mean<5ms, errors<1%, rate>=95%")
    };
    let at = text.find(['<', '>']).ok_or_else(|| wrong("there is no < or >"))?;
    let (name, rest) = (text[..at].trim(), &text[at..]);
    let relations =
        [("<=", Relation::AtMost), (">=", Relation::AtLeast), ("<", Relation::Below), (">", Relation::Above)];
    let found = relations.iter().find_map(|(sign, relation)| Some((*relation, rest.strip_prefix(sign)?)));
    let (relation, value) = found.ok_or_else(|| wrong("there is no < or >"))?;
    let value = value.trim();
    let percent = value.strip_suffix('%').map(str::trim);
    let measure = match name {
        "mean" => Measure::Mean,
        "max" => Measure::Percentile(100.0),
        "errors" => Measure::Errors,
        "rate" if percent.is_some() => Measure::Achieved,
        "rate" => Measure::Rate,
        _ => percentile(name).ok_or_else(|| wrong("there is no such measure"))?,
    };
    let bound = match measure {
        Measure::Errors | Measure::Achieved => percent.and_then(|v| v.parse().ok()),
        Measure::Rate => value.strip_suffix("/s").unwrap_or(value).trim().parse().ok(),
        Measure::Percentile(_) | Measure::Mean => milliseconds(value),
    };
    let bound: f64 = bound.ok_or_else(|| wrong("the bound is not understood"))?;
    if !bound.is_finite() || bound < 0.0 {
        return Err(wrong("the bound is not understood"));
    }
    Ok(Objective { measure, relation, bound, text: text.to_owned() })
}

fn percentile(name: &str) -> Option<Measure> {
    let number: f64 = name.strip_prefix('p')?.parse().ok()?;
    (number > 0.0 && number <= 100.0).then_some(Measure::Percentile(number))
}

fn milliseconds(text: &str) -> Option<f64> {
    let units = [("ms", 1.0), ("us", 0.001), ("µs", 0.001), ("s", 1000.0)];
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    Some(number.trim().parse::<f64>().ok()? * factor)
}

/// What the run kept, bound by bound. A run without an answer keeps none.
pub fn judge(objectives: &[Objective], summary: &Summary) -> Vec<Verdict> {
    objectives.iter().map(|objective| objective.judge(summary)).collect()
}

impl Objective {
    fn judge(&self, summary: &Summary) -> Verdict {
        let (value, measured) = match self.measure {
            Measure::Percentile(p) => in_time(summary.percentile(p)),
            Measure::Mean => in_time(summary.mean()),
            Measure::Errors => in_percent(summary.error_share() * 100.0),
            Measure::Achieved => in_percent(summary.achieved_share() * 100.0),
            Measure::Rate => (summary.rate(), format!("{:.1}/s", summary.rate())),
        };
        let holds = match self.relation {
            Relation::Below => value < self.bound,
            Relation::AtMost => value <= self.bound,
            Relation::Above => value > self.bound,
            Relation::AtLeast => value >= self.bound,
        };
        Verdict { objective: self.text.clone(), measured, kept: holds && summary.answered() > 0 }
    }
}

fn in_time(time: Duration) -> (f64, String) {
    let ms = time.as_secs_f64() * 1e3;
    (ms, format!("{ms:.2} ms"))
}

fn in_percent(percent: f64) -> (f64, String) {
    (percent, format!("{percent:.2} %"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tally::{End, Ended, Tally, Times};

    fn summary() -> Summary {
        let mut tally = Tally::new();
        for at in 1..=1_000_u64 {
            let end = if at % 100 == 0 { End::Status(500) } else { End::Right };
            let time = Duration::from_millis(at);
            let times = Some(Times { due: time, left: time });
            tally.offer(Duration::ZERO);
            tally.count(&Ended { name: "GET /", mistake: false, end, times, bytes: 10 });
        }
        tally.summary(Duration::from_secs(10))
    }

    #[test]
    fn bounds_are_read_and_judged() {
        let verdicts = |text: &str| -> Vec<bool> {
            judge(&parse(text).unwrap(), &summary()).iter().map(|verdict| verdict.kept).collect()
        };
        assert_eq!(verdicts("p50<600ms, p50<400ms"), [true, false]);
        assert_eq!(verdicts("p99.9<=2s,p99>1ms"), [true, true]);
        assert_eq!(verdicts("errors<1%,errors<=1%,errors<2%"), [false, true, true]);
        assert_eq!(
            verdicts("rate>=100%,rate>=99,rate>101/s,mean<1s,max<1s"),
            [true, true, false, true, false]
        );
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for text in [
            "",
            "p99",
            "p99=5ms",
            "p0<1ms",
            "p101<1ms",
            "p99<5",
            "latency<5ms",
            "errors<1",
            "p99<-1ms",
            "rate>x",
            "p99<,",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_answered_keeps_nothing() {
        let empty = Tally::new().summary(Duration::from_secs(1));
        assert!(judge(&parse("p99<1s,errors<1%").unwrap(), &empty).iter().all(|verdict| !verdict.kept));
    }
}
