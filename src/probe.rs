//! When a started service counts as ready. Pure: past answers and the time go in, the next question or a verdict comes out.
//!
//! A cheap look from outside (an HTTP answer or an accepted connection on the published port) is repeated on a short
//! cadence; once it succeeds the declared health test is run inside. A published port is looked at even where nobody declared that
//! it is to be: the official postgres image runs a temporary server during its first start, which answers `pg_isready` inside
//! and goes away, and never listens on the port. Where there is nothing to look at from outside, or a port that nobody
//! declared stays silent for [`SILENT`], the test itself is repeated, and has to succeed twice at least [`SETTLE`] apart.

use std::time::Duration;

use crate::definition::model::{HealthTest, Healthcheck, Port, Protocol, Service};

/// Two successes of a test this far apart, on one start of the container, make it ready.
pub const SETTLE: Duration = Duration::from_millis(200);
/// For so long a published port is waited for that no health test and no `x-pdex.ready` names: it may be one that is not always
/// served.
pub const SILENT: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(20);
const FIRST_DELAY_INSIDE: Duration = Duration::from_millis(100);
const LAST_DELAY: Duration = Duration::from_millis(500);
/// Nothing is given up on earlier than this, however short its health check's own patience.
const LEAST_PATIENCE: Duration = Duration::from_mins(1);

/// A question to a started container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// An HTTP GET to a published address, answered 2xx or 3xx.
    Http { host: String, port: u16, path: String },
    /// A connection to a published address that is accepted and not closed at once.
    Tcp { host: String, port: u16 },
    /// The declared health test, run inside.
    Test,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// With what was seen instead.
    No(String),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ask this, not before that time.
    Ask(Probe, Duration),
    Ready,
    /// The patience is used up; the last answer is the evidence.
    GaveUp(String),
}

/// How a service's readiness is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    outside: Option<Probe>,
    /// Nobody declared `outside`: it is given up when it stays silent.
    presumed: bool,
    inside: bool,
    patience: Duration,
}

impl Policy {
    /// The policy that a service's health check, published ports and `x-pdex.ready` amount to.
    pub fn of(service: &Service) -> Self {
        let test = tested(service);
        let declared = http(service)
            .and_then(|(port, path)| {
                let (host, port) = published(service, port)?;
                Some(Probe::Http { host, port, path })
            })
            .or_else(|| {
                let port = service.pdex.ready.tcp?;
                let (host, port) = published(service, port)?;
                Some(Probe::Tcp { host, port })
            });
        let patience = test.map_or(LEAST_PATIENCE, |check| {
            (check.start_period() + (check.interval() + check.timeout()) * check.retries())
                .max(LEAST_PATIENCE)
        });
        let presumed = declared.is_none() && test.is_some();
        let outside = declared.or_else(|| presumed.then(|| any_published(service)).flatten());
        Self { presumed: presumed && outside.is_some(), outside, inside: test.is_some(), patience }
    }

    /// Whether there is anything to ask: without a test or a port a service is ready as soon as it runs.
    pub fn asks(&self) -> bool {
        self.outside.is_some() || self.inside
    }
}

/// Its health check, unless that is switched off.
pub fn tested(service: &Service) -> Option<&Healthcheck> {
    service.healthcheck.as_ref().filter(|check| check.test != HealthTest::Disabled)
}

/// Container port and path that answer an HTTP GET once the service is ready: `x-pdex.ready.http`, else what its health test gets.
pub fn http(service: &Service) -> Option<(u16, String)> {
    let declared = service.pdex.ready.http.as_ref().map(|http| (http.port, http.path.clone()));
    declared.or_else(|| plain_get(&tested(service)?.test))
}

/// Where a container port is reached from this machine.
fn published(service: &Service, target: u16) -> Option<(String, u16)> {
    service.ports.iter().filter(|port| port.target == target).find_map(reached)
}

/// Where a service is reached from this machine.
pub fn open_ports(service: &Service) -> impl Iterator<Item = (String, u16)> {
    service.ports.iter().filter_map(reached)
}

/// The first port that is reached from this machine.
fn any_published(service: &Service) -> Option<Probe> {
    let (host, port) = open_ports(service).next()?;
    Some(Probe::Tcp { host, port })
}

fn reached(port: &Port) -> Option<(String, u16)> {
    if port.protocol != Protocol::Tcp {
        return None;
    }
    let host = match port.host_ip.as_deref() {
        None | Some("" | "0.0.0.0") => "127.0.0.1",
        Some("::") => "::1",
        Some(ip) => ip,
    };
    Some((host.to_owned(), port.published?))
}

