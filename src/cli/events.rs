//! `pdex events` and `pdex wait`.

use std::io::{self, Write as _};

use futures_util::StreamExt as _;
use futures_util::future::try_join_all;

use super::args::look::{Events, Wait};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, context, moment, signal};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::select;
use crate::report::{live, steps};
use crate::runtime::operate::{Operate, Until};

pub(super) async fn events(session: &Session, arguments: &Events) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let telling =
        async { on_engine!(&engine, runtime => tell(runtime, &definition, &named, arguments).await) };
    tokio::select! {
        exit = telling => exit,
        exit = signal::interrupt() => Ok(exit),
    }
}

async fn tell<R: Operate>(
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
    arguments: &Events,
) -> anyhow::Result<Exit> {
    let now = runtime.now();
    let since = moment::moment("since", arguments.since.as_deref(), now)?;
    let until = moment::moment("until", arguments.until.as_deref(), now)?;
    let mut happenings = runtime.happenings(&definition.project, since, until);
    while let Some(happening) = happenings.next().await {
        let happening = happening.map_err(|e| context::engine_error(&e))?;
        if !named.is_empty() && !named.contains(&happening.service) {
            continue;
        }
        if arguments.json {
            writeln!(io::stdout(), "{}", live::event_json(&happening))?;
        } else {
            writeln!(io::stdout(), "{}", live::event(&happening))?;
        }
    }
    Ok(Exit::Ok)
}

pub(super) async fn wait(session: &Session, arguments: &Wait) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let waiting =
        async { on_engine!(&engine, runtime => ends(runtime, &definition, &named, arguments).await) };
    tokio::select! {
        exit = waiting => exit,
        exit = signal::interrupt() => Ok(exit),
    }
}

async fn ends<R: Operate>(
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
    arguments: &Wait,
) -> anyhow::Result<Exit> {
    let all = context::list(runtime, definition).await?;
    let own = select::own(definition, &all, named);
    if let Some(service) = select::missing(&own, named).first() {
        return Err(Stop { exit: Exit::Failed, text: steps::no_container(service) }.into());
    }
    let ends = try_join_all(own.iter().map(async |container| {
        let code = runtime.end(&container.id, Until::Ended).await?.await?;
        if !arguments.json {
            // As they end; the reader of a closed pipe is told by the exit code.
            let _ = writeln!(io::stdout(), "{}", live::end(container, code));
        }
        Ok((*container, code))
    }));
    let ends = ends.await.map_err(|e| context::engine_error(&e))?;
    if arguments.json {
        writeln!(io::stdout(), "{:#}", live::ends_json(runtime.now(), &ends))?;
    }
    let failed = ends.iter().map(|(_, code)| *code).find(|code| *code != 0);
    Ok(failed.map_or(Exit::Ok, Exit::passed))
}
