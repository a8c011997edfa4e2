//! The file's columns, and bouts as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch, StringArray, UInt16Array, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use dex::battle::MOVES;
use dex::features;
use rayon::prelude::*;

use crate::bout::Bout;

/// Columns before the features: name and type.
pub(super) const KEYS: [(&str, DataType); 7] = [
    ("scenario", DataType::Utf8),
    ("pokemon_a", DataType::UInt16),
    ("pokemon_b", DataType::UInt16),
    // Move ids with spaces between them.
    ("moves_a", DataType::Utf8),
    ("moves_b", DataType::Utf8),
    ("battles", DataType::UInt32),
    ("win_rate", DataType::Float32),
];

/// The whole schema.
pub(super) fn schema() -> Schema {
    let keys = KEYS.into_iter().map(|(name, type_)| Field::new(name, type_, false));
    let features = features::NAMES.iter().map(|name| Field::new(*name, DataType::Float32, false));
    Schema::new(keys.chain(features).collect::<Vec<_>>())
}

/// Two rows per bout: as fought, and with the sides swapped.
pub(super) fn batch(schema: &Arc<Schema>, bouts: &[Bout]) -> Result<RecordBatch, ArrowError> {
    let both = |of: &dyn Fn(&Bout, usize) -> u16| -> ArrayRef {
        Arc::new(bouts.iter().flat_map(|b| [of(b, 0), of(b, 1)]).map(Some).collect::<UInt16Array>())
    };
    let texts = |of: &dyn Fn(&Bout, usize) -> String| -> ArrayRef {
        Arc::new(bouts.iter().flat_map(|b| [of(b, 0), of(b, 1)]).map(Some).collect::<StringArray>())
    };
    let mut columns: Vec<ArrayRef> = vec![
        texts(&|b, _| b.scenario.name().to_owned()),
        both(&|b, side| b.pokemon[side]),
        both(&|b, side| b.pokemon[1 - side]),
        texts(&|b, side| words(b.moves[side])),
        texts(&|b, side| words(b.moves[1 - side])),
        Arc::new(bouts.iter().flat_map(|b| [b.battles; 2]).map(Some).collect::<UInt32Array>()),
        Arc::new(
            bouts.iter().flat_map(|b| [b.win_rate(), 1.0 - b.win_rate()]).map(Some).collect::<Float32Array>(),
        ),
    ];
    columns.par_extend((0..features::COUNT).into_par_iter().map(|i| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(bouts.iter().flat_map(|b| [b.rows[0][i], b.rows[1][i]])))
    }));
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn words(moves: [u16; MOVES]) -> String {
    let ids: Vec<_> = moves.iter().filter(|&&id| id != 0).map(u16::to_string).collect();
    ids.join(" ")
}
