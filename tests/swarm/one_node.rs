//! On a swarm of one node: every command, what is refused before anything is made, updates and their undoing.

use crate::ground::Ground;
use crate::project::Project;

const STACK: &str = r#"
services:
  prepare:
    image: IMAGE
    command: [write, /data/made, "yes", then, say, prepared, then, there, /run/secrets/key]
    secrets: [key]
    volumes: ["data:/data"]
    x-pdex: { job: true }
  web:
    image: IMAGE
    command: [serve, "80"]
    configs: [settings]
    healthcheck: { test: [CMD, /actor, answers], interval: 500ms, retries: 3 }
    environment: { GREETING: "one" }
    ports: ["18080:80"]
    volumes: ["data:/data"]
    mem_limit: 64m
    depends_on: { prepare: { condition: service_completed_successfully } }
    x-pdex: { swarm: { publish: host, update: { monitor: 2s } } }
  client:
    image: IMAGE
    command: [stay]
    stop_signal: SIGKILL
    depends_on: { web: { condition: service_healthy } }
    x-pdex: { swarm: { replicas: 2 } }
volumes: { data: {} }
secrets: { key: { environment: KEY } }
configs: { settings: { content: "a=1" } }
"#;

#[test]
fn a_stack_comes_up_is_looked_at_changed_and_taken_down() {
    let Some(ground) = Ground::set("whole", 1) else { return };
    let project = Project::on(&ground);
    project.define(STACK);
    let mut up = project.command(&["up"]);
    let said = crate::stage::Said::of(up.env("KEY", "hush").spawn().unwrap());
    let said = said.ends(0, &[]);
    assert!(said.out.contains("ready in "), "{said:#?}");
    let node = project.manager();
    assert_eq!(node.get("http://127.0.0.1:18080/").out, "ok");

    let listed = project.out(&["ps", "-a"]);
    for row in ["prepare", "shop-web-1", "shop-client-1.1", "shop-client-1.2"] {
        assert!(listed.contains(row), "{row}: {listed}");
    }
    assert!(project.out(&["logs", "prepare"]).contains("prepared"));
    assert!(project.out(&["logs", "web"]).contains("lasting at "));
    for (path, code) in [("/data/made", 0), ("/settings", 0), ("/run/secrets/key", 1)] {
        assert_eq!(project.run(&["exec", "web", "/actor", "there", path]).code, Some(code), "{path}");
    }

    // Nothing is left to do, and no secret's value is in what Swarm shows.
    let again = |key: &str, arguments: &[&str]| {
        crate::stage::Said::of(project.command(arguments).env("KEY", key).spawn().unwrap())
    };
    again("hush", &["plan"]).ends(0, &[]);
    let shown = node.docker(&["service", "inspect", "shop-prepare-1"]);
    assert!(!shown.contains("hush"), "{shown}");
    // All containers of a service are one thing to start again, and a command beside them leaves what it needs alone.
    again("hush", &["restart", "client"]).ends(0, &[]);
    let said = again("hush", &["run", "--rm", "client", "say", "from aside"]).ends(0, &[]);
    assert!(said.out.contains("from aside"), "{said:#?}");
    again("hush", &["plan"]).ends(0, &[]);
    // Another secret is another run of what reads it.
    let plan = again("louder", &["plan"]);
    assert!(plan.code == Some(2) && plan.out.contains("prepare"), "{plan:#?}");

    project.define(&STACK.replace("\"one\"", "\"two\""));
    again("hush", &["up"]).ends(0, &[]);
    let environment = "{{json .Spec.TaskTemplate.ContainerSpec.Env}}";
    let now = || node.docker(&["service", "inspect", "--format", environment, "shop-web-1"]);
    assert!(now().contains("GREETING=two"), "{}", now());

    // One that cannot become ready is undone, and what was there goes on.
    project.define(&STACK.replace("[serve, \"80\"]", "[exit, \"3\"]"));
    let failed = again("hush", &["up"]);
    assert!(failed.code == Some(1) && failed.error.contains("[up/rolled-back]"), "{failed:#?}");
    assert!(failed.error.contains("non-zero exit (3)"), "{failed:#?}");
    assert_eq!(node.get("http://127.0.0.1:18080/").out, "ok");

    // One that no node takes would be waited for without end: it is taken back.
    let large = "deploy: { resources: { reservations: { memory: 900g } } }\n    mem_limit: 901g";
    project.define(&STACK.replace("mem_limit: 64m", large));
    let failed = again("hush", &["up"]);
    assert!(failed.code == Some(1) && failed.error.contains("[up/rolled-back]"), "{failed:#?}");
    assert!(failed.error.contains("no suitable node (insufficient resources"), "{failed:#?}");
    crate::stage::eventually("what was there is back", || {
        node.get("http://127.0.0.1:18080/").out == "ok" && !now().contains("GREETING=one")
    });

    project.define(STACK);
    project.has_left([
        "shop-client-1 shop-prepare-1 shop-web-1",
        "shop_default",
        &secret(&project),
        &config(&project),
        "shop_data",
    ]);
    again("hush", &["stop"]).ends(0, &[]);
    assert!(node.docker(&["ps", "-q"]).is_empty());
    again("hush", &["start"]).ends(0, &[]);
    again("hush", &["down"]).ends(0, &["removed container shop-web-1", "removed network shop_default"]);
    project.has_left(["", "", "", "", "shop_data"]);
    again("hush", &["down", "-v", "--yes"]).ends(0, &["removed volume shop_data"]);
    project.has_left(["", "", "", "", ""]);
    let labels = node.docker(&["node", "inspect", "--format", "{{json .Spec.Labels}}", "self"]);
    assert_eq!(labels.trim(), "{}", "no node is said to have its data");
}

