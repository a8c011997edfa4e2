//! What attributes of one service must agree on with each other, and with the files the definition holds.

use std::collections::BTreeSet;

use super::{Facts, undefined};
use crate::definition::model::{FileReference, FileSource, Mount, MountSource, Namespace, Service};
use crate::finding::{Finding, Severity};

/// The engine cannot give one name to two containers.
pub(super) fn named_containers_are_single(facts: &Facts<'_>) -> Vec<Finding> {
    let named = facts.services().filter(|service| service.container_name.is_some() && service.replicas() > 1);
    named
        .map(|service| {
            let message = format!(
                "service `{}` has {} containers and a `container_name`, which only one can have",
                service.name,
                service.replicas()
            );
            let path = format!("services.{}.container_name", service.name);
            facts
                .error("definition/duplicate-container-name", message, &path)
                .hint("remove `container_name`, or let there be one container")
        })
        .collect()
}

/// Whose network is another's has none of its own.
pub(super) fn network_modes_stand_alone(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        let Some(mode) = &service.network_mode else { continue };
        let path = format!("services.{}.network_mode", service.name);
        if !service.networks.is_empty() {
            let message = format!("service `{}` has both `network_mode` and `networks`", service.name);
            findings.push(facts.error("definition/conflict", message, &path).hint("remove one of the two"));
        }
        let bridge = matches!(mode, Namespace::Named(name) if name == "bridge");
        let linked = !service.links.is_empty() || !service.external_links.is_empty();
        if linked && !bridge {
            let message =
                format!("service `{}` has links, and its network mode `{mode}` has none", service.name);
            let hint = "remove them; on a network of the definition services find each other by name";
            findings.push(facts.error("definition/conflict", message, &path).hint(hint));
        }
        let shared = !matches!(mode, Namespace::Named(name) if name != "host" && name != "none");
        if shared && !service.ports.is_empty() {
            let message =
                format!("service `{}` publishes ports, and its network mode `{mode}` has none", service.name);
            let hint = match mode.service() {
                Some(other) => format!("publish them in service `{other}`, whose network it is"),
                None => "remove `ports`".to_owned(),
            };
            let finding = facts.error("definition/conflict", message, &path).hint(hint);
            // The engine starts such a container all the same.
            let severity =
                if matches!(mode, Namespace::Named(_)) { Severity::Warning } else { Severity::Error };
            findings.push(Finding { severity, ..finding });
        }
    }
    findings
}

/// `deploy.resources` and the older keys may both be there, and then say the same.
pub(super) fn resources_agree(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        let Some(deploy) = &service.deploy else { continue };
        let (limits, reservations) = (deploy.limits.as_ref(), deploy.reservations.as_ref());
        let usage = &service.usage;
        for (old, new, key, place) in [
            (usage.cpus, limits.map(|l| l.nano_cpus), "cpus", "limits.cpus"),
            (usage.mem_limit, limits.map(|l| l.memory), "mem_limit", "limits.memory"),
            (usage.pids_limit, limits.map(|l| l.pids), "pids_limit", "limits.pids"),
            (usage.mem_reservation, reservations.map(|r| r.memory), "mem_reservation", "reservations.memory"),
        ] {
            // Compose takes silence there for another answer, too.
            if old.is_some() && new.is_some_and(|new| new != old) {
                let message = format!(
                    "service `{}` says different things in `{key}` and in `deploy.resources.{place}`",
                    service.name
                );
                let path = format!("services.{}.deploy", service.name);
                findings
                    .push(facts.error("definition/conflict", message, &path).hint("remove one of the two"));
            }
        }
    }
    findings
}

/// Whom a new value of a secret is told is there to listen.
pub(super) fn secrets_tell_services(facts: &Facts<'_>) -> Vec<Finding> {
    let told = facts.definition.secrets.iter().filter_map(|(name, secret)| {
        let service = &secret.keeping.as_ref()?.tell.as_ref()?.service;
        (!facts.definition.knows(service)).then_some((name, service))
    });
    told.take_while(|_| !facts.is_full())
        .map(|(name, service)| {
            let message = format!("secret `{name}` tells service `{service}`, which is not defined");
            facts.error("definition/undefined-service", message, &format!("secrets.{name}"))
        })
        .collect()
}

