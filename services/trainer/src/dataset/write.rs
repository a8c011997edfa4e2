//! From battles to the file, group by group: one thread encodes while the others fight the next group.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use dex::pokedex::Pokedex;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::{DatasetError, FILE, HASH_KEY, columns};
use crate::artifact::Aside;
use crate::bout::{self, Bout};
use crate::settings::DatasetSettings;

/// Rows after which a row group ends; bounds the memory of writing and reading.
const GROUP_ROWS: usize = 65_536;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub path: PathBuf,
    pub rows: usize,
    pub battles: u64,
}

/// Fights every bout and writes the data set into the models folder. Same settings, same bytes.
pub fn generate(
    dex: &Pokedex,
    settings: &DatasetSettings,
    hash: &str,
    model_dir: &Path,
) -> Result<Written, DatasetError> {
    let path = model_dir.join(FILE);
    let mut aside = Aside::create(&path)?;
    let failed = |source| DatasetError::Encode { path: path.clone(), source };
    // Two groups wait at most, so fast fighting does not fill the memory.
    let (sender, receiver) = sync_channel::<Vec<Bout>>(2);
    let file = &mut aside;
    let (rows, battles) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || encode(file, hash, &receiver));
        let (mut rows, mut battles) = (0, 0);
        // A writer that failed hangs up; its own error says why.
        let _ = bout::generate(dex, settings, |bouts| {
            rows += 2 * bouts.len();
            battles += bouts.iter().map(|b| u64::from(b.battles)).sum::<u64>();
            sender.send(bouts)
        });
        drop(sender);
        writer.join().unwrap_or_else(|_| Err(ParquetError::General("the writer stopped".to_owned())))?;
        Ok((rows, battles))
    })
    .map_err(failed)?;
    aside.persist()?;
    Ok(Written { path, rows, battles })
}

/// Writes each group as it comes, until there are no more.
fn encode(aside: &mut Aside, hash: &str, groups: &Receiver<Vec<Bout>>) -> Result<(), ParquetError> {
    let schema = Arc::new(columns::schema());
    let mut writer = ArrowWriter::try_new(aside, Arc::clone(&schema), Some(properties(hash)))?;
    for bouts in groups {
        writer.write(&columns::batch(&schema, &bouts)?)?;
    }
    writer.close().map(drop)
}

fn properties(hash: &str) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by("pdex trainer".to_owned())
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_key_value_metadata(Some(vec![KeyValue::new(HASH_KEY.to_owned(), hash.to_owned())]));
    // Measured damages hardly repeat; a dictionary of them costs time and saves nothing.
    for name in dex::features::NAMES.iter().filter(|name| name.contains("share") || name.contains("faint")) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), false);
    }
    properties.build()
}
