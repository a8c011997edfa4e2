//! `pdex run`: a container of its own, made as the service's would be.

use std::io::{self, Write as _};
use std::time::Duration;

use super::args::process::Run as Arguments;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, attach, carry, context, lock, signal, supply};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::one_off::{self, Changes};
use crate::plan::Goal;
use crate::report::failures;
use crate::runtime::operate::{Operate, ProcessId, Terms, Until};
use crate::world::ContainerId;

/// After its output has ended a container ends soon, unless it was left with Docker's detach keys.
const SOON: Duration = Duration::from_secs(10);

pub(super) async fn run(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, std::slice::from_ref(&arguments.service))?;
    let service = &named[0];
    let changes = changes(session, arguments);
    let own = one_off::service_with(&definition, service, &changes)
        .map_err(|what| Stop::new(Exit::Usage, what, Some("pdex run --help")))?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => {
        if let Some(exit) = ready(session, runtime, &definition, service, arguments).await? {
            return Ok(exit);
        }
        let terms = Terms { remove: arguments.rm, ..attach::terms(arguments.no_tty, arguments.detach) };
        let name = arguments.name.clone().map_or_else(|| one_off::name(&definition.project, service), Ok)?;
        let made = one_off::make(runtime, &definition, &own, &name, terms).await;
        let id = made.map_err(|failure| Stop { exit: Exit::Failed, text: failures::block(service.as_str(), &failure) })?;
        play(runtime, &id, &name, terms, arguments.detach).await
    })
}

fn changes(session: &Session, arguments: &Arguments) -> Changes {
    Changes {
        command: Some(arguments.command.clone()).filter(|command| !command.is_empty()),
        entrypoint: arguments.entrypoint.clone(),
        environment: context::variables(session, &arguments.env),
        mounts: arguments.volume.clone(),
        user: arguments.user.clone(),
        working_dir: arguments.workdir.clone(),
        publish: arguments.service_ports,
    }
}

/// Makes what the service depends on ready, and its image present. An exit code when that does not succeed.
async fn ready<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    service: &ServiceName,
    arguments: &Arguments,
) -> anyhow::Result<Option<Exit>> {
    let world = context::observe(runtime, definition).await?;
    context::not_half_restored(definition, &world)?;
    let dependencies = definition.services.get(service).map(|service| &service.depends_on);
    let services = dependencies.into_iter().flat_map(|all| all.keys().cloned()).collect();
    let goal = Goal { services, ..Goal::default() };
    if !arguments.no_deps && !goal.services.is_empty() {
        let _lock = lock::take(&definition.project, "run")?;
        let plan = context::plan(session, definition, &world, &goal);
        if !plan.is_empty() {
            let exit = carry::carry_out(session, definition, &plan, runtime).await?;
            if exit != Exit::Ok {
                return Ok(Some(exit));
            }
        }
    }
    if !world.images.contains_key(&definition.services[service].image) {
        return supply::obtain(session, runtime, definition, std::slice::from_ref(service)).await;
    }
    Ok(None)
}

async fn play<R: Operate>(
    runtime: &R,
    id: &ContainerId,
    name: &str,
    terms: Terms,
    detached: bool,
) -> anyhow::Result<Exit> {
    let broken = |e| context::engine_error(&e);
    if detached {
        runtime.start(id).await.map_err(broken)?;
        writeln!(io::stdout(), "{name}")?;
        return Ok(Exit::Ok);
    }
    let until = if terms.remove { Until::Gone } else { Until::NextEnd };
    // Both before the start: nothing printed is lost, and no end is missed.
    let attached = runtime.attach(id, terms).await.map_err(broken)?;
    let end = runtime.end(id, until).await.map_err(broken)?;
    if let Err(e) = runtime.start(id).await {
        // What never ran is of no use to anyone.
        let _ = runtime.discard(id, true).await;
        return Err(context::engine_error(&e).into());
    }
    let process = ProcessId::Container(id.clone());
    let conversation = attach::converse(runtime, &process, attached, terms);
    tokio::select! {
        conversed = conversation => conversed?,
        () = pass_on_signals(runtime, id) => {}
    }
    if !terms.terminal {
        return Ok(Exit::passed(end.await.map_err(broken)?));
    }
    if let Ok(code) = tokio::time::timeout(SOON, end).await {
        return Ok(Exit::passed(code.map_err(broken)?));
    }
    writeln!(io::stderr(), "container {name} goes on")?;
    Ok(Exit::Ok)
}

/// The first signal is the container's; a second one ends it.
async fn pass_on_signals<R: Operate>(runtime: &R, id: &ContainerId) {
    let first = signal::interrupt().await;
    let name = if first == Exit::Interrupted { "SIGINT" } else { "SIGTERM" };
    // One that has just ended needs no signal.
    let _ = runtime.kill(id, name).await;
    signal::interrupt().await;
    let _ = runtime.kill(id, "SIGKILL").await;
    std::future::pending::<()>().await;
}
