//! Which questions are asked when, and what follows from answers.

use super::*;
use crate::definition::model::Definition;
use crate::definition::{Request, load};
use crate::world::{Container, ContainerId, Exit, ImageId, State, World};

fn definition(text: &str) -> Definition {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stack.yaml");
    std::fs::write(&file, text).unwrap();
    load(&Request { files: vec![file], ..Request::default() }).unwrap().definition
}

const STACK: &str = "name: x
services:
  db: { image: db, ports: [\"127.0.0.1:5432:5432\"], volumes: [\"data:/data\", \"other:/other\"] }
  record: { image: record }
  train: { image: train, depends_on: { db: {}, record: { condition: service_started, required: false } } }
  page: { image: page, ports: [\"8501:8501\", \"80\"], depends_on: [train], x-pdex: { essential: true } }
  watch: { image: watch, depends_on: [db] }
volumes: { data: {}, other: { external: true, name: theirs } }
";

fn names(names: &[&str]) -> BTreeSet<ServiceName> {
    names.iter().map(|name| ServiceName::new(*name)).collect()
}

/// Everything may be asked.
fn situation() -> Situation {
    Situation {
        light: Some(names(&["db", "page"])),
        full_fits: true,
        volumes: vec!["x_data".to_owned()],
        has_built: true,
        exposed: Some(false),
        can_load: true,
        can_open: true,
        ..Situation::default()
    }
}

#[test]
fn the_light_stack_is_what_is_essential_with_what_that_cannot_do_without() {
    assert_eq!(light(&definition(STACK)), Some(names(&["db", "train", "page"])));
    assert_eq!(light(&definition("name: x\nservices: { a: { image: a } }\n")), None, "nothing is essential");
    let all = "name: x\nservices: { a: { image: a, x-pdex: { essential: true } } }\n";
    assert_eq!(light(&definition(all)), None, "everything is");
}

#[test]
fn only_what_there_is_a_choice_in_is_asked() {
    let check = |situation: &Situation, given: Given, expected: &[Question]| {
        assert_eq!(situation.questions(&given), expected, "{given:?}");
    };
    check(&situation(), Given::default(), &Question::ALL);
    check(&Situation::default(), Given::default(), &[]);
    let some = Situation { volumes: Vec::new(), has_built: false, can_open: false, ..situation() };
    check(&some, Given::default(), &[Question::Stack, Question::Expose, Question::Load]);
    check(
        &some,
        Given { stack: Some(Stack::Light), ..Given::default() },
        &[Question::Expose, Question::Load],
    );
    let all = Given {
        stack: Some(Stack::Full),
        data: Some(Data::Fresh),
        build: Some(true),
        expose: Some(false),
        load: Some(Traffic::None),
        open: Some(false),
    };
    check(&situation(), all, &[]);
}

#[test]
fn defaults_intrude_least_and_keep_what_there_is() {
    let plain = Answers {
        stack: Stack::Full,
        data: Data::Keep,
        build: false,
        expose: false,
        load: Traffic::None,
        open: false,
    };
    assert_eq!(situation().defaults(), plain);
    let check =
        |changed: Situation, expected: Answers| assert_eq!(changed.defaults(), expected, "{changed:?}");
    check(Situation { full_fits: false, ..situation() }, Answers { stack: Stack::Light, ..plain });
    check(Situation { full_fits: false, light: None, ..situation() }, plain);
    check(
        Situation { settled: names(&["db", "page"]), ..situation() },
        Answers { stack: Stack::Light, ..plain },
    );
    check(Situation { settled: names(&["db"]), ..situation() }, plain);
    check(Situation { settled: names(&["db", "page", "watch"]), ..situation() }, plain);
    check(Situation { exposed: Some(true), ..situation() }, Answers { expose: true, ..plain });
}

#[test]
fn what_is_given_stands_over_the_defaults() {
    let given = Given {
        data: Some(Data::Fresh),
        load: Some(Traffic::For(Duration::from_secs(90))),
        open: Some(true),
        ..Given::default()
    };
    let answers = situation().answers(&given);
    assert_eq!(
        (answers.data, answers.load, answers.open),
        (Data::Fresh, Traffic::For(Duration::from_secs(90)), true)
    );
    assert_eq!(answers.stack, Stack::Full);
}

#[test]
fn every_question_offers_its_default_and_takes_each_of_its_answers() {
    let situation = situation();
    for question in Question::ALL {
        let choices = situation.choices(question);
        assert!(
            choices.len() > 1 && choices.contains(&situation.defaults().choice(question)),
            "{question:?}"
        );
        for choice in choices {
            let mut answers = situation.defaults();
            answers.take(choice);
            assert_eq!(answers.choice(question), choice);
        }
    }
}

#[test]
fn an_answer_that_cannot_be_had_is_told() {
    let nothing = Situation::default();
    let check = |given: Given, expected: Option<Unfit>| {
        assert_eq!(nothing.unfit(&given), expected, "{given:?}");
        assert_eq!(situation().unfit(&given), None, "{given:?}");
    };
    check(Given { stack: Some(Stack::Light), ..Given::default() }, Some(Unfit::Light));
    check(Given { stack: Some(Stack::Full), ..Given::default() }, None);
    check(Given { expose: Some(true), ..Given::default() }, Some(Unfit::Expose));
    check(Given { expose: Some(false), ..Given::default() }, None);
    check(Given { load: Some(Traffic::For(Duration::from_secs(1))), ..Given::default() }, Some(Unfit::Load));
    check(Given { load: Some(Traffic::None), ..Given::default() }, None);
    check(Given { open: Some(true), ..Given::default() }, Some(Unfit::Open));
    check(Given { data: Some(Data::Fresh), ..Given::default() }, None);
}

#[test]
fn the_light_stack_is_asked_for_by_name_and_without_anything_else() {
    let answers = Answers { stack: Stack::Light, build: true, ..situation().defaults() };
    let goal = situation().goal(&answers);
    assert_eq!((goal.services, goal.no_dependencies, goal.build), (names(&["db", "page"]), true, true));
    assert_eq!(situation().goal(&situation().defaults()), Goal::default());
}

#[test]
fn a_fresh_start_finds_images_and_what_is_not_the_projects_own() {
    let world = World {
        volumes: ["x_data".to_owned(), "theirs".to_owned()].into(),
        networks: ["x_default".to_owned()].into(),
        images: [("db".to_owned(), ImageId("i".to_owned()))].into(),
        ..World::default()
    };
    let left = after_removal(&definition(STACK), &world);
    assert_eq!(left.volumes, ["theirs".to_owned()].into());
    assert_eq!((left.networks.len(), left.images), (0, world.images));
}

#[test]
fn what_is_published_is_told_with_its_address() {
    let published = bindings(&definition(STACK));
    let published: Vec<String> = published.iter().map(|(s, ip, port)| format!("{s} {ip}:{port}")).collect();
    assert_eq!(published, ["db 127.0.0.1:5432", "page 0.0.0.0:8501"]);
}

#[test]
fn a_start_that_was_cut_off_has_settled_nowhere() {
    let container = |service: &str, state| Container {
        id: ContainerId(service.to_owned()),
        name: service.to_owned(),
        service: ServiceName::new(service),
        number: 1,
        config_hash: String::new(),
        fields: std::collections::BTreeMap::new(),
        image: ImageId(String::new()),
        state,
        aside: false,
    };
    let running = || State::Running { health: None };
    let check = |last: State, expected: &[&str]| {
        let done = container("train", State::Exited(Exit::SUCCESS));
        let containers = vec![container("db", running()), done, container("page", last)];
        assert_eq!(settled(&World { containers, ..World::default() }), names(expected));
    };
    check(running(), &["db", "train", "page"]);
    check(State::Created, &[]);
    check(State::Exited(Exit { code: 1, out_of_memory: false }), &[]);
}
