//! `pdex up` and `pdex plan`.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::args::{self, Engine, Go, ProgressMode, PullWhen};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::signal::{self, Signals};
use super::{Session, context, first, history, left_over, lock, record, vault};
use crate::checks::preflight;
use crate::definition::model::Definition;
use crate::engine::{Outcome, Run, Settings, drive};
use crate::event::{FailureKind, Phase};
use crate::finding::Severity;
use crate::plan::{self, Goal, Plan, Pull};
use crate::report::progress::Progress;
use crate::report::timeline::{self, Timeline};
use crate::report::{failures, json, spell, tables};
use crate::runtime::Runtime;
use crate::runtime::operate::Operate;
use crate::world::World;

pub(super) async fn up(session: &Session, arguments: &Go) -> anyhow::Result<Exit> {
    let signals = signal::listen();
    tokio::select! {
        biased;
        exit = signals.nth(2) => {
            let _ = writeln!(
                io::stderr(),
                "ended at once; what the engine was asked for goes on there, and `pdex up` goes on from here"
            );
            Ok(exit)
        }
        done = run(session, arguments, &signals) => done,
    }
}

async fn run(session: &Session, arguments: &Go, signals: &Signals) -> anyhow::Result<Exit> {
    let wrote_env = write_env(session)?;
    let definition = definition(session, &arguments.up)?;
    make_secrets(&definition)?;
    let goal = goal(&definition, &arguments.up)?;
    let engine = unless(signals, context::connect(&session.global, &session.environment)).await?;
    let _lock = lock::take(&definition.project, "up")?;
    on_engine!(&engine, runtime => {
        left_over::put_back(session, runtime, &definition.project).await?;
        let world = unless(signals, context::observe(runtime, &definition)).await?;
        context::not_half_restored(&definition, &world)?;
        let hash = context::fingerprint(&session.global, &definition);
        let plan = plan::make(&definition, &world, &goal, &*hash);
        unless(signals, Box::pin(look_ahead(runtime, &definition, &world, &plan, wrote_env))).await?;
        execute(session, arguments, &definition, &plan, runtime, signals).await
    })
}

/// A look at the engine, given up when the user wants to stop: nothing has been changed yet.
async fn unless<T>(signals: &Signals, look: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    tokio::select! {
        biased;
        exit = signals.nth(1) => Err(Stop { exit, text: "interrupted before anything was changed".to_owned() }),
        seen = look => seen,
    }
}

/// Tells what would go wrong; `Err` when it surely would.
async fn look_ahead<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    plan: &Plan,
    wrote_env: bool,
) -> Result<(), Stop> {
    tell_of_strays(plan);
    let mut findings = preflight::check(runtime, definition, world, &plan.starting()).await;
    findings.extend(preflight::secrets_made_anew(definition, world).filter(|_| wrote_env));
    findings.extend(
        preflight::of_swarm(runtime, definition, &plan.changing())
            .await
            .map_err(|e| context::engine_error(&e))?,
    );
    let text = failures::findings(&findings);
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Stop { exit: Exit::Failed, text });
    }
    let _ = write!(io::stderr(), "{text}");
    Ok(())
}

async fn execute<R: Runtime + Operate>(
    session: &Session,
    arguments: &Go,
    definition: &Definition,
    plan: &Plan,
    runtime: &R,
    signals: &Signals,
) -> anyhow::Result<Exit> {
    tracing::info!(networks = plan.networks.len(), volumes = plan.volumes.len(), "plan\n{plan}");
    let mut progress = progress(session.global.progress, plan);
    let mut timeline = Timeline::new(plan, session.began.elapsed());
    let run = Run {
        runtime,
        definition,
        plan,
        environment: &session.environment,
        deadline: arguments.timeout.map(Duration::from_secs),
        no_registry: arguments.up.offline || arguments.up.pull == PullWhen::Never,
        offline: arguments.up.offline,
        settings: Settings { wait: !arguments.no_wait, ..Settings::default() },
    };
    let signalled = Cell::new(Exit::Ok);
    let interrupt = async { signalled.set(signals.nth(1).await) };
    let mut sink = |at, event: &_| {
        progress.event(at, event);
        timeline.event(at, event);
    };
    let outcome = drive(&run, &mut sink, interrupt).await;
    drop(progress);
    timeline.end(session.began.elapsed());
    record::publish(definition, &timeline, runtime.now());
    if outcome.is_success() && !arguments.no_wait {
        history::keep(&session.environment, plan, outcome.took, runtime.now());
    }
    report(definition, &outcome, &timeline, signalled.get(), arguments)
}

