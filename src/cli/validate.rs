//! `pdex validate`.

use std::io::{self, Write as _};
use std::time::Duration;

use super::args::look::Validate as Arguments;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, context, signal};
use crate::checks::{self, CheckResult, Facts, Selection};
use crate::definition::model::Definition;
use crate::report::{json, junit, tables};
use crate::runtime::operate::Operate;

/// Between two looks of `--watch`.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn validate(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let selection = Selection { only: arguments.only.clone(), skip: arguments.skip.clone() };
    known(&definition, &selection)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => {
        if !arguments.watch {
            return look(runtime, &definition, &selection, arguments).await;
        }
        let signals = signal::listen();
        loop {
            look(runtime, &definition, &selection, arguments).await?;
            tokio::select! {
                exit = signals.nth(1) => return Ok(exit),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    })
}

fn known(definition: &Definition, selection: &Selection) -> Result<(), Stop> {
    let all = checks::names(definition);
    let Some(name) = selection.unknown(&all) else { return Ok(()) };
    let mut typed: Vec<String> =
        all.iter().flat_map(|(service, check)| [service.clone(), checks::typed(check)]).collect();
    typed.sort();
    typed.dedup();
    Err(context::no_such("check", name, &typed.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Checks once, within the time there is, and tells.
async fn look<R: Operate>(
    runtime: &R,
    definition: &Definition,
    selection: &Selection,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let checking = async {
        let world = context::observe(runtime, definition).await?;
        let inside = checks::inside(runtime, definition, &world).await;
        let http = checks::client(&inside).map_err(|e| Stop::new(Exit::Failed, e, None))?;
        let facts = Facts { runtime, definition, world: &world, http: &http, inside: &inside };
        Ok::<_, Stop>(checks::validate(&facts, selection).await)
    };
    let within = Duration::from_secs(arguments.timeout);
    let results = tokio::time::timeout(within, checking).await.map_err(|_| {
        let what = format!("the checks took longer than {} s", arguments.timeout);
        Stop::new(Exit::Timeout, what, Some("pdex validate --only SERVICE finds the one that hangs"))
    })??;
    tell(&results, runtime.now(), definition, arguments)
}

fn tell(
    results: &[CheckResult],
    now: crate::world::time::Timestamp,
    definition: &Definition,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let failed = results.iter().filter(|result| result.has_failed()).count();
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", json::checks(results, now))?;
    } else {
        if arguments.watch {
            writeln!(out, "{now}")?;
        }
        writeln!(out, "{}", tables::checks(results, arguments.verbose))?;
        writeln!(out, "{failed} of {} checks failed", results.len())?;
    }
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit::checks(&definition.project, results))
            .map_err(|e| Stop::new(Exit::Failed, format!("{}: {e}", path.display()), None))?;
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
}
