//! That what the definition says of a container reaches the engine.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::files::archive;
use super::{Api, Making, others};
use crate::definition::model::{Definition, ServiceName};
use crate::definition::{Request, load};
use crate::plan::{self, Goal};
use crate::runtime::CreateOrder;
use crate::world::{ImageId, World};

fn definition(text: &str) -> Definition {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("compose.yaml");
    std::fs::write(&file, text).expect("written");
    let environment = [("TOKEN".to_owned(), "s3cret".to_owned())].into();
    let directory = Some("/project".into());
    let request =
        Request { files: vec![file], project_directory: directory, environment, ..Request::default() };
    load(&request).unwrap_or_else(|findings| panic!("{findings:#?}")).definition
}

/// The request for service `a`: its body, and the networks joined later.
fn made(definition: &Definition, api: Api) -> Result<(Value, Vec<String>), String> {
    let plan = plan::make(definition, &World::default(), &Goal::default(), &|_| "hash".to_owned());
    let name = ServiceName::new("a");
    let (image, service) = (ImageId("sha256:1".to_owned()), &definition.services[&name]);
    let planned = plan.service(&name).expect("planned");
    let order = CreateOrder { name: "p-a-1".to_owned(), number: 1, image: &image, plan: planned };
    let known: BTreeMap<ServiceName, String> =
        others(service).map(|name| (name.clone(), format!("id-of-{name}"))).collect();
    let making = Making { definition, service, order: &order, api, others: &known };
    let made = making.made().map_err(|e| e.to_string())?;
    let later = made.later.into_iter().map(|(name, _)| name).collect();
    Ok((serde_json::to_value(made.body).expect("JSON"), later))
}

fn check(attributes: &str, expected: &Value) {
    let text = format!("name: p\nservices:\n  b: {{image: x}}\n  a:\n    image: x\n    {attributes}\n{TOP}");
    let (body, _) = made(&definition(&text), Api::NEWEST).expect("no engine is too old");
    contains(attributes, "", &body, expected);
}

const TOP: &str = "volumes: {v: }\nsecrets: {f: {file: ./s}}\nconfigs: {f: {file: /c}}\n";

/// Maps may hold more than is expected.
fn contains(attributes: &str, path: &str, got: &Value, expected: &Value) {
    if let (Value::Object(got), Value::Object(expected)) = (got, expected) {
        for (key, value) in expected {
            contains(attributes, &format!("{path}.{key}"), got.get(key).unwrap_or(&Value::Null), value);
        }
        return;
    }
    assert_eq!(got, expected, "{path} of {attributes}");
}

#[test]
fn the_container_is_as_the_definition_says() {
    check(
        "hostname: h\n    domainname: d\n    tty: true\n    stdin_open: true",
        &json!({
        "Hostname": "h", "Domainname": "d", "Tty": true, "OpenStdin": true}),
    );
    check(
        "user: '5'\n    working_dir: /w\n    stop_signal: SIGINT\n    stop_grace_period: 1m",
        &json!({
        "User": "5", "WorkingDir": "/w", "StopSignal": "SIGINT", "StopTimeout": 60}),
    );
    check(
        "healthcheck: {test: t, interval: 1s, start_period: 2s, start_interval: 1s}",
        &json!({
        "Healthcheck": {"Test": ["CMD-SHELL", "t"], "Interval": 1_000_000_000, "StartInterval": 1_000_000_000}}),
    );
    check(
        "environment: {A: b, GONE: }\n    labels: {l: m}",
        &json!({
        "Env": ["A=b", "GONE"], "Labels": {"l": "m", "com.docker.compose.service": "a"}}),
    );
    check(
        "expose: ['80', 81-82/udp]\n    ports: ['1.2.3.4:90-91:90', '92/sctp']",
        &json!({
        "ExposedPorts": {"80/tcp": {}, "81/udp": {}, "82/udp": {}, "90/tcp": {}, "92/sctp": {}},
        "HostConfig": {"PortBindings": {
            "90/tcp": [{"HostIp": "1.2.3.4", "HostPort": "90-91"}], "92/sctp": [{"HostPort": ""}]}}}),
    );
}

