//! A service that Swarm holds, with its tasks, and what follows from the two. Pure.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{Service, ServiceSpec, ServiceUpdateStatus, Task};

use super::super::create::FIELDS;
use super::identity::Identity;
use super::spec::{CONFIG_HASH, IMAGE, REPLICAS, RUN, SERVICE};
use super::task::{self, Stage};
use crate::definition::model::ServiceName;
use crate::world::{Container, ContainerId, End, Exit, Health, ImageId, State};

/// Label of a service that was stopped: `CODE MARK` of the end of its last container.
pub(super) const ENDED: &str = "io.pdex.ended";
/// In the words of Swarm's scheduler.
pub(super) const NO_NODE: &str = "no suitable node";
/// The code of an end that nobody saw.
const UNSEEN: i64 = -1;

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) service: Service,
    pub(super) spec: ServiceSpec,
    /// Those of the present start, oldest first.
    pub(super) tasks: Vec<Task>,
}

impl Held {
    /// Picks the service's tasks out of all there are.
    pub(super) fn new(mut service: Service, all: &[Task]) -> Self {
        let id = service.id.clone().unwrap_or_default();
        let spec = service.spec.take().unwrap_or_default();
        let mut held = Self { id, service, spec, tasks: Vec::new() };
        let own =
            |task: &&Task| task.service_id.as_deref() == Some(&held.id) && task::run(task) == held.run();
        let mut tasks: Vec<Task> = all.iter().filter(own).cloned().collect();
        tasks.sort_by_key(task::made);
        held.tasks = tasks;
        held
    }

    fn labels(&self) -> Option<&HashMap<String, String>> {
        self.spec.labels.as_ref()
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels()?.get(key).map(String::as_str)
    }

    pub(super) fn name(&self) -> &str {
        self.spec.name.as_deref().unwrap_or_default()
    }

    /// Which start of it holds; empty when it was never started.
    pub(super) fn run(&self) -> &str {
        self.label(RUN).unwrap_or_default()
    }

    pub(super) fn is_job(&self) -> bool {
        self.spec.mode.as_ref().is_some_and(|mode| mode.replicated_job.is_some())
    }

    /// How many containers it is to have now.
    pub(super) fn wanted(&self) -> u32 {
        let mode = self.spec.mode.as_ref();
        let replicas = mode.and_then(|mode| mode.replicated.as_ref()?.replicas);
        let completions = mode.and_then(|mode| mode.replicated_job.as_ref()?.total_completions);
        replicas.or(completions).and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
    }

