//! What requests share: the snapshot they answer from, readiness, limits and metrics. Who fills it is [`crate::watch`].

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use dex::battle::Matchup;
use dex::drift::Monitor;
use dex::model::Metadata;
use dex::predict::{Explanation, Predictor};
use tokio::sync::Semaphore;

use crate::catalogue::Catalogue;
use crate::cors::Cors;
use crate::engine::Engine;
use crate::gate::Gate;
use crate::lag::Lag;
use crate::metrics::{Metrics, ModelMetrics};
use crate::problem::{FailingCheck, Problem};

/// An answer of the database older than this no longer proves that it answers: the watcher that asks may hang itself.
const DATABASE_FRESH: Duration = Duration::from_secs(4);

/// What answers battles. A trait so that tests need no trained model.
pub trait Model: Send + Sync {
    fn metadata(&self) -> &Metadata;
    /// The odds that side 0 wins; swapping the sides gives exactly the complement.
    fn odds(&self, matchup: &Matchup) -> f64;
    /// The same for many.
    fn odds_of(&self, matchups: &[Matchup]) -> Vec<f64> {
        matchups.iter().map(|matchup| self.odds(matchup)).collect()
    }
    /// The same for battles nobody asked about.
    fn odds_if(&self, matchups: &[Matchup]) -> Vec<f64> {
        self.odds_of(matchups)
    }
    fn explain(&self, matchup: &Matchup) -> Explanation;
    /// How what it was asked differs from what it learned from, if it watches that.
    fn drift(&self) -> Option<&Monitor> {
        None
    }
}

impl Model for Predictor {
    fn metadata(&self) -> &Metadata {
        self.metadata()
    }

    fn odds(&self, matchup: &Matchup) -> f64 {
        self.odds(matchup)
    }

    fn odds_of(&self, matchups: &[Matchup]) -> Vec<f64> {
        self.odds_of(matchups)
    }

    fn odds_if(&self, matchups: &[Matchup]) -> Vec<f64> {
        self.odds_if(matchups)
    }

    fn explain(&self, matchup: &Matchup) -> Explanation {
        self.explain(matchup)
    }

    fn drift(&self) -> Option<&Monitor> {
        Some(self.drift())
    }
}

/// A model in use and where its predictions are counted.
pub struct LoadedModel {
    pub model: Box<dyn Model>,
    pub metrics: ModelMetrics,
}

/// What one request answers from; replaced as a whole, so a request never sees half of a reload.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub catalogue: Option<Arc<Catalogue>>,
    pub model: Option<Arc<LoadedModel>>,
}

impl Snapshot {
    /// The Pokédex, or the problem that there is none.
    pub fn catalogue(&self) -> Result<&Catalogue, Problem> {
        self.catalogue.as_deref().ok_or_else(|| Problem::not_ready(vec![no_pokedex()]))
    }

    /// Both, or the problem that one is missing.
    pub fn engine(&self) -> Result<Engine<'_>, Problem> {
        Ok(Engine { catalogue: self.catalogue()?, loaded: self.model()? })
    }

    /// The model, or the problem that there is none.
    pub fn model(&self) -> Result<&LoadedModel, Problem> {
        self.model.as_deref().ok_or_else(|| Problem::not_ready(vec![no_model()]))
    }
}

/// Bounds on what clients may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests handled at once; more are shed.
    pub in_flight: usize,
    /// Connections held at once; beyond, an idle one makes room.
    pub connections: usize,
    /// For a handler to answer.
    pub answer: Duration,
    /// For a request's body to arrive.
    pub body: Duration,
    pub body_bytes: usize,
    /// The same for lists of battles.
    pub batch_bytes: usize,
    /// For a request to wait for its turn, when more than `in_flight` connections may have one.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 512,
            // Each takes about 15 kB under load: with all of them the service stays below 40 MB.
            connections: 1280,
            answer: Duration::from_secs(10),
            body: Duration::from_secs(5),
            body_bytes: 16 * 1024,
            batch_bytes: 512 * 1024,
            wait: Duration::from_millis(25),
        }
    }
}

/// How the database was when last asked.
#[derive(Debug, Clone)]
enum Database {
    /// At this instant it answered.
    Answered(Instant),
    /// Words for the client; the cause is in the log.
    Failing(String),
}

/// The service's state; cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

struct Shared {
    snapshot: RwLock<Arc<Snapshot>>,
    database: RwLock<Database>,
    draining: AtomicBool,
    in_flight: AtomicUsize,
    lag: Lag,
    request_ids: RequestIds,
    metrics: Metrics,
    limits: Limits,
    gate: Gate,
    cors: Cors,
    /// Long computations at a time: as many as there are cores.
    heavy: Arc<Semaphore>,
}

