//! What of a definition has no equivalent on a cluster, or another one than it seems. Every structure of the model is taken apart
//! with all its fields: an attribute that is added to it does not compile here until someone has decided what becomes of it.

mod machine;
mod parts;

use super::security;
use super::stack::{Stack, borrowed};
use super::workload::Kind;
use crate::definition::model::{
    Backup, Extension, ImageUnavailable, Namespace, PullPolicy, Ready, Restart, Service, ServiceName, Spread,
};

/// Whether an attribute is there, its name, and what becomes of it.
type Told<'t> = (bool, &'t str, &'t str);

/// Notes those that are there, below a path.
fn lost(stack: &Stack<'_>, path: &str, told: &[Told<'_>]) {
    for (_, key, what) in told.iter().filter(|(is, ..)| *is) {
        stack.lost(format!("{path}.{key}"), *what);
    }
}

/// See [`lost`].
fn changed(stack: &Stack<'_>, path: &str, told: &[Told<'_>]) {
    for (_, key, what) in told.iter().filter(|(is, ..)| *is) {
        stack.changed(format!("{path}.{key}"), *what);
    }
}

/// What of a service there is to tell. `depends_on` is told by the gates, mounts by the storage, aliases by the Services.
#[expect(clippy::too_many_lines, reason = "a line for each attribute of a service")]
pub(super) fn of_service(stack: &Stack<'_>, service: &Service) {
    let Service {
        // Workload and container.
        name,
        image: _,
        image_named: _,
        platform: _,
        scale: _,
        command: _,
        entrypoint: _,
        environment: _,
        label_files: _,
        annotations: _,
        expose: _,
        hostname: _,
        dns: _,
        dns_search: _,
        dns_opt: _,
        tmpfs: _,
        depends_on: _,
        stop_grace_period: _,
        working_dir: _,
        tty: _,
        stdin_open: _,
        read_only: _,
        privileged: _,
        cap_add: _,
        cap_drop: _,
        shm_size: _,
        // Told below, or where they are taken apart.
        build,
        pull_policy,
        container_name,
        unset_environment,
        labels,
        ports,
        network_mode,
        networks,
        links,
        external_links,
        domainname,
        mac_address,
        extra_hosts,
        mounts,
        volumes_from,
        secrets,
        configs,
        absent,
        healthcheck,
        restart,
        post_start,
        pre_stop,
        stop_signal,
        logging,
        user,
        group_add,
        init,
        attach,
        security_opt: _,
        sysctls,
        devices,
        device_cgroup_rules,
        gpus,
        ulimits,
        storage_opt,
        pid,
        ipc,
        uts,
        userns_mode,
        cgroup,
        cgroup_parent,
        runtime,
        deploy,
        usage,
        profiles,
        pdex,
    } = service;
    let path = format!("services.{name}");
    let job = stack.jobs.contains(name);
    let named_user = user.as_deref().is_some_and(|user| !is_numeric(user));
    lost(
        stack,
        &path,
        &[
            (container_name.is_some(), "container_name", "pods are named by their workloads"),
            (
                !unset_environment.is_empty(),
                "environment",
                "what an image sets cannot be taken away by a pod",
            ),
            (
                !external_links.is_empty(),
                "external_links",
                "a container outside the stack is not on the cluster",
            ),
            (domainname.is_some(), "domainname", "a pod's domain is its namespace's"),
            (mac_address.is_some(), "mac_address", "a pod's address is the network's to give"),
            (!volumes_from.is_empty(), "volumes_from", "mounts of another container: name the volumes here"),
            (
                job && healthcheck.is_some(),
                "healthcheck",
                "a Job's pod ends, nothing asks whether it is ready",
            ),
            (stop_signal.is_some(), "stop_signal", "a pod is ended by its image's STOPSIGNAL"),
            (logging.is_some(), "logging", "where output goes is the node's affair"),
            (named_user, "user", "a user's name has no number here: write the number"),
            (*init == Some(true), "init", "a pod has no init of its own: the image has to bring one"),
            (attach.is_some(), "attach", "nobody is attached to a pod"),
            (!devices.is_empty(), "devices", "a device is handed out by a plugin of the cluster"),
            (
                !device_cgroup_rules.is_empty(),
                "device_cgroup_rules",
                "a device is handed out by a plugin of the cluster",
            ),
            (
                !gpus.is_empty(),
                "gpus",
                "a GPU is a resource that a plugin of the cluster names: add it to `limits`",
            ),
            (!ulimits.is_empty(), "ulimits", "limits of processes are the node's"),
            (!storage_opt.is_empty(), "storage_opt", "the size of a root file system is the node's"),
            (pid.is_some(), "pid", "processes are shared with nobody"),
            (ipc.is_some(), "ipc", "memory is shared with nobody"),
            (uts.is_some(), "uts", "a pod's host name is its own"),
            (userns_mode.is_some(), "userns_mode", "user namespaces are the cluster's"),
            (cgroup.is_some(), "cgroup", "control groups are the node's"),
            (cgroup_parent.is_some(), "cgroup_parent", "control groups are the node's"),
            (
                runtime.is_some(),
                "runtime",
                "a RuntimeClass of the cluster would stand for it: name it in a patch",
            ),
        ],
    );
    changed(
        stack,
        &path,
        &[
            (build.is_some(), "build", "a cluster builds nothing: the image is pushed to a registry before"),
            (
                *pull_policy == Some(PullPolicy::Build),
                "pull_policy",
                "a cluster builds nothing: IfNotPresent",
            ),
            (!labels.is_empty(), "labels", "they are annotations: a label's value may not be any text"),
            (
                sysctls.keys().any(|name| !security::is_safe(name)),
                "sysctls",
                "a kubelet refuses some of these unless it is told to allow them (`--allowed-unsafe-sysctls`)",
            ),
            (!links.is_empty(), "links", "a linked service has its name; other names have to be aliases"),
            (!absent.is_empty(), "depends_on", "an optional dependency that is not there is not waited for"),
            (!profiles.is_empty(), "profiles", "profiles are chosen when exporting"),
        ],
    );
    parts::ports(stack, &path, ports);
    parts::attachments(stack, &path, networks);
    parts::mounts(stack, &path, mounts);
    parts::references(stack, &path, "secrets", secrets);
    parts::references(stack, &path, "configs", configs);
    parts::hooks(stack, &path, "post_start", post_start);
    parts::hooks(stack, &path, "pre_stop", pre_stop);
    machine::deploy(stack, &path, deploy.as_ref());
    machine::usage(stack, &path, usage);
    extension(stack, &path, pdex);
    restarts(stack, &path, job, *restart, service);
    network(stack, &path, network_mode.as_ref(), service);
    numbers(stack, &path, service, group_add, extra_hosts);
    renamed(stack, name, service);
    counted(stack, &path, service);
}

