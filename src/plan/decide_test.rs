//! Plans as text: a world in one line per container, and what the plan prints for it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::make;
use crate::definition::model::{Definition, ServiceName};
use crate::definition::{Request, load};
use crate::plan::{Goal, Plan};
use crate::world::{ASIDE, Container, ContainerId, Exit, Health, ImageId, State, World};

const STACK: &str = r#"
name: shop
services:
  db: { image: "postgres:15", volumes: ["data:/data"], healthcheck: { test: [CMD, pg_isready] } }
  load:
    image: load:1
    depends_on: { db: { condition: service_healthy } }
    volumes: ["./models:/models:ro"]
  train:
    image: train:1
    depends_on: { load: { condition: service_completed_successfully }, metrics: { condition: service_started, required: false } }
    volumes: ["./models:/models"]
  api:
    image: api:1
    depends_on: { train: { condition: service_completed_successfully }, metrics: { condition: service_started, required: false } }
    networks: [default, monitoring]
    volumes: ["./models:/models:ro"]
  metrics: { image: "metrics:1", networks: [monitoring], volumes: ["series:/series"] }
volumes: { data: {}, series: {} }
networks: { monitoring: {} }
"#;

/// Everything as an `up` leaves it.
const SETTLED: &str = "
    shop-db-1 running healthy
    shop-load-1 exited 0
    shop-train-1 exited 0
    shop-api-1 running
    shop-metrics-1 running
";

fn definition() -> Definition {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.yaml");
    std::fs::write(&file, STACK).unwrap();
    let request =
        Request { files: vec![file], project_directory: Some("/shop".into()), ..Request::default() };
    load(&request).unwrap().definition
}

/// A world with everything but containers, and these: `NAME STATE [CODE] [old configuration|old image|orphan]`.
fn world(containers: &str) -> World {
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let images = ["postgres:15", "load:1", "train:1", "api:1", "metrics:1"];
    World {
        containers: containers.lines().filter(|line| !line.trim().is_empty()).map(container).collect(),
        networks: set(&["shop_default", "shop_monitoring"]),
        volumes: set(&["shop_data", "shop_series"]),
        images: images.into_iter().map(|image| (image.to_owned(), ImageId(image.to_owned()))).collect(),
        empty_binds: BTreeSet::new(),
    }
}

fn container(line: &str) -> Container {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = words[0];
    let service = name.split('-').nth(1).unwrap();
    let state = match words[1] {
        "created" => State::Created,
        "running" => State::Running { health: line.contains(" healthy").then_some(Health::Healthy) },
        "restarting" => State::Restarting,
        "paused" => State::Paused,
        "removing" => State::Removing,
        "dead" => State::Dead,
        "exited" => State::Exited(Exit { code: words[2].parse().unwrap(), out_of_memory: false }),
        other => panic!("no such state: {other}"),
    };
    let image = images_of(service).unwrap_or("gone:1");
    Container {
        id: ContainerId(format!("id of {name}")),
        name: name.to_owned(),
        service: ServiceName::new(service),
        number: name.trim_end_matches(ASIDE).rsplit('-').next().unwrap().parse().unwrap(),
        fields: std::collections::BTreeMap::new(),
        config_hash: if line.ends_with("old configuration") { "old" } else { "hash" }.to_owned(),
        image: ImageId(if line.ends_with("old image") { "old" } else { image }.to_owned()),
        state,
        aside: name.ends_with(ASIDE),
    }
}

fn images_of(service: &str) -> Option<&'static str> {
    [
        ("db", "postgres:15"),
        ("load", "load:1"),
        ("train", "train:1"),
        ("api", "api:1"),
        ("metrics", "metrics:1"),
    ]
    .into_iter()
    .find_map(|(name, image)| (name == service).then_some(image))
}

fn names(names: &[&str]) -> BTreeSet<ServiceName> {
    names.iter().map(|&name| ServiceName::new(name)).collect()
}

fn plan(world: &World, goal: &Goal) -> Plan {
    make(&definition(), world, goal, &|_| "hash".to_owned())
}

