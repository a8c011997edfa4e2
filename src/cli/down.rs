//! `pdex down` and `pdex stop`.

use std::io::{self, Write as _};
use std::time::Duration;

use super::args::handle::{Down, Rmi, Stop as StopArguments};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, ask, backup, context, lock, signal};
use crate::definition::model::Definition;
use crate::engine::teardown::{self, Extent, Images, Step, teardown, volumes};
use crate::runtime::operate::Operate;
use crate::world::World;

pub(super) async fn down(session: &Session, arguments: &Down) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let extent = Extent {
        services: named.into_iter().collect(),
        remove: true,
        orphans: arguments.remove_orphans,
        volumes: arguments.volumes,
        images: match arguments.rmi {
            None => Images::Keep,
            Some(Rmi::Local) => Images::Unnamed,
            Some(Rmi::All) => Images::All,
        },
        grace: arguments.timeout.map(Duration::from_secs),
    };
    let first = First { ask: !arguments.yes, backup: !arguments.no_backup };
    take_down(session, &definition, &extent, "down", first).await
}

pub(super) async fn stop(session: &Session, arguments: &StopArguments) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let extent = Extent {
        services: named.into_iter().collect(),
        grace: arguments.timeout.map(Duration::from_secs),
        ..Extent::default()
    };
    take_down(session, &definition, &extent, "stop", First { ask: false, backup: false }).await
}

/// What comes before volumes are removed.
#[derive(Debug, Clone, Copy)]
struct First {
    ask: bool,
    backup: bool,
}

async fn take_down(
    session: &Session,
    definition: &Definition,
    extent: &Extent,
    command: &str,
    first: First,
) -> anyhow::Result<Exit> {
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, command)?;
    on_engine!(&engine, runtime => execute(runtime, definition, extent, first).await)
}

async fn execute<R: Operate>(
    runtime: &R,
    definition: &Definition,
    extent: &Extent,
    first: First,
) -> anyhow::Result<Exit> {
    let world = context::observe(runtime, definition).await?;
    let going = volumes(definition, &world);
    if extent.volumes
        && !going.is_empty()
        && !ask::agreed(
            &format!("volumes to be removed with all their data: {}", going.join(", ")),
            first.ask,
        )?
    {
        return Err(
            Stop::new(Exit::Declined, "nothing was removed", Some("`pdex down` keeps the volumes")).into()
        );
    }
    if extent.volumes && !going.is_empty() && first.backup {
        backup::before_removal(runtime, definition, &world).await?;
    }
    let mut steps = Vec::new();
    let mut tell = |step: Step| {
        let text = words(&step);
        steps.push(step);
        // A closed error output must not stop the teardown half-way.
        let _ = writeln!(io::stderr(), "{text}");
    };
    // Not before: while the question above is open, a signal ends the program as it ends any other.
    tokio::select! {
        biased;
        exit = signal::interrupt() => {
            let command = if extent.remove { "down" } else { "stop" };
            let _ = writeln!(io::stderr(), "interrupted; `pdex {command}` goes on from here");
            return Ok(exit);
        }
        done = all(runtime, definition, &world, extent, &mut tell) => done?,
    }
    if steps.is_empty() {
        writeln!(io::stderr(), "nothing of {} is there", definition.project)?;
    }
    let failed = steps.iter().any(|step| matches!(step, Step::Failed { .. }));
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}

async fn all<R: Operate>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    extent: &Extent,
    tell: &mut dyn FnMut(Step),
) -> anyhow::Result<()> {
    if extent.remove && extent.orphans {
        end_one_offs(runtime, definition, extent, tell).await?;
    }
    teardown(runtime, definition, world, extent, tell).await;
    Ok(())
}

/// One-off containers stand outside the snapshot that plans are made from.
async fn end_one_offs<R: Operate>(
    runtime: &R,
    definition: &Definition,
    extent: &Extent,
    tell: &mut dyn FnMut(Step),
) -> anyhow::Result<()> {
    for container in context::list(runtime, definition).await?.iter().filter(|listed| listed.one_off) {
        teardown::one_off(runtime, container, extent.grace, tell).await;
    }
    Ok(())
}

pub(super) fn words(step: &Step) -> String {
    match step {
        Step::Stopped(name) => format!("stopped container {name}"),
        Step::Removed(name) => format!("removed container {name}"),
        Step::NetworkRemoved(name) => format!("removed network {name}"),
        Step::VolumeRemoved(name) => format!("removed volume {name}"),
        Step::ImageRemoved(name) => format!("removed image {name}"),
        Step::Left(name) => format!(
            "warning: container {name} belongs to no service of the definition and stays\n  hint: pdex down --remove-orphans"
        ),
        Step::Disabled { container, profile } => format!(
            "warning: container {container} stays: its service is in no enabled profile\n  hint: pdex --profile {profile} down"
        ),
        Step::Warning { what, text } => format!("warning: {what}: {text}"),
        Step::Failed { what, error } if error.is_network_in_use() => {
            let name = what.trim_start_matches("network ");
            format!(
                "error: {what}: {error}\n  hint: `docker network inspect {name}` shows which containers are on it"
            )
        }
        Step::Failed { what, error } => format!("error: {what}: {error}"),
    }
}
