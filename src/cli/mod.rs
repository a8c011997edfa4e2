//! The command line: arguments in, exit code out. Each command has a file that wires the layers and holds no logic.

mod args;
mod config;
mod context;
mod down;
mod env;
mod exit;
mod first;
mod lock;
mod logs;
mod ps;
mod signal;
mod up;
mod validate;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, Command, Global};
pub use exit::Exit;

/// What every command gets.
#[derive(Debug)]
struct Session {
    global: Global,
    environment: BTreeMap<String, String>,
}

/// Runs the program with these arguments, the first being its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { Exit::Usage as u8 } else { Exit::Ok as u8 });
        }
    };
    start_tracing(arguments.global.verbose);
    let session = Session { global: arguments.global, environment: env::process() };
    let simulated = session.global.runtime.starts_with("sim");
    let exit = match runtime(simulated)
        .and_then(|runtime| runtime.block_on(dispatch(&session, arguments.command)))
    {
        Ok(exit) => exit,
        Err(error) => say(&error),
    };
    ExitCode::from(exit as u8)
}

/// A simulated engine runs on a clock that jumps from one event to the next.
fn runtime(simulated: bool) -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().start_paused(simulated).build()?)
}

async fn dispatch(session: &Session, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Up(arguments) => up::up(session, &arguments).await,
        Command::Plan(arguments) => up::plan(session, &arguments).await,
        Command::Down(arguments) => down::down(session, &arguments).await,
        Command::Stop(arguments) => down::stop(session, &arguments).await,
        Command::Ps(arguments) => ps::ps(session, &arguments).await,
        Command::Logs(arguments) => logs::logs(session, &arguments).await,
        Command::Validate(arguments) => validate::validate(session, &arguments).await,
        Command::Config(arguments) => config::config(session, &arguments),
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

/// For developers, on the error output: off unless `-v`.
fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
}
