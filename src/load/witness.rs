//! What the server says of a run: whether it, and Prometheus after it, counted what was sent. Pure.

use std::fmt;

/// The API's counter of answers, by endpoint.
const COUNTER: &str = "api_requests_total{";

/// The same for Prometheus: probes and scrapes are not traffic.
pub const QUERY: &str = r#"sum(api_requests_total{endpoint!~"/health.*|/metrics"})"#;

/// Requests that an exposition counts; none when it has no such counter.
pub fn requests(exposition: &str) -> Option<u64> {
    let lines = exposition.lines().filter_map(|line| line.strip_prefix(COUNTER));
    let mut found = None;
    for line in lines {
        let (labels, value) = line.rsplit_once("} ")?;
        let is_probe =
            ["endpoint=\"/health", "endpoint=\"/metrics\""].iter().any(|probe| labels.contains(probe));
        let value: f64 = value.split(' ').next()?.parse().ok()?;
        if !is_probe {
            *found.get_or_insert(0) += whole(value)?;
        } else if found.is_none() {
            found = Some(0);
        }
    }
    found
}

/// A count that a counter can have.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked here")]
pub fn whole(value: f64) -> Option<u64> {
    ((0.0..9e15).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

/// Counts before and after, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Testimony {
    /// Requests to which an answer came.
    pub answered: u64,
    /// Requests that ended without one.
    pub unanswered: u64,
    /// How far the API's counter went; none when it went back.
    pub api: Option<u64>,
    /// How far Prometheus saw it go; none when it was not asked or did not see the end.
    pub prometheus: Option<u64>,
}

impl fmt::Display for Testimony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(api) = self.api else {
            return f.write_str("the API's counter went back: it was started anew during the run");
        };
        match api.checked_sub(self.answered) {
            Some(0) => write!(f, "the API counted exactly the {api} requests that were answered")?,
            Some(more) if more <= self.unanswered => write!(
                f,
                "the API counted {api} requests, {more} more than were answered here: it answered some that were not waited for"
            )?,
            Some(more) => write!(
                f,
                "the API counted {api} requests, {more} more than were answered here: somebody else asked too"
            )?,
            None => write!(
                f,
                "the API counted {api} requests, {} fewer than were answered here: something before it answered",
                self.answered - api
            )?,
        }
        match self.prometheus {
            Some(seen) if seen == api => f.write_str(", and Prometheus saw them all"),
            Some(seen) => write!(f, "; Prometheus saw {seen}: its last scrape was before the end"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_counted_and_probes_are_not() {
        let text = "# TYPE api_requests_total counter\n\
                    api_requests_total{endpoint=\"/pokemon\",method=\"GET\",status=\"200\"} 40\n\
                    api_requests_total{method=\"GET\",endpoint=\"/health\",status=\"200\"} 7\n\
                    api_requests_total{endpoint=\"/metrics\",method=\"GET\",status=\"200\"} 3\n\
                    api_requests_total{endpoint=\"/predict/battle\",method=\"POST\",status=\"422\"} 2\n\
                    other_total 9\n";
        assert_eq!(requests(text), Some(42));
        assert_eq!(requests("other_total 9\n"), None);
    }

    #[test]
    fn a_difference_is_explained() {
        let told = |api, prometheus| Testimony { answered: 10, unanswered: 2, api, prometheus }.to_string();
        for (api, prometheus, words) in [
            (Some(10), Some(10), "exactly the 10 requests that were answered, and Prometheus saw them all"),
            (Some(11), None, "not waited for"),
            (Some(20), None, "somebody else"),
            (Some(9), None, "1 fewer"),
            (None, None, "started anew"),
            (Some(10), Some(8), "Prometheus saw 8"),
        ] {
            assert!(told(api, prometheus).contains(words), "{}", told(api, prometheus));
        }
    }
}
