//! Clauses about the life of a container.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use pdex::definition::model::Protocol;
use pdex::runtime::{LogOptions, Runtime, RuntimeError};
use pdex::world::live::Binding;
use pdex::world::placement::{Content, Mounted};
use pdex::world::{ASIDE, ContainerId, End, Exit, State};

use crate::stage::{Stage, eventually};

fn how(ended: Result<Option<End>, RuntimeError>) -> Option<Exit> {
    ended.unwrap().map(|end| end.exit)
}

/// For something that the engine tells by itself.
const SOON: Duration = Duration::from_secs(30);

pub(crate) async fn a_container_is_made_started_stopped_and_removed<R: Runtime>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let id = stage.create("sleeper").await;
    let seen = stage.observed(&id).await;
    assert_eq!(seen.state, State::Created);
    assert_eq!((seen.name, seen.service.as_str()), (stage.name("sleeper"), "sleeper"));
    assert_eq!(seen.config_hash, pdex::definition::render::config_hash(stage.service("sleeper")));
    assert_eq!((seen.image, seen.aside), (stage.image.clone(), false));
    assert_eq!(runtime.ended(&id).await, Ok(None), "what was never started has not ended");

    runtime.start(&id).await.unwrap();
    assert!(matches!(stage.observed(&id).await.state, State::Running { .. }));
    assert_eq!(runtime.ended(&id).await, Ok(None));

    runtime.stop(&id, None).await.unwrap();
    let exit = Exit { code: 143, out_of_memory: false };
    assert_eq!(stage.observed(&id).await.state, State::Exited(exit));
    assert_eq!(how(runtime.ended(&id).await), Some(exit));

    runtime.remove(&id).await.unwrap();
    assert!(stage.world().await.containers.is_empty());
}

pub(crate) async fn what_is_done_already_is_a_success<R: Runtime>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let id = stage.start("sleeper").await;
    runtime.start(&id).await.unwrap();
    assert_eq!(runtime.ended(&id).await, Ok(None), "it was not started anew");
    for _ in 0..2 {
        runtime.stop(&id, Some(Duration::from_secs(5))).await.unwrap();
    }
    for _ in 0..2 {
        runtime.remove(&id).await.unwrap();
    }
    runtime.stop(&id, None).await.unwrap();
    let nobody = ContainerId("0123456789ab".to_owned());
    for id in [&id, &nobody] {
        assert!(runtime.ended(id).await.is_err_and(|e| e.is_not_found()));
        assert!(runtime.start(id).await.is_err_and(|e| e.is_not_found()));
        assert!(runtime.rename(id, "other").await.is_err_and(|e| e.is_not_found()));
    }
}

pub(crate) async fn a_stopped_container_starts_again<R: Runtime>(stage: &Stage<R>) {
    let id = stage.start("sleeper").await;
    stage.runtime.stop(&id, None).await.unwrap();
    stage.runtime.start(&id).await.unwrap();
    assert!(matches!(stage.observed(&id).await.state, State::Running { .. }));
    assert_eq!(stage.runtime.ended(&id).await, Ok(None), "the earlier end is past");
    stage.runtime.remove(&id).await.unwrap();
    assert!(stage.world().await.containers.is_empty(), "a running one is ended and removed");
}

pub(crate) async fn a_name_is_given_once<R: Runtime>(stage: &Stage<R>) {
    stage.create("sleeper").await;
    let name = stage.name("sleeper");
    let second = stage.try_create(&stage.definition, "sleeper", &name, &stage.image).await;
    assert!(matches!(second, Err(RuntimeError::Conflict(_))), "{second:?}");
}

pub(crate) async fn a_replacement_takes_the_place_of_the_old_one<R: Runtime>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let old = stage.start("sleeper").await;
    let name = stage.name("sleeper");
    let aside = format!("{name}{ASIDE}");
    let new = stage.try_create(&stage.definition, "sleeper", &aside, &stage.image).await.unwrap();
    assert!(stage.observed(&new).await.aside);
    let early = runtime.rename(&new, &name).await;
    assert!(matches!(early, Err(RuntimeError::Conflict(_))), "{early:?}");
    runtime.stop(&old, None).await.unwrap();
    runtime.remove(&old).await.unwrap();
    runtime.rename(&new, &name).await.unwrap();
    runtime.rename(&new, &name).await.unwrap();
    let seen = stage.observed(&new).await;
    assert_eq!((seen.name, seen.aside), (name, false));
}

pub(crate) async fn what_takes_anothers_place_has_its_name_and_runs<R: Runtime>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let old = stage.start("sleeper").await;
    let name = stage.name("sleeper");
    let aside = format!("{name}{ASIDE}");
    let new = stage.try_create(&stage.definition, "sleeper", &aside, &stage.image).await.unwrap();
    assert_eq!(runtime.ended(&old).await, Ok(None), "the old one runs until then");
    runtime.take_over(&new, &old, &name).await.unwrap();
    runtime.start(&new).await.unwrap();
    let seen = stage.observed(&new).await;
    assert_eq!((seen.name, seen.aside), (name, false));
    assert!(matches!(seen.state, State::Running { .. }), "{:?}", seen.state);
    assert_eq!(stage.world().await.containers.len(), 1, "one is there, and not two");
}

