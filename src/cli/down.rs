//! `pdex down` and `pdex stop`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use super::args::{Down, Stop as StopArguments};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, context, lock, signal};
use crate::definition::model::Definition;
use crate::engine::teardown::{Extent, Step, teardown, volumes};
use crate::runtime::Runtime;

pub(super) async fn down(session: &Session, arguments: &Down) -> anyhow::Result<Exit> {
    let extent = Extent {
        remove: true,
        volumes: arguments.volumes,
        grace: arguments.timeout.map(Duration::from_secs),
        ..Extent::default()
    };
    take_down(session, &extent, "down", !arguments.yes).await
}

pub(super) async fn stop(session: &Session, arguments: &StopArguments) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let extent = Extent {
        services: context::named(&definition, &arguments.services)?.into_iter().collect(),
        grace: arguments.timeout.map(Duration::from_secs),
        ..Extent::default()
    };
    take_down(session, &extent, "stop", false).await
}

async fn take_down(session: &Session, extent: &Extent, command: &str, ask: bool) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, command)?;
    on_engine!(&engine, runtime => execute(runtime, &definition, extent, ask).await)
}

async fn execute<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    extent: &Extent,
    ask: bool,
) -> anyhow::Result<Exit> {
    let world = context::observe(runtime, definition).await?;
    if extent.volumes && ask {
        confirm(&volumes(definition, &world))?;
    }
    let mut steps = Vec::new();
    let mut tell = |step| {
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
        () = teardown(runtime, definition, &world, extent, &mut tell) => {}
    }
    if steps.is_empty() {
        writeln!(io::stderr(), "nothing of {} is there", definition.project)?;
    }
    let failed = steps.iter().any(|step| matches!(step, Step::Failed { .. }));
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}

/// Names what will be lost. On a terminal the user decides; elsewhere `-v` was said on purpose.
fn confirm(volumes: &[String]) -> anyhow::Result<()> {
    if volumes.is_empty() {
        return Ok(());
    }
    writeln!(io::stderr(), "volumes to be removed with all their data: {}", volumes.join(", "))?;
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    write!(io::stderr(), "remove them? [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Stop::new(Exit::Declined, "nothing was removed", Some("`pdex down` keeps the volumes")).into())
}

fn words(step: &Step) -> String {
    match step {
        Step::Stopped(name) => format!("stopped container {name}"),
        Step::Removed(name) => format!("removed container {name}"),
        Step::NetworkRemoved(name) => format!("removed network {name}"),
        Step::VolumeRemoved(name) => format!("removed volume {name}"),
        Step::Failed { what, error } => format!("error: {what}: {error}"),
    }
}
