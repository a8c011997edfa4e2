//! Networks. An engine tells them apart by their ids alone: it lets several have one name, and then refuses to start what joins that
//! name. A run that is killed while it asks for a network, and the next that asks again, get there.

use std::collections::HashMap;

use bollard::models::{Network as Found, NetworkCreateRequest};
use bollard::query_parameters as query;

use super::api::Api;
use super::{Docker, PROJECT, gone, things};
use crate::definition::model::Network;
use crate::runtime::RuntimeError;

impl Docker {
    async fn networks_named(&self, name: &str) -> Result<Vec<Found>, RuntimeError> {
        let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
        let options = query::ListNetworksOptionsBuilder::new().filters(&filters).build();
        let found = self.whole(self.client.list_networks(Some(options))).await?;
        // The engine's filter also finds names that only contain it.
        Ok(found.into_iter().filter(|network| network.name.as_deref() == Some(name)).collect())
    }

    pub(super) async fn make_network(
        &self,
        project: &str,
        key: &str,
        network: &Network,
    ) -> Result<(), RuntimeError> {
        if !self.networks_named(&network.name).await?.is_empty() {
            return Ok(());
        }
        let request = things::network(project, key, network, Api::of(self.client.client_version()))?;
        match self.ask_for_network(request).await {
            Err(RuntimeError::Conflict(_)) => Ok(()),
            other => other,
        }
    }

    /// Removes every network of a name.
    pub(super) async fn drop_networks(&self, name: &str) -> Result<(), RuntimeError> {
        for id in self.networks_named(name).await?.into_iter().filter_map(|network| network.id) {
            gone(self.whole(self.client.remove_network(&id)).await)?;
        }
        Ok(())
    }

    /// Asks for a network, and that it be refused where the name is taken.
    async fn ask_for_network(&self, request: NetworkCreateRequest) -> Result<(), RuntimeError> {
        if Api::of(self.client.client_version()) < Api::NAMES_ONCE
            && let Ok(raw) = self.raw()
        {
            let unwritten = |e: serde_json::Error| RuntimeError::Other(e.to_string());
            let mut body = serde_json::to_value(&request).map_err(unwritten)?;
            body["CheckDuplicate"] = true.into();
            let asked =
                tokio::time::timeout(self.patience, raw.order(&["networks", "create"], &[], &body)).await;
            return asked.unwrap_or(Err(RuntimeError::TimedOut(self.patience))).map(|_| ());
        }
        self.client.create_network(request).await.map(|_| ()).map_err(|e| self.sort(&e))
    }

    /// Carries out an order that joins networks, once more where one of them turned out to be several.
    pub(super) async fn joining<T>(
        &self,
        order: impl AsyncFn() -> Result<T, RuntimeError>,
    ) -> Result<T, RuntimeError> {
        match order().await {
            Err(error) => match shared_name(&error.to_string()) {
                Some(name) if self.keep_one(name).await? => order().await,
                _ => Err(error),
            },
            done => done,
        }
    }

    /// Removes what shares its name with another network of a project, as far as nothing is in it. Whether one is left.
    async fn keep_one(&self, name: &str) -> Result<bool, RuntimeError> {
        let mut found = self.networks_named(name).await?;
        // The oldest is the last to go.
        found.sort_by(|a, b| b.created.cmp(&a.created));
        let mut left = found.len();
        for network in found {
            let is_a_projects = network.labels.is_some_and(|labels| labels.contains_key(PROJECT));
            let Some(id) = network.id.filter(|_| left > 1 && is_a_projects) else { continue };
            // One in which something is stays, and the engine says so.
            if gone(self.whole(self.client.remove_network(&id)).await).is_ok() {
                left -= 1;
            }
        }
        Ok(left == 1)
    }
}

/// The name of `network shop_default is ambiguous (2 matches found on name)`.
fn shared_name(message: &str) -> Option<&str> {
    let (before, _) = message.split_once(" is ambiguous (")?;
    before.rsplit_once("network ").map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_several_have_is_told() {
        for (message, name) in [
            ("network shop_default is ambiguous (2 matches found on name)", Some("shop_default")),
            (
                "failed to set up container networking: network a.b is ambiguous (3 matches found on name)",
                Some("a.b"),
            ),
            ("network shop_default not found", None),
        ] {
            assert_eq!(shared_name(message), name);
        }
    }
}
