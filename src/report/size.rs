//! What a rate takes, as tables and as a document.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document;
use super::tables::{table, trimmed};
use crate::capacity::{Inputs, Sizing, measured};
use crate::world::time::Timestamp;

/// `size`
pub fn text(inputs: &Inputs, sizing: &Sizing) -> String {
    let mut rows = table(&[&format!("for {} predictions/s", number(inputs.rps)), "", "from"]);
    let per_core =
        format!("{} a core, {:.0} % busy", number(inputs.requests_per_core), inputs.utilisation * 100.0);
    let scraped = format!(
        "{} series a pod, every {} s",
        number(f64::from(inputs.series_per_pod)),
        inputs.scrape_seconds
    );
    let kept = format!("{} days, {} bytes a sample", inputs.retention_days, inputs.bytes_per_sample);
    let machines = format!("{} cores each, {} to spare", inputs.cores_per_machine, inputs.spare_machines);
    let network = format!("{} bytes a prediction, each way at most", number(inputs.bytes_per_request));
    let plural = if (inputs.cores_per_pod - 1.0).abs() < f64::EPSILON { "" } else { "s" };
    let pods = format!("{} core{plural} each, at least {}", inputs.cores_per_pod, inputs.least_pods);
    let lines = [
        ("machines for the API", number(sizing.machines as f64), machines),
        ("cores for the load", number(sizing.cores as f64), per_core),
        ("pods of the API", number(sizing.pods as f64), pods),
        ("memory of these pods", mib(sizing.memory), format!("{} MiB each", inputs.memory_per_pod)),
        ("network", format!("{:.2} Gbit/s", sizing.gbits), network),
        ("metrics taken in", format!("{} samples/s", number(sizing.samples_per_second)), scraped),
        ("metrics kept", format!("{:.1} GiB", sizing.metrics), kept),
        ("logins in the database", number(sizing.logins as f64), format!("{} a pod", inputs.logins_per_pod)),
        ("database", mib(measured::DATABASE_BYTES as f64 / 1_048_576.0), "whatever the rate".to_owned()),
        ("a training", format!("{:.0} s", sizing.training_seconds), learned(inputs.training_rows)),
        ("… with its search", format!("{:.0} s", measured::SEARCH.1), learned(measured::SEARCH.0)),
    ];
    for (what, amount, from) in lines {
        rows.add_row([what.to_owned(), amount, from]);
    }
    let mut text = trimmed(&rows);
    let mut bounds = table(&["what breaks first", "holds until", "mended by"]);
    for bound in &sizing.bounds {
        let mark = if bound.until < inputs.rps { "✗" } else { "✓" };
        bounds.add_row([
            format!("{mark} {}", bound.what),
            format!("{}/s", number(bound.until)),
            bound.mend.to_owned(),
        ]);
    }
    let _ = write!(text, "\n\n{}", trimmed(&bounds));
    text
}

fn learned(count: u32) -> String {
    format!("{} rows on two cores, whatever the rate", number(f64::from(count)))
}

/// MiB, or GiB where there are many.
fn mib(amount: f64) -> String {
    if amount < 1_024.0 { format!("{amount:.0} MiB") } else { format!("{:.1} GiB", amount / 1_024.0) }
}

/// `12,345`; a fraction only where it says something.
fn number(amount: f64) -> String {
    if amount < 10.0 && amount.fract() > 0.0 {
        return format!("{amount:.2}");
    }
    let digits = format!("{amount:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `size --json`
pub fn json(inputs: &Inputs, sizing: &Sizing, now: Timestamp) -> Value {
    let bounds: Vec<Value> = sizing
        .bounds
        .iter()
        .map(|bound| {
            json!({
                "what": bound.what,
                "until": bound.until,
                "holds": bound.until >= inputs.rps,
                "mend": bound.mend,
            })
        })
        .collect();
    document(
        now,
        json!({
            "inputs": {
                "rps": inputs.rps,
                "requests_per_core": inputs.requests_per_core,
                "cores_per_machine": inputs.cores_per_machine,
                "utilisation": inputs.utilisation,
                "spare_machines": inputs.spare_machines,
                "cores_per_pod": inputs.cores_per_pod,
                "least_pods": inputs.least_pods,
                "most_pods": inputs.most_pods,
                "memory_per_pod_mib": inputs.memory_per_pod,
                "bytes_per_request": inputs.bytes_per_request,
                "gbits_per_machine": inputs.gbits_per_machine,
                "series_per_pod": inputs.series_per_pod,
                "scrape_seconds": inputs.scrape_seconds,
                "bytes_per_sample": inputs.bytes_per_sample,
                "retention_days": inputs.retention_days,
                "samples_per_prometheus": inputs.samples_per_prometheus,
                "logins_per_pod": inputs.logins_per_pod,
                "database_logins": inputs.database_logins,
                "training_rows": inputs.training_rows,
            },
            "machines": sizing.machines,
            "cores": sizing.cores,
            "pods": sizing.pods,
            "memory_mib": sizing.memory,
            "network_gbits": sizing.gbits,
            "samples_per_second": sizing.samples_per_second,
            "metrics_gib": sizing.metrics,
            "logins": sizing.logins,
            "database_bytes": measured::DATABASE_BYTES,
            "training_seconds": sizing.training_seconds,
            "search_rows": measured::SEARCH.0,
            "search_seconds": measured::SEARCH.1,
            "bounds": bounds,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_naturally() {
        for (amount, expected) in [
            (0.5, "0.50"),
            (7.0, "7"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
            (12.6, "13"),
        ] {
            assert_eq!(number(amount), expected);
        }
        assert_eq!((mib(16.2).as_str(), mib(2_048.0).as_str()), ("16 MiB", "2.0 GiB"));
    }
}
