//! The command line of the binary: what can be typed. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const ENVIRONMENT: &str = "\
Environment:
  POSTGRES_HOST, POSTGRES_PORT      where the database is [default: db, 5432]
  POSTGRES_DB, POSTGRES_USER
  POSTGRES_PASSWORD                 or POSTGRES_PASSWORD_FILE, a file that holds it
  ETL_SOURCE                        snapshot, live or auto [default: snapshot]
  POKEAPI_BASE_URL                  [default: https://pokeapi.co/api/v2]
  POKEAPI_INTERVAL_MS               least time between requests [default: 20, on this machine 0]
  POKEPEDIA_BASE_URL                `off` asks no witness [default: https://www.pokepedia.fr]
  POKEPEDIA_INTERVAL_MS             [default: 1000]
  ETL_CACHE_DIR                     where documents are kept between runs [default: nowhere]
  ETL_CACHE_FRESH_S                 how long they are used unasked [default: 43200]
  ETL_METRICS_FILE                  metrics for node-exporter's textfile collector [default: none]
  ETL_DB_WAIT_S                     seconds to wait for the database [default: 60]
  PDEX_LOG                          a log filter such as debug [default: info]";

/// Imports the Pokédex of Let's Go into PostgreSQL
#[derive(Debug, Parser)]
#[command(name = "etl", version, after_help = ENVIRONMENT, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Migrate the database, load the data and check it (the default)
    Run(RunArguments),
    /// Bring the database's schema up to date and load nothing: for its owner, where `run` connects as one who may not
    Migrate,
    /// Read PokéAPI and write the snapshot that ships with the project
    Export {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Compare the database with what a run must leave there
    Check,
    /// Read both live sources and show each disagreement; exit 0 whether or not there are any
    Diff,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Only these tables, e.g. moves,learnsets; the counts of the whole must still be right
    #[arg(long, value_name = "TABLE", value_delimiter = ',', value_parser = etl::load::table_names().collect::<Vec<_>>())]
    pub(crate) only: Vec<String>,
    /// Change nothing; print what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask the sources about every document that the cache holds
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Print events as lines of JSON
    #[arg(long)]
    pub(crate) json: bool,
}
