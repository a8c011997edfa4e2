//! The machine against what the definition asks of it.

use std::path::Path;

use super::Facts;
use crate::definition::model::Service;
use crate::finding::Finding;
use crate::world::machine::bytes;

/// Engine 20.10.
const OLDEST_API: (u32, u32) = (1, 41);
/// Below this nothing can be started.
const DISK_FLOOR: u64 = 64 << 20;
/// Below this an image more may fill the disk.
const DISK_LOW: u64 = 1 << 30;

pub(super) fn interface(facts: &Facts<'_>) -> Vec<Finding> {
    let version = &facts.machine.api_version;
    let parsed = version.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let too_old = parsed.is_some_and(|parsed: (u32, u32)| parsed < OLDEST_API);
    let message = || format!("the container engine speaks API {version}; pdex needs 1.41, of Engine 20.10");
    let finding =
        || Finding::error("preflight/engine-too-old", message()).hint("install a newer Docker Engine");
    too_old.then(finding).into_iter().collect()
}

/// What is put up with between two clocks.
const SKEW_MS: u64 = 5_000;

/// An engine in a virtual machine, or elsewhere, has a clock of its own.
pub(super) fn clock(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(ahead) = facts.machine.clock_ahead_ms.filter(|ahead| ahead.unsigned_abs() > SKEW_MS) else {
        return Vec::new();
    };
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    let message = format!("the engine's clock is {} s {side} this machine's", ahead.unsigned_abs() / 1_000);
    vec![Finding::warning("preflight/clock", message).hint(
        "set both by a time server: `timedatectl set-ntp true`; an engine in a virtual machine: restart that",
    )]
}

pub(super) fn disk(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(disk) = facts.machine.disk else { return Vec::new() };
    let hint =
        "`docker system df` shows what takes the space, `docker image prune` frees images that nothing uses";
    let message =
        |root: &Path| format!("{} of {} are free at {}", bytes(disk.free), bytes(disk.size), root.display());
    let message = message(&facts.machine.root);
    let finding = match disk.free {
        ..DISK_FLOOR => {
            Finding::error("preflight/disk-full", format!("the engine's disk is full: {message}"))
        }
        DISK_FLOOR..DISK_LOW => {
            Finding::warning("preflight/disk-low", format!("the engine's disk is nearly full: {message}"))
        }
        _ => return Vec::new(),
    };
    vec![finding.hint(hint)]
}

pub(super) fn memory(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(there) = facts.machine.memory else { return Vec::new() };
    let limit = |service: &Service| service.limits().memory.and_then(|limit| u64::try_from(limit).ok());
    let mut findings: Vec<Finding> = facts
        .services()
        .filter_map(|service| Some((service, limit(service).filter(|limit| *limit > there)?)))
        .map(|(service, limit)| {
            let message = format!(
                "{}: its memory limit of {} is more than the machine's {}, so it limits nothing",
                service.name,
                bytes(limit),
                bytes(there)
            );
            Finding::warning("preflight/memory-limit", message)
                .hint("lower deploy.resources.limits.memory, or run the stack on a larger machine")
        })
        .collect();
    let sum: u64 = facts.services().filter_map(|s| Some(limit(s)? * u64::from(s.replicas()))).sum();
    if findings.is_empty() && sum > there {
        let message = format!(
            "the memory limits of the services add up to {}, the machine has {}",
            bytes(sum),
            bytes(there)
        );
        findings.push(Finding::warning("preflight/memory-sum", message).hint(
            "if all use what they may, the kernel ends some of them: lower the limits, or start fewer",
        ));
    }
    findings
}

/// The engine refuses a limit of more cores than it has.
pub(super) fn cpus(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(there) = facts.machine.cpus else { return Vec::new() };
    let asked = |service: &Service| service.limits().nano_cpus.map(|nano| nano as f64 / 1e9);
    facts
        .services()
        .filter_map(|service| Some((service, asked(service).filter(|asked| *asked > there as f64)?)))
        .map(|(service, asked)| {
            let message =
                format!("{}: its limit of {asked} CPUs is more than the machine's {there}", service.name);
            Finding::error("preflight/cpu-limit", message)
                .hint(format!("set deploy.resources.limits.cpus to {there} or less; the engine refuses more"))
        })
        .collect()
}

