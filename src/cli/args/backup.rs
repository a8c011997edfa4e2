//! Arguments of the commands about backups.

use std::path::PathBuf;

use clap::Args;

use super::look::Json;

/// `backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write, which must not be there [default: `backups/PROJECT-TIME.pdexbackup` in the project directory]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) form: Json,
}

/// `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Backup to put back; without one, a restore that was cut short is finished
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Check the file and show what it would replace, and no more
    #[arg(long)]
    pub(crate) plan: bool,
    /// Do not ask before data are replaced
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) form: Json,
}
