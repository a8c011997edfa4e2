//! Drills on the simulated engine, beside an API that answers everything and a Prometheus that says of each alert what follows from
//! how the containers are and from what was asked last: whatever comes, everything is put back. And, where `PDEX_TEST_DRILL=1` says
//! so (`make test-drill`), on this machine's Docker with the platform's own API, Prometheus and rules (`platform`).

#![expect(
    clippy::disallowed_methods,
    reason = "the program is tested from outside, and the switch is a variable"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of a test fail it, and say what they did"
)]

mod platform;
mod stage;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use pdex::drill::journal::Owed;
use pdex::drill::phase::Verdict;
use pdex::drill::recipe::{RECIPES, Touch};
use serde_json::Value;
use stage::{Ending, Stage, on_stage};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn every_alert_fires_and_ends_and_everything_is_as_it_was() {
    for recipe in &RECIPES {
        on_stage(async |stage: &Stage| {
            let course = stage.play(recipe, PATIENCE, Ending::ItsOwn).await.unwrap();
            assert_eq!((&course.verdict, &course.left), (&Some(Verdict::Passed), &None), "{}", recipe.alert);
            assert!(course.pending <= course.firing && course.firing <= course.restored, "{course:?}");
            assert!(course.restored <= course.resolved, "{course:?}");
            assert_eq!(course.said.as_deref(), Some("it is so"));
            stage.is_as_it_was(recipe).await;
        });
    }
}

#[test]
fn an_interrupted_drill_puts_everything_back() {
    for recipe in &RECIPES {
        on_stage(async |stage: &Stage| {
            let course = stage.play(recipe, PATIENCE, Ending::Interrupted).await.unwrap();
            assert_eq!(course.verdict, Some(Verdict::Interrupted), "{}", recipe.alert);
            assert_eq!(course.firing, None, "it was pending");
            stage.is_as_it_was(recipe).await;
        });
    }
}

#[test]
fn what_a_killed_drill_owes_is_on_disk_and_whoever_comes_next_puts_it_back() {
    for recipe in &RECIPES {
        on_stage(async |stage: &Stage| {
            assert_eq!(stage.play(recipe, PATIENCE, Ending::Killed).await, None, "{}", recipe.alert);
            assert_eq!(stage.journal.entries().unwrap().is_empty(), recipe.touch == Touch::Nothing);
            let entries = stage.journal.entries().unwrap();
            if !entries.is_empty() {
                assert!(stage.is_disturbed(recipe.touch).await, "{}", recipe.alert);
            }
            let restored = pdex::drill::restore(&stage.runtime, &entries).await.unwrap();
            assert_eq!(restored.len(), entries.len());
            stage.journal.clear().unwrap();
            stage.is_as_it_was(recipe).await;
        });
    }
}

#[test]
fn a_container_that_may_be_about_to_end_is_ended_before_it_is_started() {
    on_stage(async |stage: &Stage| {
        let recipe = pdex::drill::recipe::named("ApiDown").unwrap();
        assert_eq!(stage.play(recipe, PATIENCE, Ending::Killed).await, None);
        let mut entries = stage.journal.entries().unwrap();
        pdex::drill::restore(&stage.runtime, &entries).await.unwrap();
        let started = stage.started().await;
        pdex::drill::restore(&stage.runtime, &entries).await.unwrap();
        assert_eq!(stage.started().await, started, "it was started since: there is nothing to do");
        // As if the engine had not come to the stop that the drill asked for before it was killed.
        entries[0].owed = Owed::Start { since: started.clone() };
        pdex::drill::restore(&stage.runtime, &entries).await.unwrap();
        assert_ne!(stage.started().await, started);
        stage.journal.clear().unwrap();
        stage.is_as_it_was(recipe).await;
    });
}

#[test]
fn an_alert_that_does_not_fire_is_called_so_and_everything_put_back() {
    for recipe in &RECIPES {
        on_stage(async |stage: &Stage| {
            stage.prometheus_is_asleep();
            let course = stage.play(recipe, Duration::from_millis(400), Ending::ItsOwn).await.unwrap();
            assert_eq!(course.verdict, Some(Verdict::NotFired), "{}", recipe.alert);
            stage.is_as_it_was(recipe).await;
        });
    }
}

#[test]
fn nothing_is_touched_while_the_alert_fires_already() {
    on_stage(async |stage: &Stage| {
        stage.fires("ApiDown");
        let recipe = pdex::drill::recipe::named("ApiDown").unwrap();
        let course = stage.play(recipe, PATIENCE, Ending::ItsOwn).await.unwrap();
        assert_eq!(course.verdict, Some(Verdict::Failed("ApiDown fires already".to_owned())));
        assert_eq!(course.pending, None);
        stage.is_as_it_was(recipe).await;
    });
}

/// The program on the simulated engine.
fn pdex(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.current_dir(folder).env_clear().env("TMPDIR", folder).env("XDG_STATE_HOME", folder);
    command.args(["-f", "stack.yaml", "--runtime=sim:engine.json"]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_next_up_or_doctor_knows_of_a_killed_drill() {
    let folder = tempfile::tempdir().unwrap();
    let stack = "name: shop\nservices:\n  api: { image: \"api:1\", cpus: 1.5 }\n";
    std::fs::write(folder.path().join("stack.yaml"), stack).unwrap();
    assert!(pdex(folder.path(), &["up"]).status.success());
    let engine = || -> Value {
        serde_json::from_slice(&std::fs::read(folder.path().join("engine.json")).unwrap()).unwrap()
    };
    let id = engine()["containers"].as_object().unwrap().keys().next().unwrap().clone();
    let share = || engine()["containers"][&id]["facts"]["host"]["NanoCpus"].clone();
    assert_eq!(share(), 1_500_000_000);
    let journal = folder.path().join("pdex/shop.drill.json");
    let killed = || {
        let cpu = serde_json::json!({"nano_cpus": 1_500_000_000, "quota_us": 0, "period_us": 0});
        let entry =
            serde_json::json!({"service": "api", "container": "shop-api-1", "id": id, "owed": {"cpu": cpu}});
        std::fs::create_dir_all(journal.parent().unwrap()).unwrap();
        std::fs::write(&journal, serde_json::json!([entry]).to_string()).unwrap();
        let mut cut = engine();
        cut["containers"][&id]["facts"]["host"]["NanoCpus"] = 20_000_000.into();
        std::fs::write(folder.path().join("engine.json"), cut.to_string()).unwrap();
    };
    for (command, mends) in [(&["doctor"][..], false), (&["doctor", "--fix"], true), (&["up"], true)] {
        killed();
        let output = pdex(folder.path(), command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("shop-api-1: 1.5 processors"), "{command:?}: {said}");
        assert_eq!(said.contains("put back what an interrupted drill had changed"), mends, "{said}");
        assert_eq!(share(), if mends { 1_500_000_000 } else { 20_000_000 }, "{command:?}");
        assert_eq!(journal.exists(), !mends, "{command:?}");
    }
    std::fs::write(&journal, "{").unwrap();
    let output = pdex(folder.path(), &["up"]);
    assert_eq!(output.status.code(), Some(1), "one that cannot be read is not passed over");
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: it says what"));
}
