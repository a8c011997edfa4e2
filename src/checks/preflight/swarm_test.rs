//! Each refusal on a definition that trips it, and the ways out on one that does not.

use super::super::stage::Stage;
use super::*;
use crate::definition::model::Protocol;
use crate::world::swarm::{Node, Published};

fn swarm(nodes: u32) -> Swarm {
    let node = |number| Node {
        id: format!("n{number}"),
        hostname: format!("host{number}"),
        takes_work: true,
        labels: [("disk".to_owned(), if number == 1 { "ssd" } else { "hdd" }.to_owned())].into(),
        ..Node::default()
    };
    Swarm {
        own: "n1".to_owned(),
        nodes: (1..=nodes).map(node).collect(),
        spreads: Some(true),
        ..Swarm::default()
    }
}

/// What is said of the one service `a` with these attributes.
fn said(swarm: &Swarm, attributes: &str) -> Vec<String> {
    said_with(swarm, attributes, None)
}

/// The same where no registry has its image.
fn said_with(swarm: &Swarm, attributes: &str, by_hand: Option<&ImageId>) -> Vec<String> {
    let stage = Stage::new(&format!(
        "name: x\nservices: {{ a: {{ image: \"a:1\", {attributes} }} }}\nvolumes: {{ data: {{}} }}\n"
    ));
    let definition = stage.definition.clone().gathered();
    let service = &definition.services[&ServiceName::new("a")];
    let facts = Facts { definition: &definition, service, swarm, by_hand, local: true };
    let found: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&facts)).collect();
    found.iter().map(|finding| format!("{} {finding}", finding.code)).collect()
}

fn check(attributes: &str, expected: &[&str]) {
    assert_eq!(said(&swarm(3), attributes), expected, "{attributes}");
}

#[test]
fn what_swarm_honours_is_found_nothing_wrong_with() {
    check("command: [serve]", &[]);
    check("ports: [\"8000:80\"], volumes: [\"data:/data\"], tmpfs: [\"/tmp:size=64m,mode=1777\"]", &[]);
    check("cap_drop: [ALL], read_only: true, init: true, shm_size: 64m, ulimits: { nofile: 1024 }", &[]);
}

#[test]
fn attributes_that_swarm_has_no_word_for_are_named() {
    check("privileged: true", &["swarm/attribute a: Swarm cannot honour `privileged`"]);
    check("pid: host", &["swarm/attribute a: Swarm cannot honour `pid`"]);
    check("network_mode: none", &["swarm/attribute a: Swarm cannot honour `network_mode`"]);
    check("tmpfs: [\"/tmp:noexec\"]", &["swarm/attribute a: Swarm cannot honour `tmpfs options`"]);
    check(
        "ports: [\"127.0.0.1:8000:80\"], security_opt: [\"no-new-privileges:true\"]",
        &[
            "swarm/attribute a: Swarm cannot honour `host_ip`",
            "swarm/attribute a: Swarm cannot honour `security_opt`",
        ],
    );
    check(
        "container_name: a1",
        &[
            "swarm/container-name a: Swarm names containers itself; `container_name` a1 is only what others on its networks may call it",
        ],
    );
}

#[test]
fn what_may_be_left_out_is_not_told() {
    check(
        "ports: [\"127.0.0.1:8000:80\"], container_name: a1, x-pdex: { swarm: { without: [host_ip, container_name] } }",
        &[],
    );
    check(
        "x-pdex: { swarm: { without: [image] } }",
        &["swarm/without a: x-pdex.swarm.without names `image`, which Swarm honours or nothing knows"],
    );
}

#[test]
fn a_condition_needs_a_node_that_meets_it() {
    check("x-pdex: { swarm: { placement: { constraints: [\"node.labels.disk == ssd\"] } } }", &[]);
    check(
        "x-pdex: { swarm: { placement: { constraints: [\"node.labels.disk == tape\"] } } }",
        &[
            "swarm/no-node a: no node meets `node.labels.disk == tape` (nodes: host1 with disk=ssd, host2 with disk=hdd, host3 with \
         disk=hdd)",
        ],
    );
    check(
        "x-pdex: { swarm: { replicas: 4, placement: { max_replicas_per_node: 1 } } }",
        &["swarm/no-node a: 4 containers are asked for, and 3 nodes may have 3"],
    );
}

#[test]
fn data_has_one_node() {
    let at = |disk: &str| {
        format!(
            "volumes: [\"data:/data\"], x-pdex: {{ swarm: {{ placement: {{ constraints: [\"node.labels.disk == {disk}\"] }} }} }}"
        )
    };
    check(&at("ssd"), &[]);
    check(
        &at("hdd"),
        &[
            "swarm/state-may-move a: 2 nodes meet its conditions, and the data of volume x_data is on one of them",
        ],
    );
}

#[test]
fn a_file_to_be_mounted_has_to_be_there() {
    check(
        "volumes: [{ type: bind, source: /is/not/there, target: /a, bind: { create_host_path: false } }]",
        &["swarm/bind-missing a: /is/not/there is to be mounted and is not there"],
    );
}

