//! `pdex restart`, `kill`, `pause`, `unpause` and `rm`.

use std::io::{self, Write as _};
use std::time::Duration;

use super::args::handle::{Kill, Restart, Rm, Services};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, ask, context, lock};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::handle::{self, Deed, Done};
use crate::engine::select;
use crate::report::steps;
use crate::runtime::operate::Operate;

pub(super) async fn restart(session: &Session, arguments: &Restart) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.stop.services)?;
    let all = if arguments.no_deps { named } else { handle::restarted(&definition, &named) };
    let deed = Deed::Restart { grace: arguments.stop.timeout.map(Duration::from_secs) };
    on_named(session, &definition, &all, "restart", &deed).await
}

pub(super) async fn kill(session: &Session, arguments: &Kill) -> anyhow::Result<Exit> {
    on_services(session, &arguments.services, "kill", &Deed::Kill { signal: arguments.signal.clone() }).await
}

pub(super) async fn pause(session: &Session, arguments: &Services) -> anyhow::Result<Exit> {
    on_services(session, &arguments.services, "pause", &Deed::Pause).await
}

pub(super) async fn unpause(session: &Session, arguments: &Services) -> anyhow::Result<Exit> {
    on_services(session, &arguments.services, "unpause", &Deed::Unpause).await
}

pub(super) async fn rm(session: &Session, arguments: &Rm) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let deed = Deed::Remove { stop: arguments.stop, volumes: arguments.volumes };
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "rm")?;
    on_engine!(&engine, runtime => {
        if !arguments.force {
            confirm(runtime, &definition, &named, &deed).await?;
        }
        execute(runtime, &definition, &named, &deed).await
    })
}

async fn confirm<R: Operate>(
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
    deed: &Deed,
) -> anyhow::Result<()> {
    let all = context::list(runtime, definition).await?;
    let going: Vec<&str> = select::own(definition, &all, named)
        .into_iter()
        .filter(|container| handle::concerns(deed, container))
        .map(|container| container.name.as_str())
        .collect();
    if going.is_empty() || ask::agreed(&format!("containers to be removed: {}", going.join(", ")), true)? {
        return Ok(());
    }
    Err(Stop::new(Exit::Declined, "nothing was removed", None).into())
}

async fn on_services(
    session: &Session,
    services: &[String],
    command: &str,
    deed: &Deed,
) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, services)?;
    on_named(session, &definition, &named, command, deed).await
}

async fn on_named(
    session: &Session,
    definition: &Definition,
    named: &[ServiceName],
    command: &str,
    deed: &Deed,
) -> anyhow::Result<Exit> {
    let engine = context::connect(&session.global, &session.environment).await?;
    // A signal or a pause must reach a stack that another pdex is just starting.
    let starts = matches!(deed, Deed::Restart { .. });
    let _lock = starts.then(|| lock::take(&definition.project, command)).transpose()?;
    on_engine!(&engine, runtime => {
        if starts {
            context::not_half_restored(definition, &context::observe(runtime, definition).await?)?;
        }
        execute(runtime, definition, named, deed).await
    })
}

async fn execute<R: Operate>(
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
    deed: &Deed,
) -> anyhow::Result<Exit> {
    let all = context::list(runtime, definition).await?;
    let own = select::own(definition, &all, named);
    let mut failed = false;
    let absent = select::missing(&own, named).into_iter();
    // What is to go and is not there is gone.
    for service in absent.filter(|_| !matches!(deed, Deed::Remove { .. })) {
        failed = true;
        writeln!(io::stderr(), "{}", steps::no_container(service))?;
    }
    let mut any = false;
    handle::handle(runtime, definition, &own, deed, &mut |done: Done| {
        any = true;
        failed |= done.result.is_err();
        let error = done.result.as_ref().err().map(|e| e as &dyn std::fmt::Display);
        // A closed error output must not stop the work half-way.
        let _ = writeln!(io::stderr(), "{}", steps::done(deed.word(), &done.container, error));
    })
    .await;
    if !any && !failed {
        writeln!(io::stderr(), "there is nothing to be done")?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}
