//! The project's one list of metrics: what the API, the ETL and `pdex up` tell, and what dashboards, rules and their tests may name.
//! Data only; the services render these, nobody else invents a name.

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    pub labels: &'static [&'static str],
    /// Upper bounds for [`Kind::Histogram`], ascending, without `+Inf`; empty otherwise. Every bound has a fraction:
    /// exporters disagree on whether one second is `le="1"` or `le="1.0"`, so a rule that names such a bound breaks.
    pub buckets: &'static [f64],
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help, labels, buckets: &[] }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help, labels, buckets: &[] }
}

/// Seconds. 0.5 is the bound the latency alert asks for.
const REQUEST_BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 2.5];
/// Seconds. One evaluation takes microseconds; 0.5 is the bound the latency alert asks for.
const PREDICTION_BUCKETS: &[f64] =
    &[0.000_01, 0.000_025, 0.000_05, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5];
/// Odds of the favourite, 0.5 to 1. 0.6 is the bound the confidence alert asks for.
const CONFIDENCE_BUCKETS: &[f64] = &[0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99];

pub const REQUESTS: Metric = counter(
    "api_requests_total",
    &["method", "endpoint", "status"],
    "Responses sent, by method, route template and status code.",
);
pub const REQUEST_DURATION: Metric = Metric {
    name: "api_request_duration_seconds",
    kind: Kind::Histogram,
    help: "Time from a request's head to its response's head.",
    labels: &["method", "endpoint"],
    buckets: REQUEST_BUCKETS,
};
pub const ERRORS: Metric = counter(
    "api_errors_total",
    &["method", "endpoint", "error_type"],
    "Responses with status 400 and above, by kind of error.",
);
pub const REQUESTS_IN_FLIGHT: Metric =
    gauge("api_requests_in_flight", &[], "Requests that count towards the concurrency limit right now.");
pub const CONNECTIONS: Metric = gauge("api_connections", &[], "Open connections of clients.");
pub const CONNECTIONS_DISPLACED: Metric =
    counter("api_connections_displaced_total", &[], "Idle connections closed to make room for a new one.");
pub const DATABASE_CONNECTIONS: Metric = gauge(
    "api_database_connections",
    &[],
    "Connections to the database that answer: 1, or 0 while it is away.",
);
pub const PREDICTIONS: Metric =
    counter("model_predictions_total", &["model_name"], "Battles predicted by the model.");
pub const PREDICTION_LATENCY: Metric = Metric {
    name: "model_prediction_latency_seconds",
    kind: Kind::Histogram,
    help: "Time the model took for one battle, both orders.",
    labels: &["model_name"],
    buckets: PREDICTION_BUCKETS,
};
pub const PREDICTION_CONFIDENCE: Metric = Metric {
    name: "model_prediction_confidence",
    kind: Kind::Histogram,
    help: "Odds of the favourite: the larger of the two probabilities.",
    labels: &["model_name"],
    buckets: CONFIDENCE_BUCKETS,
};
pub const PREDICTION_POKEMON_TYPES: Metric = counter(
    "model_prediction_pokemon_types_total",
    &["pokemon_type", "side"],
    "Types of the Pokémon asked about; a Pokémon of two types counts in both.",
);
pub const MODEL_INFO: Metric =
    gauge("model_info", &["model_name", "version"], "1 for the model being served.");
pub const MODEL_LOAD_FAILURES: Metric = counter(
    "model_load_failures_total",
    &[],
    "Model files found but refused; the model before stays in use.",
);
pub const MODEL_INPUT_DRIFT: Metric = gauge(
    "model_input_drift_psi",
    &["model_name", "feature"],
    "Population stability index of what the model is asked against what it learned from; above 0.25 much has changed. \
     NaN until 2,000 battles were asked about.",
);
pub const MODEL_INPUT_ROWS: Metric = gauge(
    "model_input_drift_rows",
    &["model_name"],
    "Battles counted towards model_input_drift_psi since the model was loaded.",
);
pub const BUILD_INFO: Metric = gauge("pdex_build_info", &["version"], "1, with the version of the program.");
pub const PROCESS_CPU: Metric =
    counter("process_cpu_seconds_total", &[], "User and system CPU time of the process.");
pub const PROCESS_RESIDENT_MEMORY: Metric =
    gauge("process_resident_memory_bytes", &[], "Resident memory of the process.");
pub const PROCESS_OPEN_FDS: Metric = gauge("process_open_fds", &[], "Open file descriptors of the process.");
pub const PROCESS_THREADS: Metric = gauge("process_threads", &[], "Threads of the process.");
pub const PROCESS_START_TIME: Metric =
    gauge("process_start_time_seconds", &[], "When the process started, in seconds since 1970.");

