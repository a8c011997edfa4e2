//! What a container has against what it should have.

use super::*;
use crate::definition::{Request, load};
use crate::world::{ContainerId, ImageId};

const STACK: &str = "name: x\nservices:\n  \
    db: { image: \"a:1\", volumes: [\"data:/data\", \"./init:/init:ro\"], ports: [\"127.0.0.1:5432:5432\"], mem_limit: 512m, cpus: 0.5 }\n  \
    api: { image: \"a:1\", networks: [default, back] }\n  \
    probe: { image: \"a:1\", networks: [back] }\nvolumes: { data: {} }\nnetworks: { back: {} }\n";

struct Stage {
    definition: Definition,
    world: World,
    placement: Placement,
    running: State,
}

impl Stage {
    /// `db` as it should be.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        std::fs::write(&file, STACK).unwrap();
        let definition = load(&Request { files: vec![file], ..Request::default() }).unwrap().definition;
        let mounted =
            |content, target: &str, read_only| Mounted { content, target: target.to_owned(), read_only };
        let placement = Placement {
            networks: ["x_default".to_owned()].into(),
            mounts: vec![
                mounted(Content::Volume("x_data".to_owned()), "/data", false),
                mounted(Content::Bind(definition.directory.join("init")), "/init", true),
                mounted(Content::Volume("0123".to_owned()), "/of/the/image", false),
            ],
            memory: Some(512 << 20),
            nano_cpus: Some(500_000_000),
            pids: None,
            ports: vec![binding("127.0.0.1", 5432)],
        };
        let world =
            World { networks: ["x_default".to_owned(), "x_back".to_owned()].into(), ..World::default() };
        Self { definition, world, placement, running: State::Running { health: None } }
    }

    fn outcome(&self, check: Check, service: &str) -> Outcome {
        let service = &self.definition.services[&ServiceName::new(service)];
        let container = Container {
            id: ContainerId("1".into()),
            name: format!("x-{}-1", service.name),
            service: service.name.clone(),
            number: 1,
            config_hash: String::new(),
            fields: BTreeMap::new(),
            image: ImageId(String::new()),
            state: self.running.clone(),
            aside: false,
        };
        let (definition, world, placement) = (&self.definition, &self.world, &self.placement);
        check(&Case { definition, world, service, container: &container, placement })
    }

    fn passed(&self, check: Check) -> String {
        match self.outcome(check, "db") {
            Outcome::Passed(evidence) => evidence,
            other => panic!("{other:?}"),
        }
    }

    fn failed(&self, check: Check) -> String {
        match self.outcome(check, "db") {
            Outcome::Failed { evidence, .. } => evidence,
            other => panic!("{other:?}"),
        }
    }
}

fn binding(host: &str, port: u16) -> Binding {
    Binding {
        container_port: 5432,
        protocol: crate::definition::model::Protocol::Tcp,
        host_port: Some(port),
        host_ip: Some(host.to_owned()),
    }
}

#[test]
fn what_is_as_defined_passes_and_says_what_it_is() {
    let stage = Stage::new();
    assert_eq!(stage.passed(networks), "default: reaches 1 services, not probe");
    assert_eq!(stage.passed(volumes), "x_data at /data; ./init at /init, read-only");
    assert_eq!(stage.passed(limits), "512 MiB, 0.5 CPU");
    assert_eq!(stage.passed(ports), "127.0.0.1:5432");
}

#[test]
fn a_network_too_few_or_too_many_says_whom_it_concerns() {
    let mut stage = Stage::new();
    stage.placement.networks.clear();
    assert_eq!(stage.failed(networks), "it is not on network x_default: it cannot reach api");
    stage.placement.networks = ["x_default".to_owned(), "x_back".to_owned()].into();
    assert_eq!(
        stage.failed(networks),
        "it is on network x_back, which the definition does not give it: it can reach probe"
    );
    stage.world.networks.clear();
    assert_eq!(stage.failed(networks), "network x_default does not exist");
}

#[test]
fn a_mount_that_is_missing_other_or_writable_is_told() {
    for (change, expected) in [
        (
            Box::new(|p: &mut Placement| drop(p.mounts.remove(0))) as Box<dyn Fn(&mut Placement)>,
            "x_data is not mounted at /data",
        ),
        (
            Box::new(|p| p.mounts[0].content = Content::Volume("other".to_owned())),
            "/data has volume other, the definition says x_data",
        ),
        (Box::new(|p| p.mounts[1].read_only = false), "/init is writable, the definition says read-only"),
        (
            Box::new(|p| p.mounts[2].content = Content::Bind("/etc".into())),
            "/etc is mounted at /of/the/image, and the definition does not say so",
        ),
    ] {
        let mut stage = Stage::new();
        change(&mut stage.placement);
        assert_eq!(stage.failed(volumes), expected);
    }
    let mut stage = Stage::new();
    let below = stage.definition.directory.join("init");
    stage.placement.mounts[1].content =
        Content::Bind(Path::new("/host_mnt").join(below.strip_prefix("/").unwrap()));
    assert!(matches!(stage.outcome(volumes, "db"), Outcome::Passed(_)), "the engine is in a virtual machine");
}

#[test]
fn limits_are_those_of_the_definition() {
    let mut stage = Stage::new();
    stage.placement.memory = None;
    assert_eq!(stage.failed(limits), "its memory limit is none, the definition says 512 MiB");
    let mut stage = Stage::new();
    stage.placement.nano_cpus = Some(2_000_000_000);
    assert_eq!(stage.failed(limits), "its processor limit is 2 CPU, the definition says 0.5 CPU");
    let mut stage = Stage::new();
    stage.placement.pids = Some(10);
    assert_eq!(stage.failed(limits), "its process limit is 10 processes, the definition says none");
}

#[test]
fn a_port_is_open_where_it_should_be_and_nowhere_else() {
    let mut stage = Stage::new();
    stage.placement.ports = vec![binding("0.0.0.0", 5432)];
    assert_eq!(stage.failed(ports), "port 5432 is open at 0.0.0.0:5432, the definition says 127.0.0.1:5432");
    stage.placement.ports.clear();
    assert_eq!(stage.failed(ports), "port 5432 is not published at 127.0.0.1:5432");
    stage.running = State::Created;
    assert!(matches!(stage.outcome(ports, "db"), Outcome::Skipped(_)));
}

#[test]
fn a_port_without_an_address_may_be_bound_to_any() {
    let port = |host: Option<&str>, published, published_last| Port {
        host_ip: host.map(str::to_owned),
        published,
        published_last,
        ..Port::new(5432)
    };
    for (port, host, published, expected) in [
        (port(None, Some(5432), None), "0.0.0.0", 5432, true),
        (port(None, Some(5432), None), "::", 5432, true),
        (port(None, Some(5432), None), "127.0.0.1", 5433, false),
        (port(Some("127.0.0.1"), None, None), "127.0.0.1", 49_153, true),
        (port(Some("127.0.0.1"), Some(9000), Some(9005)), "127.0.0.1", 9003, true),
        (port(Some("127.0.0.1"), Some(9000), Some(9005)), "127.0.0.1", 9006, false),
    ] {
        assert_eq!(allows(&port, &binding(host, published)), expected, "{port:?} {host}:{published}");
    }
}
