//! Arguments of `drill`.

use std::time::Duration;

use clap::Args;

use crate::load::span;
use crate::load::target::Target;

/// `drill`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Drill {
    /// The alert, or `all` for one after the other: `LowModelConfidence`, `HighErrorRate`, `HighPredictionLatency`, `ApiDown`
    #[arg(value_name = "ALERT")]
    pub(crate) alert: String,
    /// Minutes, or with a unit, for an alert to fire, and again for it to end
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = span::parse)]
    pub(crate) timeout: Duration,
    /// Do not ask before the stack is disturbed
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Touch nothing; say what would be touched and sent
    #[arg(long, conflicts_with = "json")]
    pub(crate) dry_run: bool,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Send to another address than the one where the definition publishes the API
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    pub(crate) target: Option<Target>,
    /// Send to a machine that is not this one
    #[arg(long)]
    pub(crate) i_own_this_target: bool,
}
