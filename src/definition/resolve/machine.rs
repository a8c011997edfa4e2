//! What a service has of the machine: devices, limits, and the resource keys that are older than `deploy`.

use std::collections::BTreeMap;

use super::attributes;
use crate::definition::field::{Field, last_of_each};
use crate::definition::model::{Device, DeviceRequest, Ulimit, Usage};
use crate::definition::values;
use crate::finding::Finding;

/// Reads one of the older keys; false where it is none of them.
pub(super) fn usage(usage: &mut Usage, key: &str, field: &Field<'_>) -> bool {
    match key {
        "cpu_period" => usage.cpu_period = field.amount(),
        "cpu_quota" => usage.cpu_quota = field.amount(),
        "cpu_rt_period" => usage.cpu_rt_period = field.amount(),
        "cpu_rt_runtime" => usage.cpu_rt_runtime = field.amount(),
        "cpu_shares" => usage.cpu_shares = field.amount(),
        "cpus" => {
            let cpus = field.parsed("a number of cores such as 0.5", values::nano_cpus);
            usage.cpus = cpus.filter(|cpus| *cpus != 0);
        }
        "cpuset" => usage.cpuset = field.literal("numbers of cores such as 0-3").map(str::to_owned),
        "mem_limit" => usage.mem_limit = field.size(),
        "mem_reservation" => usage.mem_reservation = field.size(),
        "memswap_limit" => {
            let size = field.parsed("a size such as 512M, or -1", |text| {
                if text == "-1" { Some(-1) } else { values::bytes(text) }
            });
            usage.memswap_limit = size.filter(|size| *size != 0);
        }
        "mem_swappiness" => usage.mem_swappiness = field.amount(),
        "oom_kill_disable" => usage.oom_kill_disable = field.flag(),
        "oom_score_adj" => {
            usage.oom_score_adj = field.amount();
            if usage.oom_score_adj.is_some_and(|score| !(-1000..=1000).contains(&score)) {
                field.wrong("it lies between -1000 and 1000");
            }
        }
        "pids_limit" => usage.pids_limit = field.amount(),
        _ => return false,
    }
    true
}

/// `ulimits`: one number, or `soft` and `hard`.
pub(super) fn ulimits(field: &Field<'_>) -> BTreeMap<String, Ulimit> {
    let mut limits = BTreeMap::new();
    for (key, value) in field.entries() {
        if key.text.starts_with("x-") {
            continue;
        }
        let limit = if value.is_scalar() {
            value.integer("a number").map(Ulimit::Single)
        } else {
            Some(range(&value))
        };
        limits.extend(limit.map(|limit| (key.text.clone(), limit)));
    }
    limits
}

fn range(field: &Field<'_>) -> Ulimit {
    let (mut soft, mut hard) = (None, None);
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "soft" => soft = value.integer("a number"),
            "hard" => hard = value.integer("a number"),
            _ => value.unexpected(key, attributes::ULIMIT, &[]),
        }
    }
    // Compose's JSON leaves zeros out.
    let (soft, hard): (i64, i64) = (soft.unwrap_or_default(), hard.unwrap_or_default());
    if hard >= 0 && soft > hard {
        field.wrong("`soft` is above `hard`");
    }
    if (soft, hard) == (0, 0) { Ulimit::Single(0) } else { Ulimit::Range { soft, hard } }
}

/// `devices`: `source[:target[:permissions]]` and the long form. A later one at the same target replaces an earlier one.
pub(super) fn devices(field: &Field<'_>) -> Vec<Device> {
    let items = field.items();
    let read = |item: &Field<'_>| if item.is_scalar() { short(item) } else { long(item) };
    last_of_each(items.iter().filter_map(read).collect(), |device| device.target.clone())
}

fn short(field: &Field<'_>) -> Option<Device> {
    let text = field.name()?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] if source.contains('=') => {
            field.wrong("devices of the Container Device Interface are not supported by pdex");
            return None;
        }
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => {
            field.wrong(format_args!("`{text}` has more than source, target and permissions"));
            return None;
        }
    };
    let device =
        Device { source: source.to_owned(), target: target.to_owned(), permissions: permissions.to_owned() };
    checked(field, device)
}

fn long(field: &Field<'_>) -> Option<Device> {
    let mut device = Device::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "source" => device.source = value.name()?,
            "target" => device.target = value.optional().unwrap_or_default(),
            "permissions" => device.permissions = value.optional().unwrap_or_default(),
            _ => value.unexpected(key, attributes::DEVICE, &[]),
        }
    }
    if device.source.is_empty() {
        let message = format!("{}: `source` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
        return None;
    }
    checked(field, device)
}

fn checked(field: &Field<'_>, device: Device) -> Option<Device> {
    if device.permissions.chars().all(|c| matches!(c, 'r' | 'w' | 'm')) {
        return Some(device);
    }
    field.wrong(format_args!("permissions `{}` have other letters than r, w and m", device.permissions));
    None
}

/// `gpus`. Neither a number nor names means all.
pub(super) fn requests(field: &Field<'_>) -> Vec<DeviceRequest> {
    if field.is_scalar() && !field.node.is_null() {
        return match field.text().as_deref() {
            Some("all") => vec![DeviceRequest { count: Some(-1), ..DeviceRequest::default() }],
            Some(_) => {
                field.wrong("expected `all` or a list");
                Vec::new()
            }
            None => Vec::new(),
        };
    }
    field.items().iter().map(request).collect()
}

/// `devices` of `deploy.resources.reservations`: like `gpus`, but what they are to be able to do has to be said.
pub(super) fn reserved(field: &Field<'_>) -> Vec<DeviceRequest> {
    for item in field.items() {
        if item.node.get("capabilities").is_none() {
            let message = format!("{}: `capabilities` is missing", item.path);
            item.problem(Finding::error("definition/missing-attribute", message));
        }
    }
    requests(field)
}

fn request(field: &Field<'_>) -> DeviceRequest {
    let mut request = DeviceRequest::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "driver" => request.driver = value.optional(),
            "count" => {
                let all = |text: &str| if text == "all" { Some(-1) } else { text.parse().ok() };
                request.count = value.parsed("a number, or all", all).filter(|count| *count != 0);
            }
            "device_ids" => request.device_ids = value.literals(),
            "capabilities" => request.capabilities = value.texts(),
            "options" => request.options = value.dictionary(),
            _ => value.unexpected(key, attributes::DEVICE_REQUEST, &[]),
        }
    }
    if request.count.is_some() && !request.device_ids.is_empty() {
        field.wrong("`count` and `device_ids` exclude each other");
    }
    if request.count.is_none() && request.device_ids.is_empty() {
        request.count = Some(-1);
    }
    request
}
