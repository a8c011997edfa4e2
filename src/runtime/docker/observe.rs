//! The snapshot of a project: list calls, plus one image look-up per reference.

use std::collections::{BTreeMap, BTreeSet};

use bollard::Docker as Client;
use bollard::errors::Error;
use bollard::models::{ContainerState, ContainerSummary, ContainerSummaryStateEnum as Listed};
use bollard::query_parameters as query;
use futures_util::future::try_join_all;

use super::create::FIELDS;
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::empty_binds;
use crate::world::{ASIDE, Container, ContainerId, End, Exit, Health, ImageId, State, World};

pub(super) async fn world(client: &Client, definition: &Definition) -> Result<World, Error> {
    let filters = super::project_filter(&definition.project);
    let containers = query::ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let (containers, networks, volumes, images) = futures_util::try_join!(
        client.list_containers(Some(containers)),
        client.list_networks(None::<query::ListNetworksOptions>),
        client.list_volumes(None::<query::ListVolumesOptions>),
        images(client, definition),
    )?;
    let network_names: BTreeSet<&str> = definition.networks.values().map(|n| n.name.as_str()).collect();
    let volume_names: BTreeSet<&str> = definition.volumes.values().map(|v| v.name.as_str()).collect();
    let owner = |labels: Option<&String>| labels.is_some_and(|p| *p == definition.project);
    Ok(World {
        containers: containers.into_iter().filter_map(container).collect(),
        networks: networks
            .into_iter()
            .filter_map(|n| {
                let ours = owner(n.labels.as_ref().and_then(|l| l.get(super::PROJECT)));
                n.name.filter(|name| ours || network_names.contains(name.as_str()))
            })
            .collect(),
        volumes: volumes
            .volumes
            .unwrap_or_default()
            .into_iter()
            .filter(|v| owner(v.labels.get(super::PROJECT)) || volume_names.contains(v.name.as_str()))
            .map(|v| v.name)
            .collect(),
        images,
        empty_binds: empty_binds(definition),
    })
}

async fn images(client: &Client, definition: &Definition) -> Result<BTreeMap<String, ImageId>, Error> {
    let references: BTreeSet<&str> = definition.services.values().map(|s| s.image.as_str()).collect();
    let found =
        try_join_all(references.into_iter().map(
            async |reference| match client.inspect_image(reference).await {
                Ok(image) => Ok(image.id.map(|id| (reference.to_owned(), ImageId(id)))),
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
                Err(e) => Err(e),
            },
        ))
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn container(summary: ContainerSummary) -> Option<Container> {
    let labels = summary.labels.unwrap_or_default();
    let label = |key: &str| labels.get(key).cloned();
    let status = summary.status.unwrap_or_default();
    if label("com.docker.compose.oneoff").as_deref() == Some("True") {
        return None;
    }
    let name = summary.names?.first()?.trim_start_matches('/').to_owned();
    Some(Container {
        id: ContainerId(summary.id?),
        service: ServiceName::new(label("com.docker.compose.service")?),
        number: label("com.docker.compose.container-number").and_then(|n| n.parse().ok()).unwrap_or(1),
        config_hash: label("com.docker.compose.config-hash").unwrap_or_default(),
        fields: label(FIELDS).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        image: ImageId(summary.image_id.unwrap_or_default()),
        state: state(summary.state, &status),
        aside: name.ends_with(ASIDE),
        name,
    })
}

/// What a listed container is doing.
pub(super) fn state(listed: Option<Listed>, status: &str) -> State {
    match listed {
        Some(Listed::RUNNING) => State::Running { health: health(status) },
        Some(Listed::CREATED) => State::Created,
        Some(Listed::PAUSED) => State::Paused,
        Some(Listed::RESTARTING) => State::Restarting,
        Some(Listed::REMOVING) => State::Removing,
        Some(Listed::EXITED) => State::Exited(Exit { code: code(status), out_of_memory: false }),
        _ => State::Dead,
    }
}

/// Engines before 1.52 tell health only in words: `Up 3 minutes (healthy)`.
fn health(status: &str) -> Option<Health> {
    let words = status.rsplit_once('(')?.1;
    match words {
        "healthy)" => Some(Health::Healthy),
        "unhealthy)" => Some(Health::Unhealthy),
        "health: starting)" => Some(Health::Starting),
        _ => None,
    }
}

/// `Exited (137) 2 seconds ago`.
fn code(status: &str) -> i64 {
    status
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .and_then(|(code, _)| code.parse().ok())
        .unwrap_or(-1)
}

/// How an inspected container ended, if it has. The engine calls one that waits to be started again running as well.
pub(super) fn end(state: &ContainerState) -> Option<End> {
    let never_started = state.started_at.as_deref().is_none_or(|at| at.starts_with("0001-"));
    let runs = state.running == Some(true) && state.restarting != Some(true);
    if runs || never_started {
        return None;
    }
    let exit = Exit { code: state.exit_code.unwrap_or(-1), out_of_memory: state.oom_killed == Some(true) };
    Some(End { exit, mark: state.finished_at.clone().unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_list_become_states() {
        assert_eq!(health("Up 3 minutes (healthy)"), Some(Health::Healthy));
        assert_eq!(health("Up 3 seconds (health: starting)"), Some(Health::Starting));
        assert_eq!(health("Up 3 seconds"), None);
        assert_eq!(code("Exited (137) 2 seconds ago"), 137);
    }
}
