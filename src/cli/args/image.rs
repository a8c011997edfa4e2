//! Arguments of the commands about images.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::look::Json;

/// `build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Run every step again, whatever an earlier build left
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Ask the registry for newer base images
    #[arg(long)]
    pub(crate) pull: bool,
    /// At most so many at once [default: as many as there are]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = false, default_missing_value = "64",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: Option<u16>,
}

/// `pull`.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// At most so many at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
}

/// `images`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Images {
    #[command(subcommand)]
    pub(crate) what: Option<ImagesCommand>,
    #[command(flatten)]
    pub(crate) list: Json,
}

/// See [`Images`].
#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// List the images of the services
    List(Json),
    /// Write the images of the services to one file, with a digest of each part
    Save(Save),
    /// Read such a file, check it, and give its images to the engine
    Load(Load),
    /// Give the images of the services to other engines, straight from this one
    Distribute(Distribute),
}

/// `images save`.
#[derive(Debug, Args)]
pub(crate) struct Save {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// File to write [default: `PROJECT-images.tar`]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `images load`.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// File to read [default: `PROJECT-images.tar`]
    #[arg(value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// `images distribute`.
#[derive(Debug, Args)]
pub(crate) struct Distribute {
    /// Engines to give them to: `tcp://ADDRESS:PORT`, `unix:///PATH`
    #[arg(value_name = "HOST", required = true)]
    pub(crate) hosts: Vec<String>,
    /// Only the images of this service; can be given more than once
    #[arg(long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}
