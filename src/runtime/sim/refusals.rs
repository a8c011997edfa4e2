//! What the double refuses, in the words of the real engine.

use tokio::time::Instant;

use super::Simulated;
use crate::definition::model::Service;
use crate::runtime::RuntimeError;

impl Simulated {
    /// Whether the disk is full by now.
    pub(super) fn is_full(&self) -> bool {
        self.faults.full_after.is_some_and(|calls| self.calls.get() > calls)
    }

    /// Whether a network is still in use by containers that are gone.
    pub(super) fn lingers(&self) -> bool {
        let Some(lingers) = self.faults.lingers else { return false };
        let until = self.lingers_until.get().unwrap_or_else(|| Instant::now() + lingers);
        self.lingers_until.set(Some(until));
        Instant::now() < until
    }

    /// The service's label says that it cannot be made, or there is no room for it.
    pub(super) fn refuses_create(&self, service: &Service) -> Result<(), RuntimeError> {
        match service.labels.get("sim.create").map(String::as_str) {
            _ if self.is_full() => Err(RuntimeError::NoSpace),
            Some("no space") => Err(RuntimeError::NoSpace),
            Some(error) => Err(RuntimeError::Other(error.to_owned())),
            None => Ok(()),
        }
    }
}

/// Images named `missing` have a registry that does not answer, those named `unknown` one that says no.
pub(super) fn of_registry(reference: &str) -> Result<(), RuntimeError> {
    if reference.contains("missing") {
        let cause = "no such host".to_owned();
        return Err(RuntimeError::NoRegistry { reference: reference.to_owned(), cause });
    }
    if reference.contains("unknown") {
        let (name, _) = reference.rsplit_once(':').unwrap_or((reference, ""));
        return Err(RuntimeError::NotFound(format!(
            "pull access denied for {name}, repository does not exist or may require 'docker login': denied: requested \
             access to the resource is denied"
        )));
    }
    Ok(())
}
