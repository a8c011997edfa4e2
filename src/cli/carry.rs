//! Carries out a plan for commands other than `up`: progress and diagnosis on the error output, no closing table.

use std::cell::Cell;
use std::io::{self, Write as _};

use super::exit::Exit;
use super::{Session, signal, up};
use crate::definition::model::Definition;
use crate::engine::{Run, Settings, drive};
use crate::plan::Plan;
use crate::report::failures;
use crate::runtime::Runtime;

pub(super) async fn carry_out<R: Runtime>(
    session: &Session,
    definition: &Definition,
    plan: &Plan,
    runtime: &R,
) -> anyhow::Result<Exit> {
    let mut progress = up::progress(session.global.progress, plan);
    let run = run(session, definition, plan, runtime);
    let signalled = Cell::new(Exit::Ok);
    let interrupt = async { signalled.set(signal::interrupt().await) };
    let outcome = drive(&run, &mut |at, event| progress.event(at, event), interrupt).await;
    drop(progress);
    write!(io::stderr(), "{}", failures::diagnosis(outcome.phases.iter().map(|(i, phase)| (i, phase))))?;
    Ok(if outcome.interrupted { signalled.get() } else { up::exit_code(&outcome) })
}

/// A run without a deadline that may ask registries.
pub(super) fn run<'a, R>(
    session: &'a Session,
    definition: &'a Definition,
    plan: &'a Plan,
    runtime: &'a R,
) -> Run<'a, R> {
    Run {
        runtime,
        definition,
        plan,
        environment: &session.environment,
        deadline: None,
        no_registry: false,
        offline: false,
        settings: Settings::default(),
    }
}
