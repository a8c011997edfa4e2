//! `pdex logs`.

use std::io::{self, Write as _};

use futures_util::StreamExt as _;
use futures_util::stream::select_all;

use super::args::Logs;
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, context, signal};
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::{LogOptions, Runtime};

pub(super) async fn logs(session: &Session, arguments: &Logs) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let wanted = context::named(&definition, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => show(runtime, &definition, &wanted, arguments).await)
}

async fn show<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    wanted: &[ServiceName],
    arguments: &Logs,
) -> anyhow::Result<Exit> {
    let world = context::observe(runtime, definition).await?;
    let options =
        LogOptions { follow: arguments.follow, tail: arguments.tail, timestamps: arguments.timestamps };
    let containers: Vec<_> =
        world.containers.iter().filter(|c| wanted.is_empty() || wanted.contains(&c.service)).collect();
    let width = containers.iter().map(|c| c.service.as_str().len()).max().unwrap_or_default();
    let streams = containers.iter().map(|container| {
        let service = container.service.clone();
        runtime.logs(&container.id, &options).map(move |line| (service.clone(), line)).boxed_local()
    });
    let mut out = io::stdout().lock();
    let mut lines = select_all(streams);
    let mut interrupt = Box::pin(signal::interrupt());
    loop {
        let (service, line) = tokio::select! {
            next = lines.next() => match next {
                Some(next) => next,
                None => return Ok(Exit::Ok),
            },
            exit = &mut interrupt => return Ok(exit),
        };
        match line {
            Ok(line) if wanted.len() == 1 => writeln!(out, "{}", line.text)?,
            Ok(line) => writeln!(out, "{:width$} | {}", service.as_str(), line.text)?,
            Err(e) => writeln!(io::stderr(), "warning: logs of {service}: {e}")?,
        }
    }
}
