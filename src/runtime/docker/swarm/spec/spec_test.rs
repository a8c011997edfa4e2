//! Definitions and what Swarm is asked for, as the documents that go over the wire.

use serde_json::{Value, json};

use super::*;
use crate::definition::model::ServiceName;
use crate::definition::render::config_hash;
use crate::definition::{Request, load};
use crate::plan::{self, Goal};
use crate::world::{ImageId, World};

/// The request for the service `a` of a definition with these attributes.
fn asked(attributes: &str, swarm: &Swarm) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.yaml");
    let text = format!(
        "name: x\nservices: {{ a: {{ image: \"a:1\", {attributes} }} }}\n\
         volumes: {{ data: {{}}, far: {{ driver_opts: {{ type: nfs, o: \"addr=10.0.0.1\", device: \":/far\" }} }} }}\n\
         secrets: {{ key: {{ environment: KEY }} }}\nconfigs: {{ settings: {{ content: \"a=1\" }} }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let environment = [("KEY".to_owned(), "hush".to_owned())].into();
    let request = Request { files: vec![file], environment, ..Request::default() };
    let definition = load(&request).unwrap().definition.gathered();
    let plan = plan::make(&definition, &World::default(), &Goal::default(), &config_hash);
    let service = &definition.services[&ServiceName::new("a")];
    let image = ImageId("sha256:1".to_owned());
    let order = CreateOrder {
        name: "x-a-1".to_owned(),
        number: 1,
        image: &image,
        plan: plan.service(&service.name).unwrap(),
    };
    let given = Given {
        secrets: [("key".to_owned(), ("s1".to_owned(), "x_key-1".to_owned()))].into(),
        configs: [("settings".to_owned(), ("c1".to_owned(), "x_settings-1".to_owned()))].into(),
    };
    let translating = Translating {
        definition: &definition,
        service,
        order: &order,
        swarm,
        api: Api::NEWEST,
        image: &image.0,
        given: &given,
    };
    serde_json::to_value(translating.spec()).unwrap()
}

fn swarm(spreads: bool) -> Swarm {
    let labels = [(crate::world::swarm::volume_label("x_data"), "here".to_owned())].into();
    let home = crate::world::swarm::Node { id: "n2".to_owned(), labels, ..Default::default() };
    Swarm { own: "n1".to_owned(), nodes: vec![home], spreads: Some(spreads), ..Swarm::default() }
}

/// What stands at a path of the request.
fn check(attributes: &str, path: &str, expected: &Value) {
    let document = asked(attributes, &swarm(true));
    assert_eq!(document.pointer(path).unwrap_or(&Value::Null), expected, "{attributes} {path}\n{document:#}");
}

const CONTAINER: &str = "/TaskTemplate/ContainerSpec";

#[test]
fn a_service_is_made_with_no_containers_and_remembers_how_many_it_is_to_have() {
    let attributes = "command: [serve], x-pdex: { swarm: { replicas: 3 } }";
    check(attributes, "/Name", &json!("x-a-1"));
    check(attributes, "/Mode", &json!({ "Replicated": { "Replicas": 0 } }));
    check(attributes, "/Labels/io.pdex.replicas", &json!("3"));
    check("scale: 2", "/Labels/io.pdex.replicas", &json!("2"));
    check("scale: 2", "/Labels/com.docker.compose.project", &json!("x"));
    check("scale: 2", "/Labels/com.docker.stack.namespace", &json!("x"));
    // Compose would take the containers for its own.
    check("scale: 2", &format!("{CONTAINER}/Labels/com.docker.compose.project"), &Value::Null);
    check("scale: 2", &format!("{CONTAINER}/Labels/io.pdex.project"), &json!("x"));
}

#[test]
fn a_one_shot_is_a_job_that_is_not_updated() {
    let job = "x-pdex: { job: true }";
    check(job, "/Mode", &json!({ "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": 0 } }));
    check(job, "/UpdateConfig", &Value::Null);
    check(job, "/TaskTemplate/RestartPolicy/Condition", &json!("none"));
    let kept = "restart: always, x-pdex: { job: true }";
    check(kept, "/TaskTemplate/RestartPolicy/Condition", &json!("on-failure"));
}

