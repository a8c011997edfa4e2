//! `pdex mlflow-check`.

use std::io::{self, Write as _};

use super::args::look::MlflowCheck as Arguments;
use super::exit::{Exit, Stop};
use super::{Session, context, moment};
use crate::checks::{self, CheckResult, registry};
use crate::report::{json, tables};

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
    let now = moment::now();
    let http = reqwest::Client::builder().no_proxy().build()?;
    let results = registry::round_trip(&http, &base, now.0 / 1_000_000).await;
    let failed = results.iter().filter(|result: &&CheckResult| result.has_failed()).count();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", json::checks(&results, now))?;
    } else {
        writeln!(out, "{}", tables::checks(&results, false))?;
        writeln!(out, "{failed} of {} steps failed", results.len())?;
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}
