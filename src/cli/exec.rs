//! `pdex exec`.

use std::time::Duration;

use super::args::process::Exec;
use super::context::on_engine;
use super::exit::Exit;
use super::{Session, attach, context, signal};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::select;
use crate::runtime::ExecOrder;
use crate::runtime::operate::{CommandOrder, Operate, ProcessId, Terms};

/// Between two looks at a command that has closed its output and still runs.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn exec(session: &Session, arguments: &Exec) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, std::slice::from_ref(&arguments.service))?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let running = async {
        on_engine!(&engine, runtime => execute(session, runtime, &definition, &named[0], arguments).await)
    };
    tokio::select! {
        exit = running => exit,
        exit = signal::interrupt() => Ok(exit),
    }
}

async fn execute<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    service: &ServiceName,
    arguments: &Exec,
) -> anyhow::Result<Exit> {
    let all = context::list(runtime, definition).await?;
    let container =
        select::running(definition, &all, service, arguments.index).map_err(|e| context::absent(&e))?;
    let terms = attach::terms(arguments.no_tty, arguments.detach);
    let order = CommandOrder {
        exec: ExecOrder {
            argv: arguments.command.clone(),
            user: arguments.user.clone(),
            privileged: arguments.privileged,
            working_dir: arguments.workdir.clone(),
            environment: context::variables(session, &arguments.env),
        },
        terms,
        detached: arguments.detach,
    };
    let (process, attached) =
        runtime.open(&container.id, &order).await.map_err(|e| context::engine_error(&e))?;
    let Some(attached) = attached else { return Ok(Exit::Ok) };
    attach::converse(runtime, &process, attached, terms).await?;
    code(runtime, &process, terms).await
}

async fn code<R: Operate>(runtime: &R, process: &ProcessId, terms: Terms) -> anyhow::Result<Exit> {
    let ProcessId::Command(process) = process else { return Ok(Exit::Ok) };
    loop {
        match runtime.code(process).await.map_err(|e| context::engine_error(&e))? {
            Some(code) => return Ok(Exit::passed(code)),
            // Left with Docker's detach keys.
            None if terms.terminal => return Ok(Exit::Ok),
            None => tokio::time::sleep(LOOK).await,
        }
    }
}