/// Port and path of a health test that is nothing but a GET of a local address by curl or wget.
pub fn plain_get(test: &HealthTest) -> Option<(u16, String)> {
    let words: Vec<&str> = match test {
        HealthTest::Disabled => return None,
        HealthTest::Command(argv) => argv.iter().map(String::as_str).collect(),
        HealthTest::Shell(line) => line.split_whitespace().collect(),
    };
    let (&program, rest) = words.split_first()?;
    if !matches!(program, "curl" | "wget") {
        return None;
    }
    let url = rest.iter().find(|word| word.starts_with("http://"))?;
    let address = url.strip_prefix("http://")?;
    let (authority, path) = address.split_once('/').map_or((address, ""), |(a, p)| (a, p));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    matches!(host, "localhost" | "127.0.0.1").then_some(())?;
    Some((port.parse().ok()?, format!("/{path}")))
}

/// The state of one container's way to ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prober {
    policy: Policy,
    started: Duration,
    seen_outside: bool,
    first_success: Option<Duration>,
    last_success: Option<Duration>,
    asked: u32,
    last_answer: Option<Duration>,
    evidence: String,
}

impl Prober {
    /// What was seen instead of readiness, at the last question.
    pub fn evidence(&self) -> &str {
        &self.evidence
    }

    /// Begins with a container started at `now`.
    pub fn new(policy: Policy, now: Duration) -> Self {
        Self {
            policy,
            started: now,
            seen_outside: false,
            first_success: None,
            last_success: None,
            asked: 0,
            last_answer: None,
            evidence: "no answer yet".to_owned(),
        }
    }

    /// Takes in an answer received at `now`.
    pub fn answer(&mut self, now: Duration, probe: &Probe, answer: &Answer) {
        self.last_answer = Some(now);
        self.asked += 1;
        match (probe, answer) {
            (Probe::Test, Answer::Yes) => {
                self.first_success.get_or_insert(now);
                self.last_success = Some(now);
            }
            (_, Answer::Yes) => {
                self.seen_outside = true;
                self.asked = 0;
            }
            (probe, Answer::No(seen)) => {
                // A service that stops answering starts over: what was seen was a passing state.
                self.seen_outside = self.seen_outside && *probe != Probe::Test;
                self.first_success = None;
                self.last_success = None;
                self.evidence.clone_from(seen);
            }
        }
    }

    /// What follows from the answers so far.
    pub fn verdict(&self, now: Duration) -> Verdict {
        if self.is_ready(now) {
            return Verdict::Ready;
        }
        if now.saturating_sub(self.started) >= self.policy.patience {
            return Verdict::GaveUp(self.evidence.clone());
        }
        let (probe, first) = match self.outside(now) {
            Some(outside) if !self.seen_outside => (outside.clone(), FIRST_DELAY),
            Some(_) => (Probe::Test, Duration::ZERO),
            None => (Probe::Test, FIRST_DELAY_INSIDE),
        };
        let at = match (self.last_answer, self.last_success) {
            (_, Some(success)) => success + SETTLE,
            (None, None) => self.started,
            (Some(last), None) if self.asked == 0 => last,
            (Some(last), None) if probe == Probe::Test => last + delay(first.max(FIRST_DELAY), self.asked),
            (Some(last), None) => last + look_delay(now.saturating_sub(self.started)),
        };
        Verdict::Ask(probe, at)
    }

    /// What is looked at from outside at `now`.
    fn outside(&self, now: Duration) -> Option<&Probe> {
        let silent = self.policy.presumed && !self.seen_outside && now.saturating_sub(self.started) >= SILENT;
        self.policy.outside.as_ref().filter(|_| !silent)
    }

    fn is_ready(&self, now: Duration) -> bool {
        let tested_once = self.first_success.is_some();
        match (self.outside(now), self.policy.inside) {
            (None, false) => true,
            (Some(_), false) => self.seen_outside,
            (Some(_), true) => self.seen_outside && tested_once,
            (None, true) => match (self.first_success, self.last_success) {
                (Some(first), Some(last)) => last >= first + SETTLE,
                _ => false,
            },
        }
    }
}

/// Between two looks from outside, which cost next to nothing: a small part of the time the service has taken so far, so that what
/// is lost by not looking all the time is as small a part.
fn look_delay(taken: Duration) -> Duration {
    (taken / 16).clamp(FIRST_DELAY, LAST_DELAY)
}

