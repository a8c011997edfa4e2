//! `pdex build`, `pull` and `images`.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::args::image::{Build, Distribute, Images, ImagesCommand, Load, Pull, Save};
use super::context::{Engine, on_engine};
use super::exit::{Exit, Stop};
use super::{Session, carry, context, signal, up};
use crate::definition::model::{Definition, Service, ServiceName};
use crate::engine::bundle::{self, BundleError};
use crate::engine::supply::{self, Manner};
use crate::plan::Goal;
use crate::report::{self, failures, listing};
use crate::runtime::docker::Docker;
use crate::runtime::operate::Operate;
use crate::runtime::{Runtime, Survey as _};
use crate::world::World;

pub(super) async fn build(session: &Session, arguments: &Build) -> anyhow::Result<Exit> {
    let manner = Manner {
        pull: false,
        no_cache: arguments.no_cache,
        newer_bases: arguments.pull,
        parallel: arguments.parallel.map_or(0, usize::from),
    };
    with_images(
        session,
        &arguments.services,
        manner,
        &|service| service.build.is_some(),
        "has no recipe to build",
    )
    .await
}

pub(super) async fn pull(session: &Session, arguments: &Pull) -> anyhow::Result<Exit> {
    let manner = Manner { pull: true, parallel: usize::from(arguments.parallel), ..Manner::default() };
    with_images(
        session,
        &arguments.services,
        manner,
        &|service| service.build.is_none(),
        "is built, not pulled",
    )
    .await
}

async fn with_images(
    session: &Session,
    services: &[String],
    manner: Manner,
    suits: &dyn Fn(&Service) -> bool,
    otherwise: &str,
) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, services)?;
    for name in &named {
        if definition.services.get(name).is_some_and(|service| !suits(service)) {
            writeln!(io::stderr(), "warning: {name} {otherwise}")?;
        }
    }
    let wanted = definition.services.values().filter(|s| suits(s));
    let wanted: Vec<ServiceName> =
        wanted.filter(|s| named.is_empty() || named.contains(&s.name)).map(|s| s.name.clone()).collect();
    if wanted.is_empty() {
        writeln!(io::stderr(), "there is nothing to be done")?;
        return Ok(Exit::Ok);
    }
    let engine = context::connect(&session.global, &session.environment).await?;
    let supplying =
        async { on_engine!(&engine, runtime => go(session, runtime, &definition, &wanted, manner).await) };
    tokio::select! {
        exit = supplying => Ok(exit?.unwrap_or(Exit::Ok)),
        exit = signal::interrupt() => Ok(exit),
    }
}

/// Gets images by whatever way leads to them. An exit code when that does not succeed.
pub(super) async fn obtain<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    services: &[ServiceName],
) -> anyhow::Result<Option<Exit>> {
    go(session, runtime, definition, services, Manner::default()).await
}

async fn go<R: Runtime>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    services: &[ServiceName],
    manner: Manner,
) -> anyhow::Result<Option<Exit>> {
    let goal =
        Goal { services: services.iter().cloned().collect(), no_dependencies: true, ..Goal::default() };
    let plan = context::plan(session, definition, &World::default(), &goal);
    let mut progress = up::progress(session.global.progress, &plan);
    let run = carry::run(session, definition, &plan, runtime);
    let failed = supply::supply(&run, services, manner, &mut |at, event| progress.event(at, event)).await;
    drop(progress);
    for (service, failure) in &failed {
        write!(io::stderr(), "{}", failures::block(service.as_str(), failure))?;
    }
    Ok((!failed.is_empty()).then_some(Exit::Failed))
}

pub(super) async fn images(session: &Session, arguments: &Images) -> anyhow::Result<Exit> {
    let working = async {
        match &arguments.what {
            None => list(session, arguments.list.json).await,
            Some(ImagesCommand::List(list_arguments)) => list(session, list_arguments.json).await,
            Some(ImagesCommand::Save(arguments)) => save(session, arguments).await,
            Some(ImagesCommand::Load(arguments)) => load(session, arguments).await,
            Some(ImagesCommand::Distribute(arguments)) => distribute(session, arguments).await,
        }
    };
    tokio::select! {
        exit = working => exit,
        exit = signal::interrupt() => Ok(exit),
    }
}