impl Api {
    /// A service that has nothing yet, its gate and the pages of other origins that may call it.
    pub fn new(metrics: Metrics, limits: Limits, gate: Gate, cors: Cors) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Shared {
            snapshot: RwLock::default(),
            database: RwLock::new(Database::Failing("not asked yet".to_owned())),
            draining: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            lag: Lag::new(),
            request_ids: RequestIds::new(),
            metrics,
            limits,
            gate,
            cors,
            heavy: Arc::new(Semaphore::new(threads)),
        }))
    }

    /// What to answer from, now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        // A poisoned lock still holds a whole snapshot: it is only ever replaced.
        Arc::clone(&self.0.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set_catalogue(&self, catalogue: Catalogue) {
        let catalogue = Some(Arc::new(catalogue));
        self.replace(|old| Snapshot { catalogue, model: old.model.clone() });
    }

    pub fn set_model(&self, model: Box<dyn Model>) {
        let metadata = model.metadata();
        let metrics = self.0.metrics.model(&metadata.name, &metadata.version);
        let model = Some(Arc::new(LoadedModel { model, metrics }));
        self.replace(|old| Snapshot { catalogue: old.catalogue.clone(), model });
    }

    fn replace(&self, next: impl FnOnce(&Snapshot) -> Snapshot) {
        let mut current = self.0.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let next = Arc::new(next(&current));
        let replaced = std::mem::replace(&mut *current, next);
        drop(current);
        // Freeing a model takes a while; not under the lock.
        drop(replaced);
    }

    pub fn database_answered(&self) {
        self.0.metrics.database_connected(true);
        self.set_database(Database::Answered(Instant::now()));
    }

    /// `detail` is sent to clients: no addresses, no accounts.
    pub fn database_failed(&self, detail: impl Into<String>) {
        self.0.metrics.database_connected(false);
        self.set_database(Database::Failing(detail.into()));
    }

    fn set_database(&self, database: Database) {
        *self.0.database.write().unwrap_or_else(PoisonError::into_inner) = database;
    }

    /// From now on the service is not ready, though it answers.
    pub fn begin_drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// What keeps the service from being ready; empty when it is.
    pub fn failing(&self) -> Vec<FailingCheck> {
        let snapshot = self.snapshot();
        let mut failing = Vec::new();
        if self.0.draining.load(Ordering::Relaxed) {
            failing.push(FailingCheck { check: "shutdown", detail: "the service is stopping".to_owned() });
        }
        if snapshot.catalogue.is_none() {
            failing.push(no_pokedex());
        }
        if snapshot.model.is_none() {
            failing.push(no_model());
        }
        let database = self.0.database.read().unwrap_or_else(PoisonError::into_inner);
        let detail = match &*database {
            Database::Answered(at) if at.elapsed() <= DATABASE_FRESH => None,
            Database::Answered(_) => Some("no recent answer".to_owned()),
            Database::Failing(detail) => Some(detail.clone()),
        };
        failing.extend(detail.map(|detail| FailingCheck { check: "database", detail }));
        failing
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn cors(&self) -> &Cors {
        &self.0.cors
    }

    /// Runs a long computation away from the threads that serve, when its turn comes.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.0.heavy).acquire_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        work.await.map_err(|panic| Problem::internal(panic.to_string()))
    }

    pub(crate) fn new_request_id(&self) -> String {
        self.0.request_ids.next()
    }

    /// Requests being handled that count towards the limit.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn lag(&self) -> &Lag {
        &self.0.lag
    }

    /// Whether requests wait too long for their turn, so that some have to be refused for the others to be answered soon. One
    /// that was late alone, because the process did not run for a while, is no reason: it takes as many open connections as
    /// there may be requests in flight.
    pub(crate) fn is_behind(&self, now: tokio::time::Instant) -> bool {
        self.0.lag.at(now) > self.0.limits.wait && self.0.metrics.connections() > self.0.limits.in_flight
    }

    /// A place among the requests in flight; `None` when all are taken.
    pub(crate) fn admit(&self) -> Option<Permit> {
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        // Made first: dropping it gives the place back, also when there was none.
        let permit = Permit(self.clone());
        (before < self.0.limits.in_flight).then_some(permit)
    }
}

fn no_pokedex() -> FailingCheck {
    FailingCheck { check: "pokedex", detail: "no Pokédex is loaded".to_owned() }
}

fn no_model() -> FailingCheck {
    FailingCheck { check: "model", detail: "no model is loaded".to_owned() }
}

/// A request's place in flight, given back on drop.
pub(crate) struct Permit(Api);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes request ids: a prefix of the process and a running number.
struct RequestIds {
    prefix: u32,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        use std::hash::{BuildHasher as _, Hasher as _, RandomState};
        let random = RandomState::new().build_hasher().finish().to_le_bytes();
        Self {
            prefix: u32::from_le_bytes([random[0], random[1], random[2], random[3]]),
            next: AtomicU64::new(1),
        }
    }

    fn next(&self) -> String {
        format!("{:08x}-{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(in_flight: usize) -> Api {
        let limits = Limits { in_flight, ..Limits::default() };
        Api::new(Metrics::new().unwrap(), limits, Gate::open(), Cors::default())
    }

    #[test]
    fn places_in_flight_come_back() {
        let api = api(2);
        let first = api.admit();
        let second = api.admit();
        assert!(first.is_some() && second.is_some());
        assert!(api.admit().is_none());
        assert_eq!(api.in_flight(), 2);
        drop(first);
        assert!(api.admit().is_some());
        drop(second);
        assert_eq!(api.in_flight(), 0);
    }

    #[test]
    fn what_fails_is_named() {
        let api = api(1);
        let names = |api: &Api| api.failing().iter().map(|f| f.check).collect::<Vec<_>>();
        assert_eq!(names(&api), ["pokedex", "model", "database"]);
        api.database_answered();
        assert_eq!(names(&api), ["pokedex", "model"]);
        api.begin_drain();
        assert_eq!(names(&api), ["shutdown", "pokedex", "model"]);
    }

    #[test]
    fn request_ids_differ() {
        let api = api(1);
        assert_ne!(api.new_request_id(), api.new_request_id());
    }
}
