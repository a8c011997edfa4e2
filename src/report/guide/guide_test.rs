//! The screens of a guided start, in both languages.

use std::time::Duration;

use super::*;
use crate::definition::{Request, load};
use crate::guide::light;
use crate::plan::{Goal, make};
use crate::world::World;
use crate::world::machine::Disk;
use crate::world::time::Timestamp;

const STACK: &str = "name: shop
services:
  db:
    image: db
    mem_limit: 512m
    x-pdex: { purpose: { en: keeps the goods, fr: garde les marchandises }, disk: 100m }
  page:
    image: page
    mem_limit: 256m
    depends_on: [db]
    x-pdex: { purpose: { en: shows them }, essential: true, links: { Page: \"http://127.0.0.1:80\" } }
  watch: { image: watch }
";

struct Stage {
    definition: Definition,
    situation: Situation,
    machine: Machine,
    sizes: BTreeMap<String, u64>,
    reachable: Vec<String>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        std::fs::write(&file, STACK).unwrap();
        let definition = load(&Request { files: vec![file], ..Request::default() }).unwrap().definition;
        let situation = Situation {
            light: light(&definition),
            full_fits: true,
            volumes: vec!["shop_data".to_owned(), "shop_more".to_owned()],
            has_built: true,
            exposed: Some(false),
            can_load: true,
            can_open: true,
            ..Situation::default()
        };
        let machine = Machine {
            memory: Some(2 << 30),
            disk: Some(Disk { free: 5 << 30, size: 9 << 30 }),
            ..Machine::default()
        };
        Self {
            definition,
            situation,
            machine,
            sizes: BTreeMap::new(),
            reachable: vec!["80 (page)".to_owned()],
        }
    }

    fn guide(&self, language: Language) -> Guide<'_> {
        Guide {
            language,
            definition: &self.definition,
            situation: &self.situation,
            machine: &self.machine,
            sizes: &self.sizes,
            reachable: &self.reachable,
        }
    }

    fn plan(&self, world: &World) -> Plan {
        make(&self.definition, world, &Goal::default(), &|_| "h".to_owned())
    }
}

#[test]
fn one_screen_says_what_runs_and_what_it_costs() {
    let stage = Stage::new();
    let plan = stage.plan(&World::default());
    let text = stage.guide(Language::English).overview(&plan, &Measured::default());
    assert_eq!(
        text,
        "This starts shop on this machine: 3 containers.

 SERVICE  WHAT FOR         MEMORY    STACK
 db       keeps the goods  512 MiB   light, full
 page     shows them       256 MiB   light, full
 watch    watch            no limit  full

memory  at most 768 MiB, by the limits of the definition; services without one: 1; the machine has 2 GiB
disk    about 100 MiB for images that are not there yet, and 2 of unknown size; 5 GiB are free
time    not measured yet: this start will be
"
    );
    let text = stage.guide(Language::French).overview(&plan, &Measured::default());
    assert!(text.contains("garde les marchandises") && text.contains("shows them"), "{text}");
    assert!(text.contains("mémoire  au plus 768 MiB") && !text.contains('{'), "{text}");
}

#[test]
fn what_was_measured_is_told_for_the_same_sort_of_work() {
    let mut stage = Stage::new();
    let plan = stage.plan(&World::default());
    let mut measured = Measured::default();
    measured.record(&plan, Duration::from_secs(552), Timestamp::from_seconds(1_767_225_600));
    let guide = stage.guide(Language::English);
    assert_eq!(
        guide.time(&plan, &measured),
        "time    9 min 12 s the last time images were made or fetched (2026-01-01, 3 services)"
    );
    let world = World {
        images: ["db", "page", "watch"].map(|r| (r.to_owned(), crate::world::ImageId(r.to_owned()))).into(),
        ..World::default()
    };
    assert_eq!(guide.time(&stage.plan(&world), &measured), "time    not measured yet: this start will be");
    let nothing = Plan { services: Vec::new(), ..stage.plan(&world) };
    assert_eq!(guide.time(&nothing, &measured), "time    none: everything runs already");
    stage.sizes =
        [("db", 1 << 20), ("page", 2 << 20), ("watch", 3 << 20)].map(|(r, s)| (r.to_owned(), s)).into();
    let all = stage.definition.services.keys().cloned().collect();
    let disk = stage.guide(Language::English).disk(&cost(&stage.definition, &all, &stage.sizes));
    assert_eq!(disk, "disk    its images are there: 6 MiB; 5 GiB are free");
}

