//! `pdex validate`.

use std::io::{self, Write as _};

use super::args::look::Json;
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, context};
use crate::checks::{self, CheckResult, Facts};
use crate::report::{json, tables};
use crate::runtime::operate::Operate as _;

pub(super) async fn validate(session: &Session, arguments: &Json) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (results, now) = on_engine!(&engine, runtime => {
        let world = context::observe(runtime, &definition).await?;
        let facts = Facts { runtime, definition: &definition, world: &world, http: &http };
        (checks::validate(&facts).await, runtime.now())
    });
    let failed: Vec<&CheckResult> = results.iter().filter(|r| r.has_failed()).collect();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", json::checks(&results, now))?;
    } else {
        writeln!(out, "{}", tables::checks(&results))?;
        writeln!(out, "{} of {} checks failed", failed.len(), results.len())?;
    }
    Ok(if failed.is_empty() { Exit::Ok } else { Exit::Failed })
}
