//! `pdex mlflow-check`.

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::look::MlflowCheck as Arguments;
use super::exit::{Exit, Stop};
use super::{Session, context};
use crate::checks::{self, CheckResult, registry};
use crate::report::{json, tables};
use crate::world::time::Timestamp;

pub(super) async fn mlflow_check(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let base = if let Some(target) = &arguments.target {
        target.trim_end_matches('/').to_owned()
    } else {
        let definition = context::definition(&session.global, &session.environment)?;
        checks::address(&definition, "mlflow", 5000).ok_or_else(|| {
            Stop::new(
                Exit::Failed,
                "the definition has no service mlflow that publishes its port 5000",
                Some("name a server with --target URL"),
            )
        })?
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 1_000_000);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let results = registry::round_trip(&http, &base, now_ms).await;
    let failed = results.iter().filter(|result: &&CheckResult| result.has_failed()).count();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", json::checks(&results, Timestamp(now_ms * 1_000_000)))?;
    } else {
        writeln!(out, "{}", tables::checks(&results))?;
        writeln!(out, "{failed} of {} steps failed", results.len())?;
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}
