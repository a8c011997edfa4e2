//! One service as Compose prints it. Attributes stand in the order of Compose's own structures, which the hash depends on.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Map, Tree};
use super::{Form, build, extension, machine, mounts};
use crate::definition::model::{
    Attachment, Condition, Dependency, FileReference, HealthTest, Healthcheck, Hook, Logging, Port, PortMode,
    PullPolicy, Restart, Service,
};
use crate::definition::values::print_duration;

pub(super) fn tree(service: &Service, form: Form) -> Tree {
    let mut map = Map::new();
    if form != Form::Hash {
        map.put_filled("profiles", Tree::texts(&service.profiles));
    }
    until_devices(&mut map, service, form);
    until_mac_address(&mut map, service, form);
    until_runtime(&mut map, service, form);
    until_end(&mut map, service, form);
    if form != Form::Hash {
        map.put_filled("x-pdex", extension::tree(&service.pdex));
    }
    map.into()
}

fn until_devices(map: &mut Map, service: &Service, form: Form) {
    let usage = &service.usage;
    map.put_filled("annotations", texts(&service.annotations));
    map.put_some("attach", service.attach.map(Tree::Bool));
    if let Some(build) = service.build.as_ref().filter(|_| form != Form::Hash) {
        map.put("build", build::tree(build));
    }
    map.put_filled("cap_add", Tree::texts(&service.cap_add));
    map.put_filled("cap_drop", Tree::texts(&service.cap_drop));
    map.add_some("cgroup_parent", service.cgroup_parent.as_ref());
    map.add_some("cgroup", service.cgroup.as_ref());
    map.put_some("cpu_period", usage.cpu_period.map(Tree::Integer));
    map.put_some("cpu_quota", usage.cpu_quota.map(Tree::Integer));
    map.put_some("cpu_rt_period", usage.cpu_rt_period.map(Tree::Integer));
    map.put_some("cpu_rt_runtime", usage.cpu_rt_runtime.map(Tree::Integer));
    map.put_some("cpus", usage.cpus.map(machine::cores));
    map.add_some("cpuset", usage.cpuset.as_ref());
    map.put_some("cpu_shares", usage.cpu_shares.map(Tree::Integer));
    command(map, "command", service.command.as_ref(), form);
    map.put_filled("configs", Tree::List(service.configs.iter().map(reference).collect()));
    map.add_some("container_name", service.container_name.as_ref());
    if form != Form::Hash {
        // Compose prints those that are absent, and refuses to read them.
        let absent = service.absent.iter().filter(|_| form == Form::Json);
        let all: BTreeMap<_, _> = service.depends_on.iter().chain(absent).collect();
        let all = all.into_iter().map(|(name, d)| (name.to_string(), dependency(d)));
        map.put_filled("depends_on", Tree::map(all));
    }
    if let Some(deploy) = &service.deploy {
        map.put("deploy", machine::deploy(deploy, form));
    }
    map.put_filled("device_cgroup_rules", Tree::texts(&service.device_cgroup_rules));
    map.put_filled("devices", Tree::List(service.devices.iter().map(machine::device).collect()));
}

fn until_mac_address(map: &mut Map, service: &Service, form: Form) {
    let usage = &service.usage;
    map.put_filled("dns", Tree::texts(&service.dns));
    map.put_filled("dns_opt", Tree::texts(&service.dns_opt));
    map.put_filled("dns_search", Tree::texts(&service.dns_search));
    map.add_some("domainname", service.domainname.as_ref());
    command(map, "entrypoint", service.entrypoint.as_ref(), form);
    map.put_filled("environment", variables(&service.environment, &service.unset_environment));
    map.put_filled("expose", Tree::texts(&service.expose));
    map.put_filled("external_links", Tree::texts(&service.external_links));
    map.put_filled("extra_hosts", hosts(&service.extra_hosts));
    map.put_filled("group_add", Tree::texts(&service.group_add));
    map.put_filled("gpus", Tree::List(service.gpus.iter().map(machine::request).collect()));
    map.add_some("hostname", service.hostname.as_ref());
    map.put_some("healthcheck", service.healthcheck.as_ref().map(healthcheck));
    map.add_some("image", service.image_named.then_some(&service.image));
    map.put_some("init", service.init.map(Tree::Bool));
    map.add_some("ipc", service.ipc.as_ref());
    map.put_filled("labels", texts(&service.labels));
    if form == Form::Hash {
        map.put_filled("label_file", Tree::texts(service.label_files.iter().map(|path| path.display())));
    }
    map.put_filled("links", Tree::texts(&service.links));
    map.put_some("logging", service.logging.as_ref().map(logging));
    map.add_some("mem_limit", usage.mem_limit);
    map.add_some("mem_reservation", usage.mem_reservation);
    match usage.memswap_limit {
        // Compose reads -1 as a number only, and prints it as text.
        Some(limit @ ..0) if form == Form::Yaml => map.put("memswap_limit", Tree::Integer(limit)),
        limit => map.add_some("memswap_limit", limit),
    }
    map.add_some("mem_swappiness", usage.mem_swappiness);
    map.add_some("mac_address", service.mac_address.as_ref());
}