#[test]
fn questions_name_what_an_answer_means() {
    let stage = Stage::new();
    let answers = stage.situation.defaults();
    let check = |question, expected: &str| {
        let asked = stage.guide(Language::English).asked(question, &answers);
        let options: Vec<String> =
            asked.options.iter().map(|(label, hint)| format!("{label} ({hint})")).collect();
        assert_eq!(format!("{} {} [{}]", asked.prompt, options.join(" / "), asked.initial), expected);
    };
    check(
        Question::Stack,
        "Which stack? full (3 services, at most 768 MiB) / light (2 services, at most 768 MiB; without watch) [0]",
    );
    check(
        Question::Data,
        "There is data from before. What becomes of it? keep it () / start fresh (deletes shop_data, shop_more) [0]",
    );
    check(
        Question::Expose,
        "Who may reach the page and the API? this machine alone () / other machines too (no TLS, and no key with DEV_MODE=true: 80 (page)) [0]",
    );
    check(
        Question::Load,
        "Generate traffic afterwards, so that there is something to see? no () / for 1 min () / for 5 min () / for 15 min () [0]",
    );
    let light = Answers { stack: Stack::Light, ..answers };
    assert_eq!(stage.guide(Language::French).asked(Question::Stack, &light).initial, 1);
    for question in Question::ALL {
        let asked = stage.guide(Language::French).asked(question, &answers);
        assert!(
            asked.options.iter().all(|(label, hint)| !label.is_empty() && !hint.contains('{')),
            "{asked:?}"
        );
    }
}

#[test]
fn the_plan_says_what_goes_and_who_is_let_in() {
    let stage = Stage::new();
    let answers = Answers { data: Data::Fresh, expose: true, ..stage.situation.defaults() };
    let text = stage.guide(Language::English).plan(&stage.plan(&World::default()), &answers);
    assert_eq!(
        text,
        "First everything of the project is removed, with its data: shop_data, shop_more
What is going to be done:
  network default: create
  db: create, obtain image db
  page: create, obtain image page, after db started
  watch: create, obtain image watch
warning: other machines reach 80 (page) without TLS; with DEV_MODE=true nobody needs a key. Only in a network you trust.
"
    );
    let nothing = Plan { services: Vec::new(), networks: Vec::new(), ..stage.plan(&World::default()) };
    let text = stage.guide(Language::English).plan(&nothing, &stage.situation.defaults());
    assert_eq!(text, "Everything runs already; there is nothing to be done.\n");
}

#[test]
fn answers_that_nobody_was_asked_for_are_told() {
    let mut stage = Stage::new();
    let answers = Answers { load: Traffic::For(Duration::from_secs(90)), ..stage.situation.defaults() };
    assert_eq!(
        stage.guide(Language::English).answers(&answers),
        "answers: stack full · data: keep it · build: no, use them · reachable from this machine alone · traffic: for 1 min 30 s · open pages: no"
    );
    stage.situation = Situation { light: stage.situation.light.take(), ..Situation::default() };
    assert_eq!(stage.guide(Language::English).answers(&answers), "answers: stack full");
}

#[test]
fn the_end_has_links_and_three_commands() {
    let text = closing(Language::English, End::Well, " Page  http://127.0.0.1:80", false, "pdex -f a.yaml");
    assert_eq!(
        text,
        "It runs:
 Page  http://127.0.0.1:80

Next:
  pdex -f a.yaml ps       shows what runs
  pdex -f a.yaml logs -f  shows what the services print
  pdex -f a.yaml down     stops and removes it; the data stays"
    );
    for end in [End::Well, End::Remove, End::Up, End::Validate, End::Load, End::Stopped] {
        for (language, can_load) in [(Language::English, true), (Language::French, false)] {
            let text = closing(language, end, "", can_load, "pdex");
            assert_eq!(text.lines().filter(|line| line.starts_with("  pdex ")).count(), 3, "{text}");
            assert_eq!(text.contains("pdex generate-load"), end == End::Well && can_load, "{text}");
        }
    }
}
