//! Who counts a run besides: the API and Prometheus, asked before it and after.

use std::time::Duration;

use serde_json::Value;

use crate::load::tally::Summary;
use crate::load::witness::{self, Testimony};

/// For one question.
const PATIENCE: Duration = Duration::from_secs(5);
/// Within which Prometheus has to have seen the end: a scrape's interval and a little.
const SCRAPE: Duration = Duration::from_secs(18);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(500);

/// Whom to ask, and by what.
pub(super) struct Beside {
    http: reqwest::Client,
    metrics: String,
    prometheus: Option<String>,
}

/// What they have counted.
pub(super) struct Counted {
    api: u64,
    prometheus: Option<u64>,
}

impl Beside {
    /// `api` and `prometheus` are their addresses, without a path.
    pub(super) fn new(http: reqwest::Client, api: &str, prometheus: Option<String>) -> Self {
        Self { http, metrics: format!("{api}/metrics"), prometheus }
    }

    pub(super) async fn counted(&self) -> Option<Counted> {
        let api = self.ask_api().await?;
        // What is not there yet is 0 once it is: the series begins with the first scrape.
        let prometheus = self.ask_prometheus().await;
        Some(Counted { api, prometheus })
    }

    async fn ask_api(&self) -> Option<u64> {
        let answer = self.http.get(&self.metrics).timeout(PATIENCE).send().await.ok()?;
        witness::requests(&answer.text().await.ok()?)
    }

    async fn ask_prometheus(&self) -> Option<u64> {
        let url = format!("{}/api/v1/query", self.prometheus.as_ref()?);
        let body = format!("query={}", percent_encoded(witness::QUERY));
        let request = self.http.post(url).timeout(PATIENCE);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        witness::whole(answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()?)
    }

    /// Waits until Prometheus has seen the API's count, or a scrape's time has passed. What it counted is told from the API's count
    /// before: its own may be a scrape old.
    pub(super) async fn testify(&self, before: Counted, summary: &Summary) -> Option<Testimony> {
        let after = self.ask_api().await?;
        let mut seen = None;
        if before.prometheus.is_some() {
            let asked = tokio::time::timeout(SCRAPE, async {
                loop {
                    seen = self.ask_prometheus().await;
                    if seen.is_some_and(|seen| seen >= after) {
                        break;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
            // What it said last counts, too.
            let _ = asked.await;
        }
        Some(Testimony {
            answered: summary.replied(),
            unanswered: summary.ended() - summary.replied(),
            api: after.checked_sub(before.api),
            prometheus: seen.map(|seen| seen.saturating_sub(before.api)),
        })
    }
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encoded).collect()
}
