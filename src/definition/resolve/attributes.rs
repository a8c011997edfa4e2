//! The names Compose gives a meaning to: those read here, and those refused by name because pdex does not support them.

pub(super) const TOP: &[&str] =
    &["configs", "include", "name", "networks", "secrets", "services", "version", "volumes"];
pub(super) const TOP_UNSUPPORTED: &[&str] = &["models"];

pub(super) const SERVICE: &[&str] = &[
    "annotations",
    "attach",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "depends_on",
    "deploy",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];
pub(super) const SERVICE_UNSUPPORTED: &[&str] = &[
    "blkio_config",
    "cpu_count",
    "cpu_percent",
    "credential_spec",
    "develop",
    "isolation",
    "models",
    "provider",
    "use_api_socket",
];

pub(super) const BUILD: &[&str] = &[
    "args",
    "cache_from",
    "context",
    "dockerfile",
    "dockerfile_inline",
    "extra_hosts",
    "labels",
    "network",
    "no_cache",
    "platforms",
    "pull",
    "secrets",
    "shm_size",
    "tags",
    "target",
];
pub(super) const BUILD_UNSUPPORTED: &[&str] = &[
    "additional_contexts",
    "cache_to",
    "entitlements",
    "isolation",
    "privileged",
    "provenance",
    "sbom",
    "ssh",
    "ulimits",
];

pub(super) const DEPENDENCY: &[&str] = &["condition", "required", "restart"];
pub(super) const DEPLOY: &[&str] = &["mode", "replicas", "resources", "restart_policy"];
pub(super) const DEPLOY_UNSUPPORTED: &[&str] =
    &["endpoint_mode", "labels", "placement", "rollback_config", "update_config"];
pub(super) const RESOURCES: &[&str] = &["limits", "reservations"];
pub(super) const LIMITS: &[&str] = &["cpus", "memory", "pids"];
pub(super) const LIMITS_UNSUPPORTED: &[&str] = &["devices", "generic_resources"];
pub(super) const RESERVATIONS: &[&str] = &["cpus", "devices", "memory"];
pub(super) const RESERVATIONS_UNSUPPORTED: &[&str] = &["generic_resources", "pids"];
pub(super) const RESTART_POLICY: &[&str] = &["condition", "delay", "max_attempts", "window"];

pub(super) const HEALTHCHECK: &[&str] =
    &["disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"];
pub(super) const HOOK: &[&str] = &["command", "environment", "privileged", "user", "working_dir"];
pub(super) const LOGGING: &[&str] = &["driver", "options"];
pub(super) const ENV_FILE: &[&str] = &["format", "path", "required"];

pub(super) const PORT: &[&str] =
    &["app_protocol", "host_ip", "mode", "name", "protocol", "published", "target"];

pub(super) const MOUNT: &[&str] =
    &["bind", "consistency", "read_only", "source", "target", "tmpfs", "type", "volume"];
pub(super) const MOUNT_UNSUPPORTED: &[&str] = &["image"];
pub(super) const BIND: &[&str] = &["create_host_path", "propagation", "recursive", "selinux"];
pub(super) const VOLUME_MOUNT: &[&str] = &["labels", "nocopy", "subpath"];
pub(super) const TMPFS: &[&str] = &["mode", "size"];

pub(super) const CONFIG: &[&str] = &["content", "environment", "external", "file", "name"];
pub(super) const SECRET: &[&str] = &["environment", "external", "file", "name"];
pub(super) const FILE_OBJECT_UNSUPPORTED: &[&str] = &["driver", "driver_opts", "labels", "template_driver"];
pub(super) const FILE_REFERENCE: &[&str] = &["gid", "mode", "source", "target", "uid"];

pub(super) const DEVICE: &[&str] = &["permissions", "source", "target"];
pub(super) const DEVICE_REQUEST: &[&str] = &["capabilities", "count", "device_ids", "driver", "options"];
pub(super) const ULIMIT: &[&str] = &["hard", "soft"];

pub(super) const ATTACHMENT: &[&str] =
    &["aliases", "driver_opts", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "priority"];
pub(super) const ATTACHMENT_UNSUPPORTED: &[&str] = &["gw_priority", "interface_name"];

pub(super) const NETWORK: &[&str] = &[
    "attachable",
    "driver",
    "driver_opts",
    "enable_ipv4",
    "enable_ipv6",
    "external",
    "internal",
    "ipam",
    "labels",
    "name",
];
pub(super) const IPAM: &[&str] = &["config", "driver"];
pub(super) const IPAM_UNSUPPORTED: &[&str] = &["options"];
pub(super) const IPAM_POOL: &[&str] = &["aux_addresses", "gateway", "ip_range", "subnet"];

pub(super) const VOLUME: &[&str] = &["driver", "driver_opts", "external", "labels", "name"];

pub(super) const EXTENSION: &[&str] = &[
    "backup",
    "disk",
    "distribution",
    "done",
    "each_machine",
    "essential",
    "host_build",
    "image_unavailable",
    "job",
    "links",
    "live",
    "purpose",
    "ready",
    "scales",
    "swarm",
    "timeline",
];
pub(super) const BACKUP: &[&str] = &["dump", "folders", "volumes"];
pub(super) const HOST_BUILD: &[&str] =
    &["binaries", "dockerfile", "libraries", "package", "prepare", "static"];
pub(super) const READY: &[&str] = &["http", "tcp"];
pub(super) const SWARM: &[&str] =
    &["endpoint", "placement", "publish", "replicas", "rollback", "update", "without"];
pub(super) const SWARM_PLACEMENT: &[&str] = &["constraints", "max_replicas_per_node", "spread"];
pub(super) const ROLLOUT: &[&str] = &["delay", "monitor", "on_failure", "order", "parallelism"];
pub(super) const SECRET_EXTENSION: &[&str] = &["first", "generate", "group", "tell"];
pub(super) const TELL: &[&str] = &["command", "service"];
pub(super) const TOP_EXTENSION: &[&str] = &["project_directory"];
