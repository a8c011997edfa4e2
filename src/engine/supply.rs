//! Images alone: built or fetched, without any container.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::driver::Run;
use super::obtain::Obtainer;
use crate::definition::model::ServiceName;
use crate::event::{Event, Failure};
use crate::runtime::Runtime;

/// How images are to be had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Fetch them, even those that are there; else build, or whatever leads to them.
    pub pull: bool,
    /// Run every step of a build again.
    pub no_cache: bool,
    /// Ask for newer base images.
    pub newer_bases: bool,
    /// At most so many at once; 0: all.
    pub parallel: usize,
}

/// Gets the services' images. Every event goes to `sink`. The failures, each with its service.
pub async fn supply<R: Runtime>(
    run: &Run<'_, R>,
    services: &[ServiceName],
    manner: Manner,
    sink: &mut dyn FnMut(Duration, &Event),
) -> Vec<(ServiceName, Failure)> {
    let (progress, mut progressed) = mpsc::unbounded_channel();
    let obtainer = Obtainer::new(run, progress).fresh(manner.no_cache, manner.newer_bases);
    let begin = Instant::now();
    let limit = if manner.parallel == 0 { services.len().max(1) } else { manner.parallel };
    let obtainer = &obtainer;
    let work = stream::iter(services).map(async |service| {
        if manner.pull { obtainer.fetch(service).await } else { obtainer.obtain(service).await }
    });
    let mut work = Box::pin(work.buffer_unordered(limit));
    let mut failures = Vec::new();
    loop {
        let event = tokio::select! {
            biased;
            Some(event) = progressed.recv() => event,
            event = work.next() => match event {
                Some(event) => event,
                None => break,
            },
        };
        sink(begin.elapsed(), &event);
        if let Event::ImageFailed { service, failure } = event {
            failures.push((service, failure));
        }
    }
    obtainer.clean().await;
    failures
}
