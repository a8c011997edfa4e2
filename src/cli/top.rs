//! `pdex top` and `pdex stats`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use super::args::look::{Look, Stats};
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, context, signal};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::{measure, select};
use crate::report::{listing, live};
use crate::runtime::operate::Operate;
use crate::world::ContainerId;

/// Between the first two readings: a rate needs two.
const FIRST: Duration = Duration::from_millis(500);
/// Between later ones.
const NEXT: Duration = Duration::from_secs(1);

pub(super) async fn top(session: &Session, arguments: &Look) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => {
        let all = context::list(runtime, &definition).await?;
        let own = select::own(&definition, &all, &named);
        let processes = measure::processes(runtime, &own).await.map_err(|e| context::engine_error(&e))?;
        if arguments.json {
            let document = listing::processes_json(runtime.now(), &definition.project, &processes);
            writeln!(io::stdout(), "{document:#}")?;
        } else if processes.is_empty() {
            writeln!(io::stderr(), "nothing runs")?;
        } else {
            writeln!(io::stdout(), "{}", listing::processes(&processes))?;
        }
    });
    Ok(Exit::Ok)
}

pub(super) async fn stats(session: &Session, arguments: &Stats) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let watching =
        async { on_engine!(&engine, runtime => watch(runtime, &definition, &named, arguments).await) };
    tokio::select! {
        exit = watching => exit,
        exit = signal::interrupt() => Ok(exit),
    }
}

async fn watch<R: Operate>(
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
    arguments: &Stats,
) -> anyhow::Result<Exit> {
    let mut earlier: BTreeMap<ContainerId, _> = BTreeMap::new();
    let redraw = io::stdout().is_terminal() && !arguments.json && !arguments.no_stream;
    let mut pause = None;
    loop {
        let all = context::list(runtime, definition).await?;
        let own = select::own(definition, &all, named);
        let readings = measure::usage(runtime, &own).await.map_err(|e| context::engine_error(&e))?;
        if let Some(pause) = pause.replace(if pause.is_none() { FIRST } else { NEXT }) {
            let _: Duration = pause;
            let pairs =
                readings.iter().map(|(id, now)| (id.clone(), (earlier.get(id).copied().flatten(), *now)));
            let pairs = pairs.collect();
            let text = if arguments.json {
                let document = live::stats_json(runtime.now(), &definition.project, &own, &pairs);
                if arguments.no_stream { format!("{document:#}") } else { document.to_string() }
            } else {
                live::stats(&own, &pairs)
            };
            // Home, then what is longer than before is wiped away.
            let (before, after) = if redraw { ("\x1b[H\x1b[J", "\n") } else { ("", "\n") };
            write!(io::stdout(), "{before}{text}{after}")?;
            io::stdout().flush()?;
            if arguments.no_stream {
                return Ok(Exit::Ok);
            }
        }
        earlier = readings.into_iter().collect();
        tokio::time::sleep(pause.unwrap_or(NEXT)).await;
    }
}