pub const ETL_LAST_SUCCESS_TIMESTAMP: Metric =
    gauge("etl_last_success_timestamp_seconds", &[], "When the last run that succeeded ended.");
pub const ETL_LAST_SUCCESS_DURATION: Metric =
    gauge("etl_last_success_duration_seconds", &[], "How long that run took.");
pub const ETL_REJECTS: Metric = gauge("etl_rejects", &[], "Documents and rows it refused.");
pub const ETL_DISAGREEMENTS: Metric =
    gauge("etl_disagreements", &[], "Rows about which its two sources disagreed.");
pub const ETL_FAILURES_SINCE_SUCCESS: Metric =
    gauge("etl_failures_since_success", &[], "Runs that failed since.");
pub const ETL_TABLE_ROWS: Metric = gauge("etl_table_rows", &["table"], "Rows by table.");

pub const UP_STARTED_TIMESTAMP: Metric = gauge(
    "pdex_up_started_timestamp_seconds",
    &["service"],
    "When the container's process began to run, in the last up that started anything.",
);
pub const UP_READY_TIMESTAMP: Metric =
    gauge("pdex_up_ready_timestamp_seconds", &["service"], "When it was ready, or had done its work.");
pub const UP_DURATION: Metric = gauge("pdex_up_duration_seconds", &[], "How long that up took.");

/// What `pdex up` writes for it.
pub const UP: &[Metric] = &[UP_STARTED_TIMESTAMP, UP_READY_TIMESTAMP, UP_DURATION];

/// What the ETL writes for node-exporter's textfile collector.
pub const ETL: &[Metric] = &[
    ETL_LAST_SUCCESS_TIMESTAMP,
    ETL_LAST_SUCCESS_DURATION,
    ETL_REJECTS,
    ETL_DISAGREEMENTS,
    ETL_FAILURES_SINCE_SUCCESS,
    ETL_TABLE_ROWS,
];

/// What the API exposes.
pub const API: &[Metric] = &[
    REQUESTS,
    REQUEST_DURATION,
    ERRORS,
    REQUESTS_IN_FLIGHT,
    CONNECTIONS,
    CONNECTIONS_DISPLACED,
    DATABASE_CONNECTIONS,
    PREDICTIONS,
    PREDICTION_LATENCY,
    PREDICTION_CONFIDENCE,
    PREDICTION_POKEMON_TYPES,
    MODEL_INFO,
    MODEL_LOAD_FAILURES,
    MODEL_INPUT_DRIFT,
    MODEL_INPUT_ROWS,
    BUILD_INFO,
    PROCESS_CPU,
    PROCESS_RESIDENT_MEMORY,
    PROCESS_OPEN_FDS,
    PROCESS_THREADS,
    PROCESS_START_TIME,
];

/// Values the `error_type` label takes, with the status each comes with. No other value exists.
pub const ERROR_TYPES: &[(&str, u16)] = &[
    ("malformed_request", 400),
    ("unauthorized", 401),
    ("not_found", 404),
    ("method_not_allowed", 405),
    ("request_timeout", 408),
    ("payload_too_large", 413),
    ("unsupported_media_type", 415),
    ("invalid_request", 422),
    ("too_many_requests", 429),
    ("internal", 500),
    ("not_ready", 503),
    ("overloaded", 503),
    ("timeout", 503),
];

/// Value of the `endpoint` label for a path no route has.
pub const UNMATCHED: &str = "unmatched";

/// Value of the `method` label for a method the endpoint does not have. HEAD counts as GET, which answers it.
pub const OTHER_METHOD: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_follow_prometheus_naming() {
        let all: Vec<&Metric> = API.iter().chain(ETL).chain(UP).collect();
        for (i, metric) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|m| m.name != metric.name), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert_eq!(metric.kind == Kind::Histogram, !metric.buckets.is_empty(), "{}", metric.name);
        }
    }

    #[test]
    fn bucket_bounds_ascend_and_are_fractional() {
        for metric in API {
            assert!(metric.buckets.is_sorted_by(|a, b| a < b), "{}", metric.name);
            assert!(metric.buckets.iter().all(|b| b.fract() != 0.0), "{}", metric.name);
        }
    }

    #[test]
    fn alerts_find_their_bounds() {
        assert!(REQUEST_DURATION.buckets.contains(&0.5));
        assert!(PREDICTION_LATENCY.buckets.contains(&0.5));
        assert!(PREDICTION_CONFIDENCE.buckets.contains(&0.6));
    }
}
