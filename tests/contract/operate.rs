//! Clauses about what runs: looking at it and handling it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pdex::runtime::operate::{Kind, Line, Operate, Until, Window};
use pdex::runtime::{ImportOrder, RuntimeError};
use pdex::world::live::CpuLimit;
use pdex::world::{ContainerId, State};

use crate::stage::{Stage, eventually};

/// For something that the engine does by itself.
const SOON: Duration = Duration::from_secs(30);

fn nobody() -> ContainerId {
    ContainerId("0123456789ab".to_owned())
}

async fn state<R: Operate>(stage: &Stage<R>, id: &ContainerId) -> State {
    let all = stage.runtime.list(&stage.definition.project).await.unwrap();
    all.into_iter().find(|listed| listed.id == *id).unwrap().state
}

async fn ended<R: Operate>(stage: &Stage<R>, id: &ContainerId) {
    eventually("it ends", async || stage.runtime.ended(id).await.unwrap().is_some()).await;
}

pub(crate) async fn all_containers_are_listed<R: Operate>(stage: &Stage<R>) {
    let other = stage.other().await;
    stage.try_create(&other, "job", "theirs", &stage.image).await.unwrap();
    let sleeper = stage.start("sleeper").await;
    let job = stage.create("job").await;
    let all = stage.runtime.list(&stage.definition.project).await.unwrap();
    assert_eq!(all.iter().map(|c| c.service.as_str()).collect::<Vec<_>>(), ["job", "sleeper"]);
    assert_eq!((&all[0].id, &all[1].id), (&job, &sleeper));
    assert_eq!((all[0].runs(), all[1].runs()), (false, true));
    assert_eq!((all[1].name.clone(), all[1].number, all[1].one_off), (stage.name("sleeper"), 1, false));
    assert_eq!(all[1].image_id, stage.image);
    assert!(all[1].command.contains("sleep 600"), "{}", all[1].command);
    let age = stage.runtime.now().since(all[1].created);
    assert!(age < Duration::from_mins(10), "made {age:?} ago");
}