/// Compares without the indentation of the expected text.
fn check(world: &World, goal: &Goal, expected: &str) {
    let plan = plan(world, goal);
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(plan.to_string().lines().collect::<Vec<_>>(), expected, "\n{plan}");
}

/// The settled world with one container's line replaced, and the plan's lines that are not `keep` or `done before`.
fn check_changed(from: &str, to: &str, expected: &[&str]) {
    assert!(SETTLED.contains(from), "{from} is a line of the settled world");
    let plan = plan(&world(&SETTLED.replace(from, to)), &Goal::default()).to_string();
    let changes: Vec<&str> =
        plan.lines().filter(|line| !line.ends_with(": keep") && !line.ends_with(": done before")).collect();
    assert_eq!(changes, expected, "{from} → {to}\n{plan}");
}

#[test]
fn a_first_up_makes_everything_in_dependency_order() {
    check(
        &World::default(),
        &Goal::default(),
        "network default: create
         network monitoring: create
         volume data: create
         volume series: create
         db: create, obtain image postgres:15
         load: run once (first run), obtain image load:1, after db ready
         metrics: create, obtain image metrics:1
         train: run once (first run), obtain image train:1, after load completed, metrics? started
         api: create, obtain image api:1, after metrics? started, train completed",
    );
}

#[test]
fn a_settled_world_needs_nothing() {
    let world = world(SETTLED);
    assert!(plan(&world, &Goal::default()).is_empty());
    check(
        &world,
        &Goal::default(),
        "db: keep
         load: done before
         metrics: keep
         train: done before
         api: keep",
    );
}

#[test]
fn a_service_is_replaced_for_a_reason_and_otherwise_left_or_started() {
    let api = "shop-api-1 running";
    for (state, expected) in [
        ("", &["api: create, after metrics? started, train completed"][..]),
        ("shop-api-1 created", &["api: start, after metrics? started, train completed"]),
        ("shop-api-1 exited 0", &["api: start, after metrics? started, train completed"]),
        ("shop-api-1 exited 137", &["api: start, after metrics? started, train completed"]),
        ("shop-api-1 paused", &["api: start, after metrics? started, train completed"]),
        ("shop-api-1 restarting", &[]),
        ("shop-api-1 removing", &["api: create, after metrics? started, train completed"]),
        ("shop-api-1 dead", &["api: recreate (container is dead), after metrics? started, train completed"]),
        (
            "shop-api-1 running old configuration",
            &["api: recreate (configuration changed), after metrics? started, train completed"],
        ),
        (
            "shop-api-1 exited 0 old image",
            &["api: recreate (image changed), after metrics? started, train completed"],
        ),
    ] {
        check_changed(api, state, expected);
    }
}

#[test]
fn a_one_shot_is_done_only_when_it_succeeded_on_the_same_inputs() {
    let load = "shop-load-1 exited 0";
    let again = "train: run once (load runs again), after load completed, metrics? started";
    for (state, reason) in [
        ("", "first run"),
        ("shop-load-1 created", "first run"),
        ("shop-load-1 exited 1", "last run ended with exit code 1"),
        ("shop-load-1 exited 137", "last run ended with exit code 137 (SIGKILL)"),
        ("shop-load-1 exited 0 old configuration", "configuration changed"),
        ("shop-load-1 exited 0 old image", "image changed"),
        ("shop-load-1 dead", "container is dead"),
        ("shop-load-1 running old configuration", "configuration changed"),
        ("shop-load-1 paused", "container is paused"),
        ("shop-load-1 restarting", "container is restarted over and over"),
    ] {
        check_changed(load, state, &[&format!("load: run once ({reason}), after db ready"), again]);
    }
    check_changed(load, "shop-load-1 running", &[]);
}

#[test]
fn a_new_volume_under_a_one_shot_makes_it_run() {
    let mut emptied = world(&SETTLED.replace("shop-db-1 running healthy", ""));
    emptied.volumes.remove("shop_data");
    check(
        &emptied,
        &Goal::default(),
        "volume data: create
         db: create
         load: run once (volume data is new), after db ready
         metrics: keep
         train: run once (load runs again), after load completed, metrics? started
         api: keep",
    );
    let mut emptied = world(SETTLED);
    emptied.volumes.remove("shop_series");
    check(
        &emptied,
        &Goal::default(),
        "volume series: create
         db: keep
         load: done before
         metrics: keep
         train: done before
         api: keep",
    );
}

