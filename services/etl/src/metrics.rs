//! How fresh the data is, as metrics for node-exporter's textfile collector: written aside and renamed, so never read in halves.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use dex::metrics::{self, Metric};

use crate::load::Freshness;

/// The metrics as Prometheus reads them.
pub fn render(freshness: &Freshness, rows: &[(String, i64)]) -> String {
    let mut text = String::new();
    let mut family = |metric: Metric, values: &[(Option<&str>, f64)]| {
        let Metric { name, help, labels, .. } = metric;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (label, value) in values {
            let _ = match (labels.first(), label) {
                (Some(key), Some(of)) => writeln!(text, "{name}{{{key}=\"{of}\"}} {value}"),
                _ => writeln!(text, "{name} {value}"),
            };
        }
    };
    for (metric, value) in [
        (metrics::ETL_LAST_SUCCESS_TIMESTAMP, freshness.last_success_epoch_s),
        (metrics::ETL_LAST_SUCCESS_DURATION, freshness.duration_s),
        (metrics::ETL_REJECTS, freshness.rejects as f64),
        (metrics::ETL_DISAGREEMENTS, freshness.disagreements as f64),
        (metrics::ETL_FAILURES_SINCE_SUCCESS, freshness.failures_since as f64),
    ] {
        family(metric, &[(None, value)]);
    }
    let rows: Vec<(Option<&str>, f64)> =
        rows.iter().map(|(table, rows)| (Some(table.as_str()), *rows as f64)).collect();
    family(metrics::ETL_TABLE_ROWS, &rows);
    text
}

/// Writes the metrics to a file.
pub fn write(file: &Path, text: &str) -> io::Result<()> {
    let aside = file.with_extension("part");
    std::fs::write(&aside, text)?;
    std::fs::rename(&aside, file)
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::load::Freshness;

    #[test]
    fn every_family_has_its_help_and_type() {
        let freshness = Freshness {
            last_success_epoch_s: 1_795_000_000.5,
            duration_s: 0.25,
            rejects: 1,
            disagreements: 2,
            failures_since: 0,
        };
        let text = render(&freshness, &[("moves".to_owned(), 226)]);
        assert!(text.contains("# TYPE etl_rejects gauge\netl_rejects 1\n"), "{text}");
        assert!(text.contains("etl_last_success_timestamp_seconds 1795000000.5\n"), "{text}");
        assert!(text.ends_with("etl_table_rows{table=\"moves\"} 226\n"), "{text}");
        let families: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
        let listed: Vec<&str> = dex::metrics::ETL.iter().map(|metric| metric.name).collect();
        assert_eq!(families, listed, "every metric of the list, and no other");
    }
}
