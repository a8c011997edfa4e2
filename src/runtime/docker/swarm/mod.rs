//! Docker Swarm through the API of one of its managers: the same definition on several machines.
//!
//! What one engine calls a container is a Swarm service here, however many containers (tasks) it stands for: Swarm counts, places
//! and restarts those itself. Made is a service with no tasks; started is one that has been given its number of them. Everything that is
//! not about services (images, what runs on the manager's own machine) is the engine's, asked through [`Docker`].

mod files;
mod identity;
mod nodes;
mod operate;
mod rollout;
mod run;
mod service;
mod spec;
mod survey;
mod task;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::{LocalNodeState, Service as Document, ServiceSpec, Task};
use bollard::query_parameters as query;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::{Docker, PROJECT};
use crate::runtime::RuntimeError;
use crate::world::ContainerId;
use identity::Identity;
use service::Held;

pub use files::fingerprint;

/// Between two looks at something that Swarm is about to do.
const AGAIN: Duration = Duration::from_millis(100);

/// A connection to a manager of a swarm.
#[derive(Debug)]
pub struct Swarm {
    docker: Docker,
    /// The node that the manager is.
    own: String,
    /// What is to take the place of a service's present specification: Swarm replaces in place, so nothing stands aside.
    staged: RefCell<BTreeMap<ContainerId, ServiceSpec>>,
    /// What took another's place and runs, or ran, since: to start it is to leave it as it is.
    begun: RefCell<BTreeSet<ContainerId>>,
    /// What was sent and is not seen to its end: the start that it is, and whether something ran before. A call that is made again goes
    /// on there.
    followed: RefCell<BTreeMap<ContainerId, Followed>>,
    /// Secrets and configs that this process counts on, whether or not a service has them yet.
    given: RefCell<BTreeSet<String>>,
}

/// See [`Swarm::followed`].
#[derive(Debug, Clone)]
struct Followed {
    run: String,
    /// The specification that the service had, where it ran.
    before: Option<ServiceSpec>,
}

impl Swarm {
    /// Goes through an engine, which has to be a manager of a swarm that has a leader.
    pub async fn through(docker: Docker) -> Result<Self, RuntimeError> {
        let info = docker.whole(docker.client.info()).await?.swarm.unwrap_or_default();
        let refuse = |what: &str| Err(RuntimeError::NoSwarm(format!("{}: {what}", docker.host)));
        match info.local_node_state {
            Some(LocalNodeState::ACTIVE) => {}
            Some(LocalNodeState::LOCKED) => {
                return refuse("the swarm is locked: `docker swarm unlock` takes its key");
            }
            Some(LocalNodeState::PENDING | LocalNodeState::ERROR) => {
                let why = info.error.filter(|text| !text.is_empty());
                return refuse(&why.unwrap_or_else(|| "it has not joined its swarm yet".to_owned()));
            }
            _ => return refuse("this engine is in no swarm: `docker swarm init` makes one of it"),
        }
        if info.control_available != Some(true) {
            let managers = info.remote_managers.unwrap_or_default();
            let managers: Vec<String> = managers.into_iter().filter_map(|peer| peer.addr).collect();
            return refuse(&format!(
                "this node is a worker; name a manager with --docker-host (managers: {})",
                managers.join(", ")
            ));
        }
        let own = info.node_id.unwrap_or_default();
        let swarm = Self {
            docker,
            own,
            staged: RefCell::default(),
            begun: RefCell::default(),
            followed: RefCell::default(),
            given: RefCell::default(),
        };
        // A manager that has lost the others still calls itself one.
        swarm.swarm().await?;
        Ok(swarm)
    }

    /// A call of the API, its error sorted. Boxed: these calls are large, and most of what is done here is made of several.
    fn asked<'a, T: 'a>(
        &'a self,
        call: impl Future<Output = Result<T, bollard::errors::Error>> + 'a,
    ) -> LocalBoxFuture<'a, Result<T, RuntimeError>> {
        async move {
            match self.docker.whole(call).await {
                // The second is what a manager says that waits for the others.
                Err(RuntimeError::Other(words))
                    if words.contains("does not have a leader")
                        || words.contains("context deadline exceeded") =>
                {
                    Err(RuntimeError::NoSwarm(format!(
                        "{}: too few managers are left for a majority, and the swarm has no leader",
                        self.docker.host
                    )))
                }
                other => other,
            }
        }
        .boxed_local()
    }

    /// The services of a project.
    async fn services(&self, project: &str) -> Result<Vec<Document>, RuntimeError> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])]);
        let options = query::ListServicesOptionsBuilder::new().filters(&filters).build();
        self.asked(self.docker.client.list_services(Some(options))).await
    }

    /// Every task that the swarm remembers. It forgets those of a service that is gone, and remembers them until they have
    /// ended, which a filter by the service would not find.
    async fn tasks(&self) -> Result<Vec<Task>, RuntimeError> {
        self.asked(self.docker.client.list_tasks(None::<query::ListTasksOptions>)).await
    }

    /// The services of a project with their tasks.
    async fn all_held(&self, project: &str) -> Result<Vec<Held>, RuntimeError> {
        let (services, tasks) = futures_util::try_join!(self.services(project), self.tasks())?;
        Ok(services.into_iter().map(|service| Held::new(service, &tasks)).collect())
    }

    /// One service with its tasks.
    async fn held(&self, id: &ContainerId) -> Result<Held, RuntimeError> {
        let service = Identity::of(id).service;
        let options: Option<query::InspectServiceOptions> = None;
        let found = self.asked(self.docker.client.inspect_service(service, options)).await?;
        Ok(Held::new(found, &self.tasks().await?))
    }

    /// Gives a service another specification. Who else changed it in between makes Swarm refuse, and the change is made on what is
    /// there then.
    async fn change(&self, id: &ContainerId, change: impl Fn(&mut ServiceSpec)) -> Result<(), RuntimeError> {
        let service = Identity::of(id).service.to_owned();
        loop {
            let options: Option<query::InspectServiceOptions> = None;
            let found = self.asked(self.docker.client.inspect_service(&service, options)).await?;
            let version = found.version.and_then(|version| version.index).unwrap_or_default();
            let mut spec = found.spec.unwrap_or_default();
            change(&mut spec);
            let options = query::UpdateServiceOptionsBuilder::new();
            let options = options.version(i32::try_from(version).unwrap_or(i32::MAX)).build();
            match self.asked(self.docker.client.update_service(&service, spec, options, None)).await {
                Err(RuntimeError::Other(words)) if words.contains("out of sequence") => {
                    tokio::time::sleep(AGAIN).await;
                }
                other => return other.map(|_| ()),
            }
        }
    }
}
