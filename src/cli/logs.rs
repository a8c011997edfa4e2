//! `pdex logs`.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use super::args::look::Logs;
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, color, context, moment, signal};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::follow::{self, Broken, Sink};
use crate::engine::select;
use crate::report::log_lines::{self, Style};
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Line, Operate, Window};
use crate::world::live::Listed;

pub(super) async fn logs(session: &Session, arguments: &Logs) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    on_engine!(&engine, runtime => show(session, runtime, &definition, &named, arguments).await)
}

async fn show<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
    arguments: &Logs,
) -> anyhow::Result<Exit> {
    let now = runtime.now();
    let window = Window {
        follow: arguments.follow,
        tail: arguments.tail.and_then(|tail| tail.0),
        since: moment::moment("since", arguments.since.as_deref(), now)?,
        until: moment::moment("until", arguments.until.as_deref(), now)?,
        times: arguments.timestamps || arguments.json,
    };
    let all = context::list(runtime, definition).await?;
    let own = select::own(definition, &all, named);
    let style = style(session, definition, named, &own, arguments);
    let mut sink =
        Output { style, out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()), broken: false };
    let wanted = |listed: &Listed| select::is_own(definition, listed, named);
    let project = &definition.project;
    let reading = async {
        if window.follow {
            follow::follow(runtime, project, &wanted, &window, &mut sink).await
        } else {
            follow::show(runtime, project, &wanted, &window, &mut sink).await
        }
    };
    tokio::select! {
        read = reading => match read {
            Ok(()) => {}
            Err(Broken::Output(e)) => return Err(e.into()),
            Err(Broken::Runtime(e)) => return Err(context::engine_error(&e).into()),
        },
        exit = signal::interrupt() => return Ok(exit),
    }
    sink.out.flush()?;
    Ok(if sink.broken { Exit::Failed } else { Exit::Ok })
}

fn style(
    session: &Session,
    definition: &Definition,
    named: &[ServiceName],
    own: &[&Listed],
    arguments: &Logs,
) -> Style {
    let width = own.iter().map(|container| log_lines::name(container).chars().count()).max();
    let alone = named.len() == 1 && own.len() <= 1;
    Style {
        prefix: width.or(Some(0)).filter(|_| !alone && !arguments.no_log_prefix),
        color: !arguments.no_color
            && color::wanted(session.global.color, &session.environment, io::stdout().is_terminal()),
        times: arguments.timestamps,
        json: arguments.json,
        services: definition.services.keys().cloned().collect(),
    }
}

struct Output {
    style: Style,
    out: BufWriter<StdoutLock<'static>>,
    broken: bool,
}

impl Sink for Output {
    fn line(&mut self, from: &Listed, line: &Line) -> io::Result<()> {
        self.style.write(&mut self.out, from, line.at, line.error, &line.text)
    }

    fn idle(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn nothing_yet(&mut self) {
        // With the error output closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "nothing has run yet; waiting for the first container to start");
    }

    fn broken(&mut self, from: &Listed, error: &RuntimeError) {
        self.broken = true;
        // With the error output closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "warning: logs of {}: {error}", from.name);
    }
}
