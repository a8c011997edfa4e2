//! `pdex ps`.

use std::io::{self, Write as _};

use super::args::Json;
use super::exit::Exit;
use super::{Session, context};
use crate::report::{json, tables};
use crate::runtime::Runtime as _;

pub(super) async fn ps(session: &Session, arguments: &Json) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let docker = context::connect(&session.global, &session.environment).await?;
    let world = docker.observe(&definition).await.map_err(|e| context::engine_error(&e))?;
    if arguments.json {
        writeln!(io::stdout(), "{:#}", json::containers(&definition, &world))?;
    } else {
        writeln!(io::stdout(), "{}", tables::containers(&definition, &world))?;
    }
    Ok(Exit::Ok)
}
