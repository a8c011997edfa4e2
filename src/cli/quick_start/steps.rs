//! What a guided start does once it was agreed on, each step as its own command does it, and its last words.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::{Seen, Talk};
use crate::cli::args::{self, Global, Go, PullWhen};
use crate::cli::context::{self, Engine, on_engine};
use crate::cli::exit::{Exit, Stop};
use crate::cli::{Session, down, first, generate_load, say, signal, up, validate};
use crate::definition::graph;
use crate::definition::model::{Definition, ServiceName};
use crate::guide::{self, Answers, Data, Traffic};
use crate::images::host;
use crate::plan::Goal;
use crate::report::guide::{self as words, End, Text};
use crate::report::tables;
use crate::world::State;

impl Talk<'_> {
    /// Everything that was agreed on, up to the first step that does not succeed.
    pub(super) async fn carry_out(&self, seen: &Seen, answers: &Answers) -> anyhow::Result<Exit> {
        let session = self.bind(seen, answers)?;
        let (end, exit) = self.steps(&session, seen, answers).await?;
        let end = if matches!(exit, Exit::Interrupted | Exit::Terminated) { End::Stopped } else { end };
        let definition = seen.definition(answers);
        let running = match end {
            End::Well | End::Validate | End::Load => running(&session, definition).await?,
            End::Remove | End::Up | End::Stopped => Vec::new(),
        };
        if end == End::Well && answers.open {
            self.open(definition, &running).await?;
        }
        let links = tables::links(definition, running.into_iter());
        let program = program(&session.global);
        let can_load = seen.situation.can_load && answers.load == Traffic::None;
        writeln!(io::stdout(), "\n{}", words::closing(self.language, end, &links, can_load, &program))?;
        Ok(exit)
    }

    /// How the steps end, and with what.
    async fn steps(&self, session: &Session, seen: &Seen, answers: &Answers) -> anyhow::Result<(End, Exit)> {
        if answers.data == Data::Fresh && !seen.situation.volumes.is_empty() {
            self.announce(Text::StepRemove)?;
            let exit = told(down::down(session, &all_of_it()).await);
            if exit != Exit::Ok {
                return Ok((End::Remove, exit));
            }
        }
        let goal = seen.situation.goal(answers);
        let services: Vec<String> = goal.services.iter().map(ToString::to_string).collect();
        self.announce(Text::StepUp)?;
        let fresh = Session { began: Instant::now(), ..session.clone() };
        let exit = told(up::up(&fresh, &start(&goal, services.clone())).await);
        if exit != Exit::Ok {
            return Ok((End::Up, exit));
        }
        self.announce(Text::StepValidate)?;
        let (signals, checks) = (signal::listen(), checked(services));
        let exit = tokio::select! {
            biased;
            exit = signals.nth(1) => exit,
            done = validate::validate(session, &checks) => told(done),
        };
        if exit != Exit::Ok {
            return Ok((End::Validate, exit));
        }
        if let Traffic::For(length) = answers.load {
            self.announce(Text::StepLoad)?;
            let exit = told(generate_load::generate_load(session, &traffic(length)).await);
            if exit != Exit::Ok {
                return Ok((End::Load, exit));
            }
        }
        Ok((End::Well, Exit::Ok))
    }

    /// The session of the steps: with the address that was chosen, which `.env` keeps where it was another one.
    fn bind(&self, seen: &Seen, answers: &Answers) -> anyhow::Result<Session> {
        // The first of the steps may need what it holds.
        up::write_env(self.session)?;
        let mut session = self.session.clone();
        if seen.situation.exposed.is_none_or(|now| now == answers.expose) {
            return Ok(session);
        }
        let address = if answers.expose { "0.0.0.0" } else { "127.0.0.1" };
        session.environment.insert(guide::BIND.to_owned(), address.to_owned());
        let path = seen.closed.directory.join(".env");
        let file = Some(path).filter(|path| session.global.env_files.is_empty() && path.is_file());
        let shown = file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let values = [("variable", guide::BIND), ("value", address), ("path", shown.as_str())];
        let text = match &file {
            Some(path) => {
                first::set_variable(path, guide::BIND, address)?;
                Text::Kept
            }
            None => Text::NotKept,
        };
        writeln!(io::stderr(), "{}", text.with(self.language, &values))?;
        Ok(session)
    }

    fn announce(&self, step: Text) -> io::Result<()> {
        writeln!(io::stderr(), "{}", step.plain(self.language))
    }

    /// The first page of each service that has one.
    async fn open(&self, definition: &Definition, running: &[ServiceName]) -> io::Result<()> {
        let services = running.iter().filter_map(|name| definition.services.get(name));
        for (_, url) in services.filter_map(|service| service.pdex.links.first()) {
            if let Err(error) = host::open(url).await {
                let cause = error.to_string();
                let text = Text::OpenFailed.with(self.language, &[("cause", &cause)]);
                return writeln!(io::stderr(), "{text}");
            }
        }
        Ok(())
    }
}

