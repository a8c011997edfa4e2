//! What came of the requests: histograms that keep three digits in constant memory, errors by kind, a line per interval. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The right answer; for a mistake made on purpose, the refusal it asked for.
    Right,
    /// The kind of error: `refused`, `reset`, `timeout`, …
    Error(&'static str),
    /// A status that is not the right answer.
    Status(u16),
}

/// A request that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended<'a> {
    /// The row it counts in.
    pub name: &'a str,
    /// Made wrong on purpose.
    pub mistake: bool,
    pub end: End,
    /// None where nothing was asked in the end, as when a connection is refused: that it fails fast makes nothing faster.
    pub times: Option<Times>,
    /// Of the answer's body.
    pub bytes: u64,
}

/// Up to the end of an answer, or until patience ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From when the request was due.
    pub due: Duration,
    /// From when it left.
    pub left: Duration,
}

/// A row of the report.
#[derive(Debug, Clone)]
pub struct Row {
    /// In microseconds, from when the request was due to the end of its answer.
    times: Histogram<u64>,
    pub requests: u64,
    pub errors: u64,
}

impl Row {
    fn new() -> Self {
        Self { times: histogram(), requests: 0, errors: 0 }
    }

    /// The time that this many percent of the answers took at most.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.times.value_at_percentile(percent).min(self.times.max()))
    }

    pub fn max(&self) -> Duration {
        Duration::from_micros(self.times.max())
    }
}

/// Microseconds from 1 to ten minutes, three digits. More is counted as the most.
fn histogram() -> Histogram<u64> {
    let made = Histogram::new_with_bounds(1, MOST_US, 3);
    made.unwrap_or_else(|_| unreachable!("the bounds are constants that the crate takes"))
}

const MOST_US: u64 = 600_000_000;

fn record(times: &mut Histogram<u64>, time: Duration) {
    times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(MOST_US).clamp(1, MOST_US));
}

/// One interval of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// From the start to its end.
    pub until: Duration,
    pub offered: u64,
    pub ended: u64,
    pub errors: u64,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// Intervals kept; when there are more, two become one, so that a run of any length needs the same memory.
const MOST_MOMENTS: usize = 600;

/// Everything counted so far.
#[derive(Debug)]
pub struct Tally {
    all: Row,
    /// From when the request left to the end of its answer: what a loader would say that waits for its answers.
    service: Histogram<u64>,
    /// How late requests were handed over.
    late: Histogram<u64>,
    rows: BTreeMap<String, Row>,
    kinds: BTreeMap<String, u64>,
    /// Mistakes made on purpose and refused as they should.
    mistakes: u64,
    offered: u64,
    connections: u64,
    bytes: u64,
    interval: Interval,
    moments: Vec<Moment>,
}

#[derive(Debug)]
struct Interval {
    times: Histogram<u64>,
    offered: u64,
    ended: u64,
    errors: u64,
}

