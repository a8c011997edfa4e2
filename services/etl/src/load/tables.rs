//! The tables of the Pokédex: their columns, their rows, and the statements made from those. Parents come before children.

use std::pin::pin;

use bytes::BytesMut;
use dex::pokedex::{Category, Form, LearnMethod, Pokedex, Type};
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type as SqlType, to_sql_checked};

/// One value on its way into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// For a `smallint`; what does not fit fails the copy.
    Number(Option<i32>),
    Text(&'a str),
}

/// A table, its columns with those of the key first, and how a Pokédex becomes its rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    key: &'static [&'static str],
    rest: &'static [&'static str],
    rows: for<'a> fn(&'a Pokedex) -> Vec<Vec<Value<'a>>>,
}

pub(super) static TABLES: &[Table] = &[
    Table { name: "types", key: &["id"], rest: &["slug", "name_en", "name_fr"], rows: types },
    Table {
        name: "type_effectiveness",
        key: &["attack_type_id", "defend_type_id"],
        rest: &["halves"],
        rows: type_effectiveness,
    },
    Table { name: "species", key: &["id"], rest: &["slug", "name_en", "name_fr"], rows: species },
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
        rows: pokemon,
    },
    Table { name: "pokemon_types", key: &["pokemon_id", "slot"], rest: &["type_id"], rows: pokemon_types },
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
        rows: moves,
    },
    Table {
        name: "move_stat_changes",
        key: &["move_id", "stat"],
        rest: &["change"],
        rows: move_stat_changes,
    },
    Table {
        name: "learnsets",
        key: &["pokemon_id", "method", "level", "move_id"],
        rest: &[],
        rows: learnsets,
    },
];

impl Table {
    /// Creates the staging table and copies the Pokédex's rows into it.
    pub(super) async fn stage(
        &self,
        transaction: &Transaction<'_>,
        dex: &Pokedex,
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
        for row in (self.rows)(dex) {
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
    pub(super) fn delete_vanished(&self) -> String {
        let same_key: Vec<String> = self.key.iter().map(|c| format!("staged.{c} = old.{c}")).collect();
        format!(
            "DELETE FROM {0} old WHERE NOT EXISTS (SELECT FROM stage_{0} staged WHERE {1})",
            self.name,
            same_key.join(" AND ")
        )
    }

    /// Inserts new rows and updates those that differ; equal ones are not touched.
    pub(super) fn upsert(&self) -> String {
        let conflict = if self.rest.is_empty() {
            "DO NOTHING".to_owned()
        } else {
            let set: Vec<String> = self.rest.iter().map(|c| format!("{c} = excluded.{c}")).collect();
            let old: Vec<String> = self.rest.iter().map(|c| format!("old.{c}")).collect();
            let new: Vec<String> = self.rest.iter().map(|c| format!("excluded.{c}")).collect();
            format!(
                "DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})",
                set.join(", "),
                old.join(", "),
                new.join(", ")
            )
        };
        format!(
            "INSERT INTO {0} AS old ({1}) SELECT {1} FROM stage_{0} ON CONFLICT ({2}) {conflict}",
            self.name,
            self.columns(),
            self.key.join(", ")
        )
    }

    fn columns(&self) -> String {
        self.key.iter().chain(self.rest).copied().collect::<Vec<_>>().join(", ")
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
            Self::Text(text) => text.to_sql(type_, out),
        }
    }

    fn accepts(type_: &SqlType) -> bool {
        *type_ == SqlType::INT2 || *type_ == SqlType::TEXT
    }

    to_sql_checked!();
}

fn number<'a>(n: impl Into<i32>) -> Value<'a> {
    Value::Number(Some(n.into()))
}

fn types(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    dex.types
        .iter()
        .map(|t| {
            let id = number(t.type_.id());
            vec![id, Value::Text(t.type_.slug()), Value::Text(&t.name_en), Value::Text(&t.name_fr)]
        })
        .collect()
}

fn type_effectiveness(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    Type::ALL
        .into_iter()
        .flat_map(|attack| Type::ALL.map(|defend| (attack, defend)))
        .map(|(attack, defend)| {
            vec![number(attack.id()), number(defend.id()), number(dex.chart.halves(attack, defend))]
        })
        .collect()
}

fn species(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    // A base form has its species' names and identifier.
    dex.pokemon
        .iter()
        .filter(|p| p.form == Form::Base)
        .map(|p| {
            let id = number(p.species_id);
            vec![id, Value::Text(&p.slug), Value::Text(&p.name_en), Value::Text(&p.name_fr)]
        })
        .collect()
}

fn pokemon(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    dex.pokemon
        .iter()
        .map(|p| {
            let form = match p.form {
                Form::Base => "base",
                Form::Alola => "alola",
                Form::Mega => "mega",
                Form::Starter => "starter",
            };
            vec![
                number(p.id),
                number(p.species_id),
                Value::Text(&p.slug),
                Value::Text(form),
                Value::Text(&p.name_en),
                Value::Text(&p.name_fr),
                number(p.stats.hp),
                number(p.stats.attack),
                number(p.stats.defense),
                number(p.stats.special_attack),
                number(p.stats.special_defense),
                number(p.stats.speed),
                number(p.weight_hg),
                number(p.height_dm),
            ]
        })
        .collect()
}

fn pokemon_types(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    let row = |id: u16, (slot, type_): (i32, &Type)| vec![number(id), number(slot), number(type_.id())];
    dex.pokemon.iter().flat_map(|p| (1..).zip(&p.types).map(move |slot| row(p.id, slot))).collect()
}

fn moves(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    dex.moves
        .iter()
        .map(|m| {
            let category = match m.category {
                Category::Physical => "physical",
                Category::Special => "special",
                Category::Status => "status",
            };
            vec![
                number(m.id),
                Value::Text(&m.slug),
                Value::Text(&m.name_en),
                Value::Text(&m.name_fr),
                number(m.type_.id()),
                Value::Text(category),
                Value::Number(m.power.map(Into::into)),
                Value::Number(m.accuracy.map(Into::into)),
                number(m.pp),
                number(m.priority),
                number(m.min_hits),
                number(m.max_hits),
                number(m.drain),
                number(m.healing),
                number(m.crit_rate),
                number(m.flinch_chance),
                Value::Text(&m.ailment),
                number(m.ailment_chance),
                number(m.stat_chance),
                Value::Text(&m.effect_class),
                Value::Text(&m.target),
            ]
        })
        .collect()
}

fn move_stat_changes(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    dex.moves
        .iter()
        .flat_map(|m| {
            m.stat_changes.iter().map(|c| vec![number(m.id), Value::Text(&c.stat), number(c.change)])
        })
        .collect()
}

fn learnsets(dex: &Pokedex) -> Vec<Vec<Value<'_>>> {
    let method = |method| match method {
        LearnMethod::LevelUp => "level-up",
        LearnMethod::Machine => "machine",
        LearnMethod::Tutor => "tutor",
    };
    dex.pokemon
        .iter()
        .flat_map(|p| {
            p.learnset.iter().map(move |l| {
                vec![number(p.id), Value::Text(method(l.method)), number(l.level), number(l.move_id)]
            })
        })
        .collect()
}
