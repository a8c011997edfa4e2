//! The names Compose gives a meaning to: those read here, and those refused by name because pdex does not support them.

pub(super) const TOP: &[&str] = &["name", "networks", "services", "version", "volumes"];
pub(super) const TOP_UNSUPPORTED: &[&str] = &["configs", "include", "models", "secrets"];

pub(super) const SERVICE: &[&str] = &[
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "deploy",
    "entrypoint",
    "environment",
    "extra_hosts",
    "healthcheck",
    "image",
    "init",
    "labels",
    "networks",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "user",
    "volumes",
    "working_dir",
];
pub(super) const SERVICE_UNSUPPORTED: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "cgroup",
    "cgroup_parent",
    "configs",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "env_file",
    "expose",
    "extends",
    "external_links",
    "gpus",
    "group_add",
    "hostname",
    "ipc",
    "isolation",
    "label_file",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "post_start",
    "pre_stop",
    "privileged",
    "provider",
    "pull_policy",
    "runtime",
    "scale",
    "secrets",
    "shm_size",
    "stdin_open",
    "storage_opt",
    "sysctls",
    "tty",
    "ulimits",
    "use_api_socket",
    "userns_mode",
    "uts",
    "volumes_from",
];

pub(super) const BUILD: &[&str] = &["args", "context", "dockerfile", "target"];
pub(super) const BUILD_UNSUPPORTED: &[&str] = &[
    "additional_contexts",
    "cache_from",
    "cache_to",
    "dockerfile_inline",
    "entitlements",
    "extra_hosts",
    "isolation",
    "labels",
    "network",
    "no_cache",
    "platforms",
    "privileged",
    "provenance",
    "pull",
    "sbom",
    "secrets",
    "shm_size",
    "ssh",
    "tags",
    "ulimits",
];

pub(super) const DEPENDENCY: &[&str] = &["condition", "required", "restart"];
pub(super) const DEPLOY: &[&str] = &["resources"];
pub(super) const DEPLOY_UNSUPPORTED: &[&str] = &[
    "endpoint_mode",
    "labels",
    "mode",
    "placement",
    "replicas",
    "restart_policy",
    "rollback_config",
    "update_config",
];
pub(super) const RESOURCES: &[&str] = &["limits", "reservations"];
pub(super) const LIMITS: &[&str] = &["cpus", "memory", "pids"];
pub(super) const RESERVATIONS: &[&str] = &["cpus", "memory"];
pub(super) const RESERVATIONS_UNSUPPORTED: &[&str] = &["devices", "generic_resources", "pids"];

pub(super) const HEALTHCHECK: &[&str] =
    &["disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"];

pub(super) const PORT: &[&str] = &["host_ip", "mode", "protocol", "published", "target"];
pub(super) const PORT_UNSUPPORTED: &[&str] = &["app_protocol", "name"];

pub(super) const MOUNT: &[&str] = &["bind", "read_only", "source", "target", "tmpfs", "type", "volume"];
pub(super) const MOUNT_UNSUPPORTED: &[&str] = &["consistency", "image"];
pub(super) const BIND: &[&str] = &["create_host_path", "propagation", "selinux"];
pub(super) const BIND_UNSUPPORTED: &[&str] = &["recursive"];
pub(super) const VOLUME_MOUNT: &[&str] = &["nocopy"];
pub(super) const VOLUME_MOUNT_UNSUPPORTED: &[&str] = &["labels", "subpath"];
pub(super) const TMPFS: &[&str] = &["mode", "size"];

pub(super) const ATTACHMENT: &[&str] = &["aliases"];
pub(super) const ATTACHMENT_UNSUPPORTED: &[&str] = &[
    "driver_opts",
    "gw_priority",
    "interface_name",
    "ipv4_address",
    "ipv6_address",
    "link_local_ips",
    "mac_address",
    "priority",
];

pub(super) const NETWORK: &[&str] = &["driver", "external", "internal", "name"];
pub(super) const NETWORK_UNSUPPORTED: &[&str] =
    &["attachable", "driver_opts", "enable_ipv4", "enable_ipv6", "ipam", "labels"];

pub(super) const VOLUME: &[&str] = &["external", "name"];
pub(super) const VOLUME_UNSUPPORTED: &[&str] = &["driver", "driver_opts", "labels"];

pub(super) const EXTENSION: &[&str] =
    &["distribution", "host_build", "image_unavailable", "job", "links", "ready"];
pub(super) const HOST_BUILD: &[&str] =
    &["binaries", "dockerfile", "libraries", "package", "prepare", "static"];
pub(super) const READY: &[&str] = &["http", "tcp"];
pub(super) const TOP_EXTENSION: &[&str] = &["project_directory"];
