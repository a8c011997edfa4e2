//! `pdex inspect`, `network`, `volume` and `port`.

use std::io::{self, Write as _};

use super::args::look::{Inspect, Json, Look, Port, Things, Transport};
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, context};
use crate::definition::model::{Definition, Protocol, ServiceName};
use crate::engine::select;
use crate::report::listing::{self, Thing};
use crate::report::steps;
use crate::runtime::operate::{Kind, Operate};
use crate::world::World;

pub(super) async fn inspect(session: &Session, arguments: &Look) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => {
        let all = context::list(runtime, &definition).await?;
        let own = select::own(&definition, &all, &named);
        if let Some(service) = select::missing(&own, &named).first() {
            return Err(Stop { exit: Exit::Failed, text: steps::no_container(service) }.into());
        }
        let ids: Vec<String> = own.iter().map(|container| container.id.0.clone()).collect();
        documents(runtime, Kind::Container, "containers", &ids, arguments.json).await
    })
}

async fn documents<R: Operate>(
    runtime: &R,
    kind: Kind,
    what: &str,
    names: &[String],
    wrap: bool,
) -> anyhow::Result<Exit> {
    let mut all = Vec::new();
    for name in names {
        all.push(runtime.document(kind, name).await.map_err(|e| context::engine_error(&e))?);
    }
    let wrap = wrap.then(|| runtime.now());
    writeln!(io::stdout(), "{:#}", listing::inspected(wrap, what, all))?;
    Ok(Exit::Ok)
}

pub(super) async fn network(session: &Session, arguments: &Things) -> anyhow::Result<Exit> {
    things(session, arguments, Kind::Network).await
}

pub(super) async fn volume(session: &Session, arguments: &Things) -> anyhow::Result<Exit> {
    things(session, arguments, Kind::Volume).await
}

async fn things(session: &Session, arguments: &Things, kind: Kind) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let world = on_engine!(&engine, runtime => context::observe(runtime, &definition).await?);
    let all = match kind {
        Kind::Network => networks(&definition, &world),
        Kind::Volume | Kind::Container | Kind::Image => volumes(&definition, &world),
    };
    let what = if kind == Kind::Network { "networks" } else { "volumes" };
    match arguments {
        Things::Ls(Json { json: false }) => writeln!(io::stdout(), "{}", listing::things(&all))?,
        Things::Ls(Json { json: true }) => {
            let now = on_engine!(&engine, runtime => runtime.now());
            writeln!(io::stdout(), "{:#}", listing::things_json(now, &definition.project, what, &all))?;
        }
        Things::Inspect(Inspect { names, json }) => {
            let names = full_names(&all, names, what)?;
            return on_engine!(&engine, runtime => documents(runtime, kind, what, &names, *json).await);
        }
    }
    Ok(Exit::Ok)
}

fn networks(definition: &Definition, world: &World) -> Vec<Thing> {
    let known = definition.networks.iter().map(|(key, network)| Thing {
        key: key.clone(),
        present: world.networks.contains(&network.name),
        name: network.name.clone(),
        external: network.external,
        driver: network.driver.clone(),
    });
    known.collect()
}

fn volumes(definition: &Definition, world: &World) -> Vec<Thing> {
    let known = definition.volumes.iter().map(|(key, volume)| Thing {
        key: key.clone(),
        present: world.volumes.contains(&volume.name),
        name: volume.name.clone(),
        external: volume.external,
        driver: volume.driver.clone(),
    });
    known.collect()
}

/// The names that the engine knows; without a choice those of all that are there.
fn full_names(all: &[Thing], chosen: &[String], what: &str) -> Result<Vec<String>, Stop> {
    if chosen.is_empty() {
        return Ok(all.iter().filter(|thing| thing.present).map(|thing| thing.name.clone()).collect());
    }
    let find = |wanted: &String| {
        let found = all.iter().find(|thing| thing.key == *wanted || thing.name == *wanted);
        let thing = found.ok_or_else(|| {
            let keys: Vec<&str> = all.iter().map(|thing| thing.key.as_str()).collect();
            context::no_such(&what[..what.len() - 1], wanted, &keys)
        })?;
        Ok(thing.name.clone())
    };
    chosen.iter().map(find).collect()
}

pub(super) async fn port(session: &Session, arguments: &Port) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, std::slice::from_ref(&arguments.service))?;
    let service = named.first().cloned().unwrap_or_else(|| ServiceName::new(arguments.service.as_str()));
    let engine = context::connect(&session.global, &session.environment).await?;
    let (all, now) =
        on_engine!(&engine, runtime => (context::list(runtime, &definition).await?, runtime.now()));
    let container =
        select::running(&definition, &all, &service, arguments.index).map_err(|e| context::absent(&e))?;
    let protocol = match arguments.protocol {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
        Transport::Sctp => Protocol::Sctp,
    };
    let published = container.ports.iter().filter(|binding| binding.host_port.is_some());
    let wanted: Vec<_> = match arguments.target {
        None => published.collect(),
        Some(port) => published.filter(|b| b.container_port == port && b.protocol == protocol).collect(),
    };
    if let (true, Some(port)) = (wanted.is_empty(), arguments.target) {
        let what = format!("{} does not publish port {port}", container.name);
        return Err(Stop::new(Exit::Failed, what, Some("`pdex ps` shows what is published")).into());
    }
    if arguments.json {
        writeln!(io::stdout(), "{:#}", listing::ports_json(now, container, &wanted))?;
    } else {
        write!(io::stdout(), "{}", listing::ports(&wanted, arguments.target.is_some()))?;
    }
    Ok(Exit::Ok)
}
