//! Images from one engine straight to another, with nothing of them on disk in between.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use tokio::sync::mpsc::{self, Sender};

use super::{BundleError, came_in};
use crate::runtime::RuntimeError;
use crate::runtime::operate::Operate;
use crate::world::ImageId;

/// Pieces on their way: the engine that gives is not read faster than the other takes.
const WAITING: usize = 4;

/// Gives an engine what it lacks of these images of another one, and looks at what became of it. The references that were given.
pub async fn pass<F: Operate, T: Operate>(
    from: &F,
    to: &T,
    images: &BTreeMap<String, ImageId>,
) -> Result<Vec<String>, BundleError> {
    let mut lacking = Vec::new();
    for (reference, id) in images {
        if to.image_facts(reference).await?.is_none_or(|facts| facts.id != *id) {
            lacking.push(reference.clone());
        }
    }
    if lacking.is_empty() {
        return Ok(lacking);
    }
    let (sender, receiver) = mpsc::channel(WAITING);
    let pieces = unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    let (given, taken) = tokio::join!(give(from, &lacking, sender), to.load(pieces.boxed()));
    given?;
    taken?;
    for (reference, id) in images.iter().filter(|(reference, _)| lacking.contains(reference)) {
        came_in(to, reference, &id.0).await?;
    }
    Ok(lacking)
}

/// Sends images as one tar as long as somebody takes it. An error goes to both sides, or the other would take the tar for whole.
async fn give<F: Operate>(
    from: &F,
    references: &[String],
    sender: Sender<io::Result<Bytes>>,
) -> Result<(), RuntimeError> {
    let mut pieces = from.save(references);
    while let Some(piece) = pieces.next().await {
        let told = piece.clone().map_err(|e| io::Error::other(e.to_string()));
        if sender.send(told).await.is_err() {
            break;
        }
        piece?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bundle::identify;
    use crate::runtime::sim::Simulated;
    use crate::runtime::{ImportOrder, Runtime as _};

    #[test]
    fn an_engine_is_given_what_it_lacks_and_only_that() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (from, to) = (Simulated::default(), Simulated::default());
            let tar = tempfile::NamedTempFile::new().unwrap();
            for (engine, tag) in [(&from, "a:1"), (&from, "b:1"), (&to, "b:1")] {
                let order =
                    ImportOrder { tar: tar.path().to_owned(), tag: tag.to_owned(), changes: Vec::new() };
                engine.import(order).await.unwrap();
            }
            let references = ["a:1".to_owned(), "b:1".to_owned()];
            let images = identify(&from, &references).await.unwrap();
            let there = identify(&to, &references[1..]).await.unwrap();
            let expected: Vec<&String> = references
                .iter()
                .filter(|reference| there.get(*reference) != images.get(*reference))
                .collect();
            assert!(expected.contains(&&references[0]), "{expected:?}");
            assert_eq!(pass(&from, &to, &images).await.unwrap().iter().collect::<Vec<_>>(), expected);
            assert_eq!(identify(&to, &references).await.unwrap(), images);
            assert_eq!(pass(&from, &to, &images).await.unwrap(), [""; 0], "it has them now");
            let unknown = identify(&from, &["c:1".to_owned()]).await.unwrap_err();
            assert_eq!(unknown.to_string(), "the engine has no image c:1");
        });
    }
}
