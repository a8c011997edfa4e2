//! Ports and names that someone else has.

use crate::stage::{Stage, free_port};

fn stack(port: u16) -> String {
    format!(
        "services:\n  web:\n    image: IMAGE\n    command: [serve, \"80\"]\n    stop_signal: SIGKILL\n    ports: [\"127.0.0.1:{port}:80\"]\n"
    )
}

#[test]
fn a_port_that_a_process_has_is_told_with_the_process() {
    let Some(stage) = Stage::set("port-process") else { return };
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    stage.define(&stack(port));
    let process = format!("(process {})", std::process::id());
    let words =
        [&format!("web: port {port} is held by"), process.as_str(), "[preflight/port-taken]", "hint: "];
    stage.run(&["up"]).ends(1, &words);
    assert!(stage.containers().is_empty(), "it was seen before anything was made");
    drop(holder);
    stage.run(&["up"]).ends(0, &[]);
}

#[test]
fn a_port_that_another_project_has_is_told_with_its_container() {
    let (Some(stage), Some(other)) = (Stage::set("port-mine"), Stage::set("port-theirs")) else { return };
    let port = free_port();
    stage.define(&stack(port));
    other.define(&stack(port));
    other.run(&["up"]).ends(0, &[]);
    let held = format!(
        "web: port {port} is held by container {} (service web of project {})",
        other.container("web"),
        other.project
    );
    stage.run(&["up"]).ends(1, &[&held, "hint: `docker stop"]);
    assert!(stage.containers().is_empty());
    other.run(&["up"]).ends(0, &[]);
}

/// The port is free when the run begins and taken when its turn comes.
#[test]
fn a_port_taken_during_the_run_is_told_with_its_holder() {
    let (Some(stage), Some(other)) = (Stage::set("port-late"), Stage::set("port-early")) else { return };
    let port = free_port();
    let first =
        "  first: { image: IMAGE, command: [wait, \"3000\", then, exit, \"0\"], network_mode: none }\n";
    let gate = "    depends_on: { first: { condition: service_completed_successfully } }\n";
    stage.define(&format!("{}{gate}{first}", stack(port)));
    other.define(&stack(port));
    let child = stage.command(&["up"]).spawn().unwrap();
    crate::stage::eventually("the first service is there", || !stage.containers().is_empty());
    other.run(&["up"]).ends(0, &[]);
    let held = format!("web: port {port} is held by container {}", other.container("web"));
    crate::stage::Said::of(child).ends(1, &[&held, "[up/port-taken]", "hint: `docker stop"]);
    other.run(&["down"]).ends(0, &[]);
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(&["first", "web"]);
}

#[test]
fn a_name_that_someone_has_is_told_with_its_owner() {
    let (Some(stage), Some(other)) = (Stage::set("name-mine"), Stage::set("name-theirs")) else { return };
    let name = format!("{}-shared", other.project);
    let text = format!(
        "services: {{ a: {{ image: IMAGE, command: [stay], stop_signal: SIGKILL, network_mode: none, container_name: {name} }} }}\n"
    );
    stage.define(&text);
    other.define(&text);
    other.run(&["up"]).ends(0, &[]);
    let owner = format!("its name is taken by container {name} (service a of project {})", other.project);
    stage.run(&["up"]).ends(1, &[&owner, "[up/name-taken]", "hint: `docker rm -f"]);
    let id = other.docker(&["inspect", "-f", "{{.State.Running}}", &name]);
    assert_eq!(id.trim(), "true", "theirs is as it was");
}
