//! On three nodes, under constant load: containers spread, a node that dies, an update that nobody notices, one that is undone, a node
//! that is cut off and comes back, a manager that is started anew. Data stays where it is.
//!
//! Without IPVS no node passes on for the others, so what is published is a door: a service that passes each request on to one of the
//! addresses that the name of the API leads to, as a proxy does.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ground::Ground;
use crate::load::{Load, Shot, failed, goes_on};
use crate::project::Project;

const PORT: u16 = 18082;
/// Between two requests.
const PERIOD_MS: u64 = 10;

const STACK: &str = r#"
services:
  db:
    image: IMAGE
    command: [write, /data/made, "here", then, stay]
    stop_signal: SIGKILL
    restart: always
    volumes: ["data:/data"]
  api:
    image: IMAGE
    command: [serve, "80", "one"]
    healthcheck: { test: [CMD, /actor, answers], interval: 500ms, timeout: 2s, retries: 4 }
    stop_grace_period: 3s
    restart: always
    depends_on: { db: { condition: service_started } }
    x-pdex: { swarm: { replicas: 3, update: { monitor: 2s, order: start-first } } }
  door:
    image: IMAGE
    command: [door, "80", api, "80"]
    healthcheck: { test: [CMD, /actor, answers], interval: 500ms, timeout: 2s, retries: 4 }
    ports: ["18082:80"]
    restart: always
    depends_on: { api: { condition: service_healthy } }
    x-pdex: { swarm: { publish: host, placement: { constraints: [node.role == manager] } } }
volumes: { data: {} }
"#;

/// On which nodes a service's containers run.
fn nodes_of(project: &Project<'_>, service: &str) -> Vec<String> {
    let filter = "desired-state=running";
    let form = "{{.Node}} {{.CurrentState}}";
    let name = format!("shop-{service}-1");
    let listed = project.manager().docker(&[
        "service",
        "ps",
        "--no-trunc",
        "--filter",
        filter,
        "--format",
        form,
        &name,
    ]);
    let running = listed.lines().filter(|line| line.contains(" Running "));
    let mut nodes: Vec<String> =
        running.filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    nodes.sort();
    nodes
}

