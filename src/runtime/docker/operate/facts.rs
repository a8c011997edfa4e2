//! The engine's answers as plain data.

use bollard::models::{ContainerSummary, EventMessage, ImageInspect, PortSummary, PortSummaryTypeEnum};
use serde_json::{Value, json};

use super::ONE_OFF;
use crate::definition::model::{Protocol, ServiceName};
use crate::runtime::docker::observe;
use crate::world::live::{Binding, CpuLimit, Happening, ImageFacts, Listed, Usage};
use crate::world::time::Timestamp;
use crate::world::{ContainerId, ImageId};

const SERVICE: &str = "com.docker.compose.service";
/// What the containers of a swarm have instead.
const OWN_SERVICE: &str = "io.pdex.service";
const SPREAD_ID: &str = "com.docker.swarm.service.id";
const SPREAD_NAME: &str = "com.docker.swarm.service.name";
const NUMBER: &str = "com.docker.compose.container-number";

/// A container of the list; `None` for one without a service.
pub(super) fn listed(summary: ContainerSummary) -> Option<Listed> {
    let labels = summary.labels.unwrap_or_default();
    let mut ports: Vec<Binding> = summary.ports.unwrap_or_default().into_iter().filter_map(binding).collect();
    ports.sort_unstable();
    ports.dedup();
    Some(Listed {
        id: ContainerId(summary.id?),
        name: summary.names?.first()?.trim_start_matches('/').to_owned(),
        service: ServiceName::new(labels.get(SERVICE)?.as_str()),
        number: labels.get(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1),
        one_off: labels.get(ONE_OFF).is_some_and(|value| value == "True"),
        image: summary.image.unwrap_or_default(),
        image_id: ImageId(summary.image_id.unwrap_or_default()),
        command: summary.command.unwrap_or_default(),
        created: Timestamp::from_seconds(summary.created.unwrap_or_default()),
        state: observe::state(summary.state, &summary.status.unwrap_or_default()),
        ports,
    })
}

fn binding(port: PortSummary) -> Option<Binding> {
    let protocol = match port.typ {
        Some(PortSummaryTypeEnum::TCP) => Protocol::Tcp,
        Some(PortSummaryTypeEnum::UDP) => Protocol::Udp,
        Some(PortSummaryTypeEnum::SCTP) => Protocol::Sctp,
        Some(PortSummaryTypeEnum::EMPTY) | None => return None,
    };
    let host_ip = port.ip.filter(|_| port.public_port.is_some());
    Some(Binding { container_port: port.private_port, protocol, host_port: port.public_port, host_ip })
}

