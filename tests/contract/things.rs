//! Clauses about networks, volumes and images.

use std::collections::BTreeMap;

use bytes::Bytes;
use pdex::runtime::{BuildOrder, ImportOrder, Runtime, RuntimeError};
use pdex::world::ImageId;

use crate::stage::Stage;

pub(crate) async fn an_engine_says_who_it_is<R: Runtime>(stage: &Stage<R>) {
    let engine = stage.runtime.engine().await.unwrap();
    assert!(!engine.version.is_empty() && !engine.architecture.is_empty(), "{engine:?}");
}

pub(crate) async fn networks_come_and_go<R: Runtime>(stage: &Stage<R>) {
    let (key, network) = stage.definition.networks.iter().next().unwrap();
    for _ in 0..2 {
        stage.runtime.create_network(&stage.definition.project, key, network).await.unwrap();
    }
    assert!(stage.world().await.networks.contains(&network.name));
    stage.runtime.remove_network(&network.name).await.unwrap();
    assert!(!stage.world().await.networks.contains(&network.name), "made twice, it was still one");
    stage.runtime.remove_network(&network.name).await.unwrap();
}

pub(crate) async fn a_network_in_use_stays<R: Runtime>(stage: &Stage<R>) {
    stage.start("sleeper").await;
    for network in stage.definition.networks.values() {
        assert!(stage.runtime.remove_network(&network.name).await.is_err());
        assert!(stage.world().await.networks.contains(&network.name));
    }
}

pub(crate) async fn volumes_come_and_go<R: Runtime>(stage: &Stage<R>) {
    let (key, volume) = stage.definition.volumes.iter().next().unwrap();
    assert!(stage.world().await.volumes.is_empty());
    for _ in 0..2 {
        stage.runtime.create_volume(&stage.definition.project, key, volume).await.unwrap();
    }
    assert!(stage.world().await.volumes.contains(&volume.name));
    for _ in 0..2 {
        stage.runtime.remove_volume(&volume.name).await.unwrap();
    }
    assert!(stage.world().await.volumes.is_empty());
}

pub(crate) async fn a_volume_in_use_stays<R: Runtime>(stage: &Stage<R>) {
    let (key, volume) = stage.definition.volumes.iter().next().unwrap();
    stage.runtime.create_volume(&stage.definition.project, key, volume).await.unwrap();
    let id = stage.create("sleeper").await;
    let removed = stage.runtime.remove_volume(&volume.name).await;
    assert!(matches!(removed, Err(RuntimeError::Conflict(_))), "{removed:?}");
    stage.runtime.remove(&id).await.unwrap();
    assert!(stage.world().await.volumes.contains(&volume.name), "a named volume outlives its containers");
}

pub(crate) async fn only_the_own_project_is_observed<R: Runtime>(stage: &Stage<R>) {
    let other = stage.other().await;
    for (key, volume) in &other.volumes {
        stage.runtime.create_volume(&other.project, key, volume).await.unwrap();
    }
    let name = format!("{}-sleeper-1", other.project);
    stage.try_create(&other, "sleeper", &name, &stage.image).await.unwrap();
    let ours = stage.world().await;
    assert!(ours.containers.is_empty() && ours.volumes.is_empty(), "{ours:?}");
    assert!(ours.networks.iter().all(|name| !name.contains("-other")), "{ours:?}");
    let theirs = stage.runtime.observe(&other).await.unwrap();
    assert_eq!(theirs.containers.len(), 1);
    assert_eq!((theirs.networks.len(), theirs.volumes.len()), (other.networks.len(), other.volumes.len()));
    assert_eq!(theirs.images.values().collect::<Vec<_>>(), [&stage.image]);
}

/// A tar with one file.
pub(crate) fn tar(name: &str, content: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

pub(crate) async fn an_image_is_there_or_not<R: Runtime>(stage: &Stage<R>) {
    let tag = format!("{}:1", stage.definition.project);
    assert_eq!(stage.runtime.image(&tag).await, Ok(None));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tar("greeting", "hello")).unwrap();
    let order = ImportOrder {
        tar: file.path().to_owned(),
        tag: tag.clone(),
        changes: vec!["LABEL purpose=contract".to_owned()],
    };
    stage.runtime.import(order).await.unwrap();
    let found = stage.runtime.image(&tag).await;
    for _ in 0..2 {
        stage.runtime.remove_image(&tag).await.unwrap();
    }
    assert!(matches!(found, Ok(Some(_))), "{found:?}");
    assert_eq!(stage.runtime.image(&tag).await, Ok(None));
}

pub(crate) async fn an_image_is_made_from_a_recipe<R: Runtime>(stage: &Stage<R>) {
    let tag = format!("{}:built", stage.definition.project);
    let order = BuildOrder {
        context: Bytes::from(tar("Dockerfile", "FROM scratch\nARG WHO\nLABEL who=$WHO\nCOPY Dockerfile /\n")),
        dockerfile: "Dockerfile".to_owned(),
        tag: tag.clone(),
        args: BTreeMap::from([("WHO".to_owned(), "contract".to_owned())]),
        labels: BTreeMap::new(),
        target: None,
        settings: pdex::runtime::BuildSettings::default(),
    };
    let mut told = 0;
    let built = stage.runtime.build(order, &mut |_| told += 1).await;
    let found = stage.runtime.image(&tag).await;
    stage.runtime.remove_image(&tag).await.unwrap();
    built.unwrap();
    assert!(matches!(found, Ok(Some(_))) && told > 0, "{found:?}");
}

pub(crate) async fn a_container_needs_its_image<R: Runtime>(stage: &Stage<R>) {
    let nothing = ImageId(format!("sha256:{}", "0".repeat(64)));
    let name = stage.name("sleeper");
    let created = stage.try_create(&stage.definition, "sleeper", &name, &nothing).await;
    assert!(created.is_err_and(|e| e.is_not_found()));
}

pub(crate) async fn a_registry_that_is_not_there_is_called_so<R: Runtime>(stage: &Stage<R>) {
    let pulled = stage.runtime.pull("registry.invalid/missing:1", &mut |_| {}).await;
    assert!(matches!(pulled, Err(RuntimeError::NoRegistry { .. })), "{pulled:?}");
    let offered = stage.runtime.offered("registry.invalid/missing:1").await;
    assert!(matches!(offered, Err(RuntimeError::NoRegistry { .. })), "{offered:?}");
}