/// Waits longer than a step of a test usually may: Swarm takes a while to miss a node.
fn in_the_end(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = std::time::Instant::now() + Duration::from_secs(90);
    while !holds() {
        assert!(std::time::Instant::now() < limit, "{what}: not within 90 s");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// No request was lost.
fn was_answered(shots: &[Shot], what: &str) {
    let lost = failed(shots);
    assert!(shots.len() > 100, "{what}: {} requests are no load", shots.len());
    assert!(
        lost.is_empty(),
        "{what}: {} of {} requests were lost: {:?}",
        lost.len(),
        shots.len(),
        &lost[..lost.len().min(5)]
    );
    eprintln!("{what}: {} requests, none lost", shots.len());
}

#[test]
fn a_service_on_three_nodes_outlives_a_node_an_update_and_a_bad_update() {
    let Some(ground) = Ground::set("three", 3) else { return };
    let project = Project::on(&ground);
    project.define(STACK);
    project.run(&["up"]).ends(
        1,
        &["swarm/image-missing", "api: no registry has its image ", " were not given it: node2, node3"],
    );
    project.has_left(["", "", "", "", ""]);
    assert!(project.distribute().error.contains(": was given 1 images: "));
    assert!(project.distribute().error.contains(": has them already"));
    project.run(&["up"]).ends(0, &[]);
    assert_eq!(nodes_of(&project, "api"), ["node1", "node2", "node3"], "one on each node");
    assert_eq!(nodes_of(&project, "db"), ["node1"], "where its data is");

    let load = Load::on(project.manager(), PORT, PERIOD_MS);
    goes_on(Duration::from_secs(2));
    let two = STACK.replace("\"one\"", "\"two\"");
    project.define(&two);
    project.run(&["up"]).ends(0, &[]);
    goes_on(Duration::from_secs(1));
    let shots = load.end();
    was_answered(&shots, "a rolling update");
    let last = shots.last().unwrap().answer.clone();
    assert_eq!((shots[0].answer.clone(), last), (Ok("one".to_owned()), Ok("two".to_owned())));

    let load = Load::on(project.manager(), PORT, PERIOD_MS);
    project.define(&STACK.replace("[serve, \"80\", \"one\"]", "[wait, \"200\", then, exit, \"3\"]"));
    let said = project.run(&["up"]);
    assert!(said.code == Some(1) && said.error.contains("[up/rolled-back]"), "{said:#?}");
    goes_on(Duration::from_secs(1));
    let shots = load.end();
    was_answered(&shots, "an update that was undone");
    assert!(shots.iter().all(|shot| shot.answer == Ok("two".to_owned())), "nobody saw it");

    project.define(&two);
    outlives_a_node(&ground, &project);
    project.run(&["down", "-v", "--yes"]).ends(0, &["removed volume shop_data"]);
    project.has_left(["", "", "", "", ""]);
}

/// The engine of a node is killed with all its containers, and comes back.
fn outlives_a_node(ground: &Ground, project: &Project<'_>) {
    let load = Load::on(project.manager(), PORT, PERIOD_MS);
    goes_on(Duration::from_secs(2));
    let having = nodes_of(project, "api");
    let victim = having.iter().find(|name| *name != "node1").expect("a worker has a container");
    let number: usize = victim.trim_start_matches("node").parse().unwrap();
    let killed = load.now();
    ground.nodes[number - 1].kill();
    in_the_end("its container runs elsewhere", || {
        let listed = ground.nodes[0].docker(&[
            "service",
            "ps",
            "--filter",
            "desired-state=running",
            "--format",
            "{{.Node}} {{.CurrentState}}",
            "shop-api-1",
        ]);
        let up = |line: &&str| line.contains(" Running ") && !line.starts_with(victim);
        listed.lines().filter(up).count() == 3
    });
    let healed = load.now();
    goes_on(Duration::from_secs(2));
    let shots = load.end();
    let lost = failed(&shots);
    let share = lost.len() as f64 / shots.len() as f64 * 100.0;
    let until = lost.last().map_or(Duration::ZERO, |shot| shot.at.saturating_sub(killed));
    eprintln!(
        "a node killed: {} requests, {} lost ({share:.2} %), the last {:.1} s after; its container ran elsewhere after {:.1} s",
        shots.len(),
        lost.len(),
        until.as_secs_f64(),
        healed.saturating_sub(killed).as_secs_f64(),
    );
    assert!(share < 1.0, "{share} % were lost");
    assert!(until < Duration::from_secs(10), "the last was lost {until:?} after");
    ground.nodes[number - 1].run();
    in_the_end("the node is back", || {
        let listed = ground.nodes[0].docker(&["node", "ls", "--format", "{{.Hostname}} {{.Status}}"]);
        listed.lines().filter(|line| line.ends_with(" Ready")).count() == 3
    });
}

#[test]
fn a_node_that_is_cut_off_and_a_manager_started_anew_lose_no_data() {
    let Some(ground) = Ground::set("cut", 3) else { return };
    let project = Project::on(&ground);
    project.define(STACK);
    project.distribute();
    project.run(&["up"]).ends(0, &[]);
    ground.cut(2);
    in_the_end("the others have its container", || {
        let nodes = nodes_of(&project, "api");
        nodes.len() == 3 && !nodes.contains(&"node2".to_owned())
    });
    assert_eq!(project.manager().get(&format!("http://127.0.0.1:{PORT}/")).out, "one");
    ground.heal(2);
    in_the_end("it is back", || {
        let listed = project.manager().docker(&["node", "ls", "--format", "{{.Status}}"]);
        listed.lines().all(|status| status == "Ready")
    });
    project.run(&["plan"]).ends(0, &[]);

    ground.nodes[0].end();
    ground.nodes[0].run();
    in_the_end("the manager has its swarm again", || project.run(&["plan"]).code == Some(0));
    in_the_end("all of it runs again", || {
        nodes_of(&project, "api").len() == 3 && nodes_of(&project, "door").len() == 1
    });
    project.run(&["up"]).ends(0, &[]);
    assert_eq!(nodes_of(&project, "db"), ["node1"], "where its data is");
    assert_eq!(project.run(&["exec", "db", "/actor", "there", "/data/made"]).code, Some(0));
    project.run(&["down", "-v", "--yes"]).ends(0, &[]);
    project.has_left(["", "", "", "", ""]);
}

#[test]
fn managers_without_a_majority_are_told_before_anything_is_made() {
    let Some(ground) = Ground::set("quorum", 2) else { return };
    let project = Project::on(&ground);
    let manager = project.manager();
    manager.docker(&["node", "promote", "node2"]);
    in_the_end("both are managers", || {
        let listed = manager.docker(&["node", "ls", "--format", "{{.ManagerStatus}}"]);
        listed.lines().collect::<BTreeSet<_>>() == BTreeSet::from(["Leader", "Reachable"])
    });
    project.define("services: { a: { image: IMAGE, command: [stay], stop_signal: SIGKILL } }\n");
    project.distribute();
    ground.nodes[1].kill();
    in_the_end("the other has noticed", || project.run(&["plan"]).code == Some(4));
    project.run(&["up"]).ends(4, &["the swarm has no leader", "hint: "]);
    // It comes back, and with it the majority.
    ground.nodes[1].run();
    in_the_end("there is a leader again", || project.run(&["plan"]).code == Some(2));
    project.has_left(["", "", "", "", ""]);
}
