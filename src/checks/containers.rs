//! Every service of the definition has its container in the right state. Pure.

use super::{CheckResult, Outcome};
use crate::definition::model::{Definition, ImageUnavailable, Service};
use crate::world::{Health, State, World};

/// Names of the checks that are made here.
const NAMES: [&str; 2] = ["running", "completed"];

/// Whether a check of that name is one of these.
pub(super) fn is_own(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(super) fn check(definition: &Definition, world: &World) -> Vec<CheckResult> {
    let jobs = definition.jobs();
    definition
        .services
        .values()
        .map(|service| {
            let job = jobs.contains(&service.name);
            let (name, proves) = if job {
                ("completed", "the one-shot ran to its end and succeeded")
            } else {
                ("running", "its process lives, and the engine's own health check does not say no")
            };
            CheckResult::new(service.name.as_str(), name, proves, one(service, job, world))
        })
        .collect()
}

fn one(service: &Service, job: bool, world: &World) -> Outcome {
    let name = &service.name;
    let Some(container) = world.of(name).find(|c| !c.aside) else {
        if service.pdex.image_unavailable == ImageUnavailable::Skip
            && !world.images.contains_key(&service.image)
        {
            return Outcome::Skipped(format!("image {} is not available here", service.image));
        }
        return Outcome::failed("it has no container", format!("pdex up {name}"));
    };
    let logs = format!("pdex logs --tail 50 {name}");
    match (&container.state, job) {
        (State::Exited(exit), true) if exit.is_success() => Outcome::Passed("completed".to_owned()),
        (State::Exited(exit), _) => {
            let hint = if exit.is_success() { format!("pdex up {name}") } else { logs };
            Outcome::failed(format!("ended with {}", exit.meaning()), hint)
        }
        (State::Running { .. }, true) => Outcome::failed("still running", logs),
        (State::Running { health: Some(Health::Unhealthy) }, false) => {
            Outcome::failed("running, its health check fails", logs)
        }
        (State::Running { health: Some(Health::Healthy) }, false) => {
            Outcome::Passed("running, healthy".to_owned())
        }
        // The engine's first verdict comes a whole interval after the start; the platform checks ask for themselves.
        (State::Running { .. }, false) => Outcome::Passed("running".to_owned()),
        (State::Created, _) => Outcome::failed("created, never started", format!("pdex up {name}")),
        (State::Restarting, _) => Outcome::failed("ends and is restarted over and over", logs),
        (State::Paused, _) => Outcome::failed("paused", format!("docker unpause {}", container.name)),
        (State::Removing | State::Dead, _) => Outcome::failed("being removed", format!("pdex up {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::model::ServiceName;
    use crate::world::{Container, ContainerId, Exit, ImageId};

    fn world(state: State) -> World {
        let container = Container {
            id: ContainerId("1".into()),
            name: "letsgo_api".into(),
            service: ServiceName::new("api"),
            number: 1,
            fields: std::collections::BTreeMap::new(),
            config_hash: String::new(),
            image: ImageId("sha256:1".into()),
            state,
            aside: false,
        };
        World { containers: vec![container], ..World::default() }
    }

    fn service() -> Service {
        Service { name: ServiceName::new("api"), image: "api:1".to_owned(), ..Service::default() }
    }

    #[test]
    fn a_stopped_service_fails_and_a_finished_job_passes() {
        let ended = |code| world(State::Exited(Exit { code, out_of_memory: false }));
        assert!(matches!(one(&service(), false, &ended(0)), Outcome::Failed { .. }));
        assert!(matches!(one(&service(), true, &ended(0)), Outcome::Passed(_)));
        assert!(matches!(one(&service(), true, &ended(1)), Outcome::Failed { .. }));
        assert!(matches!(one(&service(), false, &World::default()), Outcome::Failed { .. }));
    }

    #[test]
    fn an_image_that_cannot_be_had_is_no_failure_where_the_definition_says_so() {
        let mut grafana = service();
        grafana.pdex.image_unavailable = ImageUnavailable::Skip;
        assert!(matches!(one(&grafana, false, &World::default()), Outcome::Skipped(_)));
    }
}