#[test]
fn what_a_container_is_stays_what_it_is() {
    let c = |key: &str| format!("{CONTAINER}/{key}");
    check("command: [serve, \"80\"], entrypoint: [/run]", &c("Command"), &json!(["/run"]));
    check("command: [serve, \"80\"], entrypoint: [/run]", &c("Args"), &json!(["serve", "80"]));
    check("environment: { A: \"1\" }", &c("Env"), &json!(["A=1"]));
    check("user: \"10:20\", group_add: [\"5\"]", &c("Groups"), &json!(["5"]));
    check("cap_drop: [ALL], cap_add: [NET_RAW]", &c("CapabilityDrop"), &json!(["ALL"]));
    check("extra_hosts: [\"other:10.0.0.2\"]", &c("Hosts"), &json!(["10.0.0.2 other"]));
    check("stop_grace_period: 20s", &c("StopGracePeriod"), &json!(20_000_000_000_i64));
    check("ulimits: { nofile: 1024 }", &c("Ulimits/0/Soft"), &json!(1024));
    check(
        "healthcheck: { test: [CMD, ok], interval: 5s }",
        &c("HealthCheck"),
        &json!({ "Test": ["CMD", "ok"], "Interval": 5_000_000_000_i64 }),
    );
    check(
        "logging: { driver: json-file, options: { max-size: 1m } }",
        "/TaskTemplate/LogDriver",
        &json!({
            "Name": "json-file", "Options": { "max-size": "1m" }
        }),
    );
}

#[test]
fn limits_and_reservations_are_asked_for() {
    let attributes = "mem_limit: 64m, cpus: 0.5, pids_limit: 9, deploy: { resources: { reservations: { memory: 32m, cpus: \"0.25\" } } }";
    check(
        attributes,
        "/TaskTemplate/Resources",
        &json!({
            "Limits": { "NanoCPUs": 500_000_000, "MemoryBytes": 64 << 20, "Pids": 9 },
            "Reservations": { "NanoCPUs": 250_000_000, "MemoryBytes": 32 << 20 },
        }),
    );
}

#[test]
fn secrets_and_configs_are_swarms_own() {
    let secret = "secrets: [{ source: key, uid: \"70\", mode: 0400 }]";
    check(
        secret,
        &format!("{CONTAINER}/Secrets"),
        &json!([{
            "File": { "Name": "/run/secrets/key", "UID": "70", "GID": "0", "Mode": 0o400 },
            "SecretID": "s1",
            "SecretName": "x_key-1",
        }]),
    );
    check(
        "configs: [settings]",
        &format!("{CONTAINER}/Configs"),
        &json!([{
            "File": { "Name": "/settings", "UID": "0", "GID": "0", "Mode": 0o444 },
            "ConfigID": "c1",
            "ConfigName": "x_settings-1",
        }]),
    );
}

#[test]
fn what_holds_state_stays_with_its_data() {
    let constraints = "/TaskTemplate/Placement/Constraints";
    check("command: [serve]", constraints, &json!([]));
    check("volumes: [\"data:/d\"]", constraints, &json!(["node.labels.io.pdex.volume.x_data == here"]));
    check("volumes: [\"far:/d\"]", constraints, &json!([]));
    check("volumes: [\"/etc:/etc:ro\"]", constraints, &json!(["node.id == n1"]));
    // Who says where, says it for its data too.
    let own = "volumes: [\"data:/d\"], x-pdex: { swarm: { placement: { constraints: [\"node.labels.db == yes\"] } } }";
    check(own, constraints, &json!(["node.labels.db == yes"]));
    check(
        "volumes: [\"far:/d\"]",
        &format!("{CONTAINER}/Mounts/0/VolumeOptions/DriverConfig"),
        &json!({
            "Name": "local", "Options": { "type": "nfs", "o": "addr=10.0.0.1", "device": ":/far" },
        }),
    );
    check(
        "volumes: [\"data:/d\"]",
        &format!("{CONTAINER}/Mounts/0/VolumeOptions/Labels/com.docker.compose.volume"),
        &json!("data"),
    );
}

