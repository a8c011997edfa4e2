//! `pdex restore`.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;

use super::args::backup::Restore;
use super::backup::refused;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, ask, carry, context, down, lock, signal};
use crate::backup::marks::Restoring;
use crate::backup::{Exchange, Manifest, Told, exchange};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::backup::{self as engine, Which};
use crate::engine::teardown::{Extent, Step, teardown};
use crate::plan::Goal;
use crate::report::backup as report;
use crate::runtime::operate::Operate;
use crate::world::{State, World};

pub(super) async fn restore(session: &Session, arguments: &Restore) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "restore")?;
    on_engine!(&engine, runtime => run(session, runtime, &definition, arguments).await)
}

async fn run<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    arguments: &Restore,
) -> anyhow::Result<Exit> {
    let world = context::observe(runtime, definition).await?;
    let unfinished =
        engine::unfinished(runtime, definition, &world).await.map_err(|e| refused(&e, Exit::Failed))?;
    if let Some(restoring) = unfinished {
        if arguments.plan {
            let what = format!("the restore of {} has not ended", restoring.file);
            return Err(Stop::new(Exit::Failed, what, Some("`pdex restore` finishes it")).into());
        }
        writeln!(io::stderr(), "finishing the restore of {}, made {}", restoring.file, restoring.timestamp)?;
        let (_, exit) = finish(session, runtime, definition, &restoring).await?;
        let other = arguments.file.as_ref().filter(|file| file.display().to_string() != restoring.file);
        if let Some(other) = other {
            writeln!(io::stderr(), "{} was not looked at: run it again for that", other.display())?;
        }
        return Ok(exit);
    }
    let Some(path) = arguments.file.as_deref() else { return Err(which(definition).into()) };
    let manifest = engine::verify(path).map_err(|e| refused(&e, Exit::Failed))?;
    let found = exchange(definition, &world, &manifest);
    let tell_json = |done| {
        let facts = (definition.project.as_str(), runtime.now());
        writeln!(io::stdout(), "{:#}", report::plan_json(path, &manifest, &found, done, facts))
    };
    let plan = report::plan(path, &manifest, &found, &definition.project);
    if arguments.plan {
        if arguments.form.json {
            tell_json(false)?;
        } else {
            writeln!(io::stdout(), "{plan}")?;
        }
        return Ok(Exit::Ok);
    }
    if found.steps.is_empty() {
        writeln!(io::stderr(), "{plan}")?;
        let what = format!("nothing in {} has a place in this stack", path.display());
        return Err(
            Stop::new(Exit::Failed, what, Some("name the definition that it was made of with -f")).into()
        );
    }
    if !ask::agreed_to(&plan, "replace them?", !arguments.yes)? {
        return Err(Stop::new(Exit::Declined, "nothing was replaced", None).into());
    }
    if let Some(exit) = make_ready(session, runtime, definition, (path, &manifest), &found).await? {
        return Ok(exit);
    }
    let restoring = engine::commit(runtime, definition, (path, &manifest), &found).await;
    let restoring = restoring.map_err(|e| refused(&e, Exit::Failed))?;
    let (restored, exit) = finish(session, runtime, definition, &restoring).await?;
    if arguments.form.json {
        tell_json(restored)?;
    }
    Ok(exit)
}

/// No file was named, and nothing is to be finished.
fn which(definition: &Definition) -> Stop {
    let folder = definition.directory.join("backups");
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = entries.filter(|path| path.extension().is_some_and(|end| end == "pdexbackup")).max();
    let hint = newest.map_or_else(
        || format!("`pdex backup` makes one; {} has none", folder.display()),
        |path| format!("pdex restore {}", path.display()),
    );
    Stop::new(Exit::Usage, "no restore was cut short: name a backup", Some(&hint))
}

/// A closed error output must not stop it half-way.
#[expect(clippy::needless_pass_by_value, reason = "who is told something has it")]
fn tell(told: Told) {
    let _ = writeln!(io::stderr(), "{}", report::told(&told));
}

/// Everything up to the exchange; nothing that is there changes. An exit code when it does not come to that.
async fn make_ready<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    backup: (&Path, &Manifest),
    found: &Exchange,
) -> anyhow::Result<Option<Exit>> {
    let released = engine::release(runtime, &definition.project, &mut tell).await;
    released.map_err(|e| refused(&e, Exit::Failed))?;
    let servers = found.databases().into_iter().cloned().collect();
    if let Some(exit) = start(session, runtime, definition, servers, false).await? {
        return Ok(Some(exit));
    }
    let signals = signal::listen();
    let mut say = tell;
    let staging = engine::stage(runtime, definition, backup, found, &mut say);
    let staged = tokio::select! {
        biased;
        exit = signals.nth(1) => Err(Stop { exit, text: "interrupted; nothing was replaced".to_owned() }),
        staged = staging => staged.map_err(|e| refused(&e, Exit::Failed)),
    };
    if let Err(stop) = staged {
        engine::abandon(runtime, definition, found).await;
        let world = context::observe(runtime, definition).await?;
        let extra =
            found.databases().into_iter().filter(|name| !found.ran.contains(*name)).cloned().collect();
        // The error that is told is the first.
        let _ = end(runtime, definition, &world, extra, false).await;
        return Err(stop.into());
    }
    Ok(None)
}

