//! What is seen of containers and images, beside what the definition says.

use serde_json::json;

use crate::checks::audit::Risk;
use crate::checks::audit::observed::{self, Image, Seen, Stale};
use crate::checks::audit::stage::{Stage, sees_containers};
use crate::definition::model::ServiceName;

/// A container of service `a` that was made like this.
fn seen(host: &serde_json::Value) -> Seen {
    let document = json!({"Config": {"Image": "a:1", "User": "1000"}, "HostConfig": host});
    Seen { name: "x-a-1".into(), service: observed::service(&document, ServiceName::new("a")) }
}

#[test]
fn what_definition_and_container_have_both_is_told_once() {
    let mut stage = Stage::service("    privileged: true\n");
    stage.observed.containers.push(seen(&json!({"Privileged": true, "CapAdd": ["SYS_TIME"]})));
    let issues = stage.issues();
    let privileged: Vec<_> = issues.iter().filter(|issue| issue.rule.id == "audit/privileged").collect();
    assert_eq!(privileged.len(), 1);
    assert_eq!(
        (privileged[0].defined, privileged[0].containers.as_slice()),
        (true, ["x-a-1".to_owned()].as_slice())
    );
    let added: Vec<_> = issues.iter().filter(|issue| issue.rule.id == "audit/capability-added").collect();
    assert_eq!((added.len(), added[0].defined), (1, false));
    assert_eq!(added[0].finding.to_string(), "x-a-1: adds SYS_TIME: the machine's clock");
}

#[test]
fn what_a_container_cannot_tell_is_not_asked_of_it() {
    for id in ["audit/image-digest", "audit/secret-in-environment", "audit/no-https"] {
        assert!(!sees_containers(id), "{id}");
    }
    assert!(sees_containers("audit/root-user"));
}

#[test]
fn the_image_says_who_runs_it_and_how_it_is_tested() {
    let mut stage = Stage::service("    restart: always\n");
    assert_eq!(stage.said("root-user"), [""; 0], "nobody knows");
    stage.observed.images.insert("a:1".into(), Image::default());
    assert_eq!(stage.said("root-user"), ["medium 3: a: runs as root, the user of image a:1"]);
    assert_eq!(stage.said("no-health-check").len(), 1);
    let image = Image { user: "app".into(), tested: true, ..Image::default() };
    stage.observed.images.insert("a:1".into(), image);
    assert_eq!(stage.said("root-user"), [""; 0]);
    assert_eq!(stage.said("no-health-check"), [""; 0]);
}

#[test]
fn containers_of_yesterday_are_told() {
    let mut stage = Stage::service("");
    assert_eq!(stage.said("outdated-container").len() + stage.said("changed-container").len(), 0);
    stage.observed.changed.push((ServiceName::new("a"), "x-a-1".into()));
    stage.observed.outdated.push(Stale {
        service: ServiceName::new("a"),
        container: "x-a-1".into(),
        image: "0123".into(),
        reference: "a:1".into(),
    });
    assert_eq!(stage.said("changed-container"), ["low 3: a: x-a-1 was made from another definition"]);
    assert_eq!(stage.said("outdated-container"), ["low 4: a: x-a-1 runs 0123, and a:1 is another one now"]);
}

#[test]
fn the_worst_come_first() {
    let issues = Stage::service("    privileged: true\n    pid: host\n").issues();
    assert!(issues.is_sorted_by(|a, b| a.risk >= b.risk));
    assert_eq!(issues[0].risk, Risk::Critical);
}
