//! Limits and reservations as Kubernetes writes them.

use serde_json::{Value, json};

use crate::definition::model::{Resources, Service};

/// The resources of a service's container; null where the definition says nothing.
pub(super) fn of(service: &Service) -> Value {
    let part = |resources: &Resources| {
        let cpu = resources.nano_cpus.map(cores);
        let memory = resources.memory.map(bytes);
        if cpu.is_none() && memory.is_none() { Value::Null } else { json!({"cpu": cpu, "memory": memory}) }
    };
    let (limits, requests) = (part(&service.limits()), part(&service.reservations()));
    if limits.is_null() && requests.is_null() {
        return Value::Null;
    }
    json!({"limits": limits, "requests": requests})
}

/// What a container that only waits may have.
pub(super) fn of_gate() -> Value {
    json!({"limits": {"cpu": "100m", "memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "16Mi"}})
}

/// Billionths of a core: `2`, `500m`. Thousandths are the finest there is.
pub(super) fn cores(nanos: i64) -> String {
    if nanos % 1_000_000_000 == 0 {
        return (nanos / 1_000_000_000).to_string();
    }
    format!("{}m", nanos / 1_000_000 + i64::from(nanos % 1_000_000 != 0))
}

/// In the largest unit that loses nothing: `512Mi`.
pub(super) fn bytes(count: i64) -> String {
    for (power, unit) in [(30, "Gi"), (20, "Mi"), (10, "Ki")] {
        if count != 0 && count % (1_i64 << power) == 0 {
            return format!("{}{unit}", count >> power);
        }
    }
    count.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_lose_nothing() {
        for (nanos, expected) in
            [(1_000_000_000, "1"), (500_000_000, "500m"), (1_250_000_000, "1250m"), (1, "1m")]
        {
            assert_eq!(cores(nanos), expected);
        }
        for (count, expected) in
            [(512 << 20, "512Mi"), (2 << 30, "2Gi"), (1_000, "1000"), (3 << 10, "3Ki"), (0, "0")]
        {
            assert_eq!(bytes(count), expected);
        }
    }
}
