//! Questions about who depends on whom, on a small graph: `web → api → db`, `api → job → db`, `alone`.

use std::fs;

use pdex::definition::graph::{dependents, is_job, subset, topological, with_dependencies};
use pdex::definition::model::{Definition, ServiceName};
use pdex::definition::{Request, load};

const TEXT: &str = "services:
  web: {image: x, depends_on: [api]}
  api:
    image: x
    depends_on:
      db: {condition: service_started}
      job: {condition: service_completed_successfully}
  job: {image: x, depends_on: [db]}
  db: {image: x}
  alone: {image: x, x-pdex: {job: true}}
";

fn definition() -> Definition {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("compose.yaml");
    fs::write(&file, TEXT).expect("written");
    load(&Request { files: vec![file], ..Request::default() }).expect("valid").definition
}

fn names<'a>(names: impl IntoIterator<Item = &'a ServiceName>) -> String {
    names.into_iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn dependencies_come_before_dependents() {
    assert_eq!(names(&topological(&definition())), "alone db job api web");
}

#[test]
fn dependents_are_found_through_others() {
    let dependents = |name: &str| names(&dependents(&definition(), &ServiceName::new(name)));
    assert_eq!(dependents("db"), "api job web");
    assert_eq!(dependents("web"), "");
}

#[test]
fn a_subset_has_what_its_services_need() {
    let wanted = [ServiceName::new("job"), ServiceName::new("nowhere")];
    assert_eq!(names(&with_dependencies(&definition(), &wanted)), "db job");
    assert_eq!(names(subset(&definition(), &wanted).services.keys()), "db job");
}

#[test]
fn a_job_is_awaited_or_declared() {
    assert_eq!(names(&definition().jobs()), "alone job");
    assert!(is_job(&definition(), &ServiceName::new("job")));
    assert!(!is_job(&definition(), &ServiceName::new("db")));
}
