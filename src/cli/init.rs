//! `pdex init`: the stack's files, to edit.

use std::io::{self, Write as _};

use super::args::Init;
use super::exit::{Exit, Stop};
use crate::carried::{self, CarriedError};

pub(super) fn init(arguments: &Init) -> anyhow::Result<Exit> {
    let stack = carried::carried().ok_or_else(|| {
        Stop::new(
            Exit::Failed,
            "this pdex was built from the repository and carries no stack",
            Some("the files are in the repository; a released pdex (`make dist`) carries them"),
        )
    })?;
    let folder = &arguments.folder;
    let written = carried::write_out(&stack, folder, arguments.force).map_err(|error| {
        let hint = match &error {
            CarriedError::InTheWay(_) => Some("nothing was written; --force overwrites them"),
            _ => None,
        };
        Stop::new(Exit::Failed, &error, hint)
    })?;
    if written == 0 {
        writeln!(io::stdout(), "{} holds the stack already", folder.display())?;
    } else {
        writeln!(io::stdout(), "wrote {written} files to {}; next: `pdex up` there", folder.display())?;
    }
    Ok(Exit::Ok)
}
