//! The registry and the handles the request path holds: looked up by label once, when a route or a model is set up.

use std::collections::BTreeMap;

use dex::drift::Monitor;
use dex::metrics as names;
use dex::metrics::Metric;
use dex::pokedex::Type;
use prometheus::{
    Encoder as _, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::problem::Kind;
use crate::process::Process;

/// Which statuses each method of an endpoint answers with.
pub type Statuses = BTreeMap<&'static str, Vec<u16>>;

/// Every metric family of the service.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    errors: IntCounterVec,
    in_flight: IntGauge,
    connections: IntGauge,
    displaced: IntCounter,
    database: IntGauge,
    predictions: IntCounterVec,
    prediction_latency: HistogramVec,
    prediction_confidence: HistogramVec,
    pokemon_types: [[IntCounter; 18]; 2],
    model_info: IntGaugeVec,
    model_load_failures: IntCounter,
    input_drift: GaugeVec,
    input_rows: IntGaugeVec,
}

impl Metrics {
    /// Registers every family of [`dex::metrics`].
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let types = counters(&registry, names::PREDICTION_POKEMON_TYPES)?;
        let pokemon_types =
            ["a", "b"].map(|side| Type::ALL.map(|type_| types.with_label_values(&[type_.slug(), side])));
        let build = gauges(&registry, names::BUILD_INFO)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(Process::new()?))?;
        let drift = names::MODEL_INPUT_DRIFT;
        let input_drift = GaugeVec::new(Opts::new(drift.name, drift.help), drift.labels)?;
        registry.register(Box::new(input_drift.clone()))?;
        Ok(Self {
            requests: counters(&registry, names::REQUESTS)?,
            durations: histograms(&registry, names::REQUEST_DURATION)?,
            errors: counters(&registry, names::ERRORS)?,
            in_flight: gauge(&registry, names::REQUESTS_IN_FLIGHT)?,
            connections: gauge(&registry, names::CONNECTIONS)?,
            displaced: counter(&registry, names::CONNECTIONS_DISPLACED)?,
            database: gauge(&registry, names::DATABASE_CONNECTIONS)?,
            predictions: counters(&registry, names::PREDICTIONS)?,
            prediction_latency: histograms(&registry, names::PREDICTION_LATENCY)?,
            prediction_confidence: histograms(&registry, names::PREDICTION_CONFIDENCE)?,
            pokemon_types,
            model_info: gauges(&registry, names::MODEL_INFO)?,
            model_load_failures: counter(&registry, names::MODEL_LOAD_FAILURES)?,
            input_drift,
            input_rows: gauges(&registry, names::MODEL_INPUT_ROWS)?,
            registry,
        })
    }

    /// Creates an endpoint's series at zero, so that its first error has a rate.
    pub fn endpoint(&self, template: &str, statuses: &Statuses) -> EndpointMetrics {
        let of = |method: &str, statuses: &[u16]| MethodMetrics::new(self, method, template, statuses);
        EndpointMetrics {
            get: statuses.get("GET").map(|s| of("GET", s)),
            post: statuses.get("POST").map(|s| of("POST", s)),
            other: of(names::OTHER_METHOD, statuses.get(names::OTHER_METHOD).map_or(&[], Vec::as_slice)),
        }
    }

    /// The series of a model that comes into use; its `model_info` replaces the one before.
    pub fn model(&self, name: &str, version: &str) -> ModelMetrics {
        self.model_info.reset();
        self.input_rows.reset();
        self.input_drift.reset();
        self.model_info.with_label_values(&[name, version]).set(1);
        ModelMetrics {
            predictions: self.predictions.with_label_values(&[name]),
            latency: self.prediction_latency.with_label_values(&[name]),
            confidence: self.prediction_confidence.with_label_values(&[name]),
        }
    }

    /// Counts the types asked about, per side.
    pub fn count_types(&self, a: &[Type], b: &[Type]) {
        for (counters, types) in self.pokemon_types.iter().zip([a, b]) {
            for type_ in types {
                counters[type_.index()].inc();
            }
        }
    }

    pub(crate) fn database_connected(&self, connected: bool) {
        self.database.set(i64::from(connected));
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    pub(crate) fn connections(&self) -> usize {
        usize::try_from(self.connections.get()).unwrap_or(0)
    }

    pub(crate) fn connection_displaced(&self) {
        self.displaced.inc();
    }

    pub fn model_load_failed(&self) {
        self.model_load_failures.inc();
    }

    /// Takes over what a model says about its inputs.
    pub fn set_drift(&self, name: &str, drift: &Monitor) {
        let rows = i64::try_from(drift.rows()).unwrap_or(i64::MAX);
        self.input_rows.with_label_values(&[name]).set(rows);
        for (feature, index) in drift.indices() {
            self.input_drift.with_label_values(&[name, feature]).set(index);
        }
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self, in_flight: usize) -> prometheus::Result<Vec<u8>> {
        self.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let mut text = Vec::with_capacity(64 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// One endpoint's series.
#[derive(Clone)]
pub struct EndpointMetrics {
    get: Option<MethodMetrics>,
    post: Option<MethodMetrics>,
    other: MethodMetrics,
}

impl EndpointMetrics {
    /// Counts one response. HEAD is answered, and so counted, as GET.
    pub fn observe(&self, method: &axum::http::Method, status: u16, error: Option<Kind>, seconds: f64) {
        use axum::http::Method;
        let series = match *method {
            Method::GET | Method::HEAD => self.get.as_ref(),
            Method::POST => self.post.as_ref(),
            _ => None,
        };
        series.unwrap_or(&self.other).observe(status, error, seconds);
    }
}

#[derive(Clone)]
struct MethodMetrics {
    labels: [String; 2],
    duration: Histogram,
    requests: Vec<(u16, IntCounter)>,
    errors: [Option<IntCounter>; Kind::ALL.len()],
    /// For what no document announced: still counted, from the same closed sets.
    all_requests: IntCounterVec,
    all_errors: IntCounterVec,
}

impl MethodMetrics {
    fn new(metrics: &Metrics, method: &str, template: &str, statuses: &[u16]) -> Self {
        let request = |status: &u16| {
            (*status, metrics.requests.with_label_values(&[method, template, &status.to_string()]))
        };
        let error = |kind: Kind| {
            let announced = statuses.contains(&kind.status());
            announced.then(|| metrics.errors.with_label_values(&[method, template, kind.label()]))
        };
        Self {
            labels: [method.to_owned(), template.to_owned()],
            duration: metrics.durations.with_label_values(&[method, template]),
            requests: statuses.iter().map(request).collect(),
            errors: Kind::ALL.map(error),
            all_requests: metrics.requests.clone(),
            all_errors: metrics.errors.clone(),
        }
    }

    fn observe(&self, status: u16, error: Option<Kind>, seconds: f64) {
        let [method, template] = &self.labels;
        self.duration.observe(seconds);
        match self.requests.iter().find(|(s, _)| *s == status) {
            Some((_, counter)) => counter.inc(),
            None => {
                self.all_requests.with_label_values(&[method, template, status.to_string().as_str()]).inc();
            }
        }
        match error.map(|kind| (kind, &self.errors[kind as usize])) {
            None => {}
            Some((_, Some(counter))) => counter.inc(),
            Some((kind, None)) => {
                self.all_errors.with_label_values(&[method.as_str(), template, kind.label()]).inc();
            }
        }
    }
}

/// One model's series.
#[derive(Clone)]
pub struct ModelMetrics {
    predictions: IntCounter,
    latency: Histogram,
    confidence: Histogram,
}

impl ModelMetrics {
    pub fn observe(&self, seconds: f64, confidence: f64) {
        self.predictions.inc();
        self.latency.observe(seconds);
        self.confidence.observe(confidence);
    }
}

fn counter(registry: &Registry, metric: Metric) -> prometheus::Result<IntCounter> {
    let counter = IntCounter::new(metric.name, metric.help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn gauge(registry: &Registry, metric: Metric) -> prometheus::Result<IntGauge> {
    let gauge = IntGauge::new(metric.name, metric.help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn counters(registry: &Registry, metric: Metric) -> prometheus::Result<IntCounterVec> {
    let vec = IntCounterVec::new(Opts::new(metric.name, metric.help), metric.labels)?;
    registry.register(Box::new(vec.clone()))?;
    Ok(vec)
}

fn gauges(registry: &Registry, metric: Metric) -> prometheus::Result<IntGaugeVec> {
    let vec = IntGaugeVec::new(Opts::new(metric.name, metric.help), metric.labels)?;
    registry.register(Box::new(vec.clone()))?;
    Ok(vec)
}

fn histograms(registry: &Registry, metric: Metric) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(metric.name, metric.help).buckets(metric.buckets.to_vec());
    let vec = HistogramVec::new(options, metric.labels)?;
    registry.register(Box::new(vec.clone()))?;
    Ok(vec)
}
