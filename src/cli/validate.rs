//! `pdex validate`.

use std::io::{self, Write as _};

use super::args::Json;
use super::exit::Exit;
use super::{Session, context};
use crate::checks::{self, CheckResult, Facts};
use crate::report::{json, tables};
use crate::runtime::Runtime as _;

pub(super) async fn validate(session: &Session, arguments: &Json) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let docker = context::connect(&session.global, &session.environment).await?;
    let world = docker.observe(&definition).await.map_err(|e| context::engine_error(&e))?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let facts = Facts { runtime: &docker, definition: &definition, world: &world, http: &http };
    let results = checks::validate(&facts).await;
    let failed: Vec<&CheckResult> = results.iter().filter(|r| r.has_failed()).collect();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", json::checks(&results))?;
    } else {
        writeln!(out, "{}", tables::checks(&results))?;
        writeln!(out, "{} of {} checks failed", failed.len(), results.len())?;
    }
    Ok(if failed.is_empty() { Exit::Ok } else { Exit::Failed })
}
