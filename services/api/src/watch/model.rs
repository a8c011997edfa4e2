//! Watches the models folder: a metadata file that is new or changed means a published model, since the trainer renames it
//! into place last. A model that does not load leaves the one in use where it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dex::model::METADATA_FILE;
use dex::predict::Predictor;
use tokio::time::sleep;

use super::{Once, Published, with_causes};
use crate::state::Api;

/// How often to look before there is a model, and after.
const LOOK_FIRST: Duration = Duration::from_millis(100);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Runs for the life of the process.
pub async fn model(api: Api, dir: PathBuf) {
    let mut once = Once::default();
    let mut tried = None;
    loop {
        match Published::at(&dir.join(METADATA_FILE)) {
            Ok(published) if tried.as_ref() != Some(&published) => {
                tried = Some(published);
                load(&api, &dir).await;
            }
            Ok(_) => {}
            Err(error) => {
                let cause = error.to_string();
                if once.begins(&cause) {
                    tracing::warn!(dir = %dir.display(), cause, "no model published yet");
                }
            }
        }
        sleep(if api.snapshot().model.is_some() { LOOK_EVERY } else { LOOK_FIRST }).await;
    }
}

async fn load(api: &Api, dir: &Path) {
    let path = dir.to_owned();
    let cause = match tokio::task::spawn_blocking(move || Predictor::load(&path)).await {
        Ok(Ok(predictor)) => {
            tracing::info!(name = predictor.name(), version = predictor.version(), "model loaded");
            api.set_model(Box::new(predictor));
            return;
        }
        Ok(Err(error)) => with_causes(&error),
        Err(panic) => panic.to_string(),
    };
    api.metrics().model_load_failed();
    let kept = api.snapshot().model.is_some();
    tracing::error!(dir = %dir.display(), cause, kept, "model refused");
}
