//! A platform of three containers on the simulated engine, with servers on loopback behind their ports, and a Prometheus that is
//! right: an alert is pending, and once that was seen fires, while what it is about is so.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pdex::definition::model::{Definition, ServiceName};
use pdex::definition::render::config_hash;
use pdex::definition::{Request, load};
use pdex::drill::journal::Journal;
use pdex::drill::phase::{Course, Milestone};
use pdex::drill::play::{self, Place, Reach};
use pdex::drill::recipe::{RECIPES, Recipe, Touch};
use pdex::load::target::Target;
use pdex::plan::{self, Goal};
use pdex::runtime::operate::{Kind, Operate as _};
use pdex::runtime::sim::Simulated;
use pdex::runtime::{CreateOrder, Runtime as _, container_name};
use pdex::world::live::CpuLimit;
use pdex::world::{ContainerId, State, World};
use serde_json::{Value, json};

const STACK: &str = r#"
name: drilled
services:
  db: { image: "db:1" }
  api: { image: "api:1", cpus: 1.0, ports: ["127.0.0.1:${API}:8000"] }
  prometheus: { image: "prometheus:1", ports: ["127.0.0.1:${PROMETHEUS}:9090"] }
"#;
/// Between two looks of Prometheus at the world.
const EVALUATED: Duration = Duration::from_millis(150);

/// How a drill comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    ItsOwn,
    /// By a signal while the alert is pending.
    Interrupted,
    /// Then too, without a chance to do anything.
    Killed,
}

/// What the two servers know.
#[derive(Debug, Default)]
struct Told {
    /// Alert → state.
    alerts: BTreeMap<String, &'static str>,
    /// Alerts of which somebody knows that they are pending: however slow this machine is, no test misses it.
    seen: BTreeSet<&'static str>,
    /// The last body that the API got.
    asked: String,
}

/// See the module.
pub(crate) struct Stage {
    pub(crate) runtime: Simulated,
    pub(crate) journal: Journal,
    definition: Definition,
    containers: BTreeMap<&'static str, ContainerId>,
    told: Arc<Mutex<Told>>,
    asleep: Cell<bool>,
    api: String,
    prometheus: String,
    _folder: tempfile::TempDir,
}

/// Plays on one thread; the servers have their own.
pub(crate) fn on_stage(play: impl AsyncFnOnce(&Stage)) {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    threads.block_on(async { play(&Stage::set().await).await });
}

impl Stage {
    async fn set() -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let (api, prometheus) = (server(&told, api), server(&told, prometheus));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.yaml"), STACK).unwrap();
        let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
        let request = Request {
            files: vec![folder.path().join("stack.yaml")],
            environment: [("API", port(&api)), ("PROMETHEUS", port(&prometheus))]
                .map(|(name, port)| (name.to_owned(), port))
                .into(),
            ..Request::default()
        };
        let definition = load(&request).unwrap().definition;
        let runtime = Simulated::default();
        let containers = start(&runtime, &definition).await;
        let journal = Journal::new(folder.path().join("state/drilled.drill.json"));
        let asleep = Cell::new(false);
        Self { runtime, journal, definition, containers, told, asleep, api, prometheus, _folder: folder }
    }

    /// Prometheus notices nothing any more.
    pub(crate) fn prometheus_is_asleep(&self) {
        self.asleep.set(true);
    }

    /// Nobody knows why.
    pub(crate) fn fires(&self, alert: &str) {
        self.prometheus_is_asleep();
        self.told.lock().unwrap().alerts.insert(alert.to_owned(), "firing");
    }

    /// Plays a drill; `None` when it was killed.
    pub(crate) async fn play(&self, recipe: &Recipe, timeout: Duration, ending: Ending) -> Option<Course> {
        let target = Target::parse(&self.api).unwrap();
        let addresses = vec![self.api.trim_start_matches("http://").parse().unwrap()];
        let stage = play::Stage {
            runtime: &self.runtime,
            definition: &self.definition,
            http: &reqwest::Client::builder().no_proxy().build().unwrap(),
            prometheus: self.prometheus.clone(),
            reach: Reach::At(Place { target, addresses }),
            key: None,
            journal: self.journal.clone(),
            timeout,
        };
        let (pending, seen) = tokio::sync::watch::channel(false);
        let is_pending = async || {
            seen.clone().wait_for(|pending| *pending).await.unwrap();
        };
        let stop = async {
            if ending != Ending::Interrupted {
                std::future::pending::<()>().await;
            }
            is_pending().await;
        };
        let mut tell = |_: Duration, milestone: &Milestone| {
            if *milestone == Milestone::Pending {
                pending.send_replace(true);
            }
        };
        tokio::select! {
            biased;
            () = is_pending(), if ending == Ending::Killed => None,
            course = play::play(&stage, recipe, stop, &mut tell) => Some(course),
            () = self.evaluate() => None,
        }
    }

    /// Prometheus looks at the world, again and again.
    async fn evaluate(&self) {
        loop {
            tokio::time::sleep(EVALUATED).await;
            if self.asleep.get() {
                continue;
            }
            for recipe in &RECIPES {
                let is_so = self.is_so(recipe).await;
                let mut told = self.told.lock().unwrap();
                let was = told.alerts.get(recipe.alert).copied().unwrap_or("inactive");
                let state = match (is_so, was) {
                    (false, _) => "inactive",
                    (true, "inactive") => "pending",
                    (true, "pending") if !told.seen.remove(recipe.alert) => "pending",
                    (true, _) => "firing",
                };
                told.alerts.insert(recipe.alert.to_owned(), state);
            }
        }
    }

    async fn is_so(&self, recipe: &Recipe) -> bool {
        if recipe.touch != Touch::Nothing {
            return self.is_disturbed(recipe.touch).await;
        }
        let asked: Value = serde_json::from_str(&self.told.lock().unwrap().asked).unwrap_or_default();
        asked["pokemon_a"].is_string() && asked["pokemon_a"] == asked["pokemon_b"]
    }

    pub(crate) async fn is_disturbed(&self, touch: Touch) -> bool {
        match touch {
            Touch::CutCpu => self.share().await < 1_000_000_000,
            Touch::HideDatabase => self.state("db").await == State::Paused,
            Touch::StopApi => !matches!(self.state("api").await, State::Running { .. }),
            Touch::Nothing => false,
        }
    }

    /// When the API was started last.
    pub(crate) async fn started(&self) -> String {
        let document = self.runtime.document(Kind::Container, &self.containers["api"].0).await.unwrap();
        document["State"]["StartedAt"].as_str().unwrap().to_owned()
    }

    async fn share(&self) -> i64 {
        let document = self.runtime.document(Kind::Container, &self.containers["api"].0).await.unwrap();
        CpuLimit::of(&document).nano_cpus
    }

    async fn state(&self, service: &str) -> State {
        let all = self.runtime.list(&self.definition.project).await.unwrap();
        all.into_iter().find(|listed| listed.service.as_str() == service).unwrap().state
    }

    /// That nothing tells any more that there was a drill.
    pub(crate) async fn is_as_it_was(&self, recipe: &Recipe) {
        for service in self.containers.keys() {
            let state = self.state(service).await;
            assert!(matches!(state, State::Running { .. }), "{}: {service}: {state:?}", recipe.alert);
        }
        assert_eq!(self.share().await, 1_000_000_000, "{}", recipe.alert);
        assert!(!self.journal.file().exists(), "{}", recipe.alert);
    }
}