/// Between two runs of a test. Grows by half with each unanswered question, up to [`LAST_DELAY`].
fn delay(first: Duration, asked: u32) -> Duration {
    first.mul_f64(1.5_f64.powi(i32::try_from(asked.min(20)).unwrap_or(20) - 1)).min(LAST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn http() -> Probe {
        Probe::Http { host: "127.0.0.1".into(), port: 8000, path: "/health".into() }
    }

    fn policy(outside: Option<Probe>, inside: bool) -> Policy {
        Policy { outside, presumed: false, inside, patience: ms(60_000) }
    }

    #[test]
    fn nothing_to_ask_is_ready_at_once() {
        assert_eq!(Prober::new(policy(None, false), ms(5)).verdict(ms(5)), Verdict::Ready);
    }

    #[test]
    fn the_test_runs_inside_only_after_an_answer_from_outside() {
        let mut prober = Prober::new(policy(Some(http()), true), ms(0));
        assert_eq!(prober.verdict(ms(0)), Verdict::Ask(http(), ms(0)));
        prober.answer(ms(3), &http(), &Answer::No("connection refused".into()));
        assert_eq!(prober.verdict(ms(3)), Verdict::Ask(http(), ms(23)));
        prober.answer(ms(24), &http(), &Answer::Yes);
        assert_eq!(prober.verdict(ms(24)), Verdict::Ask(Probe::Test, ms(24)));
        prober.answer(ms(80), &Probe::Test, &Answer::Yes);
        assert_eq!(prober.verdict(ms(80)), Verdict::Ready);
    }

    #[test]
    fn one_success_inside_alone_is_not_ready() {
        let mut prober = Prober::new(policy(None, true), ms(0));
        prober.answer(ms(100), &Probe::Test, &Answer::Yes);
        assert_eq!(prober.verdict(ms(100)), Verdict::Ask(Probe::Test, ms(300)));
        prober.answer(ms(300), &Probe::Test, &Answer::No("no response".into()));
        prober.answer(ms(900), &Probe::Test, &Answer::Yes);
        assert!(
            matches!(prober.verdict(ms(900)), Verdict::Ask(..)),
            "the first success was of another server"
        );
        prober.answer(ms(1_100), &Probe::Test, &Answer::Yes);
        assert_eq!(prober.verdict(ms(1_100)), Verdict::Ready);
    }

    #[test]
    fn a_presumed_port_is_waited_for_and_then_given_up() {
        let tcp = Probe::Tcp { host: "127.0.0.1".into(), port: 5432 };
        let policy = Policy { presumed: true, ..policy(Some(tcp.clone()), true) };
        let refused = Answer::No("nothing accepts connections on port 5432".into());
        let mut prober = Prober::new(policy, ms(0));
        prober.answer(ms(9_900), &tcp, &refused);
        assert_eq!(
            prober.verdict(ms(9_900)),
            Verdict::Ask(tcp, ms(10_400)),
            "the test is not asked: it may be true too early"
        );
        prober.answer(ms(10_000), &Probe::Test, &Answer::Yes);
        assert_eq!(prober.verdict(ms(10_000)), Verdict::Ask(Probe::Test, ms(10_200)));
        prober.answer(ms(10_200), &Probe::Test, &Answer::Yes);
        assert_eq!(prober.verdict(ms(10_200)), Verdict::Ready);
    }

    #[test]
    fn patience_ends_with_the_last_evidence() {
        let mut prober = Prober::new(policy(Some(http()), true), ms(0));
        prober.answer(ms(59_900), &http(), &Answer::No("HTTP 503".into()));
        assert_eq!(prober.verdict(ms(60_000)), Verdict::GaveUp("HTTP 503".into()));
    }

    #[test]
    fn cadence_grows_to_half_a_second() {
        assert_eq!(delay(FIRST_DELAY, 1), ms(20));
        assert_eq!(delay(FIRST_DELAY, 2), ms(30));
        assert_eq!(delay(FIRST_DELAY, 40), LAST_DELAY);
    }

    #[test]
    fn only_a_plain_get_is_translated() {
        let command = |words: &[&str]| HealthTest::Command(words.iter().map(|&w| w.to_owned()).collect());
        for (test, expected) in [
            (command(&["curl", "-f", "http://localhost:8000/health"]), Some((8000, "/health".to_owned()))),
            (
                command(&["wget", "-q", "-O", "/dev/null", "http://localhost:9100/"]),
                Some((9100, "/".to_owned())),
            ),
            (HealthTest::Shell("curl -f http://127.0.0.1:5000".into()), Some((5000, "/".to_owned()))),
            (HealthTest::Shell("pg_isready -U x".into()), None),
            (command(&["curl", "http://db:8000/"]), None),
            (HealthTest::Disabled, None),
        ] {
            assert_eq!(plain_get(&test), expected, "{test:?}");
        }
    }
}
