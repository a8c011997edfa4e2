//! The content of volumes. The engine reads and writes those of containers only, so one is made that has nothing but the volume; it
//! never runs, and its image has nothing in it.

use std::io;
use std::time::Duration;

use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::Sender;

use crate::runtime::docker::raw::Raw;
use crate::runtime::docker::{Docker, gone};
use crate::runtime::{ImportOrder, Runtime, RuntimeError};

/// Tells the container and the image from those of people.
const LABEL: &str = "io.pdex.volume";
/// Where the volume is mounted. The tar has this name before each of its own.
const PLACE: &str = "/volume";
/// Filling a large volume is one answer that takes its time.
const PATIENCE: Duration = Duration::from_hours(24);
/// How often, and how far apart, a name that is taken is tried again.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

impl Docker {
    pub(super) async fn read_volume(&self, name: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        let container = self.hold_volume(name).await?;
        let sent = send(self.raw()?, &container, &into).await;
        // Before anything else: to remove an image the engine asks every container, and one that is being filled answers when it has
        // all. Whoever fills it from here has to know that this is the end.
        drop(into);
        let removed = self.drop_holder(name).await;
        sent.and(removed)
    }

    pub(super) async fn fill_volume(
        &self,
        name: &str,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), RuntimeError> {
        let container = self.hold_volume(name).await?;
        let options = query::UploadToContainerOptionsBuilder::new().path("/").build();
        let client = self.client.clone().with_timeout(PATIENCE);
        let body = bollard::body_try_stream(tar);
        let filled = client.upload_to_container(&container, Some(options), body).await;
        let filled = match filled.map_err(|e| self.sort(&e)) {
            // An engine that gives up in the middle closes the connection before anyone has read why.
            Err(RuntimeError::Unreachable { .. }) if self.engine().await.is_ok() => {
                Err(RuntimeError::Other("the engine took no more of it; its disk may be full".to_owned()))
            }
            other => other,
        };
        let removed = self.drop_holder(name).await;
        filled.and(removed)
    }

    /// Makes the container that has the volume.
    async fn hold_volume(&self, name: &str) -> Result<String, RuntimeError> {
        let (docker, name) = (self.clone(), name.to_owned());
        let order = async move {
            let mut held = docker.try_to_hold(&name).await;
            // The engine may still be at work on what a killed run ordered: the name is given away before there is a container.
            for _ in 0..LOOKS {
                if !matches!(held, Err(RuntimeError::Conflict(_))) {
                    break;
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
                held = docker.try_to_hold(&name).await;
            }
            held
        };
        self.pending.through(Box::pin(order)).await
    }

    /// One that a killed run left has the same name and goes first.
    async fn try_to_hold(&self, name: &str) -> Result<String, RuntimeError> {
        let raw = self.raw()?;
        // A container would make a volume that is not there.
        raw.document(&["volumes", name], &[]).await?;
        let container = holder(name);
        remove(raw, &container).await?;
        let image = image(name);
        if self.image(&image).await?.is_none() {
            self.make_empty_image(&image).await?;
        }
        let order = json!({
            "Image": image,
            "Cmd": ["/pdex"],
            "Labels": {LABEL: name},
            "NetworkDisabled": true,
            "HostConfig": {"Mounts": [
                {"Type": "volume", "Source": name, "Target": PLACE, "VolumeOptions": {"NoCopy": true}},
            ]},
        });
        raw.order(&["containers", "create"], &[("name", &container)], &order).await?;
        Ok(container)
    }

    /// Removes a volume, also one that is held by a container which a killed run left.
    pub(in crate::runtime::docker) async fn drop_volume(&self, name: &str) -> Result<(), RuntimeError> {
        self.pending.settled(self.patience).await;
        let remove = async || {
            let options: Option<query::RemoveVolumeOptions> = None;
            gone(self.whole(self.client.remove_volume(name, options)).await)
        };
        match remove().await {
            Err(RuntimeError::Conflict(_)) => {
                self.drop_holder(name).await?;
                remove().await
            }
            other => other,
        }
    }

    /// Removes the container that has the volume, and its image: both, once it has begun.
    pub(super) async fn drop_holder(&self, name: &str) -> Result<(), RuntimeError> {
        self.pending.settled(self.patience).await;
        let (docker, name) = (self.clone(), name.to_owned());
        let order = async move {
            remove(docker.raw()?, &holder(&name)).await?;
            docker.remove_image(&image(&name)).await
        };
        self.pending.through(Box::pin(order)).await
    }

    async fn make_empty_image(&self, tag: &str) -> Result<(), RuntimeError> {
        let unwritten = |e: io::Error| RuntimeError::Other(format!("a temporary file: {e}"));
        let file = tempfile::NamedTempFile::new().map_err(unwritten)?;
        let mut tar = tar::Builder::new(file.as_file());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        header.set_cksum();
        let folder = PLACE.trim_start_matches('/');
        tar.append_data(&mut header, folder, io::empty()).map_err(unwritten)?;
        tar.into_inner().map_err(unwritten)?;
        let changes = vec![format!("LABEL {LABEL}=image")];
        self.import(ImportOrder { tar: file.path().to_owned(), tag: tag.to_owned(), changes }).await
    }
}

/// The name of the container that holds a volume.
fn holder(volume: &str) -> String {
    format!("pdex-volume-{}", mark(volume))
}

/// Each has an image of its own, so that none is taken away from another.
fn image(volume: &str) -> String {
    format!("pdex-volume:{}", mark(volume))
}

fn mark(volume: &str) -> String {
    Sha256::digest(volume).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

async fn remove(raw: &Raw, container: &str) -> Result<(), RuntimeError> {
    match raw.delete(&["containers", container], &[("force", "true")]).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

async fn send(raw: &Raw, container: &str, into: &Sender<Bytes>) -> Result<(), RuntimeError> {
    let mut response = raw.get(&["containers", container, "archive"], &[("path", PLACE)]).await?;
    while let Some(piece) = response.chunk().await.map_err(|e| raw.sort(&e))? {
        if into.send(piece).await.is_err() {
            break;
        }
    }
    Ok(())
}
