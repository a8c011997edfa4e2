//! Where containers go, what they may use, when they are started again, and how they are replaced.

use bollard::models::{
    Limit, Platform, ResourceObject, ServiceSpecRollbackConfig, ServiceSpecRollbackConfigFailureActionEnum,
    ServiceSpecRollbackConfigOrderEnum, ServiceSpecUpdateConfig, ServiceSpecUpdateConfigFailureActionEnum,
    ServiceSpecUpdateConfigOrderEnum, TaskSpecLogDriver, TaskSpecPlacement, TaskSpecPlacementPreferences,
    TaskSpecPlacementSpread, TaskSpecResources, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};

use super::Translating;
use crate::definition::model::{OnFailure, Order, PortMode, Restart, Rollout, Service};
use crate::runtime::docker::create::{map, nanos};

/// Before a container that ended is started again, where the definition is silent: Swarm's own five seconds are long for who waits.
const DELAY_NS: i64 = 1_000_000_000;
/// Containers replaced at once, where the definition is silent.
const AT_ONCE: u32 = 1;

pub(super) fn resources(service: &Service) -> TaskSpecResources {
    let (limits, reservations) = (service.limits(), service.reservations());
    TaskSpecResources {
        limits: Some(Limit { nano_cpus: limits.nano_cpus, memory_bytes: limits.memory, pids: limits.pids }),
        reservations: Some(ResourceObject {
            nano_cpus: reservations.nano_cpus,
            memory_bytes: reservations.memory,
            ..ResourceObject::default()
        }),
        ..TaskSpecResources::default()
    }
}

pub(super) fn restart(service: &Service, job: bool) -> TaskSpecRestartPolicy {
    use TaskSpecRestartPolicyConditionEnum as Condition;
    let (condition, attempts) = match service.restart_policy() {
        Restart::No => (Condition::NONE, None),
        // Once it has succeeded a one-shot is done, whatever the policy.
        Restart::Always | Restart::UnlessStopped if job => (Condition::ON_FAILURE, None),
        Restart::Always | Restart::UnlessStopped => (Condition::ANY, None),
        Restart::OnFailure { max_retries } => (Condition::ON_FAILURE, max_retries),
    };
    let written = service.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref());
    TaskSpecRestartPolicy {
        condition: Some(condition),
        delay: Some(written.and_then(|policy| policy.delay).map_or(DELAY_NS, nanos)),
        max_attempts: attempts.map(i64::from),
        window: written.and_then(|policy| policy.window).map(nanos),
    }
}

pub(super) fn log(service: &Service) -> Option<TaskSpecLogDriver> {
    let logging = service.logging.as_ref()?;
    Some(TaskSpecLogDriver { name: logging.driver.clone(), options: map(&logging.options) })
}

/// See [`crate::world::swarm::Swarm::constraints`].
pub(super) fn placement(translating: &Translating<'_>) -> TaskSpecPlacement {
    let Translating { definition, service, swarm, .. } = translating;
    let spread = &service.pdex.swarm;
    let preferences: Vec<TaskSpecPlacementPreferences> = spread
        .over
        .iter()
        .map(|label| TaskSpecPlacementPreferences {
            spread: Some(TaskSpecPlacementSpread { spread_descriptor: Some(label.clone()) }),
        })
        .collect();
    TaskSpecPlacement {
        constraints: Some(swarm.constraints(definition, service)),
        preferences: (!preferences.is_empty()).then_some(preferences),
        max_replicas: spread.most_per_node.map(i64::from),
        platforms: service.platform.as_deref().map(|text| vec![platform(text)]),
    }
}

/// `os/arch[/variant]`
fn platform(text: &str) -> Platform {
    let mut parts = text.split('/').map(str::to_owned);
    Platform { os: parts.next(), architecture: parts.next() }
}

/// The new one comes first where both can be there at once: not with a port of the node's own, not with data that only one may
/// have open.
fn order(translating: &Translating<'_>, rollout: &Rollout) -> Order {
    let service = translating.service;
    let one_at_a_time = translating.definition.state_of(service).next().is_some()
        || service
            .ports
            .iter()
            .any(|port| port.published.is_some() && service.port_mode(port) == PortMode::Host);
    let order = if one_at_a_time { Order::StopFirst } else { Order::StartFirst };
    rollout.order.unwrap_or(order)
}

pub(super) fn update(translating: &Translating<'_>) -> ServiceSpecUpdateConfig {
    use ServiceSpecUpdateConfigFailureActionEnum as Action;
    let rollout = &translating.service.pdex.swarm.update;
    ServiceSpecUpdateConfig {
        parallelism: Some(rollout.parallelism.unwrap_or(AT_ONCE).into()),
        delay: rollout.delay.map(nanos),
        failure_action: Some(match rollout.on_failure.unwrap_or(OnFailure::Rollback) {
            OnFailure::Rollback => Action::ROLLBACK,
            OnFailure::Pause => Action::PAUSE,
            OnFailure::Continue => Action::CONTINUE,
        }),
        monitor: rollout.monitor.map(nanos),
        max_failure_ratio: Some(0.0),
        order: Some(match order(translating, rollout) {
            Order::StartFirst => ServiceSpecUpdateConfigOrderEnum::START_FIRST,
            Order::StopFirst => ServiceSpecUpdateConfigOrderEnum::STOP_FIRST,
        }),
    }
}

pub(super) fn rollback(translating: &Translating<'_>) -> ServiceSpecRollbackConfig {
    use ServiceSpecRollbackConfigFailureActionEnum as Action;
    let rollout = &translating.service.pdex.swarm.rollback;
    ServiceSpecRollbackConfig {
        parallelism: Some(rollout.parallelism.unwrap_or(AT_ONCE).into()),
        delay: rollout.delay.map(nanos),
        failure_action: Some(match rollout.on_failure.unwrap_or(OnFailure::Pause) {
            OnFailure::Continue => Action::CONTINUE,
            OnFailure::Rollback | OnFailure::Pause => Action::PAUSE,
        }),
        monitor: rollout.monitor.map(nanos),
        max_failure_ratio: Some(0.0),
        order: Some(match order(translating, rollout) {
            Order::StartFirst => ServiceSpecRollbackConfigOrderEnum::START_FIRST,
            Order::StopFirst => ServiceSpecRollbackConfigOrderEnum::STOP_FIRST,
        }),
    }
}
