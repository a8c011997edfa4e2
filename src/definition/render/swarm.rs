//! `x-pdex.swarm` of a service.

use super::tree::{Map, Tree};
use crate::definition::model::{Endpoint, OnFailure, Order, PortMode, Rollout, Spread};
use crate::definition::values::print_duration;

/// How it is spread over the nodes of a swarm.
pub(super) fn tree(spread: &Spread) -> Tree {
    let mut map = Map::new();
    map.add_some(
        "endpoint",
        spread.endpoint.map(|endpoint| match endpoint {
            Endpoint::Virtual => "vip",
            Endpoint::RoundRobin => "dnsrr",
        }),
    );
    let mut placement = Map::new();
    placement.put_filled("constraints", Tree::texts(&spread.constraints));
    placement.put_some("max_replicas_per_node", spread.most_per_node.map(number));
    placement.put_filled("spread", Tree::texts(&spread.over));
    map.put_filled("placement", placement.into());
    map.add_some(
        "publish",
        spread.publish.map(|mode| match mode {
            PortMode::Host => "host",
            PortMode::Ingress => "ingress",
        }),
    );
    map.put_some("replicas", spread.replicas.map(number));
    map.put_filled("rollback", rollout(&spread.rollback));
    map.put_filled("update", rollout(&spread.update));
    map.put_filled("without", Tree::texts(&spread.without));
    map.into()
}

fn rollout(rollout: &Rollout) -> Tree {
    let mut map = Map::new();
    map.add_some("delay", rollout.delay.map(print_duration));
    map.add_some("monitor", rollout.monitor.map(print_duration));
    map.add_some(
        "on_failure",
        rollout.on_failure.map(|action| match action {
            OnFailure::Rollback => "rollback",
            OnFailure::Pause => "pause",
            OnFailure::Continue => "continue",
        }),
    );
    map.add_some(
        "order",
        rollout.order.map(|order| match order {
            Order::StartFirst => "start-first",
            Order::StopFirst => "stop-first",
        }),
    );
    map.put_some("parallelism", rollout.parallelism.map(number));
    map.into()
}

fn number(number: u32) -> Tree {
    Tree::Integer(number.into())
}
