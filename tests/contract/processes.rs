//! Clauses about commands inside containers, and about one-off containers.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use pdex::definition::render::config_hash;
use pdex::plan::{self, Goal};
use pdex::runtime::operate::{Attached, CommandOrder, Operate, ProcessId, Terms, Until};
use pdex::runtime::{CreateOrder, ExecOrder, RuntimeError};
use pdex::world::{ContainerId, World};
use tokio::io::AsyncWriteExt as _;

use crate::stage::Stage;

fn order(argv: &[&str]) -> CommandOrder {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    CommandOrder { exec: ExecOrder::of(&argv), ..CommandOrder::default() }
}

fn with(argv: &[&str], exec: ExecOrder) -> CommandOrder {
    let argv = order(argv).exec.argv;
    CommandOrder { exec: ExecOrder { argv, ..exec }, ..CommandOrder::default() }
}

/// Types something, and reads to the end: output and error output.
async fn converse(attached: Attached<'_>, typed: &str) -> (String, String) {
    let Attached { output, mut input } = attached;
    let typing = async {
        input.write_all(typed.as_bytes()).await.unwrap();
        input.shutdown().await.unwrap();
    };
    let (pieces, ()) = tokio::join!(output.try_collect::<Vec<_>>(), typing);
    let pieces = pieces.unwrap();
    let text = |error| {
        let of =
            pieces.iter().filter(|piece| piece.error == error).flat_map(|piece| piece.bytes.iter().copied());
        String::from_utf8(of.collect()).unwrap()
    };
    (text(false), text(true))
}

/// Runs a command to its end: output, error output, code.
async fn run<R: Operate>(
    stage: &Stage<R>,
    id: &ContainerId,
    order: &CommandOrder,
    typed: &str,
) -> (String, String, i64) {
    let (process, attached) = stage.runtime.open(id, order).await.unwrap();
    let (output, error) = converse(attached.unwrap(), typed).await;
    let ProcessId::Command(process) = process else { panic!("{process:?}") };
    let code = stage.runtime.code(&process).await.unwrap();
    (output, error, code.expect("it has ended when its output has"))
}

pub(crate) async fn a_command_prints_and_ends_with_its_code<R: Operate>(stage: &Stage<R>) {
    let id = stage.start("sleeper").await;
    let (output, error, code) = run(stage, &id, &order(&["echo", "hello", "there"]), "").await;
    assert_eq!((output.as_str(), error.as_str(), code), ("hello there\n", "", 0));
    let (output, _, code) = run(stage, &id, &order(&["sh", "-c", "exit 7"]), "").await;
    assert_eq!((output.as_str(), code), ("", 7));
    let (_, _, code) = run(stage, &id, &order(&["/no/such/program"]), "").await;
    assert!([126, 127].contains(&code), "{code}");
    let detached = CommandOrder { detached: true, ..order(&["true"]) };
    let (_, attached) = stage.runtime.open(&id, &detached).await.unwrap();
    assert!(attached.is_none());
}

pub(crate) async fn a_command_reads_its_input_to_the_end<R: Operate>(stage: &Stage<R>) {
    let id = stage.start("sleeper").await;
    let terms = Terms { input: true, ..Terms::default() };
    let typed = "a line of some length\n".repeat(3_000);
    let (output, _, code) = run(stage, &id, &CommandOrder { terms, ..order(&["cat"]) }, &typed).await;
    assert_eq!(code, 0);
    assert!(output == typed, "{} bytes of {} came back", output.len(), typed.len());
}

pub(crate) async fn a_command_runs_as_it_was_ordered<R: Operate>(stage: &Stage<R>) {
    let id = stage.start("sleeper").await;
    let environment = BTreeMap::from([("PDEX_GREETING".to_owned(), "good morning".to_owned())]);
    let (output, _, _) =
        run(stage, &id, &with(&["env"], ExecOrder { environment, ..ExecOrder::default() }), "").await;
    assert!(output.lines().any(|line| line == "PDEX_GREETING=good morning"), "{output}");
    let elsewhere =
        with(&["pwd"], ExecOrder { working_dir: Some("/tmp".to_owned()), ..ExecOrder::default() });
    assert_eq!(run(stage, &id, &elsewhere, "").await.0, "/tmp\n");
    let terms = Terms { terminal: true, ..Terms::default() };
    let (output, _, code) = run(stage, &id, &CommandOrder { terms, ..order(&["tty"]) }, "").await;
    assert_eq!((output.as_str(), code), ("/dev/pts/0\r\n", 0));
    let (_, _, code) = run(stage, &id, &order(&["tty"]), "").await;
    assert_eq!(code, 1, "without being asked for there is no terminal");
}

