//! Plays a drill on a running stack: carries out what `phase` orders, and tells it what happened. Decides nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use reqwest::Url;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::journal::{Entry, Journal};
use super::pace::{self, Cut};
use super::phase::{Action, Course, Drill, Event, Milestone};
use super::recipe::{Recipe, Touch, Traffic};
use super::sight::{self, Seen, State};
use super::touch;
use crate::checks;
use crate::definition::model::{Definition, ServiceName};
use crate::load::drive::{self, Settings};
use crate::load::line::{Door, Http};
use crate::load::schedule::Order;
use crate::load::target::{Scheme, Target};
use crate::load::{Ask, Mode};
use crate::runtime::operate::Operate;

/// For one question.
const PATIENCE: Duration = Duration::from_secs(5);
/// For one request of the traffic: longer than the API itself gives any.
const REQUEST: Duration = Duration::from_secs(15);
/// For the API to answer, also when it has just been started.
const READY: Duration = Duration::from_mins(1);
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Looks at an alert between two of its evaluations, so that it is seen in time and Prometheus does not notice.
const LOOKS: u32 = 5;
const LEAST_PAUSE: Duration = Duration::from_millis(100);
const MOST_PAUSE: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 8;
/// Measurements of one request, of which the quickest counts.
const MEASURED: usize = 3;

/// Where a drill is played.
#[derive(Debug)]
pub struct Stage<'a, R> {
    pub runtime: &'a R,
    pub definition: &'a Definition,
    pub http: &'a reqwest::Client,
    /// `http://host:port`
    pub prometheus: String,
    pub reach: Reach,
    /// Value of `x-api-key`.
    pub key: Option<String>,
    pub journal: Journal,
    /// For the alert to fire, and again for it to end.
    pub timeout: Duration,
}

/// How the API is reached.
#[derive(Debug, Clone)]
pub enum Reach {
    At(Place),
    /// At its container's own address, which may be another one after each start.
    Inside,
}

/// An address, and what it resolved to: what was checked is what is asked.
#[derive(Debug, Clone)]
pub struct Place {
    pub target: Target,
    pub addresses: Vec<SocketAddr>,
}

impl Place {
    fn url(&self, path: &str) -> Result<String, String> {
        let address = self.addresses.first().ok_or_else(|| format!("{} has no address", self.target))?;
        Ok(format!("http://{address}{}{path}", self.target.prefix))
    }
}

/// What Prometheus says of an alert, or why that is not known.
pub async fn alert(http: &reqwest::Client, prometheus: &str, name: &str) -> Result<Seen, String> {
    let answer = json(http, &format!("{prometheus}/api/v1/rules?type=alert")).await?;
    sight::of(&answer, name).ok_or_else(|| format!("Prometheus has no alert {name}"))
}

async fn json(http: &reqwest::Client, url: &str) -> Result<Value, String> {
    let silent = |e: &reqwest::Error| format!("Prometheus does not answer: {}", checks::root(e));
    let answer = http.get(url).timeout(PATIENCE).send().await.map_err(|e| silent(&e))?;
    if !answer.status().is_success() {
        return Err(format!("Prometheus answers HTTP {}", answer.status()));
    }
    answer.json().await.map_err(|e| silent(&e))
}

/// The API's own address on this machine.
async fn inside<R: Operate>(runtime: &R, definition: &Definition) -> Result<Place, String> {
    let world = runtime.observe(definition).await.map_err(|e| e.to_string())?;
    let found = checks::inside(runtime, definition, &world).await;
    let address = found.get(&ServiceName::new("api"));
    let address = address.ok_or("the API publishes no port and has no address that is reached from here")?;
    let target = Target { scheme: Scheme::Http, host: "api".to_owned(), port: 8000, prefix: String::new() };
    Ok(Place { target, addresses: vec![SocketAddr::new(*address, 8000)] })
}

