//! Arguments of the commands about secrets.

use clap::{Args, Subcommand};

use super::look::Json;

/// `secrets`.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// List the secrets that pdex keeps, how their files stand and who uses them; never what they are
    List(Json),
    /// Give secrets new values, tell whoever checks them, and restart the services that use them
    Rotate(Rotate),
}

/// `secrets rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Only these; all of them when none is named
    #[arg(value_name = "SECRET")]
    pub(crate) names: Vec<String>,
}