/// A reading of the counters. The engine answers for a container that does not run as well, with nothing in it.
pub(super) fn usage(stats: &Value) -> Option<Usage> {
    if stats["read"].as_str().is_none_or(|at| at.starts_with("0001-")) {
        return None;
    }
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let memory = &stats["memory_stats"];
    // Version 1 of control groups sums the whole tree under `total_`; version 2 has one number.
    let droppable = [&memory["stats"]["total_inactive_file"], &memory["stats"]["inactive_file"]];
    let droppable = droppable.into_iter().find_map(Value::as_u64).unwrap_or_default();
    let networks = stats["networks"].as_object();
    let traffic =
        |key: &str| networks.into_iter().flat_map(|all| all.values()).map(|one| number(&one[key])).sum();
    let blocks = stats["blkio_stats"]["io_service_bytes_recursive"].as_array();
    // `Read` in version 1, `read` in version 2.
    let moved = |kind: &str| {
        let entries = blocks.into_iter().flatten();
        let ours =
            entries.filter(|entry| entry["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case(kind)));
        ours.map(|entry| number(&entry["value"])).sum()
    };
    Some(Usage {
        cpu_ns: number(&stats["cpu_stats"]["cpu_usage"]["total_usage"]),
        machine_ns: number(&stats["cpu_stats"]["system_cpu_usage"]),
        cores: u32::try_from(number(&stats["cpu_stats"]["online_cpus"])).unwrap_or(u32::MAX),
        memory: number(&memory["usage"]).saturating_sub(droppable),
        memory_limit: number(&memory["limit"]),
        received: traffic("rx_bytes"),
        sent: traffic("tx_bytes"),
        read: moved("read"),
        written: moved("write"),
        processes: number(&stats["pids_stats"]["current"]),
    })
}

/// A share of the processors as `update` takes it. What is 0 there is left as it is, so that no limit is -1.
pub(super) fn cpu_order(limit: CpuLimit) -> Value {
    if limit.nano_cpus > 0 {
        return json!({"NanoCpus": limit.nano_cpus});
    }
    let quota = if limit.quota_us > 0 { limit.quota_us } else { -1 };
    if limit.period_us > 0 {
        return json!({"CpuQuota": quota, "CpuPeriod": limit.period_us});
    }
    json!({"CpuQuota": quota})
}

/// An event of a container that belongs to a service.
pub(super) fn happening(event: EventMessage) -> Option<Happening> {
    let actor = event.actor?;
    let mut details = actor.attributes.unwrap_or_default();
    let service = details.remove(SERVICE).or_else(|| details.remove(OWN_SERVICE))?;
    // What happens to a container of a swarm happens to its service, as far as anybody knows of it.
    let spread = details.remove(SPREAD_ID).zip(details.remove(SPREAD_NAME));
    let (container, name) = match spread {
        Some(spread) => spread,
        None => (actor.id?, details.remove("name").unwrap_or_default()),
    };
    let at = event.time_nano.map(Timestamp).or_else(|| event.time.map(Timestamp::from_seconds))?;
    // All labels come along; what the engine adds has no dots.
    details
        .retain(|key, _| ["exitCode", "signal", "execID", "execDuration", "image"].contains(&key.as_str()));
    Some(Happening {
        at,
        action: event.action?,
        container: ContainerId(container),
        name,
        service: ServiceName::new(service),
        details: details.into_iter().collect(),
    })
}

/// An inspected image.
pub(super) fn image(image: ImageInspect) -> ImageFacts {
    let labels = image.config.and_then(|config| config.labels);
    ImageFacts {
        id: ImageId(image.id.unwrap_or_default()),
        size: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        created: image.created.unwrap_or_default(),
        architecture: image.architecture.unwrap_or_default(),
        source: labels.and_then(|mut labels| labels.remove("io.pdex.image.source")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_lifted_by_a_number_that_is_not_0() {
        let limit = |nano_cpus, quota_us, period_us| CpuLimit { nano_cpus, quota_us, period_us };
        assert_eq!(cpu_order(limit(20_000_000, 0, 0)), json!({"NanoCpus": 20_000_000}));
        assert_eq!(cpu_order(limit(0, 0, 0)), json!({"CpuQuota": -1}));
        assert_eq!(cpu_order(limit(0, 2_000, 50_000)), json!({"CpuQuota": 2_000, "CpuPeriod": 50_000}));
    }

    #[test]
    fn counters_of_both_versions_of_control_groups_are_read() {
        let common = |memory: Value, blocks: Value| {
            json!({
                "read": "2026-01-01T00:00:00Z",
                "cpu_stats": {"cpu_usage": {"total_usage": 5}, "system_cpu_usage": 50, "online_cpus": 2},
                "memory_stats": memory,
                "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
                "blkio_stats": {"io_service_bytes_recursive": blocks},
                "pids_stats": {"current": 3},
            })
        };
        let expected = Usage {
            cpu_ns: 5,
            machine_ns: 50,
            cores: 2,
            memory: 60,
            memory_limit: 1_000,
            received: 11,
            sent: 22,
            read: 7,
            written: 9,
            processes: 3,
        };
        let one = common(
            json!({"usage": 100, "limit": 1_000, "stats": {"total_inactive_file": 40, "inactive_file": 30}}),
            json!([{"op": "Read", "value": 7}, {"op": "Write", "value": 9}, {"op": "Total", "value": 16}]),
        );
        let two = common(
            json!({"usage": 100, "limit": 1_000, "stats": {"inactive_file": 40}}),
            json!([{"op": "read", "value": 3}, {"op": "read", "value": 4}, {"op": "write", "value": 9}]),
        );
        assert_eq!(usage(&one), Some(expected));
        assert_eq!(usage(&two), Some(expected));
    }

    #[test]
    fn who_does_not_run_uses_nothing() {
        assert_eq!(usage(&json!({"read": "0001-01-01T00:00:00Z", "memory_stats": {}})), None);
        assert_eq!(usage(&json!({})), None);
    }
}