/// How many pods there are, where the definition counts containers.
fn counted(stack: &Stack<'_>, path: &str, service: &Service) {
    let count = if service.scale.is_some() { "scale" } else { "deploy.replicas" };
    let several = service.replicas() > 1;
    let kind = Kind::of(stack, service);
    changed(
        stack,
        path,
        &[
            (
                several && kind == Kind::StatefulSet,
                count,
                "each pod has a volume of its own, where the containers share one: is that what the service can do?",
            ),
            (
                kind == Kind::DaemonSet,
                "x-pdex.each_machine",
                "one pod on every machine; it sees the machine's processors and memory, and its own network and files",
            ),
        ],
    );
    lost(stack, path, &[(several && kind == Kind::DaemonSet, count, "there are as many pods as machines")]);
}

fn is_numeric(user: &str) -> bool {
    user.split(':').all(|part| part.parse::<u32>().is_ok())
}

fn restarts(stack: &Stack<'_>, path: &str, job: bool, written: Option<Restart>, service: &Service) {
    let by_policy = service.deploy.as_ref().is_some_and(|deploy| deploy.restart_policy.is_some());
    if written.is_none() && !by_policy {
        return;
    }
    let key = if by_policy { "deploy.restart_policy" } else { "restart" };
    let policy = service.restart_policy();
    let no = policy == Restart::No;
    let failing = matches!(policy, Restart::OnFailure { .. });
    let always = matches!(policy, Restart::Always | Restart::UnlessStopped);
    changed(
        stack,
        path,
        &[
            (job && no, key, "a Job makes two more attempts: pods are evicted for no fault of theirs"),
            (!job && failing, key, "a cluster starts again whatever ends, also what ended well"),
        ],
    );
    lost(
        stack,
        path,
        &[
            (job && always, key, "a Job is done when it has succeeded"),
            (!job && no, key, "a cluster starts again whatever ends"),
        ],
    );
}

