//! `pdex up` and `pdex plan`.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use super::args::{ProgressMode, Up};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, context, first, lock, signal};
use crate::checks::preflight;
use crate::definition::graph;
use crate::definition::model::Definition;
use crate::definition::render::config_hash;
use crate::engine::{Outcome, Run, drive};
use crate::event::{FailureKind, Phase};
use crate::plan::{self, Goal, Plan};
use crate::report::progress::Progress;
use crate::report::{failures, spell, tables};
use crate::runtime::Runtime;

pub(super) async fn up(session: &Session, arguments: &Up) -> anyhow::Result<Exit> {
    write_env(session)?;
    let definition = context::definition_naming(&session.global, &session.environment, &arguments.services)?;
    let goal = goal(&definition, arguments)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "up")?;
    on_engine!(&engine, runtime => execute(session, arguments, &definition, &goal, runtime).await)
}

async fn execute<R: Runtime>(
    session: &Session,
    arguments: &Up,
    definition: &Definition,
    goal: &Goal,
    runtime: &R,
) -> anyhow::Result<Exit> {
    let world = context::observe(runtime, definition).await?;
    let plan = plan::make(definition, &world, goal, &config_hash);
    for name in &plan.orphans {
        writeln!(io::stderr(), "warning: container {name} belongs to no service of the definition")?;
    }
    let starting = plan.starting();
    let taken = preflight::ports(runtime, definition, &starting).await;
    if !taken.is_empty() {
        return Err(Stop { exit: Exit::Failed, text: failures::findings(&taken) }.into());
    }
    tracing::info!(networks = plan.networks.len(), volumes = plan.volumes.len(), "plan\n{plan}");
    let mut progress = progress(session.global.progress, &plan);
    let run = Run {
        runtime,
        definition,
        plan: &plan,
        environment: &session.environment,
        deadline: arguments.timeout.map(Duration::from_secs),
    };
    let signalled = Cell::new(Exit::Ok);
    let interrupt = async { signalled.set(signal::interrupt().await) };
    let outcome = drive(&run, &mut |at, event| progress.event(at, event), interrupt).await;
    drop(progress);
    report(definition, &outcome, signalled.get())
}

pub(super) async fn plan(session: &Session, arguments: &Up) -> anyhow::Result<Exit> {
    let definition = context::definition_naming(&session.global, &session.environment, &arguments.services)?;
    let goal = goal(&definition, arguments)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let world = on_engine!(&engine, runtime => context::observe(runtime, &definition).await)?;
    let plan = plan::make(&definition, &world, &goal, &config_hash);
    write!(io::stdout(), "{plan}")?;
    Ok(if plan.is_empty() { Exit::Ok } else { Exit::Usage })
}

/// On a first run the definition cannot be loaded without its secrets, so this comes before anything else.
fn write_env(session: &Session) -> anyhow::Result<()> {
    if !session.global.files.is_empty() || !session.global.env_files.is_empty() {
        return Ok(());
    }
    let files = context::files(&session.global)?;
    let Some(directory) = files.first().and_then(|file| file.parent()?.parent()) else { return Ok(()) };
    if let Some(path) = first::write_env(directory)? {
        writeln!(
            io::stderr(),
            "wrote {} with random passwords and keys, readable by you alone",
            path.display()
        )?;
    }
    Ok(())
}

fn goal(definition: &Definition, arguments: &Up) -> Result<Goal, Stop> {
    Ok(Goal {
        services: context::named(definition, &arguments.services)?.into_iter().collect(),
        build: arguments.build,
        rerun: context::named(definition, &arguments.rerun)?.into_iter().collect(),
        force_recreate: arguments.force_recreate,
    })
}

fn progress(mode: ProgressMode, plan: &Plan) -> Progress {
    let terminal = io::stderr().is_terminal();
    match mode {
        ProgressMode::Quiet => Progress::Quiet,
        ProgressMode::Tty => Progress::live(plan),
        ProgressMode::Auto if terminal => Progress::live(plan),
        ProgressMode::Auto | ProgressMode::Plain => Progress::plain(plan, Box::new(io::stderr())),
    }
}

fn report(definition: &Definition, outcome: &Outcome, signalled: Exit) -> anyhow::Result<Exit> {
    let order = graph::topological(definition);
    let phases = || order.iter().filter_map(|name| outcome.phases.get_key_value(name));
    let mut out = io::stdout();
    writeln!(out, "{}", tables::outcome(definition, phases()))?;
    let ready =
        phases().filter(|(_, phase)| matches!(phase, Phase::Ready { .. })).map(|(name, _)| name.clone());
    let links = tables::links(definition, ready);
    if !links.is_empty() {
        writeln!(out, "\n{links}")?;
    }
    write!(io::stderr(), "{}", failures::diagnosis(phases()))?;
    if outcome.interrupted {
        writeln!(io::stderr(), "interrupted after {}; `pdex up` goes on from here", spell(outcome.took))?;
        return Ok(signalled);
    }
    if outcome.is_success() {
        writeln!(out, "\nready in {}", spell(outcome.took))?;
    }
    let exit = exit_code(outcome);
    if exit == Exit::Timeout {
        writeln!(io::stderr(), "the time was up after {}; `pdex up` goes on from here", spell(outcome.took))?;
    }
    Ok(exit)
}

fn exit_code(outcome: &Outcome) -> Exit {
    let kinds = outcome.phases.values().filter_map(|phase| match phase {
        Phase::Failed(failure) => Some(failure.kind),
        _ => None,
    });
    let worst = kinds.map(|kind| match kind {
        FailureKind::Deadline => (2, Exit::Timeout),
        FailureKind::Step => (1, Exit::Failed),
        FailureKind::Unhealthy => (0, Exit::Unhealthy),
    });
    match worst.max_by_key(|(weight, _)| *weight) {
        Some((_, exit)) => exit,
        None if outcome.is_success() => Exit::Ok,
        None => Exit::Failed,
    }
}
