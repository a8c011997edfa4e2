//! `pdex ps`.

use std::io::{self, Write as _};

use super::args::look::{Ps, PsFormat};
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, context};
use crate::engine::select;
use crate::report::listing::Containers;
use crate::runtime::operate::Operate as _;

pub(super) async fn ps(session: &Session, arguments: &Ps) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let (all, now) =
        on_engine!(&engine, runtime => (context::list(runtime, &definition).await?, runtime.now()));
    let mut listed = select::own(&definition, &all, &named);
    if arguments.all {
        let strays = select::strays(&definition, &all).into_iter();
        listed.extend(strays.filter(|stray| named.is_empty() || named.contains(&stray.service)));
    }
    let containers = Containers { definition: &definition, named: &named, listed: &listed };
    let mut out = io::stdout();
    if arguments.quiet {
        for container in &listed {
            writeln!(out, "{}", container.id.0)?;
        }
    } else if arguments.json || arguments.format == PsFormat::Json {
        writeln!(out, "{:#}", containers.json(now))?;
    } else {
        writeln!(out, "{}", containers.table())?;
    }
    Ok(Exit::Ok)
}