async fn start(runtime: &Simulated, definition: &Definition) -> BTreeMap<&'static str, ContainerId> {
    let plan = plan::make(definition, &World::default(), &Goal::default(), &config_hash);
    let mut containers = BTreeMap::new();
    for name in ["db", "api", "prometheus"] {
        let service = &definition.services[&ServiceName::new(name)];
        runtime.pull(&service.image, &mut |_| {}).await.unwrap();
        let image = runtime.image(&service.image).await.unwrap().unwrap();
        let order = CreateOrder {
            name: container_name(&definition.project, service, 1),
            number: 1,
            image: &image,
            plan: plan.service(&service.name).unwrap(),
        };
        let id = runtime.create(definition, service, &order).await.unwrap();
        runtime.start(&id).await.unwrap();
        containers.insert(name, id);
    }
    containers
}

type Answer = fn(&Mutex<Told>, &str, &str) -> String;

/// Answers on threads that live as long as the test; its address.
fn server(told: &Arc<Mutex<Told>>, answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let told = Arc::clone(told);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let told = Arc::clone(&told);
            std::thread::spawn(move || serve(stream, &told, answer));
        }
    });
    address
}

/// One request after the other, until the other side has had enough.
fn serve(mut stream: TcpStream, told: &Mutex<Told>, answer: Answer) {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&kept).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let length = length.unwrap_or(0);
            if rest.len() >= length {
                let path = head.split(' ').nth(1).unwrap_or_default();
                let said = answer(told, path, &rest[..length]);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", said.len());
                if stream.write_all((head + &said).as_bytes()).is_err() {
                    return;
                }
                kept.clear();
                continue;
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => kept.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
}

fn api(told: &Mutex<Told>, _: &str, body: &str) -> String {
    if !body.is_empty() {
        body.clone_into(&mut told.lock().unwrap().asked);
    }
    "{}".to_owned()
}

fn prometheus(told: &Mutex<Told>, path: &str, _: &str) -> String {
    if !path.starts_with("/api/v1/rules") {
        return json!({"data": {"result": []}}).to_string();
    }
    let mut told = told.lock().unwrap();
    let mut rule = |recipe: &'static Recipe| {
        let state = told.alerts.get(recipe.alert).copied().unwrap_or("inactive");
        if state == "pending" {
            told.seen.insert(recipe.alert);
        }
        let alert = json!({"state": state, "annotations": {"summary": "it is so"}});
        let alerts = if state == "inactive" { json!([]) } else { json!([alert]) };
        json!({"type": "alerting", "name": recipe.alert, "alerts": alerts})
    };
    let rules: Vec<Value> = RECIPES.iter().map(&mut rule).collect();
    json!({"data": {"groups": [{"interval": 0.5, "rules": rules}]}}).to_string()
}
