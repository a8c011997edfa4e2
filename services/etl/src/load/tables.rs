//! The tables of the domain: their columns, their rows, and the statements made from those. Parents come before children.

use std::borrow::Cow;
use std::pin::pin;

use bytes::BytesMut;
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type as SqlType, to_sql_checked};

use super::rows;
use crate::facts::Facts;

/// One value on its way into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// For a `smallint`; what does not fit fails the copy.
    Number(Option<i32>),
    Text(Cow<'a, str>),
    MaybeText(Option<&'a str>),
    Flag(bool),
}

/// A table, its columns with those of the key first, and how facts become its rows. Every table ends in the row's provenance.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    key: &'static [&'static str],
    rest: &'static [&'static str],
    rows: for<'a> fn(&'a Facts) -> Vec<Vec<Value<'a>>>,
}

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

/// The columns that say where a row comes from.
const PROVENANCE: [&str; 2] = ["source", "document"];

pub(super) static TABLES: &[Table] = &[
    Table { name: "types", key: &["id"], rest: &["slug", "name_en", "name_fr"], rows: rows::types },
    Table {
        name: "type_effectiveness",
        key: &["attack_type_id", "defend_type_id"],
        rest: &["halves"],
        rows: rows::type_effectiveness,
    },
    Table { name: "species", key: &["id"], rest: &["slug", "name_en", "name_fr"], rows: rows::species },
    Table {
        name: "pokemon",
        key: &["id"],
        rest: &[
            "species_id",
            "slug",
            "form",
            "name_en",
            "name_fr",
            "hp",
            "attack",
            "defense",
            "special_attack",
            "special_defense",
            "speed",
            "weight_hg",
            "height_dm",
        ],
        rows: rows::pokemon,
    },
    Table {
        name: "pokemon_types",
        key: &["pokemon_id", "slot"],
        rest: &["type_id"],
        rows: rows::pokemon_types,
    },
    Table {
        name: "moves",
        key: &["id"],
        rest: &[
            "slug",
            "name_en",
            "name_fr",
            "type_id",
            "category",
            "power",
            "accuracy",
            "pp",
            "priority",
            "min_hits",
            "max_hits",
            "drain",
            "healing",
            "crit_rate",
            "flinch_chance",
            "ailment",
            "ailment_chance",
            "stat_chance",
            "effect_class",
            "target",
        ],
        rows: rows::moves,
    },
    Table {
        name: "move_stat_changes",
        key: &["move_id", "stat"],
        rest: &["change"],
        rows: rows::move_stat_changes,
    },
    Table {
        name: "learnsets",
        key: &["pokemon_id", "method", "level", "move_id"],
        rest: &[],
        rows: rows::learnsets,
    },
    Table {
        name: "evolutions",
        key: &["pokemon_id"],
        rest: &["from_pokemon_id", "trigger", "min_level", "item", "friendship"],
        rows: rows::evolutions,
    },
    Table { name: "machines", key: &["number"], rest: &["move_id"], rows: rows::machines },
    Table {
        name: "move_later_values",
        key: &["move_id", "attribute"],
        rest: &["later_value"],
        rows: rows::later_values,
    },
];

impl Table {
    /// Creates the staging table and copies the facts' rows into it.
    pub(super) async fn stage(
        &self,
        transaction: &Transaction<'_>,
        facts: &Facts,
    ) -> Result<(), tokio_postgres::Error> {
        transaction.batch_execute(&self.create_stage()).await?;
        // The statement knows the columns' types, so they are not written down twice.
        let types: Vec<SqlType> = transaction
            .prepare(&format!("SELECT {} FROM stage_{}", self.columns(), self.name))
            .await?
            .columns()
            .iter()
            .map(|column| column.type_().clone())
            .collect();
        let sink = transaction.copy_in(&self.copy()).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        for row in (self.rows)(facts) {
            writer.as_mut().write_raw(&row).await?;
        }
        writer.finish().await.map(drop)
    }

    fn create_stage(&self) -> String {
        format!("CREATE TEMPORARY TABLE stage_{0} (LIKE {0}) ON COMMIT DROP", self.name)
    }

    fn copy(&self) -> String {
        format!("COPY stage_{} ({}) FROM STDIN BINARY", self.name, self.columns())
    }

    /// Deletes rows whose key is not staged.
    pub(super) async fn delete_vanished(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<Vec<Change>, tokio_postgres::Error> {
        let same_key: Vec<String> = self.key.iter().map(|c| format!("staged.{c} = old.{c}")).collect();
        let statement = format!(
            "DELETE FROM {0} old WHERE NOT EXISTS (SELECT FROM stage_{0} staged WHERE {1}) RETURNING false, {2}",
            self.name,
            same_key.join(" AND "),
            self.key_text()
        );
        self.changes(transaction, &statement, [What::Delete, What::Delete]).await
    }

    /// Inserts new rows and updates those that differ; equal ones are not touched.
    pub(super) async fn upsert(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<Vec<Change>, tokio_postgres::Error> {
        // A row version that nobody has locked is new: an update locks the one it replaces.
        let statement = format!("{} RETURNING old.xmax = 0, {}", self.upsert_statement(), self.key_text());
        self.changes(transaction, &statement, [What::Update, What::Insert]).await
    }

    async fn changes(
        &self,
        transaction: &Transaction<'_>,
        statement: &str,
        kinds: [What; 2],
    ) -> Result<Vec<Change>, tokio_postgres::Error> {
        let rows = transaction.query(statement, &[]).await?;
        rows.iter()
            .map(|row| {
                let what = kinds[usize::from(row.try_get::<_, bool>(0)?)];
                Ok(Change { table: self.name, what, key: row.try_get(1)? })
            })
            .collect()
    }

    fn upsert_statement(&self) -> String {
        let rest = || self.rest.iter().chain(&PROVENANCE);
        let set: Vec<String> = rest().map(|c| format!("{c} = excluded.{c}")).collect();
        let old: Vec<String> = rest().map(|c| format!("old.{c}")).collect();
        let new: Vec<String> = rest().map(|c| format!("excluded.{c}")).collect();
        format!(
            "INSERT INTO {0} AS old ({1}) SELECT {1} FROM stage_{0} ON CONFLICT ({2}) \
             DO UPDATE SET {3} WHERE ({4}) IS DISTINCT FROM ({5})",
            self.name,
            self.columns(),
            self.key.join(", "),
            set.join(", "),
            old.join(", "),
            new.join(", ")
        )
    }

    fn key_text(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|c| format!("old.{c}")).collect();
        format!("concat_ws(' ', {})", key.join(", "))
    }

    fn columns(&self) -> String {
        self.key.iter().chain(self.rest).chain(&PROVENANCE).copied().collect::<Vec<_>>().join(", ")
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        type_: &SqlType,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Number(None) => Ok(IsNull::Yes),
            Self::Number(Some(number)) => i16::try_from(*number)?.to_sql(type_, out),
            Self::Text(text) => text.as_ref().to_sql(type_, out),
            Self::MaybeText(text) => text.to_sql(type_, out),
            Self::Flag(flag) => flag.to_sql(type_, out),
        }
    }

    fn accepts(type_: &SqlType) -> bool {
        [SqlType::INT2, SqlType::TEXT, SqlType::BOOL].contains(type_)
    }

    to_sql_checked!();
}