impl Interval {
    fn new() -> Self {
        Self { times: histogram(), offered: 0, ended: 0, errors: 0 }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    pub fn new() -> Self {
        Self {
            all: Row::new(),
            service: histogram(),
            late: histogram(),
            rows: BTreeMap::new(),
            kinds: BTreeMap::new(),
            mistakes: 0,
            offered: 0,
            connections: 0,
            bytes: 0,
            interval: Interval::new(),
            moments: Vec::new(),
        }
    }

    /// A request came due and was handed over so much later.
    pub fn offer(&mut self, late: Duration) {
        self.offered += 1;
        self.interval.offered += 1;
        record(&mut self.late, late);
    }

    /// A connection was opened.
    pub fn connected(&mut self) {
        self.connections += 1;
    }

    pub fn count(&mut self, ended: &Ended<'_>) {
        if !self.rows.contains_key(ended.name) {
            self.rows.insert(ended.name.to_owned(), Row::new());
        }
        let is_error = ended.end != End::Right;
        for row in self.rows.get_mut(ended.name).into_iter().chain([&mut self.all]) {
            row.requests += 1;
            row.errors += u64::from(is_error);
            if let Some(times) = ended.times {
                record(&mut row.times, times.due);
            }
        }
        if let Some(times) = ended.times {
            record(&mut self.service, times.left);
            record(&mut self.interval.times, times.due);
        }
        self.bytes += ended.bytes;
        self.interval.ended += 1;
        self.interval.errors += u64::from(is_error);
        let kind = match ended.end {
            End::Right => {
                self.mistakes += u64::from(ended.mistake);
                return;
            }
            End::Error(kind) => kind.to_owned(),
            End::Status(status) => format!("status {status}"),
        };
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// What was offered and has not ended counts as failed: the server had its time.
    pub fn give_up(&mut self) {
        let missing = self.offered - self.all.requests;
        if missing > 0 {
            self.kinds.insert("unanswered".to_owned(), missing);
            self.all.requests += missing;
            self.all.errors += missing;
        }
    }

    /// Ends the interval; `now` is the time since the start.
    pub fn close_interval(&mut self, now: Duration) {
        let interval = &mut self.interval;
        let us = |value| Duration::from_micros(value);
        self.moments.push(Moment {
            until: now,
            offered: interval.offered,
            ended: interval.ended,
            errors: interval.errors,
            p50: us(interval.times.value_at_percentile(50.0)),
            p99: us(interval.times.value_at_percentile(99.0)),
            max: us(interval.times.max()),
        });
        interval.times.reset();
        (interval.offered, interval.ended, interval.errors) = (0, 0, 0);
        if self.moments.len() >= MOST_MOMENTS {
            self.moments = self.moments.chunks(2).map(joined).collect();
        }
    }

    /// The intervals so far.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// What stands fixed once the run has taken so long.
    pub fn summary(&self, took: Duration) -> Summary {
        Summary {
            took,
            all: self.all.clone(),
            service: self.service.clone(),
            late: self.late.clone(),
            rows: self.rows.clone(),
            kinds: self.kinds.clone(),
            mistakes: self.mistakes,
            cut: self.offered - self.all.requests,
            offered: self.offered,
            connections: self.connections,
            bytes: self.bytes,
            moments: self.moments.clone(),
        }
    }
}

/// Of neighbours: sums, and the worst of both for the percentiles, which cannot be added.
fn joined(pair: &[Moment]) -> Moment {
    let sum = |of: fn(&Moment) -> u64| pair.iter().map(of).sum();
    let most = |of: fn(&Moment) -> Duration| pair.iter().map(of).max().unwrap_or_default();
    Moment {
        until: most(|m| m.until),
        offered: sum(|m| m.offered),
        ended: sum(|m| m.ended),
        errors: sum(|m| m.errors),
        p50: most(|m| m.p50),
        p99: most(|m| m.p99),
        max: most(|m| m.max),
    }
}

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Summary {
    /// From the first request's instant to the last answer.
    pub took: Duration,
    pub all: Row,
    service: Histogram<u64>,
    late: Histogram<u64>,
    pub rows: BTreeMap<String, Row>,
    pub kinds: BTreeMap<String, u64>,
    pub mistakes: u64,
    /// Requests that the end of the run, wished by the user, left without an end of their own.
    pub cut: u64,
    pub offered: u64,
    /// Opened in all: as many as there were to be, where each was kept.
    pub connections: u64,
    pub bytes: u64,
    pub moments: Vec<Moment>,
}

/// Above this the loader itself was too slow for what it says to be believed.
const LATEST: Duration = Duration::from_millis(5);

impl Summary {
    pub fn percentile(&self, percent: f64) -> Duration {
        self.all.percentile(percent)
    }

    /// The same, counted from when requests left, as a loader in a closed loop does.
    pub fn service_percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.service.value_at_percentile(percent).min(self.service.max()))
    }