/// The services that run, dependencies first.
async fn running(session: &Session, definition: &Definition) -> Result<Vec<ServiceName>, Stop> {
    let engine: Engine = context::connect(&session.global, &session.environment).await?;
    let world = on_engine!(&engine, runtime => context::observe(runtime, definition).await?);
    let runs = |name: &ServiceName| world.of(name).any(|c| matches!(c.state, State::Running { .. }));
    Ok(graph::topological(definition).into_iter().filter(runs).collect())
}

/// An error of a step is told as it would be by that step's own command; what comes after it is for the caller.
fn told(done: anyhow::Result<Exit>) -> Exit {
    done.unwrap_or_else(|error| say(&error))
}

/// `down -v --yes`: what goes was named, and agreed on.
fn all_of_it() -> args::handle::Down {
    args::handle::Down {
        services: Vec::new(),
        volumes: true,
        rmi: None,
        remove_orphans: false,
        yes: true,
        no_backup: false,
        timeout: None,
    }
}

/// `up` with this goal.
fn start(goal: &Goal, services: Vec<String>) -> Go {
    let up = args::Up {
        services,
        build: goal.build,
        no_deps: goal.no_dependencies,
        force_recreate: false,
        no_recreate: false,
        rerun: Vec::new(),
        remove_orphans: false,
        scale: Vec::new(),
        pull: PullWhen::Missing,
        offline: false,
        detach: false,
    };
    Go { up, no_wait: false, wait: false, timeout: None, timeline: None }
}

/// `validate` of these services, of all when none is named.
fn checked(only: Vec<String>) -> args::look::Validate {
    args::look::Validate {
        only,
        skip: Vec::new(),
        verbose: false,
        json: false,
        junit: None,
        watch: false,
        timeout: 60,
    }
}

/// `generate-load --duration`
fn traffic(length: Duration) -> args::load::GenerateLoad {
    args::load::GenerateLoad {
        mode: None,
        duration: Some(length),
        rate: None,
        users: None,
        seed: None,
        slo: None,
        scenario: None,
        target: None,
        http: None,
        ca: None,
        i_own_this_target: false,
        connections: 32,
        streams: None,
        timeout: 10,
        json: false,
        html: None,
        dry_run: false,
        trace_out: None,
        replay: None,
    }
}

/// How pdex has to be called for the same stack.
fn program(global: &Global) -> String {
    let files = global.files.iter().map(|file| ("-f", file.display().to_string()));
    let names = global.project_name.iter().map(|name| ("-p", name.clone()));
    let paths = |option, all: &[PathBuf]| -> Vec<(&'static str, String)> {
        all.iter().map(|path| (option, path.display().to_string())).collect()
    };
    let env_files = paths("--env-file", &global.env_files);
    let words =
        files.chain(names).chain(env_files).map(|(option, value)| format!(" {option} {}", quoted(&value)));
    std::iter::once("pdex".to_owned()).chain(words).collect()
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    if text.chars().all(plain) && !text.is_empty() {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