#[test]
fn an_empty_folder_that_a_one_shot_fills_makes_it_run_and_no_one_who_reads_it() {
    let mut emptied = world(SETTLED);
    emptied.empty_binds = BTreeSet::from([PathBuf::from("/shop/models")]);
    check(
        &emptied,
        &Goal::default(),
        "db: keep
         load: done before
         metrics: keep
         train: run once (/shop/models is empty), after load completed, metrics? started
         api: keep",
    );
}

#[test]
fn a_rerun_takes_what_reads_its_result_along() {
    let goal = Goal { rerun: names(&["load"]), ..Goal::default() };
    check(
        &world(SETTLED),
        &goal,
        "db: keep
         load: run once (requested), after db ready
         metrics: keep
         train: run once (load runs again), after load completed, metrics? started
         api: keep",
    );
    let goal = Goal { rerun: names(&["train"]), ..Goal::default() };
    check(
        &world(SETTLED),
        &goal,
        "db: keep
         load: done before
         metrics: keep
         train: run once (requested), after load completed, metrics? started
         api: keep",
    );
}

#[test]
fn named_services_come_with_what_they_need_and_nothing_else() {
    let goal = Goal { services: names(&["load"]), ..Goal::default() };
    check(
        &World::default(),
        &goal,
        "network default: create
         volume data: create
         db: create, obtain image postgres:15
         load: run once (first run), obtain image load:1, after db ready",
    );
}

#[test]
fn what_is_named_is_replaced_when_that_is_asked_for() {
    let goal = Goal { services: names(&["metrics", "load"]), force_recreate: true, ..Goal::default() };
    check(
        &world(SETTLED),
        &goal,
        "db: keep
         load: run once (requested), after db ready
         metrics: recreate (requested)",
    );
}

#[test]
fn left_overs_of_an_interrupted_run_go_first() {
    // Before the old one was stopped, and after it was removed.
    let before = format!("{SETTLED}\nshop-api-1{ASIDE} created");
    let after = before.replace("shop-api-1 running", "");
    for (containers, api) in
        [(before, "api: keep"), (after, "api: create, after metrics? started, train completed")]
    {
        check(
            &world(&containers),
            &Goal::default(),
            &format!(
                "left-overs of an interrupted run: remove 1
                 db: keep
                 load: done before
                 metrics: keep
                 train: done before
                 {api}"
            ),
        );
    }
}

#[test]
fn containers_of_no_service_are_told_and_left_alone() {
    let world = world(&format!("{SETTLED}\nshop-web-1 running"));
    let plan = plan(&world, &Goal::default());
    assert!(plan.is_empty(), "nothing is to be done about it");
    assert_eq!(
        plan.to_string().lines().last(),
        Some("container shop-web-1: belongs to no service of the definition, left alone")
    );
}

#[test]
fn only_what_is_named_or_has_a_recipe_is_built_anew() {
    let mut definition = definition();
    let build = definition.services.get_mut(&ServiceName::new("api")).unwrap();
    build.build = Some(crate::definition::model::Build {
        context: "/shop".into(),
        dockerfile: "/shop/Dockerfile".into(),
        ..Default::default()
    });
    let goal = Goal { build: true, ..Goal::default() };
    let plan = make(&definition, &world(SETTLED), &goal, &|_| "hash".to_owned());
    let obtained: Vec<&str> =
        plan.services.iter().filter(|s| s.image.obtain).map(|s| s.name.as_str()).collect();
    assert_eq!(obtained, ["api"]);
}

#[test]
fn what_belongs_to_others_is_never_made() {
    let mut definition = definition();
    definition.volumes.get_mut("data").unwrap().external = true;
    definition.networks.get_mut("monitoring").unwrap().external = true;
    let plan = make(&definition, &World::default(), &Goal::default(), &|_| String::new());
    assert_eq!((plan.networks, plan.volumes), (vec!["default".to_owned()], vec!["series".to_owned()]));
}
