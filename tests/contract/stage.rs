//! Where a clause plays: an engine, a project of its own, and its removal afterwards.

use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use pdex::definition::model::{Definition, Service, ServiceName};
use pdex::definition::render::config_hash;
use pdex::definition::{Request, load};
use pdex::plan::{self, Goal};
use pdex::runtime::docker::Docker;
use pdex::runtime::docker::swarm::Swarm;
use pdex::runtime::sim::Simulated;
use pdex::runtime::{CreateOrder, Runtime, RuntimeError, container_name};
use pdex::world::{Container, ContainerId, ImageId, World};

/// Every service runs from it. It is built or pulled by `pdex up`; `PDEX_TEST_IMAGE` names another one with a shell.
const IMAGE: &str = "debian:bookworm-slim";

/// The same services for both engines: real commands, and labels that tell the double what these would do.
const STACK: &str = r#"
services:
  sleeper:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "600"]
    networks: [default, second]
    volumes: ["data:/data"]
    mem_limit: 64m
    cpus: 0.5
    labels: { purpose: contract, sim.test: hello }
  job:
    image: debian:bookworm-slim
    command: [sh, -c, "echo one; echo two; exit 7"]
    labels: { sim.exit: "7", sim.exit_ms: "100", sim.log: "one\ntwo" }
  restless:
    image: debian:bookworm-slim
    command: [sh, -c, "exit 3"]
    restart: always
    labels: { sim.exit: "3" }
  refusing:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "600"]
    labels: { sim.ready_ms: "3600000", sim.test: not yet, sim.test_ms: "5000" }
  silent:
    image: debian:bookworm-slim
    init: true
    command: [sleep, "600"]
    labels: { sim.ready_ms: "3600000" }
    x-pdex: { swarm: { publish: host } }
  server:
    image: debian:bookworm-slim
    init: true
    ports: ["127.0.0.1:${PORT}:8000"]
    x-pdex: { swarm: { publish: host } }
    command:
      - perl
      - -MIO::Socket::INET
      - -e
      - >-
        my $$s = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die;
        while (my $$c = $$s->accept) { <$$c>; print $$c "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"; close $$c }
    labels: { sim.ready_ms: "300" }
volumes: { data: {} }
networks: { second: {} }
"#;

/// See the module.
pub(crate) struct Stage<R> {
    pub(crate) runtime: R,
    pub(crate) definition: Definition,
    pub(crate) image: ImageId,
    /// A port of this machine that nothing had when the stage was set.
    pub(crate) port: u16,
    /// The address at which that port is published when a definition says 127.0.0.1.
    pub(crate) host_ip: &'static str,
}

/// Runs a clause on the double, on a clock that jumps.
pub(crate) fn on_simulated(clause: impl AsyncFnOnce(&Stage<Simulated>)) {
    let clock =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    clock.block_on(async {
        let runtime = Simulated::default();
        runtime.pull(IMAGE, &mut |_| {}).await.unwrap();
        let stage = Stage::set(runtime, "contract", IMAGE).await.unwrap();
        clause(&stage).await;
        stage.clear().await;
        let left = stage.world().await;
        assert!(
            left.containers.is_empty() && left.networks.is_empty() && left.volumes.is_empty(),
            "{left:?}"
        );
    });
}

