//! `pdex config`.

use std::io::{self, Write as _};

use anyhow::Context as _;

use super::args::Format;
use super::args::look::Config;
use super::exit::Exit;
use super::{Session, context};
use crate::definition::render;

pub(super) fn config(session: &Session, arguments: &Config) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let text = match arguments.format {
        Format::Yaml => render::yaml(&definition),
        Format::Json => render::json(&definition),
    };
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => write!(io::stdout(), "{text}")?,
    }
    Ok(Exit::Ok)
}
