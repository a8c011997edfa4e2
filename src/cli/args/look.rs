//! Arguments of the commands that look and change nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;

/// Commands whose only option is the form of their output.
#[derive(Debug, Args)]
pub(crate) struct Json {
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Only these checks: a service, a check, or service/check; repeat for more
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// All but these checks; repeat for more
    #[arg(long, value_name = "NAME")]
    pub(crate) skip: Vec<String>,
    /// Every check of every service, with what it proves and how long it took
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the results as build servers read them
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Look again every five seconds until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Only these and what they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Start what is stopped, make networks that are missing, restart what does not answer; never remove anything
    #[arg(long)]
    pub(crate) fix: bool,
    /// Write an archive for whoever is to help: findings, versions, definition, logs, events, without secrets
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `mlflow-check`.
#[derive(Debug, Args)]
pub(crate) struct MlflowCheck {
    /// Another server than the stack's
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Commands that take services and print facts.
#[derive(Debug, Args)]
pub(crate) struct Look {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `ps`.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Also one-off containers, and those of services that the definition no longer has
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print only the containers' identifiers
    #[arg(short, long, conflicts_with_all = ["format", "json"])]
    pub(crate) quiet: bool,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = PsFormat::Table)]
    pub(crate) format: PsFormat,
    /// Print a JSON document, as `--format json` does
    #[arg(long)]
    pub(crate) json: bool,
}

/// See [`Ps::format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PsFormat {
    Table,
    Json,
}

/// `logs`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Logs {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Go on as new lines come, until the last container has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last so many lines of each container, or `all`
    #[arg(short = 'n', long, value_name = "N", value_parser = tail)]
    pub(crate) tail: Option<Tail>,
    /// Only lines after this time: `10m` ago, `2026-01-31T08:00:00Z`, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only lines before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Begin each line with its time
    #[arg(short, long)]
    pub(crate) timestamps: bool,
    /// No colours, whatever else says so
    #[arg(long)]
    pub(crate) no_color: bool,
    /// Do not say before each line whose it is
    #[arg(long)]
    pub(crate) no_log_prefix: bool,
    /// Print a JSON document per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// See [`Logs::tail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail(pub(crate) Option<u32>);

fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail(None)),
        number => number.parse().map(|n| Tail(Some(n))).map_err(|_| "expected a number or `all`".to_owned()),
    }
}

/// `stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print one reading and end
    #[arg(long)]
    pub(crate) no_stream: bool,
    /// Print a JSON document per reading
    #[arg(long)]
    pub(crate) json: bool,
}

/// `events`.
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Begin with what happened since this time: `10m` ago, `2026-01-31T08:00:00Z`, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// End at this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Print a JSON document per event
    #[arg(long)]
    pub(crate) json: bool,
}

/// `wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `port`.
#[derive(Debug, Args)]
pub(crate) struct Port {
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Port inside the container [default: all of them]
    #[arg(value_name = "PORT")]
    pub(crate) target: Option<u16>,
    /// Which of the service's containers
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,
    #[arg(long, value_enum, default_value_t = Transport::Tcp)]
    pub(crate) protocol: Transport,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// See [`Port::protocol`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Sctp,
}

/// `network` and `volume`.
#[derive(Debug, Subcommand)]
pub(crate) enum Things {
    /// List them
    Ls(Json),
    /// Print all that the engine knows of them, as JSON
    Inspect(Inspect),
}

/// `network inspect` and `volume inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Keys of the definition, or full names [default: all of the project]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Wrap them into a document with a version and the time
    #[arg(long)]
    pub(crate) json: bool,
}

/// `config`.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    pub(crate) format: Format,
    /// Write to this file and print nothing
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
