//! From the file to a table, checked against the features and the Pokédex of today.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, UInt16Type, UInt32Type};
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::Schema;
use dex::features;
use dex::pokedex::Pokedex;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{DatasetError, FILE, HASH_KEY, columns};
use crate::scenario::Scenario;
use crate::table::{Key, Table};

/// Reads a data set. Returns it with its data hash.
pub fn read(model_dir: &Path, dex: &Pokedex) -> Result<(Table, String), DatasetError> {
    let path = model_dir.join(FILE);
    let file = File::open(&path).map_err(|source| DatasetError::Read { path: path.clone(), source })?;
    let corrupt = |source: Box<dyn std::error::Error + Send + Sync>| DatasetError::Corrupt {
        path: path.clone(),
        source,
    };
    let foreign = |problem: String| DatasetError::Foreign { path: path.clone(), problem };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| corrupt(e.into()))?;
    let metadata = builder.metadata().file_metadata();
    let hash = metadata
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == HASH_KEY))
        .and_then(|pair| pair.value.clone())
        .ok_or_else(|| foreign("it is not a data set of this program".to_owned()))?;
    let rows = usize::try_from(metadata.num_rows()).unwrap_or_default();
    if rows == 0 {
        return Err(foreign("it holds no battles".to_owned()));
    }
    check_columns(builder.schema()).map_err(foreign)?;
    let reader = builder.with_batch_size(8192).build().map_err(|e| corrupt(e.into()))?;
    let mut table = Table::with_capacity(rows);
    for batch in reader {
        let batch = batch.map_err(|e| corrupt(e.into()))?;
        let first = table.len();
        append(&mut table, &batch, dex).map_err(|(i, problem)| DatasetError::Row {
            path: path.clone(),
            row: first + i,
            problem,
        })?;
    }
    if table.len() % 2 == 1 {
        return Err(foreign("its rows are not in pairs".to_owned()));
    }
    Ok((table, hash))
}

/// Names and types must be today's: the model would learn from other numbers without a sign.
fn check_columns(found: &Schema) -> Result<(), String> {
    let expected = columns::schema();
    if found.fields().len() != expected.fields().len() {
        return Err(format!(
            "it has {} columns instead of {}",
            found.fields().len(),
            expected.fields().len()
        ));
    }
    for (i, (found, expected)) in found.fields().iter().zip(expected.fields()).enumerate() {
        if (found.name(), found.data_type()) != (expected.name(), expected.data_type()) {
            return Err(format!(
                "column {i} is {:?} ({}) instead of {:?} ({})",
                found.name(),
                found.data_type(),
                expected.name(),
                expected.data_type()
            ));
        }
    }
    Ok(())
}

fn append(table: &mut Table, batch: &RecordBatch, dex: &Pokedex) -> Result<(), (usize, String)> {
    let keys = columns::KEYS.len();
    let nulls = batch.columns().iter().position(|c| c.null_count() > 0);
    if let Some(column) = nulls {
        return Err((0, format!("column {column} has empty values")));
    }
    let scenarios = batch.column(0).as_string::<i32>();
    let [a, b] = [1, 2].map(|i| batch.column(i).as_primitive::<UInt16Type>().values());
    let battles = batch.column(5).as_primitive::<UInt32Type>().values();
    let rates = batch.column(6).as_primitive::<Float32Type>().values();
    let columns: Vec<&[f32]> = (0..features::COUNT)
        .map(|i| &**batch.column(keys + i).as_primitive::<Float32Type>().values())
        .collect();
    for i in 0..batch.num_rows() {
        let problem = |text: String| (i, text);
        let scenario = Scenario::from_name(scenarios.value(i))
            .ok_or_else(|| problem(format!("{:?} is not a scenario", scenarios.value(i))))?;
        for id in [a[i], b[i]] {
            dex.pokemon(id).ok_or_else(|| problem(format!("no Pokémon has id {id}")))?;
        }
        if battles[i] == 0 || !(0.0..=1.0).contains(&rates[i]) {
            return Err(problem(format!("a share of {} in {} battles", rates[i], battles[i])));
        }
        table.keys.push(Key { scenario, pokemon: [a[i], b[i]] });
        table.rates.push(rates[i]);
        table.battles.push(battles[i] as f32);
        for column in &columns {
            if column[i].is_nan() {
                return Err(problem("a feature is not a number".to_owned()));
            }
            table.values.push(column[i]);
        }
    }
    Ok(())
}
