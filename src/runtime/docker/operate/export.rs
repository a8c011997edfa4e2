//! The files of an image. The engine gives out those of containers only, so one is made; it never runs.

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::Sender;

use crate::runtime::RuntimeError;
use crate::runtime::docker::raw::Raw;

/// Tells the container from those of people.
const LABEL: &str = "io.pdex.export";

/// Sends the tar, and removes the container whatever happened. One that a killed run left has the same name and goes first.
pub(super) async fn files(raw: &Raw, reference: &str, into: &Sender<Bytes>) -> Result<(), RuntimeError> {
    let digest = Sha256::digest(reference);
    let name = format!("pdex-export-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    remove(raw, &name).await?;
    // An image may have no command of its own, without which no container is made.
    let order = json!({"Image": reference, "Entrypoint": ["/pdex"], "Labels": {LABEL: reference}});
    raw.order(&["containers", "create"], &[("name", &name)], &order).await?;
    let sent = send(raw, &name, into).await;
    let removed = remove(raw, &name).await;
    sent.and(removed)
}

async fn remove(raw: &Raw, name: &str) -> Result<(), RuntimeError> {
    match raw.delete(&["containers", name], &[("force", "true"), ("v", "true")]).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

async fn send(raw: &Raw, name: &str, into: &Sender<Bytes>) -> Result<(), RuntimeError> {
    let mut response = raw.get(&["containers", name, "export"], &[]).await?;
    while let Some(piece) = response.chunk().await.map_err(|e| raw.sort(&e))? {
        if into.send(piece).await.is_err() {
            break;
        }
    }
    Ok(())
}
