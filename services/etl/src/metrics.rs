//! How fresh the data is, as metrics for node-exporter's textfile collector: written aside and renamed, so never read in halves.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::load::Freshness;

/// The metrics as Prometheus reads them.
pub fn render(freshness: &Freshness, rows: &[(String, i64)]) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(String, f64)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: f64| vec![(String::new(), value)];
    gauge(
        "etl_last_success_timestamp_seconds",
        "When the last run that succeeded ended.",
        &one(freshness.last_success_epoch_s),
    );
    gauge("etl_last_success_duration_seconds", "How long that run took.", &one(freshness.duration_s));
    gauge("etl_rejects", "Documents and rows it refused.", &one(freshness.rejects as f64));
    gauge(
        "etl_disagreements",
        "Rows about which its two sources disagreed.",
        &one(freshness.disagreements as f64),
    );
    gauge("etl_failures_since_success", "Runs that failed since.", &one(freshness.failures_since as f64));
    let rows: Vec<(String, f64)> =
        rows.iter().map(|(table, rows)| (format!("{{table=\"{table}\"}}"), *rows as f64)).collect();
    gauge("etl_table_rows", "Rows by table.", &rows);
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
        assert_eq!(text.matches("# HELP").count(), 6);
    }
}