fn network(stack: &Stack<'_>, path: &str, mode: Option<&Namespace>, service: &Service) {
    let Some(mode) = mode else { return };
    if let Some(other) = borrowed(service) {
        let what = format!(
            "the network of {other} is not shared: make one pod of the two, or let them meet by name"
        );
        stack.lost(format!("{path}.network_mode"), what);
        return;
    }
    let named = |text: &str| matches!(mode, Namespace::Named(name) if name == text);
    lost(
        stack,
        path,
        &[
            (
                mode.is_host(),
                "network_mode",
                "the machine's own network is not given to a pod: its ports are a Service's",
            ),
            (
                !mode.is_host() && !named("none"),
                "network_mode",
                "this network is not on the cluster: nothing but DNS may be reached",
            ),
        ],
    );
    changed(stack, path, &[(named("none"), "network_mode", "nothing but DNS may be reached")]);
}

/// What is exported where it is a number, or an address, and is told where it is not.
fn numbers(stack: &Stack<'_>, path: &str, service: &Service, groups: &[String], hosts: &[String]) {
    if groups.iter().any(|group| group.parse::<u32>().is_err()) {
        stack.lost(format!("{path}.group_add"), "a group's name has no number here: write the number");
    }
    if hosts.iter().any(|host| host.ends_with(":host-gateway")) {
        stack.lost(format!("{path}.extra_hosts"), "there is no one machine that `host-gateway` could be");
    }
    for (at, (name, value)) in security::options(service).enumerate() {
        let known = name == "no-new-privileges" || (name, value) == ("seccomp", "unconfined");
        if !known {
            let what = format!(
                "`{name}` of this machine is not on the nodes: bring it there and name it in a patch"
            );
            stack.lost(format!("{path}.security_opt[{at}]"), what);
        }
    }
    if security::user(stack, service).id.is_none() {
        let what = "who the image runs as is not known: `runAsNonRoot` is not asked for";
        stack.changed(path, what);
    }
}

/// Others look for a service under the name that it has in the definition.
fn renamed(stack: &Stack<'_>, name: &ServiceName, service: &Service) {
    let own = stack.name(name);
    let reached = !super::probe::ports(service).is_empty() && !stack.jobs.contains(name);
    if own != name.as_str() {
        let what = if reached {
            format!("it is called {own}: whoever looks for {name} has to be told")
        } else {
            format!("it is called {own}")
        };
        stack.changed(format!("services.{name}"), what);
    }
}

fn extension(stack: &Stack<'_>, path: &str, extension: &Extension) {
    let Extension {
        // Job, gates, Ingress, probes, autoscaler, description.
        job: _,
        done: _,
        essential: _,
        live: _,
        scales: _,
        each_machine: _,
        purpose: _,
        // With `build`.
        host_build: _,
        distribution,
        image_unavailable,
        links,
        ready: Ready { tcp, http },
        timeline,
        disk,
        backup,
        swarm,
    } = extension;
    let path = format!("{path}.x-pdex");
    lost(
        stack,
        &path,
        &[
            (
                distribution.is_some(),
                "distribution",
                "the image comes from a registry, not from a distribution's packages",
            ),
            (
                *image_unavailable == ImageUnavailable::Skip,
                "image_unavailable",
                "a pod whose image cannot be had waits for it",
            ),
            (!links.is_empty(), "links", "these are addresses of this machine: see how to reach it"),
            (tcp.is_some() && http.is_none(), "ready", "the port is not asked besides the health test"),
            (timeline.is_some(), "timeline", "no `pdex up` runs there, and nobody writes when what started"),
            (disk.is_some(), "disk", "what images take is the nodes' affair"),
            (
                *backup != Backup::default(),
                "backup",
                "`pdex backup` knows no cluster: its snapshots of the claims, or a job of one's own, keep the data",
            ),
            (*swarm != Spread::default(), "swarm", "it is meant for a Docker Swarm"),
        ],
    );
}

/// What there is to tell of everything that is no service.
pub(super) fn of_stack(stack: &Stack<'_>) {
    parts::networks(stack);
    parts::volumes(stack);
    parts::objects(stack);
    for name in stack.definition.disabled.keys() {
        stack.changed(format!("services.{name}"), "it is in no profile that is enabled: not exported");
    }
    for name in &stack.options.without {
        stack.lost(format!("services.{name}"), "left out, as `--without` says");
    }
}