/// From the mark to the end; the same after a kill. Whether all has its place, and the exit code.
async fn finish<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    restoring: &Restoring,
) -> anyhow::Result<(bool, Exit)> {
    let signals = signal::listen();
    let exchanged = tokio::select! {
        biased;
        exit = signals.nth(1) => {
            return Err(Stop { exit, text: "interrupted; `pdex restore` finishes it".to_owned() }.into());
        }
        exchanged = replace(session, runtime, definition, restoring) => exchanged?,
    };
    if let Some(exit) = exchanged {
        return Ok((false, exit));
    }
    writeln!(io::stderr(), "restored {}", restoring.file)?;
    let (servers, ran) = (known(definition, &restoring.databases), known(definition, &restoring.ran));
    // Who only ran to take in its data.
    let world = context::observe(runtime, definition).await?;
    let extra = servers.into_iter().filter(|name| !ran.contains(name)).collect();
    end(runtime, definition, &world, extra, false).await?;
    if ran.is_empty() {
        writeln!(io::stderr(), "`pdex up` starts the stack")?;
    }
    Ok((true, start(session, runtime, definition, ran, true).await?.unwrap_or(Exit::Ok)))
}

fn known(definition: &Definition, names: &[String]) -> BTreeSet<ServiceName> {
    let names = names.iter().map(|name| ServiceName::new(name.as_str()));
    names.filter(|name| definition.services.contains_key(name)).collect()
}

/// Exchanges everything, with nobody at work on it, and takes the mark away. An exit code when a database server does not start.
async fn replace<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    restoring: &Restoring,
) -> anyhow::Result<Option<Exit>> {
    let servers = known(definition, &restoring.databases);
    let cut = |e: engine::BackupError| {
        let stop = refused(&e, Exit::Failed);
        Stop::new(
            stop.exit,
            format!("{e}; the restore has not ended"),
            Some("mend that; `pdex restore` finishes it"),
        )
    };
    if let Some(exit) = start(session, runtime, definition, servers.clone(), false).await? {
        return Ok(Some(exit));
    }
    let world = context::observe(runtime, definition).await?;
    let others =
        with_containers(definition, &world).into_iter().filter(|name| !servers.contains(name)).collect();
    end(runtime, definition, &world, others, false).await?;
    engine::replace(runtime, definition, restoring, Which::Databases, &mut tell).await.map_err(cut)?;
    let world = context::observe(runtime, definition).await?;
    let keys = restoring.volumes.iter().map(String::as_str).collect();
    let users = crate::backup::exchange::users(definition, &keys);
    let present =
        with_containers(definition, &world).into_iter().filter(|name| users.contains(name)).collect();
    end(runtime, definition, &world, present, true).await?;
    engine::replace(runtime, definition, restoring, Which::Files, &mut tell).await.map_err(cut)?;
    engine::forget(runtime, definition).await.map_err(|e| context::engine_error(&e))?;
    Ok(None)
}

fn with_containers(definition: &Definition, world: &World) -> BTreeSet<ServiceName> {
    let own =
        world.containers.iter().filter(|container| definition.services.contains_key(&container.service));
    own.map(|container| container.service.clone()).collect()
}

/// Starts services that do not run; `alone`, without what they depend on. An exit code when that does not succeed.
async fn start<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    services: BTreeSet<ServiceName>,
    alone: bool,
) -> anyhow::Result<Option<Exit>> {
    let world = context::observe(runtime, definition).await?;
    let runs = |name: &ServiceName| world.of(name).any(|c| matches!(c.state, State::Running { .. }));
    if services.iter().all(runs) {
        return Ok(None);
    }
    let goal = Goal { services, no_dependencies: alone, no_recreate: true, ..Goal::default() };
    let plan = context::plan(session, definition, &world, &goal);
    let exit = carry::carry_out(session, definition, &plan, runtime).await?;
    Ok((exit != Exit::Ok).then_some(exit))
}

/// Stops the containers of services, or removes them.
async fn end<R: Operate>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    services: BTreeSet<ServiceName>,
    remove: bool,
) -> anyhow::Result<()> {
    // To a teardown, none means all.
    if services.is_empty() {
        return Ok(());
    }
    let extent = Extent { services, remove, ..Extent::default() };
    let mut failed = false;
    let mut tell = |step: Step| {
        failed |= matches!(step, Step::Failed { .. });
        let _ = writeln!(io::stderr(), "{}", down::words(&step));
    };
    teardown(runtime, definition, world, &extent, &mut tell).await;
    if failed {
        let what = "a container could not be stopped; the restore has not ended";
        return Err(Stop::new(Exit::Failed, what, Some("mend that; `pdex restore` finishes it")).into());
    }
    Ok(())
}