/// Plays one drill to its end, or until `stop` resolves; then too everything is put back. What matters at once is told with the time
/// since the disturbance.
pub async fn play<R: Operate>(
    stage: &Stage<'_, R>,
    recipe: &Recipe,
    stop: impl Future<Output = ()>,
    tell: &mut dyn FnMut(Duration, &Milestone),
) -> Course {
    let began = Instant::now();
    let mut drill = Drill::new(stage.timeout);
    let mut player = Player::new(stage, recipe);
    let mut stop = pin!(stop.fuse());
    let mut events = VecDeque::from([Event::Begun]);
    let mut traffic = None;
    loop {
        while let Some(event) = events.pop_front() {
            for action in drill.on(began.elapsed(), event) {
                let next = match &action {
                    Action::Tell(milestone) => {
                        tell(drill.since(began.elapsed()), milestone);
                        None
                    }
                    Action::End => None,
                    Action::Trouble | Action::Health => {
                        traffic = player.traffic(&action);
                        None
                    }
                    // Not cut off half-way: an engine goes on with what it was asked for, and then undoes what undid it.
                    Action::Disturb => Some(Event::Touched(player.disturb().await)),
                    Action::PutBack => {
                        traffic = None;
                        Some(Event::PutBack(player.put_back().await))
                    }
                    Action::Prepare | Action::AwaitReady => tokio::select! {
                        biased;
                        () = &mut stop => Some(Event::Interrupted),
                        event = player.wait(&action) => Some(event),
                    },
                };
                events.extend(next);
            }
        }
        if drill.has_ended() {
            return drill.course().clone();
        }
        tokio::select! {
            biased;
            () = &mut stop => events.push_back(Event::Interrupted),
            () = ended(&mut traffic) => {}
            event = player.look() => events.push_back(event),
        }
    }
}

