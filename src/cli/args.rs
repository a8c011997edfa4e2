//! The command line's grammar.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod drill;
pub(crate) mod export;
pub(crate) mod handle;
pub(crate) mod image;
pub(crate) mod load;
pub(crate) mod look;
pub(crate) mod process;
pub(crate) mod quick_start;
pub(crate) mod secret;
pub(crate) mod size;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Takes a machine with Docker to a running, checked and observable `PredictionDex` platform.
#[derive(Debug, Parser)]
#[command(name = "pdex", version, about, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok · 1 failed · 2 usage · 3 unhealthy · 4 engine unreachable · 5 timeout · \
                          6 invalid definition · 7 audit findings · 8 SLO breached · 9 declined · 130/143 interrupted";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Definition to load; repeat to merge more over it [default: stack/predictiondex.yaml of this folder or one above]
    ///
    /// Before the command, as with Compose: `logs -f` follows.
    #[arg(short, long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Project name [default: the definition's]
    #[arg(short, long, value_name = "NAME", global = true)]
    pub(crate) project_name: Option<String>,
    /// Where relative paths of the definition start [default: the definition's folder]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) project_directory: Option<PathBuf>,
    /// Variables for the definition; repeat for more [default: .env of the project directory]
    #[arg(long = "env-file", value_name = "FILE", global = true)]
    pub(crate) env_files: Vec<PathBuf>,
    /// Profiles to enable; repeat for more. `production` merges stack/production.yaml over the platform's definition
    #[arg(long = "profile", value_name = "NAME", global = true)]
    pub(crate) profiles: Vec<String>,
    /// Address of the container engine [default: `DOCKER_HOST`, else the local socket]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) docker_host: Option<String>,
    /// Where services run: on one engine, or on the nodes of the swarm that it manages
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = Engine::Docker, global = true)]
    pub(crate) engine: Engine,
    /// `docker`, or `sim[:FILE]` for the simulated engine of the tests
    #[arg(long, value_name = "RUNTIME", default_value = "docker", hide = true, global = true)]
    pub(crate) runtime: String,
    /// How progress is shown on the error output
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto, global = true)]
    pub(crate) progress: ProgressMode,
    /// Whether to use colours: `auto` heeds the terminal, `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, global = true)]
    pub(crate) color: Color,
    /// Say more on the error output; repeat for more still (before the command: `down -v` means volumes)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// See [`Global::engine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Docker,
    Swarm,
}

/// See [`Global::color`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// See [`Global::progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// In place on a terminal, plain lines elsewhere
    Auto,
    Tty,
    Plain,
    /// A JSON document per event
    Json,
    Quiet,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the stack step by step: what it costs, what it asks, start, checks, traffic, links
    QuickStart(quick_start::QuickStart),
    /// Start the stack, or the named services with what they depend on, and wait until it is ready
    Up(Go),
    /// Show what `up` would do; exit 2 when that is anything
    Plan(Plan),
    /// Stop and remove the stack's containers and networks
    Down(handle::Down),
    /// Start the containers of services that were stopped
    Start(handle::Services),
    /// Stop services, keeping their containers
    Stop(handle::Stop),
    /// Stop services and start them again, with the dependents that ask for it
    Restart(handle::Restart),
    /// Send a signal to services
    Kill(handle::Kill),
    /// Hold services where they are
    Pause(handle::Services),
    /// Let paused services go on
    Unpause(handle::Services),
    /// Remove the containers of services that have ended
    Rm(handle::Rm),
    /// Run a command in a container of its own, made as the service's would be
    Run(process::Run),
    /// Run a command in the container of a service
    Exec(process::Exec),
    /// Show what services print
    Logs(look::Logs),
    /// List the stack's containers
    Ps(look::Ps),
    /// Show the processes inside containers
    Top(look::Look),
    /// Show what containers use: processor, memory, network, disk
    Stats(look::Stats),
    /// Print what happens to containers, as it happens
    Events(look::Events),
    /// Wait until services end, print how, and end with their exit code
    Wait(look::Wait),
    /// Print where a port of a service is published
    Port(look::Port),
    /// Print all that the engine knows of containers, as JSON
    Inspect(look::Look),
    /// Build the images that have a recipe
    Build(image::Build),
    /// Fetch the images that come from a registry
    Pull(image::Pull),
    /// List, save or load the images of the services
    Images(image::Images),
    /// Look at the stack's networks
    #[command(subcommand)]
    Network(look::Things),
    /// Look at the stack's volumes
    #[command(subcommand)]
    Volume(look::Things),
    /// Check the running stack: containers, database, a real prediction, metrics, model registry
    Validate(look::Validate),
    /// Look for what makes the stack easier to attack or to bring down; exit 7 when there is something
    Audit(audit::Audit),
    /// Look for what ails the stack, say by what it shows, and print what mends it
    Doctor(look::Doctor),
    /// Write a run into MLflow, read it back, fetch the registered model's files, delete the run
    MlflowCheck(look::MlflowCheck),
    /// Send the platform what its users would, and say how it bore it
    GenerateLoad(load::GenerateLoad),
    /// Make an alert fire on the running stack and end again, and say how long each took
    Drill(drill::Drill),
    /// List the secrets that pdex keeps, or give them new values
    #[command(subcommand)]
    Secrets(secret::Secrets),
    /// Write what the stack cannot make again into one file: databases, volumes, folders such as the models
    ///
    /// Databases are dumped while they run; whoever writes into a volume holds still while it is copied. Passwords and keys (.env,
    /// secrets) are not in the file: keep them elsewhere. A service's `x-pdex.backup` says what of it is saved and how.
    Backup(backup::Backup),
    /// Put a backup back: check it whole, show what it replaces, ask, replace
    ///
    /// The file is checked to its last byte before anything changes, and everything is made ready beside what is there. Cut short
    /// before places are exchanged, the old data hold; afterwards `pdex restore` without a file finishes it.
    Restore(backup::Restore),
    /// Write out the stack that a released pdex carries, to edit it
    Init(Init),
    /// Write the stack for something else than a container engine
    #[command(subcommand)]
    Export(export::Export),
    /// Reckon how many machines a rate of predictions takes, and what breaks first
    Size(size::Size),
    /// Print the resolved definition in Compose format
    Config(look::Config),
    /// Print a script that completes pdex's arguments in a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page of pdex, or of one of its commands
    Man {
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
}