fn secret(project: &Project<'_>) -> String {
    let names = project.manager().docker(&["secret", "ls", "--format", "{{.Name}}"]);
    assert!(names.trim().starts_with("shop_key-"), "{names}");
    names.trim().to_owned()
}

fn config(project: &Project<'_>) -> String {
    let names = project.manager().docker(&["config", "ls", "--format", "{{.Name}}"]);
    assert!(names.trim().starts_with("shop_settings-"), "{names}");
    names.trim().to_owned()
}

#[test]
fn what_cannot_run_is_told_before_anything_is_made() {
    let Some(ground) = Ground::without_swarm("refused", 1) else { return };
    let project = Project::on(&ground);
    project.define("services: { a: { image: IMAGE, command: [stay] } }\n");
    project.run(&["up"]).ends(4, &["is in no swarm: `docker swarm init`", "hint: "]);

    let node = project.manager();
    node.docker(&["swarm", "init", "--advertise-addr", &node.address]);
    for (attributes, code, words) in [
        ("privileged: true", "swarm/attribute", "a: Swarm cannot honour `privileged`"),
        ("ports: [\"127.0.0.1:1:80\"], x-pdex: { swarm: { publish: host } }", "swarm/attribute", "`host_ip`"),
        (
            "x-pdex: { swarm: { placement: { constraints: [\"node.labels.disk == ssd\"] } } }",
            "swarm/no-node",
            "a: no node meets `node.labels.disk == ssd` (nodes: ",
        ),
        (
            "volumes: [{ type: bind, source: /is/not/there, target: /a, bind: { create_host_path: false } }]",
            "swarm/bind-missing",
            "a: /is/not/there is to be mounted and is not there",
        ),
        (
            "ports: [\"18081:80\"], scale: 2, x-pdex: { swarm: { publish: host } }",
            "swarm/port-shared",
            "a: 2 containers are to have port 18081 of a node each, and 1 nodes can take them",
        ),
    ] {
        project.define(&format!("services: {{ a: {{ image: IMAGE, command: [stay], {attributes} }} }}\n"));
        project.run(&["up"]).ends(1, &[code, words]);
        project.has_left(["", "", "", "", ""]);
    }
    node.docker(&[
        "service",
        "create",
        "-d",
        "--name",
        "other",
        "-p",
        "mode=host,target=80,published=18081",
        "none:1",
    ]);
    project.define(
        "services: { a: { image: IMAGE, command: [stay], ports: [\"18081:80\"], x-pdex: { swarm: { publish: host } } } }\n",
    );
    project.run(&["up"]).ends(1, &["swarm/port-taken", "a: port 18081 is published by service other"]);
    project.has_left(["", "", "", "", ""]);
}

#[test]
fn what_fails_on_a_node_is_told_in_its_words() {
    let Some(ground) = Ground::set("fails", 1) else { return };
    let project = Project::on(&ground);
    let define = |attributes: &str| {
        project
            .define(&format!("services: {{ a: {{ image: IMAGE, stop_signal: SIGKILL, {attributes} }} }}\n"));
    };
    define("command: [say, oh no, then, exit, \"7\"], x-pdex: { job: true }");
    project.run(&["up"]).ends(1, &["error: a: ended with exit code 7", "oh no"]);
    project.run(&["down"]).ends(0, &[]);
    // More memory than any node has.
    define("command: [stay], deploy: { resources: { reservations: { memory: 900g } } }");
    project
        .run(&["up"])
        .ends(1, &["no node of the swarm takes it: no suitable node (insufficient resources on 1 node)"]);
    // It dies over and over.
    define(
        "command: [exit, \"3\"], restart: always, healthcheck: { test: [CMD, /actor, answers], interval: 500ms }",
    );
    project.run(&["up"]).ends(3, &["error: a: ended with exit code 3"]);
    project.run(&["down"]).ends(0, &[]);
    project.has_left(["", "", "", "", ""]);
}