#[test]
fn limits_and_permissions_reach_the_engine() {
    let host = |attributes: &str, expected: Value| check(attributes, &json!({"HostConfig": expected}));
    host(
        "mem_limit: 1m\n    memswap_limit: -1\n    mem_swappiness: 1\n    mem_reservation: 1k",
        json!({
        "Memory": 1_048_576, "MemorySwap": -1, "MemorySwappiness": 1, "MemoryReservation": 1024}),
    );
    host(
        "cpus: 0.5\n    cpu_shares: 1\n    cpu_period: 2\n    cpu_quota: 3\n    cpuset: 0-1",
        json!({
        "NanoCpus": 500_000_000, "CpuShares": 1, "CpuPeriod": 2, "CpuQuota": 3, "CpusetCpus": "0-1"}),
    );
    host(
        "deploy: {resources: {limits: {pids: 4, memory: 2m}}, restart_policy: {condition: any}}",
        json!({
        "PidsLimit": 4, "Memory": 2_097_152, "RestartPolicy": {"Name": "always"}}),
    );
    host(
        "oom_kill_disable: true\n    oom_score_adj: 5\n    shm_size: 1m\n    ulimits: {a: 1, b: {soft: 2, hard: 3}}",
        json!({
        "OomKillDisable": true, "OomScoreAdj": 5, "ShmSize": 1_048_576, "Ulimits": [
            {"Name": "a", "Soft": 1, "Hard": 1}, {"Name": "b", "Soft": 2, "Hard": 3}]}),
    );
    host(
        "privileged: true\n    cap_add: [A]\n    cap_drop: [B]\n    security_opt: [c]\n    group_add: [g]\n    read_only: true",
        json!({
        "Privileged": true, "CapAdd": ["A"], "CapDrop": ["B"], "SecurityOpt": ["c"], "GroupAdd": ["g"], "ReadonlyRootfs": true}),
    );
    host(
        "devices: ['/dev/a:/dev/b']\n    device_cgroup_rules: [r]\n    gpus: all\n    sysctls: {k: 1}",
        json!({
        "Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rwm"}],
        "DeviceCgroupRules": ["r"], "DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}], "Sysctls": {"k": "1"}}),
    );
    host(
        "pid: host\n    uts: host\n    userns_mode: host\n    cgroup: private\n    cgroup_parent: c\n    runtime: r",
        json!({
        "PidMode": "host", "UTSMode": "host", "UsernsMode": "host", "CgroupnsMode": "private", "CgroupParent": "c", "Runtime": "r"}),
    );
    host(
        "dns: 1.1.1.1\n    dns_search: s\n    dns_opt: [o]\n    extra_hosts: ['h:1.2.3.4']\n    init: true",
        json!({
        "Dns": ["1.1.1.1"], "DnsSearch": ["s"], "DnsOptions": ["o"], "ExtraHosts": ["h:1.2.3.4"], "Init": true}),
    );
    host(
        "logging: {driver: syslog, options: {a: b}}\n    storage_opt: {size: 1G}\n    annotations: {n: o}",
        json!({
        "LogConfig": {"Type": "syslog", "Config": {"a": "b"}}, "StorageOpt": {"size": "1G"}, "Annotations": {"n": "o"}}),
    );
}

#[test]
fn mounts_reach_the_engine() {
    let host = |attributes: &str, expected: Value| check(attributes, &json!({"HostConfig": expected}));
    host(
        "volumes: [{type: volume, source: v, target: /v, volume: {subpath: s, nocopy: true, labels: {a: b}}}]",
        json!({
        "Mounts": [{"Type": "volume", "Source": "p_v", "Target": "/v", "ReadOnly": false,
            "VolumeOptions": {"NoCopy": true, "Subpath": "s", "Labels": {"a": "b"}}}]}),
    );
    host(
        "volumes: [{type: bind, source: ./d, target: /d, bind: {propagation: rslave, recursive: disabled}}]",
        json!({
        "Mounts": [{"Type": "bind", "Source": "/project/d", "Target": "/d", "ReadOnly": false,
            "BindOptions": {"Propagation": "rslave", "NonRecursive": true}}]}),
    );
    host(
        "volumes: ['./d:/d:ro,Z']\n    tmpfs: ['/t:size=1m']",
        json!({
        "Mounts": [], "Binds": ["/project/d:/d:ro,Z"], "Tmpfs": {"/t": "size=1m"}}),
    );
    host(
        "secrets: [f]\n    configs: [{source: f, target: /etc/f}]",
        json!({"Mounts": [
        {"Type": "bind", "Source": "/project/s", "Target": "/run/secrets/f", "ReadOnly": true},
        {"Type": "bind", "Source": "/c", "Target": "/etc/f", "ReadOnly": true}]}),
    );
    host(
        "volumes_from: [b, 'b:ro', 'container:c:rw']",
        json!({"VolumesFrom": ["id-of-b", "id-of-b:ro", "c:rw"]}),
    );
}

