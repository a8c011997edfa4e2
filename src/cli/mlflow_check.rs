//! `pdex mlflow-check`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use super::args::look::MlflowCheck as Arguments;
use super::exit::{Exit, Stop};
use super::{Session, context, moment};
use crate::checks::{self, CheckResult, registry};
use crate::definition::model::ServiceName;
use crate::report::{json, tables};

const SERVICE: &str = "mlflow";
const PORT: u16 = 5000;

pub(super) async fn mlflow_check(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (http, base) = server(session, arguments).await?;
    let now = moment::now();
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

/// Who asks, and where: the server's published port, else its own address.
async fn server(session: &Session, arguments: &Arguments) -> anyhow::Result<(reqwest::Client, String)> {
    let plain = || checks::client(&BTreeMap::new());
    if let Some(target) = &arguments.target {
        return Ok((plain()?, target.trim_end_matches('/').to_owned()));
    }
    let definition = context::definition(&session.global, &session.environment)?;
    if let Some(base) = checks::address(&definition, SERVICE, PORT) {
        return Ok((plain()?, base));
    }
    let service = ServiceName::new(SERVICE);
    if !definition.services.contains_key(&service) {
        let hint = Some("name a server with --target URL");
        return Err(Stop::new(Exit::Failed, "the definition has no service mlflow", hint).into());
    }
    let inside = context::inside(session, &definition).await?;
    if !inside.contains_key(&service) {
        let what = "mlflow publishes no port, and no container of it runs that could be asked";
        return Err(Stop::new(Exit::Failed, what, Some("pdex up mlflow")).into());
    }
    Ok((checks::client(&inside)?, format!("http://{SERVICE}:{PORT}")))
}