/// Images made for other machines run slowly, through an emulator, or not at all.
pub(super) fn platforms(facts: &Facts<'_>) -> Vec<Finding> {
    let machine = &facts.machine;
    if machine.architecture.is_empty() {
        return Vec::new();
    }
    let own = format!("{}/{}", machine.system, machine.architecture);
    let foreign = |platform: &String| *platform != own && !platform.starts_with(&format!("{own}/"));
    facts
        .services()
        .filter(|service| service.platform.is_none())
        .filter_map(|s| Some((s, facts.platforms.get(&s.image).filter(|p| p.contains('/') && foreign(p))?)))
        .map(|(service, platform)| {
            let message =
                format!("{}: image {} is for {platform}, the machine is {own}", service.name, service.image);
            Finding::warning("preflight/platform", message).hint(format!(
                "get an image for {own}, or say `platform: {platform}` to run it through an emulator"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;
    use crate::world::machine::Disk;

    const STACK: &str = "name: x\nservices:\n  a: { image: \"a:1\", mem_limit: 3g, cpus: 2 }\n  \
                         b: { image: \"b:1\", mem_limit: 3g, scale: 2 }\n";

    #[test]
    fn an_engine_that_is_too_old_is_refused() {
        let stage = Stage::new(STACK);
        let mut facts = stage.facts();
        for version in ["1.41", "1.53", "2.0", ""] {
            version.clone_into(&mut facts.machine.api_version);
            assert_eq!(Stage::said(interface, &facts), [""; 0], "{version}");
        }
        facts.machine.api_version = "1.40".to_owned();
        assert_eq!(
            Stage::said(interface, &facts),
            [
                "Error preflight/engine-too-old the container engine speaks API 1.40; pdex needs 1.41, of Engine 20.10"
            ]
        );
    }

    #[test]
    fn a_clock_that_is_far_off_is_told() {
        let stage = Stage::new(STACK);
        let mut facts = stage.facts();
        for ahead in [None, Some(0), Some(-5_000)] {
            facts.machine.clock_ahead_ms = ahead;
            assert_eq!(Stage::said(clock, &facts), [""; 0], "{ahead:?}");
        }
        facts.machine.clock_ahead_ms = Some(-90_000);
        assert_eq!(
            Stage::said(clock, &facts),
            ["Warning preflight/clock the engine's clock is 90 s behind this machine's"]
        );
    }

    #[test]
    fn a_disk_that_is_full_is_an_error_and_one_that_is_nearly_full_a_warning() {
        let stage = Stage::new(STACK);
        let mut facts = stage.facts();
        assert_eq!(Stage::said(disk, &facts), [""; 0]);
        facts.machine.disk = Some(Disk { free: 500 << 20, size: 10 << 30 });
        assert_eq!(
            Stage::said(disk, &facts),
            [
                "Warning preflight/disk-low the engine's disk is nearly full: 500 MiB of 10 GiB are free at /var/lib/docker"
            ]
        );
        facts.machine.disk = Some(Disk { free: 1 << 20, size: 10 << 30 });
        assert_eq!(
            Stage::said(disk, &facts),
            [
                "Error preflight/disk-full the engine's disk is full: 1 MiB of 10 GiB are free at /var/lib/docker"
            ]
        );
    }

    #[test]
    fn limits_are_held_against_the_machine() {
        let stage = Stage::new(STACK);
        let mut facts = stage.facts();
        assert_eq!(
            Stage::said(memory, &facts),
            [
                "Warning preflight/memory-sum the memory limits of the services add up to 9 GiB, the machine has 8 GiB"
            ]
        );
        facts.machine.memory = Some(9 << 30);
        assert_eq!(Stage::said(memory, &facts), [""; 0]);
        facts.machine.memory = Some(2 << 30);
        assert_eq!(Stage::said(memory, &facts).len(), 2, "one for each limit");
        assert_eq!(Stage::said(cpus, &facts), [""; 0]);
        facts.machine.cpus = Some(1);
        assert_eq!(
            Stage::said(cpus, &facts),
            ["Error preflight/cpu-limit a: its limit of 2 CPUs is more than the machine's 1"]
        );
    }

    #[test]
    fn an_image_for_another_machine_is_told() {
        let stage = Stage::new(STACK);
        let mut facts = stage.facts();
        facts.platforms = [("a:1", "linux/amd64"), ("b:1", "linux/arm64/v8")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .into();
        assert_eq!(
            Stage::said(platforms, &facts),
            ["Warning preflight/platform b: image b:1 is for linux/arm64/v8, the machine is linux/amd64"]
        );
        facts.machine.architecture = "arm64".to_owned();
        assert_eq!(Stage::said(platforms, &facts).len(), 1, "the other one now");
    }
}
