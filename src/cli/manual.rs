//! `pdex completions` and `pdex man`: made from the grammar of the command line.

use std::io::{self, Write as _};

use clap::CommandFactory as _;

use super::args::Arguments;
use super::context;
use super::exit::Exit;

pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "pdex", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Ok)
}

pub(super) fn man(name: Option<&str>) -> anyhow::Result<Exit> {
    let mut program = Arguments::command();
    program.build();
    let command = match name {
        None => program,
        Some(name) => {
            let names: Vec<&str> = program
                .get_subcommands()
                .map(clap::Command::get_name)
                .filter(|name| *name != "help")
                .collect();
            let found = program.get_subcommands().find(|command| command.get_name() == name).cloned();
            found.ok_or_else(|| context::no_such("command", name, &names))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(Exit::Ok)
}
