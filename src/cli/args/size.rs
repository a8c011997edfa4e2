//! Arguments of `size`.

use clap::Args;

/// `size`.
#[derive(Debug, Args)]
pub(crate) struct Size {
    /// Predictions a second
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) rps: f64,
    /// Predictions a second of one core [default: as measured]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) requests_per_core: Option<f64>,
    /// [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) cores_per_machine: Option<u32>,
    /// How busy a processor may be before another pod is wanted, in percent [default: 70]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) utilisation: Option<u32>,
    /// Machines that may fail without anyone noticing [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) spare_machines: Option<u32>,
    /// Limit of one pod [default: 1, as in the definition]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) cores_per_pod: Option<f64>,
    /// Fewest pods that the autoscaler keeps [default: 3, as exported]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) least_pods: Option<u32>,
    /// Most pods that the autoscaler makes [default: 12, as exported]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) most_pods: Option<u32>,
    /// Memory of one pod [default: as measured]
    #[arg(long, value_name = "MIB", value_parser = positive)]
    pub(crate) memory_per_pod: Option<f64>,
    /// The larger of request and answer [default: as measured]
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    pub(crate) bytes_per_request: Option<f64>,
    /// Network of one machine [default: 10]
    #[arg(long, value_name = "GBITS", value_parser = positive)]
    pub(crate) gbits_per_machine: Option<f64>,
    /// [default: as measured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) series_per_pod: Option<u32>,
    /// Between two looks of Prometheus [default: 15, as in prometheus.yml]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) scrape_seconds: Option<u32>,
    /// Of one sample on disk [default: 2]
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    pub(crate) bytes_per_sample: Option<f64>,
    /// How long metrics are kept [default: 15, as in the definition]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) retention_days: Option<u32>,
    /// Samples a second that one Prometheus takes in [default: 100000]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) samples_per_prometheus: Option<f64>,
    /// Connections that the database lets the API have [default: 20, as in roles.sql]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) database_logins: Option<u32>,
    /// Rows of the data set that a model is trained on [default: as measured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) training_rows: Option<u32>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Also in the way that people write large ones: `10k`, `1M`.
fn positive(text: &str) -> Result<f64, String> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let number = digits.parse::<f64>().ok().map(|number| number * factor);
    number
        .filter(|number| (1e-3..=1e12).contains(number))
        .ok_or_else(|| "expected a positive number, such as 10000, 10k or 1M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positive_and_may_be_written_short() {
        for (text, expected) in [("10k", 10_000.0), ("1M", 1e6), ("2.5", 2.5)] {
            assert_eq!(positive(text), Ok(expected));
        }
        for wrong in ["0", "-1", "nan", "inf", "k", "", "1e99", "ten"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
    }
}
