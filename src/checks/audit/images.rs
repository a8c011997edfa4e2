//! Which image a service runs, and whether that is the one people think it is.

use super::{Facts, Hit, Look, Risk, Rule, Subject, known};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/image-tag",
        risk: Risk::Medium,
        title: "image without a version",
        why: "tomorrow's pull is another program; nobody can go back to the one that worked",
        fix: "name a version: `image: name:1.2.3`",
        references: &["CIS 5.28"],
        advice: None,
        look: Look::Definition(image_tag),
    },
    Rule {
        id: "audit/image-digest",
        risk: Risk::Low,
        title: "image without a digest",
        why: "a tag can be given to another image on the registry",
        fix: "`image: name:1.2.3@sha256:…`, as `docker images --digests` shows it",
        references: &["CIS 4.5"],
        advice: None,
        look: Look::Definition(image_digest),
    },
    Rule {
        id: "audit/outdated-container",
        risk: Risk::Low,
        title: "container of an older image",
        why: "what was mended in the new image is not in what runs",
        fix: "`pdex up` replaces it",
        references: &["CIS 5.28"],
        advice: None,
        look: Look::Stack(outdated_container),
    },
    Rule {
        id: "audit/changed-container",
        risk: Risk::Low,
        title: "container made from another definition",
        why: "what is written down is not what runs: this audit is true of one of the two",
        fix: "`pdex plan` shows what differs, `pdex up` replaces it",
        references: &[],
        advice: None,
        look: Look::Stack(changed_container),
    },
];

/// Tags that are moved from image to image.
const MOVING: &[&str] = &[
    "latest",
    "stable",
    "edge",
    "main",
    "master",
    "trunk",
    "head",
    "nightly",
    "dev",
    "devel",
    "develop",
    "development",
    "testing",
    "test",
    "staging",
    "production",
    "prod",
    "rolling",
    "current",
    "lts",
    "snapshot",
    "canary",
    "beta",
    "alpha",
    "rc",
    "next",
    "unstable",
    "mainline",
    "release",
    "preview",
    "experimental",
];

fn image_tag(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    if !service.image_named || service.image.contains("@sha256:") {
        return Vec::new();
    }
    let what = match known::tag(&service.image) {
        None => format!("image {} has no tag, which means latest", service.image),
        Some(tag) if MOVING.contains(&tag.to_ascii_lowercase().as_str()) => {
            format!("image {} has a tag that moves", service.image)
        }
        Some(_) => return Vec::new(),
    };
    vec![Hit::at("image", what)]
}

fn image_digest(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    // What is built here is in no registry: it has no digest until someone pushes it.
    let pulled = service.image_named && service.build.is_none() && !service.image.contains("@sha256:");
    let versioned = pulled && image_tag(subject).is_empty();
    versioned
        .then(|| Hit::at("image", format!("image {} is not pinned to a digest", service.image)))
        .into_iter()
        .collect()
}

fn outdated_container(facts: &Facts<'_>) -> Vec<Hit> {
    let hit = |stale: &super::observed::Stale| {
        let what =
            format!("{} runs {}, and {} is another one now", stale.container, stale.image, stale.reference);
        Hit::at("image", what).key(&stale.container).of(&stale.service)
    };
    facts.observed.outdated.iter().map(hit).collect()
}

fn changed_container(facts: &Facts<'_>) -> Vec<Hit> {
    let hit = |(service, container): &(crate::definition::model::ServiceName, String)| {
        Hit::at("", format!("{container} was made from another definition")).key(container).of(service)
    };
    facts.observed.changed.iter().map(hit).collect()
}