pub(crate) async fn an_end_is_told_and_found_with_its_code<R: Runtime>(stage: &Stage<R>) {
    let id = stage.create("job").await;
    let mut ends = stage.runtime.exits(&stage.definition.project);
    let (told, started) = tokio::join!(tokio::time::timeout(SOON, ends.next()), stage.runtime.start(&id));
    started.unwrap();
    assert_eq!(told, Ok(Some(Ok(id.clone()))));
    let exit = Exit { code: 7, out_of_memory: false };
    assert_eq!(how(stage.runtime.ended(&id).await), Some(exit));
    assert_eq!(stage.observed(&id).await.state, State::Exited(exit));
    let sleeper = stage.create("sleeper").await;
    let running = async || stage.runtime.running(&stage.definition.project).await.unwrap();
    assert!(running().await.is_empty(), "one has ended, the other was not started");
    stage.runtime.start(&sleeper).await.unwrap();
    assert_eq!(running().await.into_iter().collect::<Vec<_>>(), [sleeper]);
}

pub(crate) async fn ends_of_other_projects_are_not_told<R: Runtime>(stage: &Stage<R>) {
    let other = stage.other().await;
    let theirs = stage.try_create(&other, "job", "theirs", &stage.image);
    let (theirs, ours) = (theirs.await.unwrap(), stage.create("job").await);
    let mut ends = stage.runtime.exits(&stage.definition.project);
    let both = async {
        stage.runtime.start(&theirs).await.unwrap();
        eventually("it ends", async || stage.runtime.ended(&theirs).await.unwrap().is_some()).await;
        stage.runtime.start(&ours).await.unwrap();
    };
    let (told, ()) = tokio::join!(tokio::time::timeout(SOON, ends.next()), both);
    assert_eq!(told, Ok(Some(Ok(ours))));
}

pub(crate) async fn a_service_that_keeps_dying_is_seen_to<R: Runtime>(stage: &Stage<R>) {
    let id = stage.create("restless").await;
    let mut ends = stage.runtime.exits(&stage.definition.project);
    let mut marks = BTreeSet::new();
    let deaths = async {
        // On a busy machine the engine may have started it again before it is asked; it waits longer each time.
        for _ in 0..8 {
            assert_eq!(tokio::time::timeout(SOON, ends.next()).await, Ok(Some(Ok(id.clone()))));
            let exit = Exit { code: 3, out_of_memory: false };
            let Some(end) = stage.runtime.ended(&id).await.unwrap() else { continue };
            assert_eq!(end.exit, exit);
            assert!(marks.insert(end.mark), "another end has another mark");
            if marks.len() == 3 {
                return;
            }
        }
        panic!("seen to have ended {} times of eight", marks.len());
    };
    let ((), started) = tokio::join!(deaths, stage.runtime.start(&id));
    started.unwrap();
    let seen = stage.observed(&id).await.state;
    assert!(matches!(seen, State::Restarting | State::Running { .. }), "{seen:?}");
    stage.runtime.stop(&id, None).await.unwrap();
    assert!(matches!(stage.observed(&id).await.state, State::Exited(_)), "who is stopped stays so");
    let (first, second) = (stage.runtime.ended(&id).await, stage.runtime.ended(&id).await);
    assert_eq!(first, second, "one end has one mark");
}

pub(crate) async fn what_was_printed_can_be_read<R: Runtime>(stage: &Stage<R>) {
    let id = stage.start("job").await;
    eventually("it ends", async || stage.runtime.ended(&id).await.unwrap().is_some()).await;
    let read = async |tail| {
        let options = LogOptions { tail, ..LogOptions::default() };
        let lines = stage.runtime.logs(&id, &options).map(|line| line.unwrap().text);
        lines.collect::<Vec<_>>().await
    };
    assert_eq!(read(None).await, ["one", "two"]);
    assert_eq!(read(Some(1)).await, ["two"]);
    let nobody = ContainerId("0123456789ab".to_owned());
    let first = stage.runtime.logs(&nobody, &LogOptions::default()).next().await;
    assert!(matches!(&first, Some(Err(e)) if e.is_not_found()), "{first:?}");
}

pub(crate) async fn a_container_has_what_it_was_ordered<R: Runtime>(stage: &Stage<R>) {
    let (key, volume) = stage.definition.volumes.iter().next().unwrap();
    stage.runtime.create_volume(&stage.definition.project, key, volume).await.unwrap();
    let sleeper = stage.start("sleeper").await;
    let placement = stage.runtime.placement(&sleeper).await.unwrap();
    let networks: Vec<&str> =
        stage.definition.networks.values().map(|network| network.name.as_str()).collect();
    assert_eq!(placement.networks.iter().map(String::as_str).collect::<Vec<_>>(), networks);
    let mounted = Mounted {
        content: Content::Volume(volume.name.clone()),
        target: "/data".to_owned(),
        read_only: false,
    };
    assert_eq!(placement.mounts, [mounted]);
    assert_eq!((placement.memory, placement.nano_cpus), (Some(64 << 20), Some(500_000_000)));
    assert_eq!(placement.ports, []);
    let server = stage.start("server").await;
    let published = stage.runtime.placement(&server).await.unwrap().ports;
    let binding = Binding {
        container_port: 8000,
        protocol: Protocol::Tcp,
        host_port: Some(stage.port),
        host_ip: Some(stage.host_ip.to_owned()),
    };
    assert_eq!(published, [binding]);
    stage.runtime.stop(&server, Some(Duration::ZERO)).await.unwrap();
    assert_eq!(
        stage.runtime.placement(&server).await.unwrap().ports,
        [],
        "what does not run publishes nothing"
    );
}
