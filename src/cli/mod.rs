//! The command line: arguments in, exit code out. Each command has a file that wires the layers and holds no logic.

mod args;
mod ask;
mod attach;
mod audit;
mod backup;
mod carry;
mod color;
mod config;
mod context;
mod doctor;
mod down;
mod drill;
mod env;
mod events;
mod exec;
mod exit;
mod export;
mod first;
mod generate_load;
mod handle;
mod history;
mod init;
mod inspect;
mod left_over;
mod lock;
mod logs;
mod manual;
mod mlflow_check;
mod moment;
mod ps;
mod quick_start;
mod record;
mod restore;
mod run;
mod secrets;
mod signal;
mod size;
mod start;
mod supply;
mod terminal;
mod top;
mod up;
mod validate;
mod vault;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tokio::time::Instant;

use args::{Arguments, Command, Global};
pub use exit::Exit;
pub use manual::reference;

/// What every command gets.
#[derive(Debug, Clone)]
struct Session {
    global: Global,
    environment: BTreeMap<String, String>,
    began: Instant,
}

/// Runs the program with these arguments, the first being its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { Exit::Usage } else { Exit::Ok }.code());
        }
    };
    let runtime = match runtime(arguments.global.runtime.starts_with("sim")) {
        Ok(runtime) => runtime,
        Err(error) => return ExitCode::from(say(&error).code()),
    };
    let began = runtime.block_on(async { Instant::now() });
    let session = Session { global: arguments.global, environment: env::process(), began };
    let exit = start_tracing(&session)
        .map_err(anyhow::Error::from)
        .and_then(|()| runtime.block_on(dispatch(&session, arguments.command)))
        .unwrap_or_else(|error| say(&error));
    ExitCode::from(exit.code())
}

/// A simulated engine runs on a clock that jumps from one event to the next.
fn runtime(simulated: bool) -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().start_paused(simulated).build()?)
}

async fn dispatch(session: &Session, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::QuickStart(arguments) => Box::pin(quick_start::quick_start(session, &arguments)).await,
        Command::Up(arguments) => up::up(session, &arguments).await,
        Command::Plan(arguments) => up::plan(session, &arguments).await,
        Command::Down(arguments) => Box::pin(down::down(session, &arguments)).await,
        Command::Start(arguments) => start::start(session, &arguments).await,
        Command::Stop(arguments) => down::stop(session, &arguments).await,
        Command::Restart(arguments) => handle::restart(session, &arguments).await,
        Command::Kill(arguments) => handle::kill(session, &arguments).await,
        Command::Pause(arguments) => handle::pause(session, &arguments).await,
        Command::Unpause(arguments) => handle::unpause(session, &arguments).await,
        Command::Rm(arguments) => handle::rm(session, &arguments).await,
        Command::Run(arguments) => run::run(session, &arguments).await,
        Command::Exec(arguments) => exec::exec(session, &arguments).await,
        Command::Logs(arguments) => logs::logs(session, &arguments).await,
        Command::Ps(arguments) => ps::ps(session, &arguments).await,
        Command::Top(arguments) => top::top(session, &arguments).await,
        Command::Stats(arguments) => top::stats(session, &arguments).await,
        Command::Events(arguments) => events::events(session, &arguments).await,
        Command::Wait(arguments) => events::wait(session, &arguments).await,
        Command::Port(arguments) => inspect::port(session, &arguments).await,
        Command::Inspect(arguments) => inspect::inspect(session, &arguments).await,
        Command::Build(arguments) => supply::build(session, &arguments).await,
        Command::Pull(arguments) => supply::pull(session, &arguments).await,
        Command::Images(arguments) => supply::images(session, &arguments).await,
        Command::Network(arguments) => inspect::network(session, &arguments).await,
        Command::Volume(arguments) => inspect::volume(session, &arguments).await,
        Command::Validate(arguments) => validate::validate(session, &arguments).await,
        Command::Audit(arguments) => audit::audit(session, &arguments).await,
        Command::Doctor(arguments) => Box::pin(doctor::doctor(session, &arguments)).await,
        Command::MlflowCheck(arguments) => mlflow_check::mlflow_check(session, &arguments).await,
        Command::GenerateLoad(arguments) => generate_load::generate_load(session, &arguments).await,
        Command::Drill(arguments) => Box::pin(drill::drill(session, &arguments)).await,
        Command::Secrets(arguments) => secrets::secrets(session, &arguments).await,
        Command::Backup(arguments) => Box::pin(backup::backup(session, &arguments)).await,
        Command::Restore(arguments) => Box::pin(restore::restore(session, &arguments)).await,
        Command::Init(arguments) => init::init(&arguments),
        Command::Export(arguments) => export::export(session, &arguments),
        Command::Size(arguments) => size::size(&arguments),
        Command::Config(arguments) => config::config(session, &arguments),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::man(command.as_deref()),
    }
}

/// Prints an error and tells the exit code it stands for.
fn say(error: &anyhow::Error) -> Exit {
    if let Some(stop) = error.downcast_ref::<exit::Stop>() {
        let _ = writeln!(io::stderr(), "{stop}");
        return stop.exit;
    }
    // The reader of a pipe went away: there is nobody left to tell.
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        return Exit::Ok;
    }
    let _ = writeln!(io::stderr(), "error: {error:#}");
    Exit::Failed
}

/// For developers, on the error output: off unless `-v`, or `PDEX_LOG` with a filter such as `pdex=trace,bollard=debug`.
fn start_tracing(session: &Session) -> Result<(), exit::Stop> {
    let level = match session.global.verbose {
        0 => None,
        1 => Some("pdex=info"),
        2 => Some("pdex=debug"),
        _ => Some("pdex=trace"),
    };
    let named = session.environment.get("PDEX_LOG").filter(|text| !text.is_empty());
    let Some(filter) = named.map(String::as_str).or(level) else { return Ok(()) };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|e| {
        exit::Stop::new(Exit::Usage, format!("PDEX_LOG={filter}: {e}"), Some("try PDEX_LOG=pdex=debug"))
    })?;
    let ansi = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(io::stderr).init();
    Ok(())
}