/// `up` and `plan`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Up {
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Build the images that have a recipe even where they are present
    #[arg(long)]
    pub(crate) build: bool,
    /// Only the named services, without what they depend on
    #[arg(long)]
    pub(crate) no_deps: bool,
    /// Replace the named containers (all of them when none is named) even where nothing changed
    #[arg(long)]
    pub(crate) force_recreate: bool,
    /// Replace no container, whatever changed
    #[arg(long, conflicts_with = "force_recreate")]
    pub(crate) no_recreate: bool,
    /// Run this one-shot again though it succeeded; repeat for more
    #[arg(long, value_name = "JOB")]
    pub(crate) rerun: Vec<String>,
    /// Remove containers of services that the definition no longer has
    #[arg(long)]
    pub(crate) remove_orphans: bool,
    /// Run so many containers of a service; repeat for more
    #[arg(long, value_name = "SERVICE=N", value_parser = scale)]
    pub(crate) scale: Vec<(String, u32)>,
    /// When to ask the registry for an image that is present
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = PullWhen::Missing)]
    pub(crate) pull: PullWhen,
    /// Ask no registry and no package mirror: what is there has to do
    #[arg(long)]
    pub(crate) offline: bool,
    /// What was meant by `-d` is what always happens
    #[arg(short, long, hide = true)]
    pub(crate) detach: bool,
}

/// What only the real `up` knows besides.
#[derive(Debug, Args)]
pub(crate) struct Go {
    #[command(flatten)]
    pub(crate) up: Up,
    /// Do not wait for services that nothing else waits for
    #[arg(long, conflicts_with = "wait")]
    pub(crate) no_wait: bool,
    /// What always happens
    #[arg(long, hide = true)]
    pub(crate) wait: bool,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
    /// Write when what happened: `.html` is a page, `.json` a trace that Chrome and Perfetto open
    #[arg(long, value_name = "FILE", value_parser = timeline)]
    pub(crate) timeline: Option<PathBuf>,
}

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) up: Up,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Overwrite files that are there and differ
    #[arg(long)]
    pub(crate) force: bool,
}

/// See [`Up::pull`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PullWhen {
    /// Even where the image is present
    Always,
    /// Only where it is not, or as the service's `pull_policy` says
    Missing,
    Never,
}

/// `web=3`
fn scale(text: &str) -> Result<(String, u32), String> {
    let parsed = text.split_once('=').and_then(|(service, n)| Some((service.to_owned(), n.parse().ok()?)));
    parsed
        .filter(|(service, n)| !service.is_empty() && *n <= MOST_CONTAINERS)
        .ok_or_else(|| format!("expected a service and a number up to {MOST_CONTAINERS}, such as web=3"))
}

/// Of one service: more is a slip of the finger on one machine.
const MOST_CONTAINERS: u32 = 1_000;

fn timeline(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|e| e.to_str()) {
        Some("html" | "json") => Ok(path),
        _ => Err("its name has to end in .html or .json".to_owned()),
    }
}

/// See [`look::Config::format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Yaml,
    Json,
}

/// `TERM`, `SIGTERM` or `15`, as the engine takes it.
fn signal(text: &str) -> Result<String, String> {
    let name = text.to_ascii_uppercase();
    let valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-');
    if name.is_empty() || !valid {
        return Err("expected the name or the number of a signal".to_owned());
    }
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    Ok(if is_number || name.starts_with("SIG") { name } else { format!("SIG{name}") })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }
}
