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
    /// Copies the facts' rows into the staging table; returns how many there are.
    pub(super) async fn stage(
        &self,
        transaction: &Transaction<'_>,
        facts: &Facts,
    ) -> Result<u64, tokio_postgres::Error> {
        let rows = (self.rows)(facts);
        let types: Vec<SqlType> = rows.first().into_iter().flatten().map(Value::sql_type).collect();
        let sink = transaction.copy_in(&self.copy()).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        for row in &rows {
            writer.as_mut().write_raw(row).await?;
        }
        writer.finish().await
    }

    fn copy(&self) -> String {
        format!("COPY stage_{} ({}) FROM STDIN BINARY", self.name, self.columns())
    }

    /// Deletes rows whose key is not staged. This statement and the two below return the keys of the rows that they touched.
    pub(super) fn delete_vanished(&self) -> String {
        format!(
            "DELETE FROM {0} old WHERE NOT EXISTS (SELECT FROM stage_{0} staged WHERE {1}) RETURNING {2}",
            self.name,
            self.same_key(),
            self.key_text()
        )
    }

    /// Updates rows that differ from what is staged; equal ones are not touched, nor locked.
    pub(super) fn update_changed(&self) -> String {
        let rest = || self.rest.iter().chain(&PROVENANCE);
        let list = |side: &str| rest().map(|c| format!("{side}.{c}")).collect::<Vec<_>>().join(", ");
        format!(
            "UPDATE {0} old SET {1} FROM stage_{0} staged WHERE {2} AND ({3}) IS DISTINCT FROM ({4}) RETURNING {5}",
            self.name,
            rest().map(|c| format!("{c} = staged.{c}")).collect::<Vec<_>>().join(", "),
            self.same_key(),
            list("old"),
            list("staged"),
            self.key_text()
        )
    }

    /// Inserts staged rows whose key is new.
    pub(super) fn insert_new(&self) -> String {
        format!(
            "INSERT INTO {0} AS old ({1}) SELECT {1} FROM stage_{0} staged \
             WHERE NOT EXISTS (SELECT FROM {0} old WHERE {2}) RETURNING {3}",
            self.name,
            self.columns(),
            self.same_key(),
            self.key_text()
        )
    }

    fn same_key(&self) -> String {
        self.key.iter().map(|c| format!("staged.{c} = old.{c}")).collect::<Vec<_>>().join(" AND ")
    }

    fn key_text(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|c| format!("old.{c}")).collect();
        format!("concat_ws(' ', {})", key.join(", "))
    }

    fn columns(&self) -> String {
        self.key.iter().chain(self.rest).chain(&PROVENANCE).copied().collect::<Vec<_>>().join(", ")
    }
}

/// Creates the staging tables of these, all at once. All that joins them to their tables takes both whole; a nested loop, which the
/// planner believes in where a table was empty a moment ago, would take the one as often as the other has rows. Compiling a statement that runs once takes longer than running it.
pub(super) async fn create_stages(
    transaction: &Transaction<'_>,
    tables: &[&Table],
) -> Result<(), tokio_postgres::Error> {
    let create =
        |table: &&Table| format!("CREATE TEMPORARY TABLE stage_{0} (LIKE {0}) ON COMMIT DROP;", table.name);
    let create: String = tables.iter().map(create).collect();
    transaction
        .batch_execute(&format!("SET LOCAL enable_nestloop = off; SET LOCAL jit = off; {create}"))
        .await
}

impl Value<'_> {
    /// The type of the columns that it is for.
    fn sql_type(&self) -> SqlType {
        match self {
            Self::Number(_) => SqlType::INT2,
            Self::Text(_) | Self::MaybeText(_) => SqlType::TEXT,
            Self::Flag(_) => SqlType::BOOL,
        }
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