/// Sends, until there is nothing more to send.
async fn ended(traffic: &mut Option<LocalBoxFuture<'static, ()>>) {
    match traffic.as_mut() {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
    *traffic = None;
}

struct Player<'s, 'a, R> {
    stage: &'s Stage<'a, R>,
    recipe: &'s Recipe,
    /// Between two looks at Prometheus.
    pause: Duration,
    place: Option<Place>,
    owed: Vec<Entry>,
    cut: Option<Cut>,
    /// Bad requests a second, and since when.
    rate: f64,
    since: Option<Instant>,
    bad: f64,
}

impl<'s, 'a, R: Operate> Player<'s, 'a, R> {
    fn new(stage: &'s Stage<'a, R>, recipe: &'s Recipe) -> Self {
        Self {
            stage,
            recipe,
            pause: MOST_PAUSE,
            place: None,
            owed: Vec::new(),
            cut: None,
            rate: 0.0,
            since: None,
            bad: 0.0,
        }
    }

    /// What may be given up in the middle.
    async fn wait(&mut self, action: &Action) -> Event {
        match action {
            Action::Prepare => Event::Prepared(self.prepare().await),
            _ => {
                Event::Ready(self.ready().await.map_err(|what| format!("everything is put back, and {what}")))
            }
        }
    }

    async fn look(&self) -> Event {
        sleep(self.pause).await;
        self.alert().await.map_or_else(Event::Blind, Event::Seen)
    }

    async fn alert(&self) -> Result<Seen, String> {
        alert(self.stage.http, &self.stage.prometheus, self.recipe.alert).await
    }

    /// An alert that is pending, as after the drill before, ends by itself or fires.
    async fn calm(&self) -> Result<Seen, String> {
        let deadline = Instant::now() + self.stage.timeout;
        loop {
            let seen = self.alert().await?;
            let word = match seen.state {
                State::Inactive => return Ok(seen),
                State::Pending if Instant::now() < deadline => {
                    sleep(self.pause).await;
                    continue;
                }
                State::Pending => "is pending",
                State::Firing => "fires",
            };
            return Err(format!("{} {word} already", self.recipe.alert));
        }
    }

    /// Everything that has to be known, and written down, before anything is touched.
    async fn prepare(&mut self) -> Result<(), String> {
        let seen = self.calm().await?;
        self.pause = (seen.every / LOOKS).clamp(LEAST_PAUSE, MOST_PAUSE);
        self.ready().await?;
        self.rate = pace::trouble(self.events().await?, self.recipe.share);
        if self.recipe.touch == Touch::CutCpu {
            let cut = pace::cut(self.measure().await?);
            self.rate = cut.rate;
            self.cut = Some(cut);
        }
        self.owed =
            touch::owed(self.stage.runtime, &self.stage.definition.project, self.recipe.touch).await?;
        if self.owed.is_empty() {
            return Ok(());
        }
        let file = self.stage.journal.file().display();
        self.stage.journal.keep(&self.owed).map_err(|e| format!("{file}: {e}"))
    }

    async fn reach(&self) -> Result<Place, String> {
        match &self.stage.reach {
            Reach::At(place) => Ok(place.clone()),
            Reach::Inside => inside(self.stage.runtime, self.stage.definition).await,
        }
    }

    fn place(&self) -> Result<&Place, String> {
        self.place.as_ref().ok_or_else(|| "it is not known where the API is".to_owned())
    }

    /// How many events the alert looks at now.
    async fn events(&self) -> Result<f64, String> {
        let Some(query) = self.recipe.events else { return Ok(0.0) };
        let base = format!("{}/api/v1/query", self.stage.prometheus);
        let url = Url::parse_with_params(&base, [("query", query)]).map_err(|e| e.to_string())?;
        Ok(sight::number(&json(self.stage.http, url.as_str()).await?))
    }

    async fn asked(&self, path: &str) -> Result<(), String> {
        let url = self.place()?.url(path)?;
        self.answered(self.stage.http.get(url)).await
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> Result<(), String> {
        let key = self.stage.key.as_deref().unwrap_or_default();
        let request = request.header("x-api-key", key).timeout(PATIENCE);
        let answer = request.send().await.map_err(|e| checks::root(&e))?;
        let status = answer.status();
        // To its end, so that the connection is free again.
        answer.bytes().await.map_err(|e| checks::root(&e))?;
        if status.is_success() { Ok(()) } else { Err(format!("HTTP {status}")) }
    }

    /// What one of the long requests takes on the processors that the API has.
    async fn measure(&self) -> Result<Duration, String> {
        let asks = self.recipe.trouble.map(Traffic::asks).unwrap_or_default();
        let Some(Ask { path, body, .. }) = asks.into_iter().next().map(|weighted| weighted.ask) else {
            return Ok(Duration::ZERO);
        };
        let url = self.place()?.url(&path)?;
        let body = body.unwrap_or_default();
        let mut quickest = PATIENCE;
        for _ in 0..MEASURED {
            let request = self.stage.http.post(&url).header("content-type", "application/json");
            let began = Instant::now();
            self.answered(request.body(body.clone())).await.map_err(|what| format!("{path}: {what}"))?;
            quickest = quickest.min(began.elapsed());
        }
        Ok(quickest)
    }

    async fn disturb(&mut self) -> Result<(), String> {
        let share = self.cut.map_or(1.0, |cut| cut.share);
        touch::disturb(self.stage.runtime, self.recipe.touch, &self.owed, share).await?;
        if self.recipe.trouble.is_some() {
            self.place = Some(self.reach().await?);
        }
        Ok(())
    }

    async fn put_back(&mut self) -> Result<(), String> {
        self.bad = self.since.map_or(0.0, |since| self.rate * since.elapsed().as_secs_f64());
        if self.owed.is_empty() {
            return Ok(());
        }
        touch::restore(self.stage.runtime, &self.owed).await?;
        self.stage.journal.clear().map_err(|e| format!("{}: {e}", self.stage.journal.file().display()))
    }

    /// Waits until the API is.
    async fn ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + READY;
        loop {
            let asked = match self.reach().await {
                Ok(place) => {
                    self.place = Some(place);
                    self.asked("/health").await
                }
                Err(what) => Err(what),
            };
            let Err(what) = asked else { return Ok(()) };
            if Instant::now() >= deadline {
                return Err(format!("the API is not ready after {READY:?}: {what}"));
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// What is sent from now on.
    fn traffic(&mut self, action: &Action) -> Option<LocalBoxFuture<'static, ()>> {
        let (traffic, rate, connections) = if *action == Action::Trouble {
            self.since = Some(Instant::now());
            match self.cut {
                // More than it gets done, so that some always wait.
                Some(cut) => (self.recipe.trouble?, 2.0 * cut.rate, cut.at_once),
                None => (self.recipe.trouble?, self.rate, CONNECTIONS),
            }
        } else {
            (self.recipe.health?, pace::health(self.bad, self.recipe.share), CONNECTIONS)
        };
        let place = self.place.clone()?;
        // Longer than anything waits for it.
        let duration = 2 * self.stage.timeout;
        let order =
            Order { mode: Mode::Constant, duration, rate, users: None, seed: 1, asks: traffic.asks() };
        // A key that no header can have was told when the API was first asked.
        let address = *place.addresses.first()?;
        let door = Door::new(place.target, address, None, self.stage.key.as_deref()).ok()?;
        let settings = Settings {
            door,
            http: Http::One,
            connections,
            streams: 1,
            patience: REQUEST,
            duration,
            has_schedule: true,
        };
        tracing::debug!(?traffic, rate, connections, "sending");
        let sent = drive::drive(order.shots(), settings, std::future::pending::<()>(), |_, _| ());
        Some(sent.map(|_| ()).boxed_local())
    }
}
