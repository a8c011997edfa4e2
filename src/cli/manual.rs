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

/// Every command with its arguments as Markdown (`docs/commands.md`): the options that all take once, then each command's own.
pub fn reference() -> String {
    let mut program = Arguments::command();
    program.build();
    let mut text = "# Commands\n\nWhat `pdex --help` and `pdex COMMAND --help` say, made from the same grammar. What a command takes \
                    beyond its own options stands under `pdex`.\n"
        .to_owned();
    describe(&mut text, "pdex", &program, true);
    text
}

/// A command and those under it. Options of every command are shown where `all` is asked for.
fn describe(text: &mut String, path: &str, command: &clap::Command, all: bool) {
    let about =
        command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    text.extend(["\n## ", path, "\n\n", about.trim_end(), "\n\n```console\n$ ", usage, "\n```\n\n"]);
    let shown =
        |arg: &&clap::Arg| !arg.is_hide_set() && arg.get_id() != "help" && (all || !arg.is_global_set());
    for arg in command.get_arguments().filter(shown) {
        text.push_str(&argument(arg));
    }
    for below in
        command.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set())
    {
        describe(text, &format!("{path} {}", below.get_name()), below, false);
    }
}

/// A line of a list; what its help says further stands below it, indented.
fn argument(arg: &clap::Arg) -> String {
    let short = arg.get_short().map(|letter| format!("-{letter}, ")).unwrap_or_default();
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut line = format!("- `{short}{arg}`");
    if !help.is_empty() {
        line.push_str(": ");
        line.push_str(&help.trim_end().replace('\n', "\n  ").replace("\n  \n", "\n\n"));
    }
    let values = arg.get_possible_values();
    let values: Vec<&str> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(clap::builder::PossibleValue::get_name)
        .collect();
    let default: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if arg.get_action().takes_values() && !values.is_empty() {
        line.extend([" [possible values: ", &values.join(", "), "]"]);
    }
    if arg.get_action().takes_values() && !default.is_empty() {
        line.extend([" [default: ", &default.join(" "), "]"]);
    }
    line.push('\n');
    line
}
