//! What a container may use up, and whether anyone would notice what it does.

use super::{Hit, Look, Risk, Rule, Subject};
use crate::definition::model::{Condition, HealthTest, Restart, Service};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/no-memory-limit",
        risk: Risk::Medium,
        title: "no limit of memory",
        why: "one service that leaks or is attacked takes the memory of all others",
        fix: "`deploy.resources.limits.memory`; `--fix` sets 1 GiB",
        references: &["CIS 5.11"],
        advice: None,
        look: Look::Service(no_memory_limit),
    },
    Rule {
        id: "audit/no-cpu-limit",
        risk: Risk::Low,
        title: "no limit of processors",
        why: "one busy service slows all others down",
        fix: "`deploy.resources.limits.cpus`",
        references: &["CIS 5.12"],
        advice: None,
        look: Look::Service(no_cpu_limit),
    },
    Rule {
        id: "audit/no-pids-limit",
        risk: Risk::Medium,
        title: "no limit of processes",
        why: "a fork bomb in a container stops the machine",
        fix: "`deploy.resources.limits.pids`; `--fix` sets 512",
        references: &["CIS 5.29"],
        advice: None,
        look: Look::Service(no_pids_limit),
    },
    Rule {
        id: "audit/oom-protected",
        risk: Risk::Medium,
        title: "spared when memory runs out",
        why: "the kernel then ends something else: the engine, or ssh",
        fix: "remove `oom_kill_disable`, or the negative `oom_score_adj`",
        references: &["CIS 5.11"],
        advice: None,
        look: Look::Service(oom_protected),
    },
    Rule {
        id: "audit/no-health-check",
        risk: Risk::Low,
        title: "no health check",
        why: "a service that hangs looks like one that works",
        fix: "`healthcheck`, with a test that asks the service itself",
        references: &["CIS 4.6", "CIS 5.27"],
        advice: None,
        look: Look::Service(no_health_check),
    },
    Rule {
        id: "audit/no-logs",
        risk: Risk::Medium,
        title: "logs are thrown away",
        why: "nobody can tell afterwards what happened",
        fix: "remove `logging.driver: none`",
        references: &[],
        advice: None,
        look: Look::Service(no_logs),
    },
    Rule {
        id: "audit/endless-logs",
        risk: Risk::Low,
        title: "logs grow without end",
        why: "the engine's default keeps every line in one file until the disk is full",
        fix: "`logging.options: { max-size: 10m, max-file: \"3\" }`; `--fix` sets them",
        references: &[],
        advice: None,
        look: Look::Service(endless_logs),
    },
];

fn one(hit: bool, at: &str, what: &str) -> Vec<Hit> {
    hit.then(|| Hit::at(at, what)).into_iter().collect()
}

/// A limit that is one: 0 and -1 are none.
fn is_set(limit: Option<i64>) -> bool {
    limit.is_some_and(|limit| limit > 0)
}

pub(super) fn lacks_memory(service: &Service) -> bool {
    !is_set(service.limits().memory)
}

pub(super) fn lacks_pids(service: &Service) -> bool {
    !is_set(service.limits().pids)
}

fn no_memory_limit(subject: &Subject<'_>) -> Vec<Hit> {
    one(lacks_memory(subject.service), "deploy", "may use all memory of the machine")
}

fn no_cpu_limit(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    let limited = is_set(service.limits().nano_cpus)
        || is_set(service.usage.cpu_quota)
        || service.usage.cpuset.is_some();
    one(!limited, "deploy", "may use every processor of the machine")
}

fn no_pids_limit(subject: &Subject<'_>) -> Vec<Hit> {
    one(lacks_pids(subject.service), "deploy", "may start any number of processes")
}

fn oom_protected(subject: &Subject<'_>) -> Vec<Hit> {
    let usage = &subject.service.usage;
    let score = usage.oom_score_adj.is_some_and(|score| score <= -500);
    let mut hits = one(usage.oom_kill_disable, "oom_kill_disable", "is not ended when memory runs out");
    hits.extend(
        one(score, "oom_score_adj", "is ended last when memory runs out").into_iter().map(|h| h.key("score")),
    );
    hits
}

/// Whether it is there to stay: neither a job, nor off.
fn stays(subject: &Subject<'_>) -> bool {
    let service = subject.service;
    let waited_for = |other: &Service| {
        let dependency = other.depends_on.get(&service.name);
        dependency.is_some_and(|dependency| dependency.condition == Condition::ServiceCompletedSuccessfully)
    };
    let job = service.pdex.job
        || subject.facts.definition.services.values().any(waited_for)
        || subject.facts.definition.services.get(&service.name).is_some_and(|defined| defined.pdex.job);
    !job && service.restart_policy() != Restart::No
}

fn no_health_check(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    match &service.healthcheck {
        Some(check) if check.test == HealthTest::Disabled => {
            one(stays(subject), "healthcheck", "has its health check switched off")
        }
        Some(_) => Vec::new(),
        None => {
            let image = subject.facts.observed.images.get(&service.image);
            let of_image = image.is_some_and(|image| image.tested);
            one(stays(subject) && !of_image, "healthcheck", "has no health check")
        }
    }
}

fn driver(service: &Service) -> &str {
    let driver = service.logging.as_ref().and_then(|logging| logging.driver.as_deref());
    driver.unwrap_or("json-file")
}

fn no_logs(subject: &Subject<'_>) -> Vec<Hit> {
    one(driver(subject.service).eq_ignore_ascii_case("none"), "logging", "keeps no logs")
}

pub(super) fn has_endless_logs(service: &Service) -> bool {
    let bounded = service.logging.as_ref().is_some_and(|logging| logging.options.contains_key("max-size"));
    driver(service) == "json-file" && !bounded
}

fn endless_logs(subject: &Subject<'_>) -> Vec<Hit> {
    one(has_endless_logs(subject.service), "logging", "keeps every line it prints")
}
