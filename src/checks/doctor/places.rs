//! Symptoms of what services stand on: images, volumes, networks, names.

use std::collections::BTreeSet;

use super::clues::{self, Kind};
use super::facts::Known;
use super::machine::of_result;
use super::{Ailment, Mend, services};
use crate::backup::marks::Mark;
use crate::checks::CheckResult;
use crate::definition::model::{MountSource, Service, ServiceName};
use crate::finding::{Finding, Severity};
use crate::runtime::RuntimeError;

/// Images that the engine does not have and cannot get. One that can be done without is worth knowing, and no trouble.
pub(super) fn images(known: &Known<'_>) -> Vec<Ailment> {
    let ailments = known.absent.iter().filter_map(|absent| {
        let (name, image) = (&absent.service.name, &absent.service.image);
        let (code, words, hint) = match absent.answer.as_ref().err()? {
            RuntimeError::NoRegistry { .. } => (
                "doctor/registry-silent",
                "its registry does not answer",
                "check the network and the engine's registry settings (`docker info`); or bring the image: `docker load`, `pdex images load`",
            ),
            _ => (
                "doctor/image-refused",
                "its registry does not give it",
                "look at the image's name and tag; `docker login` if it is private",
            ),
        };
        let borne = absent.can_be_borne();
        let rest = match (borne, absent.service.pdex.distribution.is_some()) {
            (true, true) => "; `pdex up` makes one from the distribution's packages",
            (true, false) => "; the rest goes on without it",
            (false, _) => "",
        };
        let message = format!("{name}: image {image} is not on the engine, and {words}{rest}");
        let severity = if borne { Severity::Note } else { Severity::Error };
        let finding = Finding { severity, ..Finding::error(code, message).hint(hint) };
        let cause = match absent.answer.as_ref().err()? {
            RuntimeError::NoRegistry { cause, .. } | RuntimeError::NotFound(cause) => cause.clone(),
            other => other.to_string(),
        };
        Some(Ailment::new(finding).seen_by([cause]))
    });
    ailments.collect()
}

/// Volumes that are gone though containers were made for them, and those whose programs say that they are damaged.
pub(super) fn volumes(known: &Known<'_>) -> Vec<Ailment> {
    let used_by = |key: &str| -> Vec<&Service> {
        let uses = |service: &&Service| {
            let mut sources = service.mounts.iter().map(|mount| &mount.source);
            sources.any(|source| matches!(source, MountSource::Volume(name) if name == key))
        };
        let made = |service: &&Service| known.world.of(&service.name).next().is_some();
        known.definition.services.values().filter(uses).filter(made).collect()
    };
    let mut found: Vec<Ailment> = known
        .definition
        .volumes
        .iter()
        .filter(|(_, volume)| !known.world.volumes.contains(&volume.name))
        .filter_map(|(key, volume)| {
            let users: Vec<String> = used_by(key).iter().map(|service| service.name.to_string()).collect();
            let name = &volume.name;
            let message = format!("volume {name} does not exist, and {} was made for it", users.first()?);
            let hint = "`pdex up` makes it anew, and empty: bring back a copy first where there is one";
            let finding = Finding::error("doctor/volume-missing", message).hint(hint);
            Some(Ailment::new(finding).seen_by([format!("used by {}", users.join(", "))]))
        })
        .collect();
    found.extend(half_restored(known));
    found.extend(services::with_clue(known, |kind| kind == Kind::Volume));
    found
}

fn half_restored(known: &Known<'_>) -> Option<Ailment> {
    let project = &known.definition.project;
    Mark::Restoring.is_set(project, known.world).then(|| {
        let message = "a restore was begun and has not ended: part of the data is old and part is new";
        let finding = Finding::error("doctor/half-restored", message).hint("`pdex restore` finishes it");
        Ailment::new(finding).seen_by([format!("volume {} marks it", Mark::Restoring.name(project))])
    })
}

/// Networks that are gone, and containers that are not where they should be.
pub(super) fn networks(known: &Known<'_>) -> Vec<Ailment> {
    let mut found: Vec<Ailment> = known
        .definition
        .networks
        .iter()
        .filter(|(_, network)| !known.world.networks.contains(&network.name))
        .filter_map(|(key, network)| {
            let joins = |service: &&Service| service.networks.contains_key(key);
            let made = |service: &&Service| known.world.of(&service.name).next().is_some();
            let users: Vec<ServiceName> = known
                .definition
                .services
                .values()
                .filter(joins)
                .filter(made)
                .map(|s| s.name.clone())
                .collect();
            if users.is_empty() {
                return None;
            }
            let names: Vec<&str> = users.iter().map(ServiceName::as_str).collect();
            let message =
                format!("network {} does not exist: {} cannot start", network.name, names.join(", "));
            let mend = if network.external { Mend::Person } else { Mend::Recreate(users) };
            let finding = Finding::error("doctor/network-missing", message);
            let finding = if network.external {
                finding.hint(format!("`docker network create {}`", network.name))
            } else {
                finding
            };
            Some(Ailment::new(finding).mended_by(mend))
        })
        .collect();
    let told: BTreeSet<&str> = known.definition.networks.values().map(|n| n.name.as_str()).collect();
    let misplaced = known.results.iter().filter(|result| result.has_failed() && is_of_networks(result));
    let misplaced = misplaced.filter_map(|result| of_result("doctor/network-other", result));
    // A network that is gone is told once, and not by each of those that should be on it.
    let gone = |ailment: &Ailment| {
        let message = &ailment.finding.message;
        message.ends_with("does not exist") && told.iter().any(|name| message.contains(name))
    };
    found.extend(misplaced.filter(|ailment| !gone(ailment)));
    found
}

/// Whether a network that a service is to be on is gone: it cannot start, and that is told with the network.
pub(super) fn lacks_network(known: &Known<'_>, service: &Service) -> bool {
    let mut networks = service.networks.keys().filter_map(|key| known.definition.networks.get(key));
    networks.any(|network| !known.world.networks.contains(&network.name))
}

pub(super) fn is_of_networks(result: &CheckResult) -> bool {
    ["networks", "reach"].contains(&result.name)
}

/// Names that containers asked for in vain, just now or by their own last lines.
pub(super) fn names(known: &Known<'_>) -> Vec<Ailment> {
    let mut found: Vec<Ailment> = known
        .lookups
        .iter()
        .map(|lookup| {
            let names = lookup.missing.join(", ");
            let message = format!("{}: inside its container no address is known for {names}", lookup.from);
            let hint = format!(
                "`pdex network inspect` shows who is on which network; `pdex up --force-recreate {}`; if no container finds \
                 any name, restart Docker",
                lookup.from
            );
            let seen = format!("`getent hosts {}` ended with 2", lookup.missing.join(" "));
            Ailment::new(Finding::error("doctor/names", message).hint(hint)).seen_by([seen])
        })
        .collect();
    found.extend(services::with_clue(known, |kind| kind == Kind::Names));
    found
}

/// Whether a patient's last lines say that it is of another symptom than its own.
pub(super) fn is_elsewhere(lines: &[String]) -> bool {
    clues::read(lines).is_some_and(|(clue, _)| clue.kind != Kind::Service)
}
