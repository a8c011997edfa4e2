//! `pdex start`: containers that are there, as they are, in the order and under the conditions of `up`.

use std::io::{self, Write as _};

use super::args::handle::Services;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, carry, context, lock};
use crate::definition::model::{Definition, ServiceName};
use crate::engine::select;
use crate::plan::Goal;
use crate::report::steps;
use crate::runtime::operate::Operate;

pub(super) async fn start(session: &Session, arguments: &Services) -> anyhow::Result<Exit> {
    let (definition, named) = context::naming(session, &arguments.services)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "start")?;
    on_engine!(&engine, runtime => execute(session, runtime, &definition, &named).await)
}

async fn execute<R: Operate>(
    session: &Session,
    runtime: &R,
    definition: &Definition,
    named: &[ServiceName],
) -> anyhow::Result<Exit> {
    let all = context::list(runtime, definition).await?;
    let own = select::own(definition, &all, named);
    if let Some(service) = select::missing(&own, named).first() {
        return Err(Stop { exit: Exit::Failed, text: steps::no_container(service) }.into());
    }
    let world = context::observe(runtime, definition).await?;
    context::not_half_restored(definition, &world)?;
    let goal = Goal { services: named.iter().cloned().collect(), no_recreate: true, ..Goal::default() };
    let plan = context::plan(session, definition, &world, &goal).of_what_is_there(named);
    if plan.is_empty() {
        writeln!(io::stderr(), "there is nothing to be done")?;
        return Ok(Exit::Ok);
    }
    carry::carry_out(session, definition, &plan, runtime).await
}