#[test]
fn a_port_is_published_as_nodes_and_kernel_allow() {
    check("ports: [\"8000-8002:80\"]", &["swarm/port-range a: Swarm chooses no port out of 8000-8002"]);
    let host = |replicas: u32| {
        format!("scale: {replicas}, ports: [\"8000:80\"], x-pdex: {{ swarm: {{ publish: host }} }}")
    };
    check(&host(3), &[]);
    check(
        &host(4),
        &[
            "swarm/port-shared a: 4 containers are to have port 8000 of a node each, and 3 nodes can take them",
        ],
    );
    check(
        "ports: [\"8000:80\"], x-pdex: { swarm: { endpoint: dnsrr } }",
        &["swarm/endpoint a: `endpoint: dnsrr` and a port that every node passes on exclude each other"],
    );
    let bare = Swarm { spreads: Some(false), ..swarm(3) };
    assert_eq!(
        said(&bare, "ports: [\"8000:80\"]"),
        ["swarm/no-ipvs a: port 8000 cannot be passed on by every node: this kernel has no IPVS",]
    );
    assert_eq!(said(&bare, &host(1)), [""; 0]);
    assert_eq!(
        said(&bare, "x-pdex: { swarm: { endpoint: vip } }"),
        ["swarm/no-ipvs a: `endpoint: vip` needs IPVS, which this kernel does not have",]
    );
}

#[test]
fn a_port_that_another_service_has_is_told_with_its_holder() {
    let published = |service: &str, project: &str| Published {
        port: 8000,
        protocol: Protocol::Tcp,
        service: service.to_owned(),
        project: Some(project.to_owned()),
        defined: Some("a".to_owned()),
        host: true,
        constraints: vec!["node.id == n1".to_owned()],
    };
    let mut swarm = swarm(2);
    swarm.published = vec![published("frontend", "x")];
    assert_eq!(
        said(
            &swarm,
            "container_name: frontend, ports: [\"8000:80\"], x-pdex: { swarm: { without: [container_name] } }"
        ),
        [""; 0],
        "its own"
    );
    swarm.published = vec![published("shop-web-1", "shop")];
    assert_eq!(
        said(&swarm, "ports: [\"8000:80\"]"),
        ["swarm/port-taken a: port 8000 is published by service shop-web-1 of project shop",]
    );
    assert_eq!(said(&swarm, "ports: [\"8000:80/udp\"]"), [""; 0]);
    let on = |node: &str| {
        format!(
            "ports: [\"8000:80\"], x-pdex: {{ swarm: {{ publish: host, placement: {{ constraints: [\"node.id == {node}\"] }} }} }}"
        )
    };
    assert_eq!(said(&swarm, &on("n2")), [""; 0], "another node's port is another");
    assert_eq!(said(&swarm, &on("n1")).len(), 1);
}

#[test]
fn an_image_of_no_registry_has_to_be_on_every_node_that_may_need_it() {
    let id = ImageId("sha256:0123456789abcdef".to_owned());
    let mut swarm = swarm(3);
    let told = |swarm: &Swarm, attributes: &str| said_with(swarm, attributes, Some(&id));
    let lacking =
        "swarm/image-missing a: no registry has its image a:1, and these nodes were not given it: host";
    assert_eq!(told(&swarm, "command: [serve]"), [format!("{lacking}2, host3")]);
    assert_eq!(said(&swarm, "command: [serve]"), [""; 0], "nodes fetch it");
    swarm.nodes[1].labels.insert("io.pdex.image.0123456789ab".to_owned(), "a:1".to_owned());
    assert_eq!(told(&swarm, "command: [serve]"), [format!("{lacking}3")]);
    let here = "x-pdex: { swarm: { placement: { constraints: [\"node.labels.disk == ssd\"] } } }";
    assert_eq!(told(&swarm, here), [""; 0], "it never runs anywhere else");
    assert_eq!(
        told(&swarm, "volumes: [\"/etc:/etc:ro\"]"),
        [""; 0],
        "nor does what has files of this machine"
    );
    swarm.nodes[2].takes_work = false;
    assert_eq!(told(&swarm, "command: [serve]"), [""; 0], "who takes no work needs none");
}

#[test]
fn what_has_to_be_here_needs_this_node_to_take_work() {
    let mut swarm = swarm(2);
    swarm.nodes[0].takes_work = false;
    for attributes in ["volumes: [\"/etc:/etc:ro\"]", "volumes: [\"data:/data\"]"] {
        let said = said(&swarm, attributes);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("swarm/no-node a: no node meets `node.id == n1` (nodes: host1"),
            "{said:?}"
        );
    }
    swarm.nodes[1].labels.insert("io.pdex.volume.x_data".to_owned(), "here".to_owned());
    assert_eq!(said(&swarm, "volumes: [\"data:/data\"]"), [""; 0], "its data is on the other");
}

#[test]
fn a_name_has_to_be_one_for_swarm() {
    check(
        "container_name: a.b, x-pdex: { swarm: { without: [container_name] } }",
        &["swarm/name a: Swarm takes no name with a dot or of more than 63 characters: a.b"],
    );
}
