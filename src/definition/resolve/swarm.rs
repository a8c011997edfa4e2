//! `x-pdex.swarm` of a service.

use super::attributes;
use crate::definition::field::Field;
use crate::definition::model::{Endpoint, OnFailure, Order, PortMode, Rollout, Spread};

const ON_FAILURE: &[(&str, OnFailure)] =
    &[("rollback", OnFailure::Rollback), ("pause", OnFailure::Pause), ("continue", OnFailure::Continue)];

/// Reads it.
pub(super) fn read(field: &Field<'_>) -> Spread {
    let mut spread = Spread::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "replicas" => spread.replicas = value.integer("a number of containers"),
            "placement" => placement(&mut spread, &value),
            "publish" => {
                spread.publish = one_of(&value, &[("host", PortMode::Host), ("ingress", PortMode::Ingress)]);
            }
            "endpoint" => {
                let forms = [("vip", Endpoint::Virtual), ("dnsrr", Endpoint::RoundRobin)];
                spread.endpoint = one_of(&value, &forms);
            }
            "update" => spread.update = rollout(&value, ON_FAILURE),
            // What goes back has nothing to go back to.
            "rollback" => spread.rollback = rollout(&value, &ON_FAILURE[1..]),
            "without" => spread.without = value.distinct().into_iter().collect(),
            _ => value.unexpected(key, attributes::SWARM, &[]),
        }
    }
    spread
}

fn placement(spread: &mut Spread, field: &Field<'_>) {
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "constraints" => {
                for item in value.items() {
                    let text = item.name();
                    let is_condition =
                        |text: &String| ["==", "!="].iter().any(|operator| text.contains(operator));
                    if text.as_ref().is_some_and(|text| !is_condition(text)) {
                        item.wrong("expected a condition such as `node.labels.disk == ssd`");
                    }
                    spread.constraints.extend(text);
                }
            }
            "spread" => spread.over = value.distinct(),
            "max_replicas_per_node" => spread.most_per_node = value.integer("a number of containers"),
            _ => value.unexpected(key, attributes::SWARM_PLACEMENT, &[]),
        }
    }
}

fn rollout(field: &Field<'_>, on_failure: &[(&str, OnFailure)]) -> Rollout {
    let mut rollout = Rollout::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "parallelism" => rollout.parallelism = value.integer("a number of containers"),
            "delay" => rollout.delay = value.duration(),
            "monitor" => rollout.monitor = value.duration(),
            "order" => {
                let forms = [("start-first", Order::StartFirst), ("stop-first", Order::StopFirst)];
                rollout.order = one_of(&value, &forms);
            }
            "on_failure" => rollout.on_failure = one_of(&value, on_failure),
            _ => value.unexpected(key, attributes::ROLLOUT, &[]),
        }
    }
    rollout
}

/// What one of these words stands for.
fn one_of<T: Copy>(field: &Field<'_>, forms: &[(&str, T)]) -> Option<T> {
    let text = field.name()?;
    let found = forms.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<&str> = forms.iter().map(|(word, _)| *word).collect();
        field.wrong(format_args!("`{text}` is none of {}", words.join(", ")));
    }
    found
}