/// Runs a clause on Docker, where that is asked for, and removes what it leaves, whatever came of it.
#[expect(clippy::disallowed_methods, reason = "the switch of the suite is an environment variable")]
pub(crate) fn on_docker(name: &str, clause: impl AsyncFnOnce(&Stage<Docker>)) {
    if std::env::var("PDEX_TEST_DOCKER").is_err() {
        eprintln!("skipped: PDEX_TEST_DOCKER=1 cargo test --test contract runs it on this machine's Docker");
        return;
    }
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    threads.block_on(async {
        let project = format!("pdex-contract-{}-{name}", std::process::id());
        let docker = Docker::connect(None).await.unwrap();
        let image = std::env::var("PDEX_TEST_IMAGE").unwrap_or_else(|_| IMAGE.to_owned());
        let Some(stage) = Stage::set(docker, &project, &image).await else {
            panic!("the engine has no image {image}; `pdex up db` makes {IMAGE}");
        };
        let result = AssertUnwindSafe(clause(&stage)).catch_unwind().await;
        stage.clear().await;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Runs a clause on a swarm, where one is named, and removes what it leaves, whatever came of it.
#[expect(clippy::disallowed_methods, reason = "the switch of the suite is an environment variable")]
pub(crate) fn on_swarm(clause: impl AsyncFnOnce(&Stage<Swarm>)) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Ok(host) = std::env::var("PDEX_TEST_SWARM_ENGINE") else {
        eprintln!("skipped: tests/swarm/contract.sh runs it on a swarm of its own");
        return;
    };
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    threads.block_on(async {
        // Swarm's names are short.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let project = format!("pdexc-{}-{number}", std::process::id());
        let docker = Docker::connect(Some(&host)).await.unwrap();
        let swarm = Swarm::through(docker).await.unwrap();
        let image = std::env::var("PDEX_TEST_IMAGE").unwrap_or_else(|_| IMAGE.to_owned());
        let stage = Stage::set(swarm, &project, &image).await.expect("the engine has the image");
        let stage = Stage { host_ip: "0.0.0.0", ..stage };
        let result = AssertUnwindSafe(clause(&stage)).catch_unwind().await;
        stage.clear().await;
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A definition of the stack, and of another project of the same stack for comparison.
pub(crate) fn definition(project: &str, port: u16) -> Definition {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.yaml");
    std::fs::write(&file, STACK).unwrap();
    let request = Request {
        files: vec![file],
        project_name: Some(project.to_owned()),
        environment: [("PORT".to_owned(), port.to_string())].into(),
        ..Request::default()
    };
    let mut definition = load(&request).unwrap().definition;
    // The loader refuses one port for two services; here both have it, one at a time.
    let ports = definition.services[&ServiceName::new("server")].ports.clone();
    definition.services.get_mut(&ServiceName::new("silent")).unwrap().ports = ports;
    definition
}

impl<R: Runtime> Stage<R> {
    /// `None` when the engine does not have the image.
    async fn set(runtime: R, project: &str, image: &str) -> Option<Self> {
        let image = runtime.image(image).await.unwrap()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let stage =
            Self { runtime, definition: definition(project, port), image, port, host_ip: "127.0.0.1" };
        stage.networks(&stage.definition).await;
        Some(stage)
    }

    async fn networks(&self, definition: &Definition) {
        for (key, network) in &definition.networks {
            self.runtime.create_network(&definition.project, key, network).await.unwrap();
        }
    }

    /// Another project of the same stack, on the same engine.
    pub(crate) async fn other(&self) -> Definition {
        let other = definition(&format!("{}-other", self.definition.project), self.port);
        self.networks(&other).await;
        other
    }

    pub(crate) fn service(&self, name: &str) -> &Service {
        &self.definition.services[&ServiceName::new(name)]
    }

    /// The container's own name.
    pub(crate) fn name(&self, service: &str) -> String {
        container_name(&self.definition.project, self.service(service), 1)
    }

    /// Makes a service's container.
    pub(crate) async fn create(&self, service: &str) -> ContainerId {
        self.try_create(&self.definition, service, &self.name(service), &self.image).await.unwrap()
    }

    pub(crate) async fn try_create(
        &self,
        definition: &Definition,
        service: &str,
        name: &str,
        image: &ImageId,
    ) -> Result<ContainerId, RuntimeError> {
        let plan = plan::make(definition, &World::default(), &Goal::default(), &config_hash);
        let service = &definition.services[&ServiceName::new(service)];
        let plan = plan.service(&service.name).unwrap();
        let order = CreateOrder { name: name.to_owned(), number: 1, image, plan };
        self.runtime.create(definition, service, &order).await
    }

    pub(crate) async fn start(&self, service: &str) -> ContainerId {
        let id = self.create(service).await;
        self.runtime.start(&id).await.unwrap();
        id
    }

    pub(crate) async fn world(&self) -> World {
        self.runtime.observe(&self.definition).await.unwrap()
    }

    pub(crate) async fn observed(&self, id: &ContainerId) -> Container {
        let world = self.world().await;
        world.containers.into_iter().find(|c| c.id == *id).expect("the container is observed")
    }

    /// Removes whatever the clause left, of this project and of the other.
    async fn clear(&self) {
        for definition in
            [&self.definition, &definition(&format!("{}-other", self.definition.project), self.port)]
        {
            let left = self.runtime.observe(definition).await.unwrap();
            for container in &left.containers {
                self.runtime.remove(&container.id).await.unwrap();
            }
            for name in &left.networks {
                self.runtime.remove_network(name).await.unwrap();
            }
            for name in &left.volumes {
                self.runtime.remove_volume(name).await.unwrap();
            }
        }
    }
}

/// Asks again until it holds: a process inside needs its time.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let limit = Duration::from_secs(30);
    let asking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(limit, asking).await.is_ok(), "{what}: not within {limit:?}");
}
