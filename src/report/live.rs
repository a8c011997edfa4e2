//! What changes while one looks: use of resources, events, log lines.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tables::{table, trimmed};
use super::{bytes, document};
use crate::world::live::{Happening, Listed, Usage};
use crate::world::time::Timestamp;
use crate::world::{ContainerId, Exit};

/// Two readings of one container's counters, the earlier first; `None` when it did not run.
pub type Pair = (Option<Usage>, Option<Usage>);

/// `stats`: a row per container.
pub fn stats(containers: &[&Listed], readings: &BTreeMap<ContainerId, Pair>) -> String {
    let mut rows = table(&[
        "service",
        "container",
        "cpu",
        "memory",
        "limit",
        "memory %",
        "net in / out",
        "disk read / written",
        "pids",
    ]);
    for container in containers {
        let pair = readings.get(&container.id).copied().unwrap_or_default();
        let mut row = vec![container.service.to_string(), container.name.clone()];
        match pair.1 {
            None => row.extend(["–"; 7].map(str::to_owned)),
            Some(now) => row.extend([
                format!("{:.1} %", now.cpu_percent(&pair.0.unwrap_or(now))),
                bytes(now.memory),
                bytes(now.memory_limit),
                format!("{:.1} %", now.memory_percent()),
                format!("{} / {}", bytes(now.received), bytes(now.sent)),
                format!("{} / {}", bytes(now.read), bytes(now.written)),
                now.processes.to_string(),
            ]),
        }
        rows.add_row(row);
    }
    trimmed(&rows)
}

/// `stats --json`
pub fn stats_json(
    now: Timestamp,
    project: &str,
    containers: &[&Listed],
    readings: &BTreeMap<ContainerId, Pair>,
) -> Value {
    let rows: Vec<Value> = containers
        .iter()
        .map(|container| {
            let (earlier, usage) = readings.get(&container.id).copied().unwrap_or_default();
            let Some(usage) = usage else {
                return json!({"service": container.service, "container": container.name, "running": false});
            };
            let cpu = usage.cpu_percent(&earlier.unwrap_or(usage));
            json!({
                "service": container.service,
                "container": container.name,
                "running": true,
                "cpu_percent": (cpu * 100.0).round() / 100.0,
                "memory_bytes": usage.memory,
                "memory_limit_bytes": usage.memory_limit,
                "memory_percent": (usage.memory_percent() * 100.0).round() / 100.0,
                "network_received_bytes": usage.received,
                "network_sent_bytes": usage.sent,
                "disk_read_bytes": usage.read,
                "disk_written_bytes": usage.written,
                "processes": usage.processes,
            })
        })
        .collect();
    document(now, json!({"project": project, "containers": rows}))
}

/// `events`: one line.
pub fn event(happening: &Happening) -> String {
    let details: Vec<String> =
        happening.details.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    format!("{} {} {} {}{details}", happening.at, happening.service, happening.name, happening.action)
}

/// `events --json`: one document per event.
pub fn event_json(happening: &Happening) -> Value {
    document(
        happening.at,
        json!({
            "service": happening.service,
            "container": happening.name,
            "id": happening.container.0,
            "action": happening.action,
            "details": happening.details,
        }),
    )
}

/// `wait`: how a container ended.
pub fn end(container: &Listed, code: i64) -> String {
    let exit = Exit { code, out_of_memory: false };
    format!("container {} ended with {}", container.name, exit.meaning())
}

/// `wait --json`
pub fn ends_json(now: Timestamp, ends: &[(&Listed, i64)]) -> Value {
    let rows: Vec<Value> = ends
        .iter()
        .map(|(container, code)| {
            json!({"service": container.service, "container": container.name, "exit_code": code})
        })
        .collect();
    document(now, json!({"containers": rows}))
}