/// What a service wants to have in a backup is its own: volumes and folders that are mounted into it.
pub(super) fn backups_find_their_data(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        let backup = &service.pdex.backup;
        let has = |suits: &dyn Fn(&Mount) -> bool| service.mounts.iter().any(suits);
        let volumes = backup.volumes.iter().flatten();
        let volumes =
            volumes.filter(|key| !has(&|mount| mount.source == MountSource::Volume((*key).clone())));
        let folders = backup.folders.iter().filter(|target| {
            !has(&|mount| mount.target == **target && matches!(mount.source, MountSource::Bind(_)))
        });
        let missing = volumes
            .map(|key| format!("volume `{key}`"))
            .chain(folders.map(|target| format!("folder {target}")));
        for what in missing.take_while(|_| !facts.is_full()) {
            let message = format!("service `{}` has {what} backed up, and does not mount it", service.name);
            let path = format!("services.{}.x-pdex.backup", service.name);
            findings.push(facts.error("definition/undefined-volume", message, &path));
        }
    }
    findings
}

/// The image that is asked whether a job has succeeded is some service's.
pub(super) fn jobs_are_seen_by_services(facts: &Facts<'_>) -> Vec<Finding> {
    let asked = facts.definition.services.values().filter_map(|service| {
        let asked = &service.pdex.done.as_ref()?.service;
        (!facts.definition.knows(asked)).then_some((&service.name, asked))
    });
    asked
        .take_while(|_| !facts.is_full())
        .map(|(name, asked)| {
            let message = format!("service `{name}` is seen to be done by `{asked}`, which is not defined");
            facts.error("definition/undefined-service", message, &format!("services.{name}"))
        })
        .collect()
}

/// Secrets and configs that are used are defined, and their variables are set.
pub(super) fn files_exist(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        let built = service.build.iter().flat_map(|build| &build.secrets);
        let uses = uses(service, "secrets", &service.secrets)
            .chain(uses(service, "configs", &service.configs))
            .chain(built.map(|reference| {
                (
                    reference,
                    "secrets",
                    format!("services.{}.build.secrets {}", service.name, reference.source),
                )
            }));
        for (reference, section, path) in uses {
            if facts.is_full() {
                break;
            }
            let defined =
                if section == "secrets" { &facts.definition.secrets } else { &facts.definition.configs };
            let what = section.trim_end_matches('s');
            let key = &reference.source;
            match defined.get(key).map(|object| &object.source) {
                None => {
                    let message =
                        format!("service `{}` uses {what} `{key}`, which is not defined", service.name);
                    let finding = facts.error(undefined_code(section), message, &path);
                    findings.push(finding.hint(undefined(key, section, defined.keys())));
                }
                Some(FileSource::Environment { variable, value: None }) => {
                    let message = format!("{what} `{key}` is the variable `{variable}`, which is not set");
                    let finding = facts.error("definition/missing-variable", message, &path);
                    findings.push(finding.hint(format!("set {variable} in the environment or in .env")));
                }
                Some(source) if service.read_only && !is_mounted(source, reference) => {
                    let message = format!(
                        "{what} `{key}` has to be written into service `{}`, which is read-only",
                        service.name
                    );
                    let finding = facts.error("definition/conflict", message, &path);
                    findings.push(finding.hint("give it a `file`, without `uid`, `gid` and `mode`"));
                }
                Some(_) => {}
            }
        }
    }
    findings
}

/// Whether the file is mounted as it lies on this machine.
fn is_mounted(source: &FileSource, reference: &FileReference) -> bool {
    matches!(source, FileSource::File(_)) && reference.is_plain()
}

fn undefined_code(section: &str) -> &'static str {
    if section == "secrets" { "definition/undefined-secret" } else { "definition/undefined-config" }
}

fn uses<'s>(
    service: &'s Service,
    section: &'static str,
    references: &'s [FileReference],
) -> impl Iterator<Item = (&'s FileReference, &'static str, String)> {
    references.iter().map(move |reference| {
        (reference, section, format!("services.{}.{section} {}", service.name, reference.source))
    })
}

/// Two things cannot be mounted at one place.
pub(super) fn targets_differ(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        let mut taken = BTreeSet::new();
        let mounts = service.mounts.iter().map(|mount| mount.target.clone());
        let memory = service.tmpfs.iter().map(|text| text.split(':').next().unwrap_or_default().to_owned());
        let secrets = service.secrets.iter().map(|reference| reference.path("/run/secrets"));
        let configs = service.configs.iter().map(|reference| reference.path("/"));
        for target in mounts.chain(memory).chain(secrets).chain(configs) {
            let clean = target.trim_end_matches('/').to_owned();
            if !taken.insert(clean) {
                let message = format!("service `{}` mounts two things at {target}", service.name);
                let path = format!("services.{}", service.name);
                findings.push(facts.error("definition/duplicate-target", message, &path));
            }
        }
    }
    findings
}
