//! `pdex doctor`.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::args::look::Doctor as Arguments;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, carry, context, left_over, lock, moment};
use crate::checks::doctor::{self, Mend, Symptom, record};
use crate::checks::{self, Facts};
use crate::definition::graph;
use crate::definition::model::{Definition, ServiceName};
use crate::engine::handle::{self, Deed};
use crate::engine::{listening, select};
use crate::plan::Goal;
use crate::report::support::{self, Support};
use crate::report::{doctor as report, steps};
use crate::runtime::operate::Operate;
use crate::world::time::Timestamp;

pub(super) async fn doctor(session: &Session, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let part = if named.is_empty() { definition } else { graph::subset(&definition, &named) };
    let engine = match context::connect(&session.global, &session.environment).await {
        Ok(engine) => engine,
        Err(stop) => return without_engine(&part, &stop, arguments),
    };
    on_engine!(&engine, runtime => Box::pin(see(session, runtime, &part, arguments)).await)
}

/// There is little to see then, and that little can be told.
fn without_engine(definition: &Definition, stop: &Stop, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (what, hint) = stop.parts();
    let symptoms = [doctor::without_engine(what, hint)];
    let now = moment::now();
    tell(&symptoms, &[], now, arguments)?;
    if let Some(path) = &arguments.bundle {
        let record = record::Record::default();
        write_bundle(path, &Support { definition, symptoms: &symptoms, record: &record, now })?;
    }
    Ok(stop.exit)
}

async fn see<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    left_over::put_back_or_mention(session, runtime, &definition.project, arguments.fix).await?;
    let mut symptoms = examine(runtime, definition).await?;
    let mut fixed = Vec::new();
    let mends = doctor::mends(&symptoms);
    if arguments.fix && !mends.is_empty() {
        if !arguments.json {
            write!(io::stdout(), "{}", report::text(&symptoms))?;
        }
        let _lock = lock::take(&definition.project, "doctor --fix")?;
        for mend in &mends {
            let command = mend.command().unwrap_or_default();
            // With the error output closed there is nobody to tell, and the work goes on.
            let _ = writeln!(io::stderr(), "fixing: `{command}`");
            apply(session, runtime, definition, mend).await?;
            fixed.push(command);
        }
        let mended = mends.iter().flat_map(Mend::services);
        listening::await_listening(runtime, mended.filter_map(|name| definition.services.get(name))).await;
        symptoms = examine(runtime, definition).await?;
    }
    let now = runtime.now();
    tell(&symptoms, &fixed, now, arguments)?;
    if let Some(path) = &arguments.bundle {
        let record = record::read(runtime, definition).await;
        write_bundle(path, &Support { definition, symptoms: &symptoms, record: &record, now })?;
    }
    Ok(if doctor::errors(&symptoms) == 0 { Exit::Ok } else { Exit::Failed })
}

async fn examine<R: Operate>(runtime: &R, definition: &Definition) -> anyhow::Result<Vec<Symptom>> {
    let world = context::observe(runtime, definition).await?;
    let inside = checks::inside(runtime, definition, &world).await;
    let http = checks::client(&inside)?;
    Ok(doctor::examine(&Facts { runtime, definition, world: &world, http: &http, inside: &inside }).await)
}

/// What became of it shows at the next look; what fails says so on the error output.
async fn apply<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    mend: &Mend,
) -> anyhow::Result<()> {
    context::not_half_restored(definition, &context::observe(runtime, definition).await?)?;
    let services = match mend {
        Mend::Unpause(service) => return handle_one(runtime, definition, service, &Deed::Unpause).await,
        Mend::Restart(service) => {
            handle_one(runtime, definition, service, &Deed::Restart { grace: None }).await?;
            // And waits until it is ready.
            vec![service.clone()]
        }
        Mend::Up(services) | Mend::Recreate(services) => services.clone(),
        Mend::Person => return Ok(()),
    };
    let world = context::observe(runtime, definition).await?;
    let recreate = matches!(mend, Mend::Recreate(_));
    let services = services.into_iter().collect();
    let goal = Goal { services, no_recreate: !recreate, force_recreate: recreate, ..Goal::default() };
    let plan = context::plan(session, definition, &world, &goal);
    carry::carry_out(session, definition, &plan, runtime).await?;
    Ok(())
}

async fn handle_one<R: Operate>(
    runtime: &R,
    definition: &Definition,
    service: &ServiceName,
    deed: &Deed,
) -> anyhow::Result<()> {
    let all = context::list(runtime, definition).await?;
    let own = select::own(definition, &all, std::slice::from_ref(service));
    handle::handle(runtime, definition, &own, deed, &mut |done| {
        let error = done.result.as_ref().err().map(|e| e as &dyn std::fmt::Display);
        // A closed error output must not stop the work half-way.
        let _ = writeln!(io::stderr(), "{}", steps::done(deed.word(), &done.container, error));
    })
    .await;
    Ok(())
}

fn tell(symptoms: &[Symptom], fixed: &[String], now: Timestamp, arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = io::stdout();
    if arguments.json {
        writeln!(out, "{:#}", report::json(symptoms, fixed, now))?;
    } else {
        write!(out, "{}", report::text(symptoms))?;
    }
    Ok(())
}

/// Readable by its owner alone: what was printed under an unusual name is still in there.
fn write_bundle(path: &Path, support: &Support<'_>) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let packed = support::archive(support).with_context(cannot)?;
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(&packed)).with_context(cannot)?;
    writeln!(io::stderr(), "wrote {}: look through it before you send it to someone", path.display())?;
    Ok(())
}
