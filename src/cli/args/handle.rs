//! Arguments of the commands that change what runs.

use clap::{Args, ValueEnum};

use super::signal;

/// `down`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of the command line")]
pub(crate) struct Down {
    /// Only these services; networks, volumes and images stay then
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Remove the project's volumes too: all data of the stack, after a backup of it
    #[arg(short, long, conflicts_with = "services")]
    pub(crate) volumes: bool,
    /// Remove images too: `local`, those that the definition gives no name; `all`, every one that a service uses
    #[arg(long, value_enum, value_name = "WHICH", conflicts_with = "services")]
    pub(crate) rmi: Option<Rmi>,
    /// Remove containers of services that the definition no longer has, and of one-off runs
    #[arg(long)]
    pub(crate) remove_orphans: bool,
    /// Do not ask before removing volumes
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Remove volumes without making a backup of them first
    #[arg(long)]
    pub(crate) no_backup: bool,
    /// Seconds a container gets to end by itself
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// See [`Down::rmi`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rmi {
    Local,
    All,
}

/// `stop` and `restart`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Seconds a container gets to end by itself
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// `restart`.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(crate) stop: Stop,
    /// Leave alone the dependents whose `depends_on` says `restart: true`
    #[arg(long)]
    pub(crate) no_deps: bool,
}

/// Commands whose only arguments are services.
#[derive(Debug, Args)]
pub(crate) struct Services {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

/// `kill`.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Signal to send, by name or number
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL", value_parser = signal)]
    pub(crate) signal: String,
}

/// `rm`.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Stop what still runs first
    #[arg(short, long)]
    pub(crate) stop: bool,
    /// Remove the volumes of no name that only these containers use
    #[arg(short, long)]
    pub(crate) volumes: bool,
}