    pub fn late_percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.late.value_at_percentile(percent).min(self.late.max()))
    }

    /// Whether the loader kept its own schedule.
    pub fn is_valid(&self) -> bool {
        self.late_percentile(99.0) <= LATEST
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "microseconds below ten minutes"
    )]
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.all.times.mean() as u64)
    }

    /// Requests that ended, well or not.
    pub fn ended(&self) -> u64 {
        self.all.requests
    }

    pub fn errors(&self) -> u64 {
        self.all.errors
    }

    /// Requests with the right answer.
    pub fn answered(&self) -> u64 {
        self.all.requests - self.all.errors
    }

    /// Requests to which an answer came, right or not.
    pub fn replied(&self) -> u64 {
        let status = self.kinds.iter().filter(|(kind, _)| kind.starts_with("status "));
        self.answered() + status.map(|(_, count)| count).sum::<u64>()
    }

    /// From 0 to 1.
    pub fn error_share(&self) -> f64 {
        if self.ended() == 0 { 0.0 } else { self.errors() as f64 / self.ended() as f64 }
    }

    /// Ended requests per second.
    pub fn rate(&self) -> f64 {
        if self.took.is_zero() { 0.0 } else { self.ended() as f64 / self.took.as_secs_f64() }
    }

    /// Ended out of offered, from 0 to 1.
    pub fn achieved_share(&self) -> f64 {
        if self.offered == 0 { 0.0 } else { self.ended() as f64 / self.offered as f64 }
    }

    /// Points of the curve of percentiles: the percent and the time.
    pub fn curve(&self) -> Vec<(f64, Duration)> {
        [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0]
            .map(|percent| (percent, self.percentile(percent)))
            .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ended(name: &str, end: End, ms: u32) -> Ended<'_> {
        let times = Some(Times { due: MS * ms, left: MS });
        Ended { name, mistake: false, end, times, bytes: 5 }
    }

    #[test]
    fn counts_and_percentiles() {
        let mut tally = Tally::new();
        for ms in 1..=100 {
            tally.offer(Duration::ZERO);
            tally.count(&ended("a", End::Right, ms));
        }
        (0..4).for_each(|_| tally.offer(MS));
        tally.offer(MS * 9);
        tally.count(&Ended { mistake: true, ..ended("b", End::Right, 1) });
        tally.count(&Ended { times: None, ..ended("b", End::Error("refused"), 0) });
        tally.count(&ended("b", End::Status(500), 1));
        let summary = tally.summary(Duration::from_secs(1));
        assert_eq!((summary.ended(), summary.answered(), summary.errors()), (103, 101, 2));
        assert_eq!((summary.mistakes, summary.cut, summary.bytes), (1, 2, 515));
        assert_eq!((summary.kinds["refused"], summary.kinds["status 500"]), (1, 1));
        let p90 = summary.rows["a"].percentile(90.0).as_secs_f64();
        assert!((p90 - 0.090).abs() < 0.000_1, "{p90}");
        assert!(summary.service_percentile(99.0) < MS * 2);
        assert!(summary.is_valid(), "one late request out of a hundred");
        tally.give_up();
        let given_up = tally.summary(Duration::from_secs(1));
        assert_eq!((given_up.cut, given_up.errors(), given_up.kinds["unanswered"]), (0, 4, 2));
    }

    #[test]
    fn intervals_join_so_that_memory_stays_flat() {
        let mut tally = Tally::new();
        for second in 1..=5_000_u64 {
            tally.offer(Duration::ZERO);
            tally.count(&ended("a", End::Right, 1));
            tally.close_interval(Duration::from_secs(second));
        }
        assert!(tally.moments().len() < MOST_MOMENTS);
        assert_eq!(tally.moments().iter().map(|m| m.ended).sum::<u64>(), 5_000);
        assert!(tally.moments().is_sorted_by_key(|m| m.until));
    }
}
