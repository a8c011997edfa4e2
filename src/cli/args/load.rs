//! Arguments of `generate-load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::load::line::Http;
use crate::load::target::Target;
use crate::load::{Mode, checked_rate, slo, span};

/// `generate-load`.
#[derive(Debug, Args)]
pub(crate) struct GenerateLoad {
    /// The shape of the load over time [default: realistic]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Minutes, or with a unit: 90s, 1h30m [default: 5; saturate 1, burst 10, soak 60]
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub(crate) duration: Option<Duration>,
    /// Requests per second at the highest [default: 20; burst and ramp 100, spike 200]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Users of the realistic mode, instead of --rate
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), conflicts_with = "rate")]
    pub(crate) users: Option<u32>,
    /// The same seed sends the same requests at the same instants [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// What has to hold, else exit 8: `p99<50ms,errors<1%,rate>=95%`
    #[arg(long, value_name = "BOUNDS", value_parser = bounds)]
    pub(crate) slo: Option<Bounds>,
    /// Requests and shape of your own, in YAML; options given here overrule it
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Another server than the stack's API, by http or https
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    pub(crate) target: Option<Target>,
    /// What to speak [default: with https what the server prefers, else 1]
    #[arg(long, value_enum, value_name = "VERSION")]
    pub(crate) http: Option<Http>,
    /// With https, believe whom this certificate vouches for, too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Send to a machine that is not this one
    #[arg(long)]
    pub(crate) i_own_this_target: bool,
    /// Connections that are kept
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// Requests at once on each connection of HTTP/2 [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) streams: Option<u16>,
    /// For one request
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) timeout: u64,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Send nothing; say what would be sent
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write every request with its instant, a line of JSON each
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub(crate) trace_out: Option<PathBuf>,
    /// Send what such a file says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mode", "duration", "rate", "users", "seed", "scenario", "dry_run"])]
    pub(crate) replay: Option<PathBuf>,
}

/// See [`GenerateLoad::slo`].
#[derive(Debug, Clone)]
pub(crate) struct Bounds(pub(crate) Vec<slo::Objective>);

fn bounds(text: &str) -> Result<Bounds, String> {
    slo::parse(text).map(Bounds)
}

fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is a number of requests per second".to_owned())?;
    checked_rate(number)
}