pub(crate) async fn a_signal_ends_what_runs<R: Operate>(stage: &Stage<R>) {
    let id = stage.start("sleeper").await;
    let unknown = stage.runtime.kill(&id, "SIGNONSENSE").await;
    assert!(unknown.is_err_and(|e| !e.is_not_found()));
    stage.runtime.kill(&id, "SIGKILL").await.unwrap();
    ended(stage, &id).await;
    assert_eq!(stage.runtime.ended(&id).await.unwrap().unwrap().exit.code, 137);
    let again = stage.runtime.kill(&id, "KILL").await;
    assert!(matches!(again, Err(RuntimeError::Conflict(_))), "{again:?}");
    assert!(stage.runtime.kill(&nobody(), "TERM").await.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn a_paused_container_goes_on<R: Operate>(stage: &Stage<R>) {
    let id = stage.create("sleeper").await;
    let early = stage.runtime.pause(&id).await;
    assert!(matches!(early, Err(RuntimeError::Conflict(_))), "{early:?}");
    stage.runtime.start(&id).await.unwrap();
    for _ in 0..2 {
        stage.runtime.pause(&id).await.unwrap();
        assert_eq!(state(stage, &id).await, State::Paused);
    }
    for _ in 0..2 {
        stage.runtime.unpause(&id).await.unwrap();
        assert!(matches!(state(stage, &id).await, State::Running { .. }));
    }
}

pub(crate) async fn a_share_of_the_processors_is_changed_and_put_back<R: Operate>(stage: &Stage<R>) {
    for (service, limited) in [("sleeper", true), ("silent", false)] {
        let id = stage.start(service).await;
        let now = async || CpuLimit::of(&stage.runtime.document(Kind::Container, &id.0).await.unwrap());
        let before = now().await;
        assert_eq!(before.is_limit(), limited, "{before:?}");
        let cut = before.with(0.05);
        stage.runtime.limit_cpu(&id, cut).await.unwrap();
        assert_eq!((now().await.nano_cpus, now().await.quota_us), (cut.nano_cpus, cut.quota_us));
        for _ in 0..2 {
            stage.runtime.limit_cpu(&id, before).await.unwrap();
            assert_eq!(now().await.nano_cpus, before.nano_cpus);
            assert_eq!(now().await.is_limit(), limited);
        }
    }
    let gone = stage.runtime.limit_cpu(&nobody(), CpuLimit::default().with(0.5)).await;
    assert!(gone.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn a_container_goes_with_or_without_its_volumes<R: Operate>(stage: &Stage<R>) {
    for volumes in [false, true] {
        let id = stage.start("sleeper").await;
        for _ in 0..2 {
            stage.runtime.discard(&id, volumes).await.unwrap();
        }
        assert!(stage.runtime.list(&stage.definition.project).await.unwrap().is_empty());
    }
}

pub(crate) async fn an_end_is_waited_for<R: Operate>(stage: &Stage<R>) {
    let id = stage.create("job").await;
    let end = stage.runtime.end(&id, Until::NextEnd).await.unwrap();
    stage.runtime.start(&id).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, end).await, Ok(Ok(7)));
    let past = stage.runtime.end(&id, Until::Ended).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, past).await, Ok(Ok(7)), "it has ended before");
    assert!(stage.runtime.end(&nobody(), Until::Ended).await.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn what_runs_uses_something<R: Operate>(stage: &Stage<R>) {
    let id = stage.create("sleeper").await;
    assert_eq!(stage.runtime.usage(&id).await, Ok(None), "it does not run yet");
    stage.runtime.start(&id).await.unwrap();
    let first = stage.runtime.usage(&id).await.unwrap().unwrap();
    assert!(first.memory > 0 && first.memory_limit > first.memory && first.processes > 0, "{first:?}");
    assert!(first.cores > 0);
    eventually("time passes", async || {
        let later = stage.runtime.usage(&id).await.unwrap().unwrap();
        later.machine_ns > first.machine_ns && later.cpu_ns >= first.cpu_ns
    })
    .await;
    assert!(stage.runtime.usage(&nobody()).await.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn processes_are_listed<R: Operate>(stage: &Stage<R>) {
    let id = stage.create("sleeper").await;
    let early = stage.runtime.processes(&id).await;
    assert!(matches!(early, Err(RuntimeError::Conflict(_))), "{early:?}");
    stage.runtime.start(&id).await.unwrap();
    let processes = stage.runtime.processes(&id).await.unwrap();
    assert!(processes.titles.iter().any(|title| title == "PID"), "{processes:?}");
    assert!(processes.rows.iter().all(|row| row.len() == processes.titles.len()), "{processes:?}");
    assert!(processes.rows.iter().any(|row| row.last().unwrap().contains("sleep 600")), "{processes:?}");
}

pub(crate) async fn things_are_told_in_the_engines_form<R: Operate>(stage: &Stage<R>) {
    let id = stage.start("sleeper").await;
    let container = stage.runtime.document(Kind::Container, &id.0).await.unwrap();
    assert_eq!(container["State"]["Running"], true);
    assert_eq!(container["Config"]["Labels"]["purpose"], "contract");
    let network = stage.definition.networks.values().next().unwrap();
    let found = stage.runtime.document(Kind::Network, &network.name).await.unwrap();
    assert_eq!(found["Name"], network.name.as_str());
    let (key, volume) = stage.definition.volumes.iter().next().unwrap();
    stage.runtime.create_volume(&stage.definition.project, key, volume).await.unwrap();
    let found = stage.runtime.document(Kind::Volume, &volume.name).await.unwrap();
    assert_eq!(found["Name"], volume.name.as_str());
    for kind in [Kind::Container, Kind::Network, Kind::Volume] {
        let missing = stage.runtime.document(kind, "no-such-thing/at?all").await;
        assert!(missing.as_ref().is_err_and(RuntimeError::is_not_found), "{missing:?}");
    }
}

pub(crate) async fn what_happened_is_told_in_order<R: Operate>(stage: &Stage<R>) {
    let before = stage.runtime.now().before(Duration::from_secs(1));
    let id = stage.start("job").await;
    ended(stage, &id).await;
    let until = stage.runtime.now().after(Duration::from_secs(1));
    let told = stage.runtime.happenings(&stage.definition.project, Some(before), Some(until));
    let told: Vec<_> = tokio::time::timeout(SOON, told.try_collect()).await.unwrap().unwrap();
    let actions: Vec<&str> = told.iter().map(|happening| happening.action.as_str()).collect();
    assert_eq!(actions, ["create", "start", "die"]);
    assert!(
        told.iter()
            .all(|one| one.service.as_str() == "job" && one.name == stage.name("job") && one.container == id)
    );
    assert_eq!(told[2].details.get("exitCode").map(String::as_str), Some("7"));
    assert!(told.is_sorted_by_key(|happening| happening.at));
}

async fn lines<R: Operate>(stage: &Stage<R>, id: &ContainerId, window: &Window) -> Vec<Line> {
    stage.runtime.lines(id, window).await.unwrap().try_collect().await.unwrap()
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| std::str::from_utf8(&line.text).unwrap()).collect()
}

pub(crate) async fn lines_are_told_with_their_times<R: Operate>(stage: &Stage<R>) {
    let id = stage.start("job").await;
    ended(stage, &id).await;
    let all = lines(stage, &id, &Window::default()).await;
    assert_eq!(texts(&all), ["one", "two"]);
    let (first, second) = (all[0].at.unwrap(), all[1].at.unwrap());
    assert!(first < second, "{first:#} {second:#}");
    for (window, expected) in [
        (Window { tail: Some(1), ..Window::default() }, &["two"][..]),
        (Window { tail: Some(0), ..Window::default() }, &[]),
        (Window { since: Some(second), ..Window::default() }, &["two"]),
        (Window { until: Some(first), ..Window::default() }, &["one"]),
    ] {
        assert_eq!(texts(&lines(stage, &id, &window).await), expected, "{window:?}");
    }
    let missing = stage.runtime.lines(&nobody(), &Window::default()).await.map(|_| ());
    assert!(missing.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn who_follows_gets_the_lines_that_come<R: Operate>(stage: &Stage<R>) {
    let id = stage.create("job").await;
    let window = Window { follow: true, ..Window::default() };
    stage.runtime.start(&id).await.unwrap();
    let followed = lines(stage, &id, &window);
    let followed = tokio::time::timeout(SOON, followed).await.expect("the stream ends with the container");
    assert_eq!(texts(&followed), ["one", "two"]);
}

async fn small_image<R: Operate>(stage: &Stage<R>) -> String {
    let tag = format!("{}:1", stage.definition.project);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), crate::things::tar("greeting", "hello")).unwrap();
    let order = ImportOrder {
        tar: file.path().to_owned(),
        tag: tag.clone(),
        changes: vec![format!("LABEL purpose={}", stage.definition.project)],
    };
    stage.runtime.import(order).await.unwrap();
    tag
}

pub(crate) async fn images_travel_as_a_tar<R: Operate>(stage: &Stage<R>) {
    let tag = small_image(stage).await;
    let facts = stage.runtime.image_facts(&tag).await.unwrap().unwrap();
    let pieces: Vec<Bytes> = stage.runtime.save(std::slice::from_ref(&tag)).try_collect().await.unwrap();
    stage.runtime.remove_image(&tag).await.unwrap();
    assert_eq!(stage.runtime.image_facts(&tag).await, Ok(None));
    let load = stage.runtime.load(stream::iter(pieces.into_iter().map(Ok)).boxed()).await;
    let loaded = stage.runtime.image_facts(&tag).await;
    stage.runtime.remove_image(&tag).await.unwrap();
    load.unwrap();
    assert_eq!(loaded.unwrap().map(|found| found.id), Some(facts.id));
    let missing = stage.runtime.save(&["no/such/image:1".to_owned()]).try_collect::<Vec<_>>().await;
    assert!(missing.is_err());
}

pub(crate) async fn a_broken_tar_brings_nothing<R: Operate>(stage: &Stage<R>) {
    let tag = small_image(stage).await;
    let pieces: Vec<Bytes> = stage.runtime.save(std::slice::from_ref(&tag)).try_collect().await.unwrap();
    stage.runtime.remove_image(&tag).await.unwrap();
    let broken = pieces.into_iter().map(Ok).chain([Err(std::io::Error::other("a digest differs"))]);
    let load = stage.runtime.load(stream::iter(broken).boxed()).await;
    assert!(load.is_err());
    assert_eq!(stage.runtime.image(&tag).await, Ok(None));
}

pub(crate) async fn the_files_of_an_image_come_as_a_tar<R: Operate>(stage: &Stage<R>) {
    let tag = small_image(stage).await;
    let before = stage.runtime.list(&stage.definition.project).await.unwrap().len();
    for take in [usize::MAX, 1] {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let reading = async move {
            let mut tar = Vec::new();
            for _ in 0..take {
                let Some(piece) = receiver.recv().await else { break };
                tar.extend_from_slice(&piece);
            }
            tar
        };
        let (sent, tar) = tokio::join!(stage.runtime.files(&tag, sender), reading);
        sent.unwrap();
        assert!(tar.len() >= 512, "{}", tar.len());
        assert_eq!(&tar[257..262], b"ustar", "the header of a file");
    }
    stage.runtime.remove_image(&tag).await.unwrap();
    let (sender, _receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let missing = stage.runtime.files("no/such/image:1", sender).await;
    assert!(missing.is_err_and(|e| e.is_not_found()));
    assert_eq!(stage.runtime.list(&stage.definition.project).await.unwrap().len(), before);
}

async fn content<R: Operate>(stage: &Stage<R>, volume: &str) -> Vec<(String, String)> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let reading = async move {
        let mut tar = Vec::new();
        while let Some(piece) = receiver.recv().await {
            tar.extend_from_slice(&piece);
        }
        tar
    };
    let (sent, tar) = tokio::join!(stage.runtime.volume_out(volume, sender), reading);
    sent.unwrap();
    let mut found = Vec::new();
    for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        found.push((path.trim_end_matches('/').to_owned(), std::io::read_to_string(&mut entry).unwrap()));
    }
    found
}

pub(crate) async fn a_volume_is_filled_and_read_while_it_is_used<R: Operate>(stage: &Stage<R>) {
    let (key, volume) = stage.definition.volumes.iter().next().unwrap();
    let name = volume.name.as_str();
    let (sender, _receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let missing = stage.runtime.volume_out(name, sender).await;
    assert!(missing.is_err_and(|e| e.is_not_found()));
    let tar = || stream::iter([Ok(Bytes::from(crate::things::tar("volume/greeting", "hello")))]).boxed();
    assert!(stage.runtime.volume_in(name, tar()).await.is_err_and(|e| e.is_not_found()));
    assert!(!stage.world().await.volumes.contains(name), "asking for one makes none");
    stage.runtime.create_volume(&stage.definition.project, key, volume).await.unwrap();
    let own = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    assert_eq!(content(stage, name).await, [own("volume", "")]);
    stage.start("sleeper").await;
    stage.runtime.volume_in(name, tar()).await.unwrap();
    assert_eq!(content(stage, name).await, [own("volume", ""), own("volume/greeting", "hello")]);
    let all = stage.runtime.list(&stage.definition.project).await.unwrap();
    let users = async || Vec::from_iter(stage.runtime.volume_users(name).await.unwrap());
    assert_eq!(users().await, [all[0].id.clone()], "nothing is left of it");
    // A reader that is dropped half-way leaves something on an engine, which goes when that is asked for.
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let never_taken = tokio::time::timeout(Duration::from_secs(1), stage.runtime.volume_out(name, sender));
    drop((never_taken.await, receiver));
    stage.runtime.let_volume_go(name).await.unwrap();
    stage.runtime.let_volume_go(name).await.unwrap();
    assert_eq!(users().await, [all[0].id.clone()]);
}

pub(crate) async fn a_volume_whose_tar_breaks_off_is_not_called_full<R: Operate>(stage: &Stage<R>) {
    let (key, volume) = stage.definition.volumes.iter().next().unwrap();
    stage.runtime.create_volume(&stage.definition.project, key, volume).await.unwrap();
    let half = Bytes::from(crate::things::tar("volume/greeting", &"hello".repeat(1_000))).slice(..1_000);
    let broken = stream::iter([Ok(half), Err(std::io::Error::other("a digest differs"))]).boxed();
    assert!(stage.runtime.volume_in(&volume.name, broken).await.is_err());
    stage.runtime.remove_volume(&volume.name).await.unwrap();
}
