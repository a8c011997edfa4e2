//! What a container has of its machine: the limits that a pod has no word for.

use super::super::stack::Stack;
use super::lost;
use crate::definition::model::{Deploy, Resources, RestartPolicy, Usage};

const PIDS: &str = "how many processes a pod may have is the kubelet's to say (`podPidsLimit`)";

pub(super) fn deploy(stack: &Stack<'_>, path: &str, deploy: Option<&Deploy>) {
    let Some(deploy) = deploy else { return };
    // The restart policy itself is told with `restart`.
    let Deploy { replicated: _, replicas: _, limits, reservations, restart_policy } = deploy;
    let path = format!("{path}.deploy");
    for (key, resources) in [("limits", limits), ("reservations", reservations)] {
        let Resources { nano_cpus: _, memory: _, pids, devices } = resources.clone().unwrap_or_default();
        let device = "a device is a resource that a plugin of the cluster names: add it to `limits`";
        lost(
            stack,
            &format!("{path}.resources.{key}"),
            &[(pids.is_some(), "pids", PIDS), (!devices.is_empty(), "devices", device)],
        );
    }
    let RestartPolicy { condition: _, max_attempts: _, delay, window } =
        restart_policy.clone().unwrap_or_default();
    let pace = "how long is waited before a restart is the kubelet's to say";
    lost(
        stack,
        &format!("{path}.restart_policy"),
        &[(delay.is_some(), "delay", pace), (window.is_some(), "window", pace)],
    );
}

pub(super) fn usage(stack: &Stack<'_>, path: &str, usage: &Usage) {
    let Usage {
        // Limits and requests.
        cpus: _,
        mem_limit: _,
        mem_reservation: _,
        cpu_period,
        cpu_quota,
        cpu_rt_period,
        cpu_rt_runtime,
        cpu_shares,
        cpuset,
        memswap_limit,
        mem_swappiness,
        oom_kill_disable,
        oom_score_adj,
        pids_limit,
    } = usage;
    let cpu = "a pod's share of a processor is said in cores: `cpus`";
    let swap = "swap is the node's affair";
    let oom = "who is killed when memory runs out follows from requests and limits";
    lost(
        stack,
        path,
        &[
            (cpu_period.is_some(), "cpu_period", cpu),
            (cpu_quota.is_some(), "cpu_quota", cpu),
            (cpu_rt_period.is_some(), "cpu_rt_period", cpu),
            (cpu_rt_runtime.is_some(), "cpu_rt_runtime", cpu),
            (cpu_shares.is_some(), "cpu_shares", cpu),
            (cpuset.is_some(), "cpuset", "which processors a pod has is the kubelet's to say"),
            (memswap_limit.is_some(), "memswap_limit", swap),
            (mem_swappiness.is_some(), "mem_swappiness", swap),
            (*oom_kill_disable, "oom_kill_disable", oom),
            (oom_score_adj.is_some(), "oom_score_adj", oom),
            (pids_limit.is_some(), "pids_limit", PIDS),
        ],
    );
}
