//! Foreign keys of a table that is filled for the first time: PostgreSQL checks them row by row, which for thousands of rows takes
//! longer than everything else, or for all rows at once when a key is added. So an empty table's keys are taken away, and put back
//! after its rows are there: in the transaction of the load, so that nobody sees the table without them.

use tokio_postgres::{Error, Transaction};

use super::tables::Table;

/// From so many rows on checking them at once is faster.
const MANY: u64 = 1000;

/// Keys that were taken away.
#[derive(Debug)]
pub(super) struct ForeignKeys {
    pub(super) table: &'static str,
    restore: String,
}

impl ForeignKeys {
    /// Takes a table's keys away; `None` where it has rows or gets few, or where the user may not change the table.
    pub(super) async fn take(
        transaction: &Transaction<'_>,
        table: &Table,
        rows: u64,
    ) -> Result<Option<Self>, Error> {
        if rows < MANY {
            return Ok(None);
        }
        let name = table.name;
        // References are locked before the table that has them, as everyone who reads several tables does.
        let query = format!(
            "SELECT string_agg(DISTINCT format('LOCK TABLE %s;', k.confrelid::regclass), '')
                        || string_agg(format('ALTER TABLE {name} DROP CONSTRAINT %I;', k.conname), ''),
                    string_agg(format('ALTER TABLE {name} ADD CONSTRAINT %I %s;', k.conname, pg_get_constraintdef(k.oid)), '')
             FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
             WHERE k.contype = 'f' AND c.oid = '{name}'::regclass AND NOT EXISTS (SELECT FROM {name})
               AND pg_has_role(c.relowner, 'USAGE')"
        );
        let row = transaction.query_one(&query, &[]).await?;
        let (Some(take), Some(restore)) = (row.try_get::<_, Option<String>>(0)?, row.try_get(1)?) else {
            return Ok(None);
        };
        transaction.batch_execute(&take).await?;
        Ok(Some(Self { table: name, restore }))
    }

    /// Puts them back, which checks every row; fails where one of them has no counterpart.
    pub(super) async fn put_back(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        transaction.batch_execute(&self.restore).await
    }
}
