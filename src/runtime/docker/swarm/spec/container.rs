//! The container that every task of a service makes.

use std::collections::HashMap;

use bollard::models::{TaskSpecContainerSpec, TaskSpecContainerSpecDnsConfig};

use super::{OWN_PROJECT, OWN_SERVICE, RUN, Translating, mounts};
use crate::runtime::docker::create::{environment, health, map, nanos, ulimit};

pub(super) fn spec(translating: &Translating<'_>) -> TaskSpecContainerSpec {
    let service = translating.service;
    let filled = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
    let ulimits: Vec<_> = service.ulimits.iter().map(|(name, limit)| ulimit(name, *limit)).collect();
    let domain = service.domainname.as_ref().map(|domain| format!(".{domain}")).unwrap_or_default();
    TaskSpecContainerSpec {
        image: Some(translating.image.to_owned()),
        labels: Some(labels(translating)),
        command: service.entrypoint.clone(),
        args: service.command.clone(),
        hostname: service.hostname.as_ref().map(|host| format!("{host}{domain}")),
        env: Some(environment(service)),
        dir: service.working_dir.clone(),
        user: service.user.clone(),
        groups: filled(&service.group_add),
        tty: service.tty.then_some(true),
        open_stdin: service.stdin_open.then_some(true),
        read_only: service.read_only.then_some(true),
        mounts: Some(mounts::mounts(translating)),
        stop_signal: service.stop_signal.clone(),
        stop_grace_period: service.stop_grace_period.map(nanos),
        health_check: service.healthcheck.as_ref().map(|check| health(check, translating.api)),
        hosts: filled(&service.extra_hosts.iter().map(|entry| host(entry)).collect::<Vec<_>>()),
        dns_config: dns(translating),
        secrets: Some(translating.given.secrets(service)),
        configs: Some(translating.given.configs(service)),
        init: service.init,
        sysctls: map(&service.sysctls),
        capability_add: filled(&service.cap_add),
        capability_drop: filled(&service.cap_drop),
        ulimits: (!ulimits.is_empty()).then_some(ulimits),
        ..TaskSpecContainerSpec::default()
    }
}

fn labels(translating: &Translating<'_>) -> HashMap<String, String> {
    let own = [
        (OWN_PROJECT, translating.definition.project.clone()),
        (OWN_SERVICE, translating.service.name.to_string()),
        (RUN, String::new()),
    ];
    let labels = translating.service.labels.clone().into_iter();
    labels.chain(own.into_iter().map(|(key, value)| (key.to_owned(), value))).collect()
}

/// `name:address` as a line of the hosts file.
fn host(entry: &str) -> String {
    let (name, address) = entry.split_once([':', '=']).unwrap_or((entry, ""));
    format!("{address} {name}")
}

fn dns(translating: &Translating<'_>) -> Option<TaskSpecContainerSpecDnsConfig> {
    let service = translating.service;
    let lists = [&service.dns, &service.dns_search, &service.dns_opt];
    let [nameservers, search, options] = lists.map(|list| (!list.is_empty()).then(|| list.clone()));
    (nameservers.is_some() || search.is_some() || options.is_some())
        .then_some(TaskSpecContainerSpecDnsConfig { nameservers, search, options })
}