    /// How many it has when it is started.
    pub(super) fn replicas(&self) -> u32 {
        self.label(REPLICAS).and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    /// Whether it has a health check of its own. That of its image is Swarm's to know.
    pub(super) fn is_tested(&self) -> bool {
        let container = self.spec.task_template.as_ref().and_then(|task| task.container_spec.as_ref());
        let test = container.and_then(|spec| spec.health_check.as_ref()?.test.as_ref());
        test.is_some_and(|test| test.first().is_some_and(|word| word != "NONE"))
    }

    /// The tasks of the present start by slot, oldest first.
    pub(super) fn slots(&self) -> BTreeMap<u32, Vec<&Task>> {
        let mut slots: BTreeMap<u32, Vec<&Task>> = BTreeMap::new();
        for task in &self.tasks {
            slots.entry(task::slot(task)).or_default().push(task);
        }
        slots
    }

    /// The tasks of the first, second, … container, oldest first. Swarm's own numbers have gaps once there were more.
    pub(super) fn of(&self, place: u32) -> Vec<&Task> {
        let mut slots: Vec<Vec<&Task>> = self.slots().into_values().collect();
        let is_there =
            |tasks: &Vec<&Task>| tasks.last().is_some_and(|task| task::stage(task) != Stage::Taken);
        if slots.iter().any(is_there) {
            slots.retain(is_there);
        }
        let place = usize::try_from(place.saturating_sub(1)).unwrap_or(usize::MAX);
        slots.into_iter().nth(place).unwrap_or_default()
    }

    /// The newest task of the first, second, … container.
    pub(super) fn newest(&self, place: u32) -> Option<&Task> {
        self.of(place).pop()
    }

    /// How many slots have a task that runs and is healthy.
    pub(super) fn running(&self) -> u32 {
        let newest =
            self.slots().into_values().filter_map(|tasks| tasks.last().map(|task| task::stage(task)));
        u32::try_from(newest.filter(|stage| *stage == Stage::Running).count()).unwrap_or(u32::MAX)
    }

    /// How it ended, if it has: when it was stopped, when a one-shot has run, or when some container of it ended by itself and none has
    /// come in its place yet.
    pub(super) fn end(&self) -> Option<End> {
        if self.run().is_empty() {
            return None;
        }
        if self.wanted() == 0 {
            let told = self.label(ENDED).and_then(|text| text.split_once(' '));
            let told = told.and_then(|(code, mark)| Some((code.parse().ok()?, mark.to_owned())));
            let (code, mark) = told.unwrap_or((UNSEEN, self.run().to_owned()));
            return Some(end(code, mark));
        }
        if self.is_job() {
            return self.end_of_job();
        }
        self.slots().into_values().find_map(|tasks| Self::end_of_slot(&tasks))
    }

    /// A slot whose newest task has ended, or waits because the one before it has.
    fn end_of_slot(tasks: &[&Task]) -> Option<End> {
        let (newest, earlier) = tasks.split_last()?;
        let ended = match task::stage(newest) {
            Stage::Ended(_) => newest,
            Stage::Waiting => earlier.last()?,
            Stage::Starting | Stage::Running | Stage::Taken => return None,
        };
        match task::stage(ended) {
            Stage::Ended(code) => Some(end(code, ended.id.clone().unwrap_or_default())),
            _ => None,
        }
    }

    /// Every run has succeeded, or one has failed and is not tried again.
    fn end_of_job(&self) -> Option<End> {
        let ends: Vec<(i64, &Task)> = self
            .slots()
            .into_values()
            .filter_map(|tasks| match task::stage(tasks.last()?) {
                Stage::Ended(code) => Some((code, *tasks.last()?)),
                _ => None,
            })
            .collect();
        let mark = |task: &Task| task.id.clone().unwrap_or_default();
        if let Some((code, task)) = ends.iter().find(|(code, _)| *code != 0) {
            return Some(end(*code, mark(task)));
        }
        let last = ends.last().filter(|_| ends.len() >= usize::try_from(self.wanted()).unwrap_or(usize::MAX));
        last.map(|(code, task)| end(*code, mark(task)))
    }

    /// Whether it is at work, or about to be.
    pub(super) fn is_up(&self) -> bool {
        !self.run().is_empty() && self.wanted() > 0 && self.end().is_none()
    }

    /// In the words that one engine has for a container.
    pub(super) fn state(&self) -> State {
        if self.run().is_empty() {
            return State::Created;
        }
        // No node takes it: it is where it was before it was started.
        if self.wanted() > 0
            && self.running() < self.wanted()
            && self.obstacle().is_some_and(|words| words.contains(NO_NODE))
        {
            return State::Created;
        }
        if let Some(end) = self.end() {
            let again = self.wanted() > 0
                && !self.is_job()
                && self
                    .slots()
                    .values()
                    .any(|tasks| tasks.last().is_some_and(|task| task::stage(task) == Stage::Waiting));
            return if again { State::Restarting } else { State::Exited(end.exit) };
        }
        let health = if self.is_job() || self.running() < self.wanted() {
            (!self.is_job()).then_some(Health::Starting)
        } else {
            self.is_tested().then_some(Health::Healthy)
        };
        State::Running { health }
    }

    /// What is in the way of a container that is not there, in Swarm's words.
    pub(super) fn obstacle(&self) -> Option<&str> {
        let newest = self.slots().into_values().filter_map(|tasks| tasks.last().copied());
        newest.filter(|task| task::stage(task) != Stage::Running).find_map(task::error)
    }

    /// As the snapshot of a project has it; `None` for a service that pdex did not make.
    pub(super) fn container(&self) -> Option<Container> {
        Some(Container {
            id: Identity::name(&self.id, 1),
            name: self.name().to_owned(),
            service: ServiceName::new(self.label(SERVICE)?),
            number: 1,
            // What Swarm is still about to change is as good as unknown: it is sent again, and followed to its end.
            config_hash: if is_settled(&self.spec, self.service.update_status.as_ref()) {
                self.label(CONFIG_HASH).unwrap_or_default().to_owned()
            } else {
                String::new()
            },
            fields: self.label(FIELDS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            image: ImageId(self.label(IMAGE).unwrap_or_default().to_owned()),
            state: self.state(),
            aside: false,
        })
    }

    /// The name under which the rest of pdex knows it.
    pub(super) fn identity(&self) -> ContainerId {
        Identity::name(&self.id, 1)
    }
}

/// Whether Swarm has nothing left to replace, forwards or backwards. To Swarm a mere start is an update as well, but one that it would
/// go on with in any case.
pub(super) fn is_settled(spec: &ServiceSpec, status: Option<&ServiceUpdateStatus>) -> bool {
    use bollard::models::ServiceSpecUpdateConfigFailureActionEnum as OnFailure;
    use bollard::models::ServiceUpdateStatusStateEnum as Update;
    let goes_on = spec.update_config.as_ref().and_then(|update| update.failure_action);
    match status.and_then(|status| status.state) {
        Some(Update::UPDATING) => goes_on == Some(OnFailure::CONTINUE),
        Some(Update::PAUSED | Update::ROLLBACK_STARTED | Update::ROLLBACK_PAUSED) => false,
        _ => true,
    }
}

fn end(code: i64, mark: String) -> End {
    End { exit: Exit { code, out_of_memory: false }, mark }
}

#[cfg(test)]
#[path = "service_test.rs"]
mod tests;
