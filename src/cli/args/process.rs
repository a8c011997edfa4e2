//! Arguments of `exec` and `run`.

use clap::Args;

/// `exec`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Exec {
    /// Leave it running and end
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Set a variable for it; repeat for more
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) env: Vec<(String, Option<String>)>,
    /// User it runs as
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Folder it starts in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// No terminal, even where there is one
    #[arg(short = 'T', long)]
    pub(crate) no_tty: bool,
    /// Which of the service's containers
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,
    /// Give it all rights of the engine's machine
    #[arg(long)]
    pub(crate) privileged: bool,
    /// What is always so where there is a terminal
    #[arg(short, long, hide = true)]
    pub(crate) interactive: bool,
    /// As `interactive`
    #[arg(short, long, hide = true)]
    pub(crate) tty: bool,
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Command with its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// `run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Run {
    /// Remove the container when it has ended
    #[arg(long)]
    pub(crate) rm: bool,
    /// Leave it running and print its name
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Set a variable; repeat for more
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) env: Vec<(String, Option<String>)>,
    /// Mount something besides, `source:target[:ro]`; repeat for more
    #[arg(short, long, value_name = "VOLUME")]
    pub(crate) volume: Vec<String>,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Program to run in the place of the image's own
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// User it runs as
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Folder it starts in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Publish the service's ports, which stay closed otherwise
    #[arg(long)]
    pub(crate) service_ports: bool,
    /// Do not start what the service depends on
    #[arg(long)]
    pub(crate) no_deps: bool,
    /// No terminal, even where there is one
    #[arg(short = 'T', long)]
    pub(crate) no_tty: bool,
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Command with its arguments [default: the service's own]
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// `NAME=VALUE`; a bare `NAME` passes on the value that it has here.
fn variable(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    if name.is_empty() {
        return Err("a variable has a name".to_owned());
    }
    Ok((name.to_owned(), value.map(str::to_owned)))
}