#[test]
fn networks_are_joined_by_priority_with_names_and_addresses() {
    let text = "name: p\nservices:\n  b: {image: x}\n  a:\n    image: x\n    links: ['b:bb']\n    external_links: [o]\n    networks:\n\
                \x20     one: {aliases: [w]}\n      two: {priority: 9, ipv4_address: 10.0.0.2, link_local_ips: [169.254.1.1]}\n\
                networks: {one: , two: {name: named}}\n";
    let (body, later) = made(&definition(text), Api::NEWEST).expect("made");
    assert_eq!(later, ["p_one"]);
    contains(
        text,
        "",
        &body,
        &json!({
        "HostConfig": {"NetworkMode": "named"},
        "NetworkingConfig": {"EndpointsConfig": {"named": {
            "Aliases": ["p-a-1", "a"], "Links": ["o:o", "p-b-1:bb", "p-b-1:p-b-1"],
            "IPAMConfig": {"IPv4Address": "10.0.0.2", "LinkLocalIPs": ["169.254.1.1"]}}}}}),
    );
    check(
        "network_mode: 'service:b'\n    ipc: 'service:b'\n    pid: 'container:c'",
        &json!({
        "HostConfig": {"NetworkMode": "container:id-of-b", "IpcMode": "container:id-of-b", "PidMode": "container:c"},
        "NetworkingConfig": null}),
    );
    check(
        "network_mode: bridge\n    links: [b]",
        &json!({"HostConfig": {"NetworkMode": "bridge", "Links": ["p-b-1:b", "p-b-1:p-b-1"]}}),
    );
    check("network_mode: none", &json!({"HostConfig": {"NetworkMode": "none"}, "NetworkingConfig": null}));
}

#[test]
fn an_engine_that_is_too_old_is_told_from_one_that_fits() {
    for (attributes, what) in [
        ("annotations: {a: b}", "`annotations` takes an engine of API 1.43; this one has 1.41"),
        ("mac_address: 02:42:ac:11:00:02", "`mac_address` takes"),
        (
            "volumes: [{type: volume, source: v, target: /v, volume: {subpath: s}}]",
            "`subpath` of a volume takes",
        ),
    ] {
        let text = format!("services: {{a: {{image: x, {attributes}}}}}\nvolumes: {{v: }}\n");
        let text = text.replace("{v: }", "{v: {}}");
        let definition = definition(&text);
        assert!(made(&definition, Api::NEWEST).is_ok(), "{attributes}");
        let refused = made(&definition, Api::PLATFORM).expect_err(attributes);
        assert!(refused.contains(what), "{refused}");
    }
}

#[test]
fn files_without_a_file_are_written_with_their_owner_and_permissions() {
    let text = "services:\n  a:\n    image: x\n    secrets: [env, {source: env, target: /etc/t, uid: '5', gid: '6', mode: 0400}]\n\
                \x20   configs: [text]\nsecrets: {env: {environment: TOKEN}}\nconfigs: {text: {content: hello}}\n";
    let definition = definition(text);
    let service = &definition.services[&ServiceName::new("a")];
    let tar = archive(&definition, service).expect("made").expect("files");
    let mut files = Vec::new();
    for entry in tar::Archive::new(tar.as_slice()).entries().expect("tar") {
        let mut entry = entry.expect("entry");
        let mut content = String::new();
        std::io::Read::read_to_string(&mut entry, &mut content).expect("text");
        let (path, header) = (entry.path().expect("path").display().to_string(), entry.header());
        let owner = (header.uid().expect("uid"), header.gid().expect("gid"));
        files.push(format!("{path} {:o} {owner:?} {content}", header.mode().expect("mode")));
    }
    assert_eq!(
        files,
        ["run/secrets/env 444 (0, 0) s3cret", "etc/t 400 (5, 6) s3cret", "text 444 (0, 0) hello"]
    );
    assert!(!format!("{definition:?}").contains("s3cret"), "a secret is not printed");
}