fn until_runtime(map: &mut Map, service: &Service, form: Form) {
    let usage = &service.usage;
    map.add_some("network_mode", service.network_mode.as_ref());
    let networks = service.networks.iter();
    map.put_filled("networks", Tree::map(networks.map(|(key, joined)| (key.clone(), attachment(joined)))));
    map.flag("oom_kill_disable", usage.oom_kill_disable);
    map.put_some("oom_score_adj", usage.oom_score_adj.map(Tree::Integer));
    map.add_some("pid", service.pid.as_ref());
    map.put_some("pids_limit", usage.pids_limit.map(Tree::Integer));
    map.add_some("platform", service.platform.as_ref());
    map.put_filled("ports", Tree::List(service.ports.iter().map(port).collect()));
    map.flag("privileged", service.privileged);
    if form != Form::Hash {
        map.add_some("pull_policy", service.pull_policy.map(pull_policy));
    }
    map.flag("read_only", service.read_only);
    map.add_some("restart", service.restart.map(restart));
    map.add_some("runtime", service.runtime.as_ref());
    if form != Form::Hash {
        map.put_some("scale", service.scale.map(|count| Tree::Integer(count.into())));
    }
}

fn until_end(map: &mut Map, service: &Service, form: Form) {
    map.put_filled("secrets", Tree::List(service.secrets.iter().map(reference).collect()));
    map.put_filled("security_opt", Tree::texts(&service.security_opt));
    map.add_some("shm_size", service.shm_size);
    map.flag("stdin_open", service.stdin_open);
    map.add_some("stop_grace_period", service.stop_grace_period.map(print_duration));
    map.add_some("stop_signal", service.stop_signal.as_ref());
    map.put_filled("storage_opt", texts(&service.storage_opt));
    map.put_filled("sysctls", texts(&service.sysctls));
    map.put_filled("tmpfs", Tree::texts(&service.tmpfs));
    map.flag("tty", service.tty);
    map.put_filled("ulimits", machine::ulimits(&service.ulimits, form));
    map.add_some("user", service.user.as_ref());
    map.add_some("userns_mode", service.userns_mode.as_ref());
    map.add_some("uts", service.uts.as_ref());
    map.put_filled("volumes", Tree::List(service.mounts.iter().map(mounts::tree).collect()));
    map.put_filled("volumes_from", Tree::texts(&service.volumes_from));
    map.add_some("working_dir", service.working_dir.as_ref());
    map.put_filled("post_start", Tree::List(service.post_start.iter().map(hook).collect()));
    map.put_filled("pre_stop", Tree::List(service.pre_stop.iter().map(hook).collect()));
}

/// Compose's JSON has these two always: null and empty mean different things.
fn command(map: &mut Map, key: &str, words: Option<&Vec<String>>, form: Form) {
    match words {
        Some(words) => map.put(key, Tree::texts(words)),
        None if form == Form::Yaml => {}
        None => map.put(key, Tree::Null),
    }
}

/// Names with their values.
pub(super) fn texts(entries: &BTreeMap<String, String>) -> Tree {
    Tree::map(entries.iter().map(|(key, value)| (key.clone(), Tree::Text(value.clone()))))
}

fn variables(set: &BTreeMap<String, String>, unset: &BTreeSet<String>) -> Tree {
    let set = set.iter().map(|(name, value)| (name.clone(), Tree::Text(value.clone())));
    let unset = unset.iter().map(|name| (name.clone(), Tree::Null));
    let all: BTreeMap<String, Tree> = set.chain(unset).collect();
    Tree::map(all.into_iter())
}

/// Compose prints `name=address`.
pub(super) fn hosts(hosts: &[String]) -> Tree {
    Tree::texts(hosts.iter().map(|host| host.replacen(':', "=", 1)))
}