async fn list(session: &Session, as_json: bool) -> anyhow::Result<Exit> {
    let (definition, _) = context::naming(session, &[])?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => {
        let mut rows = Vec::new();
        for service in definition.services.values() {
            let facts = runtime.image_facts(&service.image).await.map_err(|e| context::engine_error(&e))?;
            rows.push((&service.name, service.image.as_str(), facts));
        }
        if as_json {
            writeln!(io::stdout(), "{:#}", listing::images_json(runtime.now(), &definition.project, &rows))?;
        } else {
            writeln!(io::stdout(), "{}", listing::images(&rows))?;
        }
    });
    Ok(Exit::Ok)
}

fn file(given: Option<&PathBuf>, definition: &Definition) -> PathBuf {
    given.cloned().unwrap_or_else(|| PathBuf::from(format!("{}-images.tar", definition.project)))
}

/// The images of these services, or of all.
fn references(definition: &Definition, named: &[ServiceName]) -> Vec<String> {
    let wanted = definition.services.values().filter(|s| named.is_empty() || named.contains(&s.name));
    let references: BTreeSet<&String> = wanted.map(|service| &service.image).collect();
    references.into_iter().cloned().collect()
}

async fn save(session: &Session, arguments: &Save) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let path = file(arguments.output.as_ref(), &definition);
    let references = references(&definition, &named);
    let engine = context::connect(&session.global, &session.environment).await?;
    let (list, size) = on_engine!(&engine, runtime => bundle::save(runtime, &references, &path).await)
        .map_err(|e| refused(&e))?;
    let count = list.images.len();
    let parts = list.parts.len();
    writeln!(
        io::stderr(),
        "wrote {}: {count} images, {parts} parts, {}",
        path.display(),
        report::bytes(size)
    )?;
    Ok(Exit::Ok)
}

async fn load(session: &Session, arguments: &Load) -> anyhow::Result<Exit> {
    let (definition, _) = context::naming(session, &[])?;
    let path = file(arguments.input.as_ref(), &definition);
    let engine = context::connect(&session.global, &session.environment).await?;
    let list = on_engine!(&engine, runtime => bundle::load(runtime, &path).await).map_err(|e| refused(&e))?;
    for (reference, id) in &list.images {
        writeln!(io::stderr(), "loaded {reference} ({})", listing::short(id))?;
    }
    Ok(Exit::Ok)
}

async fn distribute(session: &Session, arguments: &Distribute) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let references = references(&definition, &named);
    let engine = context::connect(&session.global, &session.environment).await?;
    let mut images = on_engine!(&engine, runtime => bundle::identify(runtime, &references).await)
        .map_err(|e| refused(&e))?;
    if let Engine::Swarm(swarm) = &engine {
        for reference in &references {
            let by_hand =
                swarm.carried_by_hand(reference).await.map_err(|e| context::engine_error(&e))?.is_some();
            images.retain(|name, _| name != reference || by_hand);
        }
    }
    if images.is_empty() {
        writeln!(
            io::stderr(),
            "nodes fetch all of them from their registries: there is nothing to be given"
        )?;
        return Ok(Exit::Ok);
    }
    for host in &arguments.hosts {
        let target = Docker::connect(Some(host)).await.map_err(|e| context::engine_error(&e))?;
        // Asked first: what is sent to an engine of some other swarm would be remembered nowhere.
        let node = match &engine {
            Engine::Swarm(swarm) => {
                Some((swarm, swarm.node_of(&target).await.map_err(|e| context::engine_error(&e))?))
            }
            Engine::Docker(_) | Engine::Simulated(_) => None,
        };
        let given = on_engine!(&engine, runtime => bundle::pass(runtime, &target, &images).await)
            .map_err(|e| refused(&e))?;
        if let Some((swarm, node)) = node {
            swarm.note_images(&node, &images).await.map_err(|e| context::engine_error(&e))?;
        }
        match given.len() {
            0 => writeln!(io::stderr(), "{host}: has them already")?,
            count => writeln!(io::stderr(), "{host}: was given {count} images: {}", given.join(", "))?,
        }
    }
    Ok(Exit::Ok)
}

fn refused(error: &BundleError) -> Stop {
    let hint = match error {
        BundleError::Runtime(e) => return context::engine_error(e),
        BundleError::Absent(_) => {
            Some("`pdex build` and `pdex pull` get images; name the services whose images are meant")
        }
        BundleError::Damaged { .. } => Some("nothing of it was loaded; copy the file again, or save it anew"),
        BundleError::Foreign { .. } => Some("`docker load -i` takes files without a list, unchecked"),
        BundleError::Disk { .. } | BundleError::Different { .. } => None,
    };
    Stop::new(Exit::Failed, error, hint)
}