pub(crate) async fn nothing_is_run_in_what_does_not_run<R: Operate>(stage: &Stage<R>) {
    let id = stage.create("sleeper").await;
    let refused = stage.runtime.open(&id, &order(&["true"])).await.map(|_| ());
    assert!(matches!(refused, Err(RuntimeError::Conflict(_))), "{refused:?}");
}

async fn one_off<R: Operate>(stage: &Stage<R>, argv: &[&str], terms: Terms) -> ContainerId {
    try_one_off(stage, argv, terms).await.unwrap()
}

async fn try_one_off<R: Operate>(
    stage: &Stage<R>,
    argv: &[&str],
    terms: Terms,
) -> Result<ContainerId, RuntimeError> {
    let mut service = stage.service("sleeper").clone();
    service.command = Some(order(argv).exec.argv);
    let plan = plan::make(&stage.definition, &World::default(), &Goal::default(), &config_hash);
    let name = format!("{}-sleeper-run-0123456789ab", stage.definition.project);
    let order =
        CreateOrder { name, number: 1, image: &stage.image, plan: plan.service(&service.name).unwrap() };
    stage.runtime.create_one_off(&stage.definition, &service, &order, terms).await
}

/// Starts it and talks to it: output and code.
async fn play<R: Operate>(stage: &Stage<R>, id: &ContainerId, terms: Terms, typed: &str) -> (String, i64) {
    let attached = stage.runtime.attach(id, terms).await.unwrap();
    let until = if terms.remove { Until::Gone } else { Until::NextEnd };
    let end = stage.runtime.end(id, until).await.unwrap();
    stage.runtime.start(id).await.unwrap();
    let ((output, _), code) = tokio::join!(converse(attached, typed), end);
    (output, code.unwrap())
}

pub(crate) async fn a_one_off_container_stands_beside_the_others<R: Operate>(stage: &Stage<R>) {
    let own = stage.create("sleeper").await;
    let terms = Terms::default();
    let id = one_off(stage, &["sh", "-c", "exit 3"], terms).await;
    let all = stage.runtime.list(&stage.definition.project).await.unwrap();
    assert_eq!(all.iter().map(|c| (&c.id, c.one_off)).collect::<Vec<_>>(), [(&own, false), (&id, true)]);
    let again = try_one_off(stage, &["true"], terms).await;
    assert!(matches!(again, Err(RuntimeError::Conflict(_))), "{again:?}");
    let observed = stage.world().await.containers;
    assert_eq!(observed.iter().map(|c| &c.id).collect::<Vec<_>>(), [&own], "plans know nothing of it");
    let played = play(stage, &id, terms, "").await;
    stage.runtime.discard(&id, true).await.unwrap();
    assert_eq!(played, (String::new(), 3));
}

pub(crate) async fn a_one_off_container_reads_its_input<R: Operate>(stage: &Stage<R>) {
    let terms = Terms { input: true, ..Terms::default() };
    let id = one_off(stage, &["cat"], terms).await;
    let played = play(stage, &id, terms, "one\ntwo\n").await;
    stage.runtime.discard(&id, true).await.unwrap();
    assert_eq!(played, ("one\ntwo\n".to_owned(), 0));
}

pub(crate) async fn a_one_off_container_goes_when_it_has_ended<R: Operate>(stage: &Stage<R>) {
    let terms = Terms { remove: true, ..Terms::default() };
    let id = one_off(stage, &["echo", "hello"], terms).await;
    assert_eq!(play(stage, &id, terms, "").await, ("hello\n".to_owned(), 0));
    assert!(stage.runtime.list(&stage.definition.project).await.unwrap().is_empty());
}
