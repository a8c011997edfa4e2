//! The files that an audit writes and reads: baselines and overlays.

use crate::checks::audit::baseline::{Baseline, BaselineError};
use crate::checks::audit::stage::Stage;
use crate::checks::audit::{Facts, check, overlay};
use crate::definition::{Request, load};

#[test]
fn a_baseline_accepts_what_it_knows_wherever_that_stands() {
    let before = Stage::service("    privileged: true\n    pid: host\n").issues();
    let text = Baseline::of(&before).written();
    let baseline = Baseline::read(&text).unwrap();
    assert_eq!(baseline.written(), text);
    let moved = "    # a comment\n    privileged: true\n    cap_add: [SYS_TIME]\n";
    let mut after = Stage::service(moved).issues();
    let unused = baseline.apply(&mut after);
    assert_eq!(unused, 1, "pid: host is gone");
    let open: Vec<&str> = after.iter().filter(|issue| !issue.accepted).map(|issue| issue.rule.id).collect();
    assert_eq!(open, ["audit/capability-added"]);
}

#[test]
fn what_is_no_baseline_is_told() {
    for text in
        ["", "[]", "{}", "{\"version\": 1}", "{\"version\": 1, \"accepted\": [{\"rule\": 1}]}", "\u{0}"]
    {
        assert!(matches!(Baseline::read(text), Err(BaselineError::Unreadable(_))), "{text}");
    }
    let future = Baseline::read("{\"version\": 2, \"accepted\": []}");
    assert!(matches!(future, Err(BaselineError::Version(2))));
}

/// What is still found after the overlay is merged over the definition.
fn mended(text: &str) -> (String, Vec<String>) {
    let stage = Stage::with(text, &[]);
    let (overlay, _) =
        overlay::write(&stage.facts(), "-f stack.yaml -f fix.yaml").expect("something is mended");
    let folder = tempfile::tempdir().unwrap();
    let files = [("stack.yaml", text), ("fix.yaml", overlay.as_str())].map(|(name, text)| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    });
    let loaded = load(&Request { files: files.to_vec(), ..Request::default() });
    let loaded = loaded.unwrap_or_else(|problems| panic!("{overlay}\n{problems:?}"));
    let facts = Facts { definition: &loaded.definition, attributes: &loaded.attributes, ..stage.facts() };
    let left = check(&facts).into_iter().map(|issue| issue.rule.id.to_owned());
    (overlay, left.collect())
}

#[test]
fn the_overlay_mends_and_leaves_alone_what_it_does_not_know() {
    let text = "name: x\nservices:\n  db:\n    image: postgres:15\n    volumes: [\"d:/var/lib/postgresql/data\"]\n    \
                ports: [\"5432:5432\", \"127.0.0.1:99:99\"]\n    security_opt: [\"apparmor:mine\"]\nvolumes: { d: }\n";
    let (overlay, left) = mended(text);
    for gone in [
        "audit/capabilities-kept",
        "audit/new-privileges",
        "audit/writable-root",
        "audit/no-memory-limit",
        "audit/no-pids-limit",
        "audit/endless-logs",
        "audit/port-exposed",
    ] {
        assert!(!left.iter().any(|id| id == gone), "{gone}: {overlay}");
    }
    let unknown = "name: x\nservices:\n  a: { image: \"a:1\" }\n";
    let (overlay, left) = mended(unknown);
    assert!(left.iter().any(|id| id == "audit/capabilities-kept"), "it may need one: {overlay}");
    assert!(left.iter().any(|id| id == "audit/writable-root"), "it may write: {overlay}");
    assert!(!overlay.contains("cap_drop") && !overlay.contains("read_only"), "{overlay}");
}

#[test]
fn the_overlay_keeps_what_is_there() {
    let text = "name: x\nservices:\n  a:\n    image: a:1\n    user: \"1000\"\n    deploy: { resources: { limits: { memory: 64M } } }\n    \
                ports: [{ target: 80, published: \"8000-8001\", host_ip: \"::\", protocol: udp, name: web }]\n    \
                security_opt: [\"no-new-privileges:false\"]\n    logging: { driver: local }\n";
    let (overlay, left) = mended(text);
    assert!(overlay.contains("cap_drop"), "who is not root has none in effect: {overlay}");
    assert!(!overlay.contains("memory:") && overlay.contains("pids: 512"), "{overlay}");
    assert!(!overlay.contains("no-new-privileges"), "someone said no: {overlay}");
    assert!(!overlay.contains("logging"), "{overlay}");
    assert!(overlay.contains("published: 8000-8001") && overlay.contains("name: web"), "{overlay}");
    assert!(!left.iter().any(|id| id == "audit/port-exposed"), "{overlay}");
    let (overlay, _) = mended(
        "name: x\nservices:\n  a: { image: \"a:1\", mem_limit: 64m }\n  b: { image: \"b:1\", cpus: 1 }\n",
    );
    assert!(
        overlay.contains("pids_limit: 512") && overlay.contains("mem_limit: 1G"),
        "in the older words: {overlay}"
    );
    assert!(!overlay.contains("deploy"), "{overlay}");
    let proxy = "name: x\nservices:\n  p: { image: \"nginx:1\", user: \"101\", ports: [\"443:443\"] }\n";
    let (overlay, _) = mended(proxy);
    assert!(
        !overlay.contains("ports") && !overlay.contains("cap_drop"),
        "it is meant to be reached: {overlay}"
    );
}

#[test]
fn nothing_to_mend_is_no_overlay() {
    let text = "name: x\nservices:\n  a:\n    image: a:1\n    cap_drop: [ALL]\n    security_opt: [\"no-new-privileges:true\"]\n    \
                mem_limit: 1g\n    pids_limit: 9\n    logging: { driver: local }\n";
    assert_eq!(overlay::write(&Stage::with(text, &[]).facts(), ""), None);
}
