//! The platform on the simulated engine, with loopback servers in place of its services, and something wrong with it.

use std::collections::BTreeMap;
use std::path::Path;

use pdex::checks::doctor::Ailment;
use pdex::checks::{self, Facts, Outcome, Selection, doctor};
use pdex::definition::model::{Definition, ServiceName};
use pdex::definition::render::config_hash;
use pdex::definition::{Request, graph, load};
use pdex::plan::{self, Goal};
use pdex::runtime::operate::Operate as _;
use pdex::runtime::sim::Simulated;
use pdex::runtime::{CreateOrder, Runtime as _, container_name};
use pdex::world::{ContainerId, World};

use crate::stub::Platform;

/// What the double's containers say to the commands that are run inside them.
const OVERLAY: &str = r#"
services:
  db:
    labels:
      sim.exec.counts: "FROM species => 0 species 153\npokemon 188\nmoves 226\nlearnsets 5776"
      sim.exec.schema: "pg_constraint => 0 3 0"
      sim.exec.freshness: "etl_freshness => 0 loaded 2026-01-26 03:00 UTC from snapshot in 0.2 s, 0 rejects, 0 disagreements, 0 failures since"
  etl: { labels: { sim.exit: "0", sim.exit_ms: "10" } }
  ml_builder: { labels: { sim.exit: "0", sim.exit_ms: "10" } }
  streamlit: { labels: { sim.exec.reach: "curl => 0 api 0\nnode-exporter 6" } }
"#;

/// What is wrong.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// The containers were made from another definition than the one they are held against.
    Made(fn(&mut Definition)),
    /// A server answers otherwise.
    Answers(fn(&Platform)),
    /// The last two.
    Both(fn(&mut Definition), fn(&Platform)),
    /// Someone laid hands on a container.
    Killed(&'static str),
    Paused(&'static str),
    Removed(&'static str),
}

/// A platform that runs.
pub(crate) struct Stage {
    runtime: Simulated,
    definition: Definition,
    http: reqwest::Client,
    /// Ports of this run, and what the definition has for them.
    ports: Vec<(String, &'static str)>,
}

impl Stage {
    /// Its containers are made and started one after the other, on a clock that jumps; then the clock is that of the machine.
    pub(crate) async fn set(fault: Fault) -> Self {
        let platform = Platform::well();
        if let Fault::Answers(change) | Fault::Both(_, change) = fault {
            change(&platform);
        }
        let mut environment: BTreeMap<String, String> =
            [("POSTGRES_PASSWORD", "right"), ("GRAFANA_ADMIN_PASSWORD", "right")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let mut ports = Vec::new();
        for (name, usual, stub) in [
            ("PDEX_API_PORT", "8000", &platform.api),
            ("PDEX_STREAMLIT_PORT", "8501", &platform.streamlit),
            ("PDEX_PROMETHEUS_PORT", "9090", &platform.prometheus),
            ("PDEX_NODE_EXPORTER_PORT", "9100", &platform.node_exporter),
            ("PDEX_MLFLOW_PORT", "5000", &platform.mlflow),
            ("PDEX_GRAFANA_PORT", "3000", &platform.grafana),
        ] {
            let port = stub.serve().await.to_string();
            environment.insert(name.to_owned(), port.clone());
            ports.push((port, usual));
        }
        let definition = definition(&environment);
        let mut made = definition.clone();
        if let Fault::Made(change) | Fault::Both(change, _) = fault {
            change(&mut made);
        }
        tokio::time::pause();
        let runtime = Simulated::default();
        let containers = start(&runtime, &made).await;
        let id = |service: &str| &containers[&ServiceName::new(service)];
        match fault {
            Fault::Killed(service) => runtime.kill(id(service), "SIGKILL").await.unwrap(),
            Fault::Paused(service) => runtime.pause(id(service)).await.unwrap(),
            Fault::Removed(service) => runtime.remove(id(service)).await.unwrap(),
            Fault::None | Fault::Made(_) | Fault::Answers(_) | Fault::Both(..) => {}
        }
        tokio::time::resume();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { runtime, definition, http, ports }
    }

    async fn world(&self) -> World {
        self.runtime.observe(&self.definition).await.unwrap()
    }

    /// What `validate` finds wrong: `service/check: evidence`.
    pub(crate) async fn failed(&self) -> Vec<String> {
        let world = self.world().await;
        let facts = Facts {
            runtime: &self.runtime,
            definition: &self.definition,
            world: &world,
            http: &self.http,
            inside: &BTreeMap::new(),
        };
        let results = checks::validate(&facts, &Selection::default()).await;
        let failed = results.iter().filter_map(|result| match &result.outcome {
            Outcome::Failed { evidence, .. } => {
                Some(self.usual(&format!("{}/{}: {evidence}", result.service, checks::typed(result.name))))
            }
            _ => None,
        });
        failed.collect()
    }

    /// What `doctor` finds, with the codes.
    pub(crate) async fn ailments(&self) -> Vec<String> {
        let world = self.world().await;
        let facts = Facts {
            runtime: &self.runtime,
            definition: &self.definition,
            world: &world,
            http: &self.http,
            inside: &BTreeMap::new(),
        };
        let symptoms = doctor::examine(&facts).await;
        let said = |ailment: &Ailment| {
            self.usual(&format!("{} [{}]", ailment.finding.message, ailment.finding.code))
        };
        symptoms.iter().flat_map(|symptom| &symptom.ailments).map(said).collect()
    }

    /// With the ports that people know.
    fn usual(&self, text: &str) -> String {
        let mut text = text.replace(&self.definition.directory.display().to_string(), ".");
        for (port, usual) in &self.ports {
            text = text.replace(port.as_str(), usual);
        }
        text
    }
}

fn definition(environment: &BTreeMap<String, String>) -> Definition {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack/predictiondex.yaml");
    let request = Request {
        files: vec![stack, write("overlay.yaml", OVERLAY)],
        env_files: vec![write("empty.env", "")],
        environment: environment.clone(),
        ..Request::default()
    };
    load(&request).unwrap().definition
}

async fn start(runtime: &Simulated, definition: &Definition) -> BTreeMap<ServiceName, ContainerId> {
    for (key, network) in &definition.networks {
        runtime.create_network(&definition.project, key, network).await.unwrap();
    }
    for (key, volume) in &definition.volumes {
        runtime.create_volume(&definition.project, key, volume).await.unwrap();
    }
    let plan = plan::make(definition, &World::default(), &Goal::default(), &config_hash);
    let mut containers = BTreeMap::new();
    for name in graph::topological(definition) {
        let service = &definition.services[&name];
        runtime.pull(&service.image, &mut |_| {}).await.unwrap();
        let image = runtime.image(&service.image).await.unwrap().unwrap();
        let order = CreateOrder {
            name: container_name(&definition.project, service, 1),
            number: 1,
            image: &image,
            plan: plan.service(&name).unwrap(),
        };
        let id = runtime.create(definition, service, &order).await.unwrap();
        runtime.start(&id).await.unwrap();
        containers.insert(name, id);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    containers
}