/// Containers that are there and are not wanted: those that stay, and those that go.
fn tell_of_strays(plan: &Plan) {
    let surplus = plan.services.iter().flat_map(|service| &service.surplus);
    let surplus = surplus.map(|container| format!("removing container {}, one too many", container.name));
    let orphans = plan.orphans.iter().map(|container| {
        let (begin, and) = if plan.remove_orphans { ("removing", ", which") } else { ("warning:", "") };
        format!("{begin} container {}{and} belongs to no service of the definition", container.name)
    });
    for line in surplus.chain(orphans) {
        // Whoever closed the error output does not want to know.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

pub(super) async fn plan(session: &Session, arguments: &args::Plan) -> anyhow::Result<Exit> {
    let definition = definition(session, &arguments.up)?;
    let goal = goal(&definition, &arguments.up)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let (world, now) =
        on_engine!(&engine, runtime => (context::observe(runtime, &definition).await?, runtime.now()));
    let hash = context::fingerprint(&session.global, &definition);
    let plan = plan::make(&definition, &world, &goal, &*hash);
    if arguments.json {
        writeln!(io::stdout(), "{:#}", json::plan(&plan, now))?;
    } else {
        write!(io::stdout(), "{plan}")?;
    }
    Ok(if plan.is_empty() { Exit::Ok } else { Exit::Usage })
}

/// On a first run the definition cannot be loaded without its secrets, so this comes before anything else. Whether
/// one was written.
pub(super) fn write_env(session: &Session) -> anyhow::Result<bool> {
    let Some(directory) = env_directory(session)? else { return Ok(false) };
    let Some(path) = first::write_env(&directory)? else { return Ok(false) };
    writeln!(io::stderr(), "wrote {} with random passwords and keys, readable by you alone", path.display())?;
    Ok(true)
}

/// The files of secrets that the definition has pdex keep.
fn make_secrets(definition: &Definition) -> anyhow::Result<()> {
    let made = vault::fill(definition)?;
    if !made.is_empty() {
        writeln!(io::stderr(), "made the files of secrets {}", made.join(", "))?;
    }
    Ok(())
}

/// Where a first run writes `.env`: only for the platform's own definition, and where no other file is named.
pub(super) fn env_directory(session: &Session) -> Result<Option<PathBuf>, Stop> {
    if !session.global.files.is_empty() || !session.global.env_files.is_empty() {
        return Ok(None);
    }
    let files = context::files(&session.global, &session.environment)?;
    Ok(files.first().and_then(|file| Some(file.parent()?.parent()?.to_owned())))
}

/// The definition with the numbers of containers that the command line asks for.
fn definition(session: &Session, arguments: &args::Up) -> Result<Definition, Stop> {
    let mut definition =
        context::definition_naming(&session.global, &session.environment, &arguments.services)?;
    for (name, number) in &arguments.scale {
        let name = context::named(&definition, std::slice::from_ref(name))?.remove(0);
        let Some(service) = definition.services.get_mut(&name) else { continue };
        if let Some(container) = service.container_name.as_ref().filter(|_| *number > 1) {
            return Err(Stop::new(
                Exit::Usage,
                format!(
                    "{name} cannot have {number} containers: container_name calls each of them {container}"
                ),
                Some("remove container_name from the service"),
            ));
        }
        service.scale = Some(*number);
        if session.global.engine == Engine::Swarm && *number > 0 {
            service.pdex.swarm.replicas = Some(*number);
        }
    }
    Ok(if session.global.engine == Engine::Swarm { definition.gathered() } else { definition })
}

fn goal(definition: &Definition, arguments: &args::Up) -> Result<Goal, Stop> {
    let named = |names: &[String]| context::named(definition, names);
    Ok(Goal {
        services: named(&arguments.services)?.into_iter().collect(),
        no_dependencies: arguments.no_deps,
        build: arguments.build,
        pull: match arguments.pull {
            _ if arguments.offline => Pull::Never,
            PullWhen::Always => Pull::Always,
            PullWhen::Missing => Pull::Missing,
            PullWhen::Never => Pull::Never,
        },
        rerun: named(&arguments.rerun)?.into_iter().collect(),
        force_recreate: arguments.force_recreate,
        no_recreate: arguments.no_recreate,
        remove_orphans: arguments.remove_orphans,
    })
}

pub(super) fn progress(mode: ProgressMode, plan: &Plan) -> Progress {
    let terminal = io::stderr().is_terminal();
    match mode {
        ProgressMode::Quiet => Progress::Quiet,
        ProgressMode::Json => Progress::json(Box::new(io::stderr())),
        ProgressMode::Tty => Progress::live(plan),
        ProgressMode::Auto if terminal => Progress::live(plan),
        ProgressMode::Auto | ProgressMode::Plain => Progress::plain(plan, Box::new(io::stderr())),
    }
}

fn report(
    definition: &Definition,
    outcome: &Outcome,
    timeline: &Timeline,
    signalled: Exit,
    arguments: &Go,
) -> anyhow::Result<Exit> {
    let phases = || outcome.phases.iter().map(|(instance, phase)| (instance, phase));
    let mut out = io::stdout();
    writeln!(out, "{}", tables::outcome(definition, phases()))?;
    let ready = phases().filter(|(instance, phase)| instance.number == 1 && is_up(phase));
    let links = tables::links(definition, ready.map(|(instance, _)| instance.service.clone()));
    if !links.is_empty() {
        writeln!(out, "\n{links}")?;
    }
    if let Some(path) = &arguments.timeline {
        record::write(path, timeline, definition)?;
    }
    if timeline.has_started_anything() {
        writeln!(out, "\n{}", timeline::text(timeline))?;
    }
    write!(io::stderr(), "{}", failures::diagnosis(phases()))?;
    if outcome.interrupted {
        writeln!(io::stderr(), "interrupted after {}; `pdex up` goes on from here", spell(outcome.took))?;
        return Ok(signalled);
    }
    if outcome.is_success() {
        let word = if arguments.no_wait { "started" } else { "ready" };
        writeln!(out, "\n{word} in {}", spell(outcome.took))?;
    }
    let exit = exit_code(outcome);
    if exit == Exit::Timeout {
        writeln!(io::stderr(), "the time was up after {}; `pdex up` goes on from here", spell(outcome.took))?;
    }
    Ok(exit)
}

fn is_up(phase: &Phase) -> bool {
    matches!(phase, Phase::Ready { .. } | Phase::Started { .. })
}

pub(super) fn exit_code(outcome: &Outcome) -> Exit {
    let kinds = outcome.phases.iter().filter_map(|(_, phase)| match phase {
        Phase::Failed(failure) => Some(failure.kind),
        _ => None,
    });
    let worst = kinds.map(|kind| match kind {
        FailureKind::Deadline => (3, Exit::Timeout),
        FailureKind::EngineLost => (2, Exit::EngineUnreachable),
        FailureKind::Step => (1, Exit::Failed),
        FailureKind::Unhealthy => (0, Exit::Unhealthy),
    });
    match worst.max_by_key(|(weight, _)| *weight) {
        Some((_, exit)) => exit,
        None if outcome.is_success() => Exit::Ok,
        None => Exit::Failed,
    }
}
