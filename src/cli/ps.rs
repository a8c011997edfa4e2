//! `pdex ps`.

use std::io::{self, Write as _};

use super::args::Json;
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, context};
use crate::report::{json, tables};

pub(super) async fn ps(session: &Session, arguments: &Json) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let world = on_engine!(&engine, runtime => context::observe(runtime, &definition).await)?;
    if arguments.json {
        writeln!(io::stdout(), "{:#}", json::containers(&definition, &world))?;
    } else {
        writeln!(io::stdout(), "{}", tables::containers(&definition, &world))?;
    }
    Ok(Exit::Ok)
}
