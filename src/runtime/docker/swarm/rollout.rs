//! Starting, updating, stopping and removing services, and waiting until Swarm has done it: it answers when it has understood.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{
    ServiceSpec, ServiceSpecUpdateConfigFailureActionEnum as OnFailure,
    ServiceUpdateStatusStateEnum as Update, Task,
};
use bollard::query_parameters as query;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::identity::Identity;
use super::service::{ENDED, Held, NO_NODE};
use super::spec::{RUN, mode};
use super::task::{self, Stage};
use super::{AGAIN, Followed, PROJECT, Swarm};
use crate::runtime::operate::{Operate as _, Until};
use crate::runtime::{Runtime as _, RuntimeError};
use crate::world::{ContainerId, State};

/// For so long a task may find no node: ports and memory of what is just going are not free yet.
const HOMELESS: Duration = Duration::from_secs(8);
/// For so long what an update has replaced may take to be there again.
const BACK: Duration = Duration::from_secs(30);
/// Of a container that says nothing of how long it takes to end.
const GRACE: Duration = Duration::from_secs(10);

/// A start that differs from every other.
fn new_run() -> String {
    let mut bytes = [0; 8];
    // The system's randomness fails before a program runs, or not at all.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes it the specification of a start with so many containers.
fn begin(spec: &mut ServiceSpec, run: &str, count: u32) {
    let job = spec.mode.as_ref().is_some_and(|mode| mode.replicated_job.is_some());
    spec.mode = Some(mode(job, count));
    let labels = spec.labels.get_or_insert_default();
    labels.insert(RUN.to_owned(), run.to_owned());
    labels.remove(ENDED);
    let container = spec.task_template.get_or_insert_default().container_spec.get_or_insert_default();
    container.labels.get_or_insert_default().insert(RUN.to_owned(), run.to_owned());
}

/// To Swarm a start is an update, too, and the earlier state of one that fails would be: no containers.
fn keep(spec: &mut ServiceSpec) {
    if let Some(update) = &mut spec.update_config {
        update.failure_action = Some(OnFailure::CONTINUE);
    }
}

/// How many containers a specification asks for.
fn replicas(spec: &ServiceSpec) -> u32 {
    let label = spec.labels.as_ref().and_then(|labels| labels.get(super::spec::REPLICAS));
    label.and_then(|text| text.parse().ok()).unwrap_or(1)
}

impl Swarm {
    /// Starts what does not run. Swarm never leaves a service alone that it was told to run: one that cannot start is told to
    /// stop before the error is told.
    pub(super) async fn launch(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        if self.begun.borrow_mut().remove(id) {
            return Ok(());
        }
        let held = self.held(id).await?;
        if held.state() == State::Restarting {
            return Ok(());
        }
        if held.is_up() {
            return self.until_started(id).await;
        }
        let run = new_run();
        self.change(id, |spec| {
            begin(spec, &run, held.replicas());
            keep(spec);
        })
        .await?;
        self.started_or_withdrawn(id, held.is_job()).await
    }

    /// See [`Self::until_started`]; what cannot start is not tried for ever.
    async fn started_or_withdrawn(&self, id: &ContainerId, job: bool) -> Result<(), RuntimeError> {
        let started = self.until_started(id).await;
        if started.as_ref().is_err_and(|e| !matches!(e, RuntimeError::Unreachable { .. })) {
            let withdraw = |spec: &mut ServiceSpec| {
                begin(spec, "", 0);
                spec.mode = Some(mode(job, 0));
            };
            // The error that is told is the first.
            let _ = self.change(id, withdraw).await;
        }
        started
    }

    /// Until every container is there: it runs, or has a health check to pass, or has run to its end.
    async fn until_started(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let begin = Instant::now();
        loop {
            let held = self.held(id).await?;
            let newest: Vec<&Task> =
                held.slots().into_values().filter_map(|tasks| tasks.last().copied()).collect();
            let there = newest.iter().filter(|task| match task::stage(task) {
                Stage::Running | Stage::Ended(_) => true,
                Stage::Starting => held.is_tested(),
                Stage::Waiting | Stage::Taken => false,
            });
            // A one-shot runs one container after the other.
            let wanted = if held.is_job() { 1 } else { held.wanted() };
            if there.count() >= usize::try_from(wanted).unwrap_or(usize::MAX) {
                return Ok(());
            }
            if let Some(refused) = held.tasks.iter().find(|task| task::is_rejected(task)) {
                return Err(refusal(task::error(refused).unwrap_or("a node refused it")));
            }
            let homeless = newest.iter().filter(|task| task::stage(task) == Stage::Waiting);
            let obstacle =
                homeless.filter_map(|task| task::error(task)).find(|words| words.contains(NO_NODE));
            if let Some(words) = obstacle.filter(|_| begin.elapsed() > HOMELESS) {
                return Err(placeless(&held, words));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Puts a staged specification in the place of the one that runs, and waits until Swarm has replaced the containers or put the
    /// earlier ones back.
    pub(super) async fn replace(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let staged = self.staged.borrow().get(id).cloned();
        if let Some(staged) = staged {
            let held = self.held(id).await?;
            let before = (held.wanted() > 0 && !held.is_job()).then_some(held.spec);
            let run = new_run();
            self.change(id, |spec| {
                *spec = staged.clone();
                begin(spec, &run, replicas(&staged));
                if before.is_none() {
                    keep(spec);
                }
            })
            .await?;
            // From here on Swarm has understood, and the call that is made again only looks on.
            self.staged.borrow_mut().remove(id);
            self.followed.borrow_mut().insert(id.clone(), Followed { run, before });
        }
        let Some(followed) = self.followed.borrow().get(id).cloned() else { return Ok(()) };
        let replaced = self.follow(id, &followed).await;
        if !matches!(replaced, Err(RuntimeError::Unreachable { .. })) {
            self.followed.borrow_mut().remove(id);
        }
        replaced?;
        self.begun.borrow_mut().insert(id.clone());
        if let Some(project) = self.held(id).await?.label(PROJECT) {
            // Older secrets that stay do no harm.
            let _ = self.forget_unused(project).await;
        }
        Ok(())
    }

    /// Until a replacement has come to its end. One that no node takes is taken back here: Swarm would wait for a node for ever.
    async fn follow(&self, id: &ContainerId, followed: &Followed) -> Result<(), RuntimeError> {
        let Some(before) = &followed.before else {
            let job = self.held(id).await?.is_job();
            return self.started_or_withdrawn(id, job).await;
        };
        match self.until_updated(id, &followed.run).await? {
            Outcome::Updated => Ok(()),
            Outcome::Homeless(why) => {
                self.change(id, |spec| *spec = before.clone()).await?;
                Err(RuntimeError::RolledBack(why.to_string()))
            }
        }
    }

    async fn until_updated(&self, id: &ContainerId, run: &str) -> Result<Outcome, RuntimeError> {
        let mut obstacle = String::new();
        let mut moved = Instant::now();
        loop {
            let options: Option<query::InspectServiceOptions> = None;
            let service = Identity::of(id).service;
            let found = self.asked(self.docker.client.inspect_service(service, options)).await?;
            let tasks = self.tasks().await?;
            let failed = tasks.iter().filter(|task| task::run(task) == run);
            if let Some(words) = failed.filter(|task| !is_underway(task)).find_map(task::error) {
                words.clone_into(&mut obstacle);
            }
            let status = found.update_status.clone().unwrap_or_default();
            let message = status.message.unwrap_or_default();
            let held = Held::new(found, &tasks);
            match status.state {
                // The earlier ones are begun again, and not there yet.
                Some(Update::ROLLBACK_COMPLETED)
                    if held.running() < held.wanted() && moved.elapsed() < BACK =>
                {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Some(Update::ROLLBACK_COMPLETED | Update::ROLLBACK_PAUSED) => {
                    let words = if obstacle.is_empty() { message } else { obstacle };
                    return Err(RuntimeError::RolledBack(words));
                }
                Some(Update::PAUSED) => {
                    let words = if obstacle.is_empty() { message } else { obstacle };
                    return Err(RuntimeError::Other(format!("the update stands still: {words}")));
                }
                Some(Update::COMPLETED) => return Ok(Outcome::Updated),
                // Swarm would wait for a node for ever.
                Some(state @ (Update::UPDATING | Update::ROLLBACK_STARTED))
                    if held.obstacle().is_some_and(|words| words.contains(NO_NODE)) =>
                {
                    // Who is to go first has its grace, and its port and memory as long.
                    if moved.elapsed() > HOMELESS + grace(&held) {
                        let why = placeless(&held, held.obstacle().unwrap_or_default());
                        return if state == Update::UPDATING { Ok(Outcome::Homeless(why)) } else { Err(why) };
                    }
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Some(Update::UPDATING | Update::ROLLBACK_STARTED) => {}
                // Nothing had to be replaced.
                _ if held.run() == run && held.running() >= held.wanted() => return Ok(Outcome::Updated),
                _ => {}
            }
            moved = Instant::now();
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Takes away its containers and waits until they have ended. How the last one did is written on the service: Swarm forgets it.
    pub(super) async fn halt(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), RuntimeError> {
        let held = self.held(id).await?;
        if held.run().is_empty() || held.wanted() == 0 || held.is_job() && held.end().is_some() {
            return Ok(());
        }
        let local = self.containers_here(&held);
        // Asked before anything ends, or the end would be over.
        let ends = join_all(local.iter().map(|container| self.docker.end(container, Until::Ended))).await;
        let job = held.is_job();
        self.change(id, |spec| spec.mode = Some(mode(job, 0))).await?;
        if let Some(grace) = grace {
            // Swarm knows only the grace of the specification; on this machine the engine can be told.
            join_all(local.iter().map(|container| self.docker.stop(container, Some(grace)))).await;
        }
        self.until_gone(&held, grace).await?;
        let mut code = None;
        for end in ends.into_iter().flatten() {
            let limit = tokio::time::timeout(Duration::from_secs(1), end).await;
            code = code.or(limit.ok().and_then(Result::ok));
        }
        let own = held.end().map(|end| end.exit.code);
        if let Some(code) = code.or(own) {
            let mark = held.tasks.last().and_then(|task| task.id.clone()).unwrap_or_default();
            let ended = format!("{code} {mark}");
            self.change(id, |spec| {
                spec.labels.get_or_insert_default().insert(ENDED.to_owned(), ended.clone());
            })
            .await?;
        }
        Ok(())
    }

    /// Removes a service and waits until its containers are gone. What is only staged is dropped, and the service stays.
    pub(super) async fn scrap(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        if self.staged.borrow_mut().remove(id).is_some() {
            return Ok(());
        }
        let held = match self.held(id).await {
            Err(e) if e.is_not_found() => return Ok(()),
            other => other?,
        };
        match self.asked(self.docker.client.delete_service(&held.id)).await {
            Err(e) if !e.is_not_found() => return Err(e),
            _ => {}
        }
        self.until_gone(&held, None).await?;
        // Swarm leaves those behind that had ended before, with what they hold of volumes.
        for container in self.containers_of(&held.id, true).await? {
            self.docker.remove(&container).await?;
        }
        if let Some(project) = held.label(PROJECT) {
            let _ = self.forget_unused(project).await;
        }
        Ok(())
    }

    /// The containers of a service on the node that is asked.
    pub(super) fn containers_here(&self, held: &Held) -> Vec<ContainerId> {
        let here = held.tasks.iter().filter(|task| {
            task.node_id.as_deref() == Some(&self.own)
                && matches!(task::stage(task), Stage::Running | Stage::Starting)
        });
        here.filter_map(|task| task::container(task).map(|id| ContainerId(id.to_owned()))).collect()
    }

    /// Until no task of a service is left that has not ended, nor a container of it on this machine. A node that is down tells
    /// nothing of its own: its tasks are not waited for.
    async fn until_gone(&self, held: &Held, grace: Option<Duration>) -> Result<(), RuntimeError> {
        let patience = grace.unwrap_or_else(|| self::grace(held)).saturating_add(self.docker.patience);
        let begin = Instant::now();
        let wanted = || async {
            let reachable =
                self.swarm().await?.nodes.into_iter().filter(|node| node.takes_work || node.id == self.own);
            let reachable: Vec<String> = reachable.map(|node| node.id).collect();
            let tasks = self.tasks().await?;
            let left = tasks.iter().any(|task| {
                task.service_id.as_deref() == Some(&held.id)
                    && is_underway(task)
                    && task.node_id.as_ref().is_some_and(|node| reachable.contains(node))
            });
            Ok::<bool, RuntimeError>(left || !self.containers_of(&held.id, false).await?.is_empty())
        };
        while wanted().await? {
            if begin.elapsed() > patience {
                return Err(RuntimeError::TimedOut(patience));
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    /// The containers of a service on this machine: those that run, or all.
    async fn containers_of(&self, service: &str, all: bool) -> Result<Vec<ContainerId>, RuntimeError> {
        let filters =
            HashMap::from([("label".to_owned(), vec![format!("com.docker.swarm.service.id={service}")])]);
        let options = query::ListContainersOptionsBuilder::new().all(all).filters(&filters).build();
        let found = self.asked(self.docker.client.list_containers(Some(options))).await?;
        Ok(found.into_iter().filter_map(|container| container.id.map(ContainerId)).collect())
    }
}

/// What became of an update, where Swarm did not undo it.
enum Outcome {
    Updated,
    /// No node takes the next container.
    Homeless(RuntimeError),
}

/// How long a container of it may take to end.
fn grace(held: &Held) -> Duration {
    let container = held.spec.task_template.as_ref().and_then(|task| task.container_spec.as_ref());
    let own = container.and_then(|spec| spec.stop_grace_period).and_then(|ns| u64::try_from(ns).ok());
    own.map_or(GRACE, Duration::from_nanos)
}

fn is_underway(task: &Task) -> bool {
    matches!(task::stage(task), Stage::Waiting | Stage::Starting | Stage::Running)
}

/// What a node said when it refused a container.
fn refusal(words: &str) -> RuntimeError {
    super::super::error::by_status(500, words)
}

/// Why no node takes a task.
fn placeless(held: &Held, words: &str) -> RuntimeError {
    let ports = held.spec.endpoint_spec.as_ref().and_then(|endpoint| endpoint.ports.as_ref());
    let published = ports.into_iter().flatten().filter_map(|port| u16::try_from(port.published_port?).ok());
    match published.into_iter().find(|port| *port > 0 && words.contains("port already in use")) {
        Some(port) => RuntimeError::PortInUse { port },
        None => RuntimeError::Other(format!("no node of the swarm takes it: {words}")),
    }
}