/// The use of a secret or config.
pub(super) fn reference(reference: &FileReference) -> Tree {
    let mut map = Map::with("source", &reference.source);
    map.add_some("target", reference.target.as_ref());
    map.add_some("uid", reference.uid.as_ref());
    map.add_some("gid", reference.gid.as_ref());
    map.add_some("mode", reference.mode.map(|bits| format!("0{bits:o}")));
    map.into()
}

fn dependency(dependency: &Dependency) -> Tree {
    let condition = match dependency.condition {
        Condition::ServiceStarted => "service_started",
        Condition::ServiceHealthy => "service_healthy",
        Condition::ServiceCompletedSuccessfully => "service_completed_successfully",
    };
    let mut map = Map::with("condition", condition);
    map.flag("restart", dependency.restart);
    map.put("required", Tree::Bool(dependency.required));
    map.into()
}

fn healthcheck(check: &Healthcheck) -> Tree {
    let mut map = Map::new();
    let words = |first: &str, rest: &[String]| {
        Tree::texts(std::iter::once(first).chain(rest.iter().map(String::as_str)))
    };
    match &check.test {
        HealthTest::Disabled => {}
        HealthTest::Command(command) => map.put("test", words("CMD", command)),
        HealthTest::Shell(line) => map.put("test", words("CMD-SHELL", std::slice::from_ref(line))),
    }
    map.add_some("timeout", check.timeout.map(print_duration));
    map.add_some("interval", check.interval.map(print_duration));
    if let Some(retries) = check.retries {
        map.put("retries", Tree::Integer(retries.into()));
    }
    map.add_some("start_period", check.start_period.map(print_duration));
    map.add_some("start_interval", check.start_interval.map(print_duration));
    map.flag("disable", check.test == HealthTest::Disabled);
    map.into()
}

fn port(port: &Port) -> Tree {
    let mut map = Map::new();
    map.add_some("name", port.name.as_ref());
    map.add("mode", if port.mode == PortMode::Host { "host" } else { "ingress" });
    map.add_some("host_ip", port.host_ip.as_ref());
    map.put("target", Tree::Integer(port.target.into()));
    let published = port.published.map(|first| match port.published_last {
        Some(last) => format!("{first}-{last}"),
        None => first.to_string(),
    });
    map.add_some("published", published);
    map.add("protocol", port.protocol.as_str());
    map.add_some("app_protocol", port.app_protocol.as_ref());
    map.into()
}

fn attachment(attachment: &Attachment) -> Tree {
    let mut map = Map::new();
    map.put_filled("aliases", Tree::texts(&attachment.aliases));
    map.put_filled("driver_opts", texts(&attachment.driver_opts));
    map.add_some("ipv4_address", attachment.ipv4_address.as_ref());
    map.add_some("ipv6_address", attachment.ipv6_address.as_ref());
    map.put_filled("link_local_ips", Tree::texts(&attachment.link_local_ips));
    map.add_some("mac_address", attachment.mac_address.as_ref());
    if attachment.priority != 0 {
        map.put("priority", Tree::Integer(attachment.priority));
    }
    let tree = Tree::from(map);
    if tree == Tree::Map(Vec::new()) && !attachment.written { Tree::Null } else { tree }
}

fn hook(hook: &Hook) -> Tree {
    let mut map = Map::new();
    map.put("command", Tree::texts(&hook.command));
    map.add_some("user", hook.user.as_ref());
    map.flag("privileged", hook.privileged);
    map.add_some("working_dir", hook.working_dir.as_ref());
    map.put_filled("environment", variables(&hook.environment, &hook.unset_environment));
    map.into()
}

fn logging(logging: &Logging) -> Tree {
    let mut map = Map::new();
    map.add_some("driver", logging.driver.as_ref());
    map.put_filled("options", texts(&logging.options));
    map.into()
}

fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::Always => "always",
        PullPolicy::Never => "never",
        PullPolicy::Missing => "missing",
        PullPolicy::Build => "build",
    }
}

fn restart(restart: Restart) -> String {
    match restart {
        Restart::No => "no".into(),
        Restart::Always => "always".into(),
        Restart::UnlessStopped => "unless-stopped".into(),
        Restart::OnFailure { max_retries: None } => "on-failure".into(),
        Restart::OnFailure { max_retries: Some(count) } => format!("on-failure:{count}"),
    }
}
