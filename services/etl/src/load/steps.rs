//! From staged rows to the tables: three statements for each table, all sent at once, since each round trip costs as much as a
//! small table. Their answers are read as they come.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::{SimpleQueryMessage, Transaction};

use super::LoadError;
use super::tables::Table;
use crate::progress::{Event, Progress};

/// A row that was inserted, updated or deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub table: &'static str,
    pub what: What,
    /// The row's key, its parts separated by blanks.
    pub key: String,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Delete,
    Insert,
    Update,
}

impl What {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Insert => "insert",
            Self::Update => "update",
        }
    }
}

/// One statement.
struct Step {
    table: &'static str,
    what: What,
    statement: String,
}

/// Deletes from the last table to the first, since children come after their parents; then updates and inserts the other way.
fn plan(tables: &[&Table]) -> Vec<Step> {
    let deletes = tables.iter().rev().map(|table| (table, What::Delete, table.delete_vanished()));
    let writes = tables.iter().flat_map(|table| {
        [(table, What::Update, table.update_changed()), (table, What::Insert, table.insert_new())]
    });
    let step = |(table, what, statement): (&&Table, _, _)| Step { table: table.name, what, statement };
    deletes.chain(writes).map(step).collect()
}

/// Makes the tables equal to what is staged for them; returns what that changed.
pub(super) async fn run(
    transaction: &Transaction<'_>,
    tables: &[&Table],
    progress: &Progress,
) -> Result<Vec<Change>, LoadError> {
    let Some(last) = tables.last() else { return Ok(Vec::new()) };
    let steps = plan(tables);
    let script: Vec<&str> = steps.iter().map(|step| step.statement.as_str()).collect();
    let failed = |table| move |source| LoadError::Table { table, source };
    let answers = transaction.client().simple_query_raw(&script.join(";\n")).await;
    let mut answers = pin!(answers.map_err(failed(tables[0].name))?);
    let mut changes = Vec::new();
    let (mut rest, mut done) = (steps.iter().peekable(), 0);
    let at = |step: Option<&&Step>| step.map_or(last.name, |step| step.table);
    while let Some(answer) = answers.try_next().await.map_err(failed(at(rest.peek())))? {
        match (answer, rest.peek()) {
            (SimpleQueryMessage::Row(row), Some(step)) => {
                let key = row.get(0).unwrap_or_default().to_owned();
                changes.push(Change { table: step.table, what: step.what, key });
            }
            (SimpleQueryMessage::CommandComplete(_), Some(step)) => {
                if step.what == What::Insert {
                    done += 1;
                    let of_it = changes.iter().filter(|change| change.table == step.table);
                    let (table, total) = (step.table, tables.len());
                    progress.tell(&Event::Loaded { table, changed: of_it.count(), done, total });
                }
                rest.next();
            }
            _ => {}
        }
    }
    Ok(changes)
}
