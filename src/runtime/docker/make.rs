//! Making a container: what has to be asked before, and what has to follow before it may start.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{EndpointSettings, NetworkConnectRequest};
use bollard::query_parameters as query;

use super::api::Api;
use super::create::{self, Made, Making};
use super::{Docker, PROJECT};
use crate::definition::model::{Definition, Service, ServiceName};
use crate::runtime::{CreateOrder, Runtime as _, RuntimeError};
use crate::world::ContainerId;

impl Docker {
    /// What the engine is to be asked for.
    pub(super) async fn made(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<Made, RuntimeError> {
        let api = Api::of(self.client.client_version());
        let others = self.others(definition, service).await?;
        Making { definition, service, order, api, others: &others }.made()
    }

    /// The first containers of the services that `service` shares something with, the newer where one is being replaced.
    async fn others(
        &self,
        definition: &Definition,
        service: &Service,
    ) -> Result<BTreeMap<ServiceName, String>, RuntimeError> {
        let mut found = BTreeMap::new();
        for name in create::others(service) {
            let labels = vec![
                format!("{PROJECT}={}", definition.project),
                format!("com.docker.compose.service={name}"),
                "com.docker.compose.oneoff=False".to_owned(),
                "com.docker.compose.container-number=1".to_owned(),
            ];
            let filters = HashMap::from([("label".to_owned(), labels)]);
            let options = query::ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
            let containers = self.whole(self.client.list_containers(Some(options))).await?;
            let newest = containers.into_iter().max_by_key(|container| container.created);
            found.extend(newest.and_then(|container| container.id).map(|id| (name, id)));
        }
        Ok(found)
    }

    /// Makes the container, joins it to the networks that the engine does not take at creation, and writes its files.
    pub(super) async fn create_from(&self, name: &str, made: Made) -> Result<ContainerId, RuntimeError> {
        let mut options = query::CreateContainerOptionsBuilder::new().name(name);
        if let Some(platform) = &made.platform {
            options = options.platform(platform);
        }
        let (options, body) = (options.build(), &made.body);
        let create = async || {
            let created = self.client.create_container(Some(options.clone()), body.clone()).await;
            created.map_err(|e| self.sort(&e))
        };
        let id = ContainerId(self.joining(create).await?.id);
        match self.complete(&id, made.later, made.files).await {
            Ok(()) => Ok(id),
            Err(error) => {
                // Half a container must not stand in the way of the next try.
                let _ = self.remove(&id).await;
                Err(error)
            }
        }
    }

    async fn complete(
        &self,
        id: &ContainerId,
        networks: Vec<(String, EndpointSettings)>,
        files: Option<Vec<u8>>,
    ) -> Result<(), RuntimeError> {
        for (network, endpoint) in networks {
            let request = NetworkConnectRequest { container: id.0.clone(), endpoint_config: Some(endpoint) };
            let join = async || self.whole(self.client.connect_network(&network, request.clone())).await;
            self.joining(join).await?;
        }
        if let Some(tar) = files {
            let options = query::UploadToContainerOptionsBuilder::new().path("/").build();
            let body = bollard::body_full(tar.into());
            let uploaded = self.client.upload_to_container(&id.0, Some(options), body).await;
            uploaded.map_err(|e| self.sort(&e))?;
        }
        Ok(())
    }
}