#[test]
fn containers_are_spread_as_the_definition_says() {
    let attributes = "platform: linux/amd64, x-pdex: { swarm: { placement: { spread: [node.labels.zone], max_replicas_per_node: 2 } } }";
    check(
        attributes,
        "/TaskTemplate/Placement",
        &json!({
            "Constraints": [],
            "Preferences": [{ "Spread": { "SpreadDescriptor": "node.labels.zone" } }],
            "MaxReplicas": 2,
            "Platforms": [{ "OS": "linux", "Architecture": "amd64" }],
        }),
    );
}

#[test]
fn memory_is_mounted_where_swarm_has_no_other_word() {
    let mounts = |attributes, expected: &Value| check(attributes, &format!("{CONTAINER}/Mounts"), expected);
    mounts(
        "shm_size: 64m",
        &json!([{
            "Target": "/dev/shm", "Type": "tmpfs", "TmpfsOptions": { "SizeBytes": 64 << 20 }
        }]),
    );
    mounts(
        "tmpfs: [\"/tmp:size=1m,mode=1777\"]",
        &json!([{
            "Target": "/tmp", "Type": "tmpfs", "TmpfsOptions": { "SizeBytes": 1 << 20, "Mode": 0o1777 }
        }]),
    );
}

#[test]
fn names_lead_to_one_address_where_the_kernel_can_have_it() {
    let endpoint = |attributes: &str, spreads| asked(attributes, &swarm(spreads))["EndpointSpec"].clone();
    assert_eq!(endpoint("init: true", true), json!({ "Mode": "vip" }));
    assert_eq!(endpoint("init: true", false), json!({ "Mode": "dnsrr" }));
    let port = |mode: &str| json!([{ "Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8000, "PublishMode": mode }]);
    let expected = json!({ "Mode": "vip", "Ports": port("ingress") });
    assert_eq!(endpoint("ports: [\"8000:80\"]", true), expected);
    let host = "ports: [\"8000:80\"], x-pdex: { swarm: { publish: host } }";
    assert_eq!(endpoint(host, false), json!({ "Mode": "dnsrr", "Ports": port("host") }));
}

#[test]
fn a_service_is_known_by_its_name_on_its_networks() {
    let attributes = "container_name: a1, networks: { default: { aliases: [b] } }";
    check(
        attributes,
        "/TaskTemplate/Networks",
        &json!([
            { "Target": "x_default", "Aliases": ["a", "a1", "b"] }
        ]),
    );
    check("network_mode: host", "/TaskTemplate/Networks", &json!([{ "Target": "host" }]));
}

#[test]
fn an_update_is_undone_unless_the_definition_says_otherwise() {
    check(
        "init: true",
        "/UpdateConfig",
        &json!({
            "Parallelism": 1, "FailureAction": "rollback", "MaxFailureRatio": 0.0, "Order": "start-first"
        }),
    );
    let order = "/UpdateConfig/Order";
    check("ports: [\"8000:80\"]", order, &json!("start-first"));
    check("ports: [{ target: 80, published: \"8000\", mode: host }]", order, &json!("stop-first"));
    check("volumes: [\"data:/d\"]", order, &json!("stop-first"));
    let own = "x-pdex: { swarm: { update: { parallelism: 2, delay: 5s, monitor: 10s, order: stop-first, on_failure: pause }, \
               rollback: { parallelism: 0, on_failure: continue } } }";
    check(
        own,
        "/UpdateConfig",
        &json!({
            "Parallelism": 2, "Delay": 5_000_000_000_i64, "Monitor": 10_000_000_000_i64, "FailureAction": "pause",
            "MaxFailureRatio": 0.0, "Order": "stop-first"
        }),
    );
    check(own, "/RollbackConfig/Parallelism", &json!(0));
    check(own, "/RollbackConfig/FailureAction", &json!("continue"));
}
