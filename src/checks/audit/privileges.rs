//! What a container may do: capabilities, users, profiles, devices and the namespaces of the host.

use super::{Hit, Look, Risk, Rule, Subject};
use crate::definition::model::Namespace;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/privileged",
        risk: Risk::Critical,
        title: "privileged container",
        why: "it has every capability and every device: whoever is in it is root on the machine",
        fix: "remove `privileged`; name the devices and capabilities that are needed",
        references: &["CIS 5.5", "CIS 5.23"],
        advice: None,
        look: Look::Service(privileged),
    },
    Rule {
        id: "audit/capability-added",
        risk: Risk::High,
        title: "capability that reaches past the container",
        why: "it lets a process in the container act on the machine or on other containers",
        fix: "remove it from `cap_add`, or accept it in a baseline for the workload that needs it",
        references: &["CIS 5.4"],
        advice: None,
        look: Look::Service(capability_added),
    },
    Rule {
        id: "audit/capabilities-kept",
        risk: Risk::Medium,
        title: "default capabilities kept",
        why: "the fourteen that Docker grants let an intruder forge packets, pass by file permissions and change users",
        fix: "`cap_drop: [ALL]`, and `cap_add` with the few that are needed; `--fix` does where that is known to work",
        references: &["CIS 5.4"],
        advice: None,
        look: Look::Service(capabilities_kept),
    },
    Rule {
        id: "audit/new-privileges",
        risk: Risk::Medium,
        title: "processes may gain privileges",
        why: "a setuid binary in the image makes root of any user",
        fix: "`security_opt: [no-new-privileges:true]`; `--fix` adds it",
        references: &["CIS 5.26"],
        advice: None,
        look: Look::Service(new_privileges),
    },
    Rule {
        id: "audit/root-user",
        risk: Risk::Medium,
        title: "runs as root",
        why: "an escape from a container starts with the rights of its user; root's are the most",
        fix: "`user: \"10001:10001\"`, or a USER in the image",
        references: &["CIS 4.1", "CIS 5.24"],
        advice: None,
        look: Look::Service(root_user),
    },
    Rule {
        id: "audit/profile-disabled",
        risk: Risk::High,
        title: "security profile switched off",
        why: "seccomp, AppArmor and SELinux are what stops an exploit of the kernel from inside",
        fix: "remove the option; the default profile fits nearly everything",
        references: &["CIS 5.2", "CIS 5.3", "CIS 5.22"],
        advice: None,
        look: Look::Service(profile_disabled),
    },
    Rule {
        id: "audit/host-namespace",
        risk: Risk::High,
        title: "namespace of the host",
        why: "the container sees and reaches what is the machine's: its network, processes or shared memory",
        fix: "remove it; publish ports, or share with one service (`service:NAME`) instead",
        references: &["CIS 5.10", "CIS 5.16", "CIS 5.17", "CIS 5.21", "CIS 5.25", "CIS 5.31"],
        advice: None,
        look: Look::Service(host_namespace),
    },
    Rule {
        id: "audit/device",
        risk: Risk::Critical,
        title: "device of the host",
        why: "who can read a disk or the kernel's memory from a container reads everything on the machine",
        fix: "remove it, or name the one device that is needed with the permissions that are needed",
        references: &["CIS 5.18"],
        advice: None,
        look: Look::Service(device),
    },
    Rule {
        id: "audit/group-added",
        risk: Risk::Medium,
        title: "group with rights on the host's files",
        why: "with docker, disk or root as a group the user of the container is root by another name",
        fix: "remove it from `group_add`",
        references: &[],
        advice: None,
        look: Look::Service(group_added),
    },
];

fn privileged(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    let own = service.privileged.then(|| Hit::at("privileged", "is privileged"));
    let hooks = [("post_start", &service.post_start), ("pre_stop", &service.pre_stop)];
    let hooks = hooks.into_iter().flat_map(|(name, hooks)| {
        let privileged = hooks.iter().any(|hook| hook.privileged);
        privileged.then(|| Hit::at(name, format!("runs a privileged {name} hook")).key(name)).into_iter()
    });
    own.into_iter().chain(hooks).collect()
}

/// Without `CAP_`, which is optional.
fn bare(capability: &str) -> String {
    let upper = capability.trim().to_ascii_uppercase();
    match upper.strip_prefix("CAP_") {
        Some(name) => name.to_owned(),
        None => upper,
    }
}

/// What a capability gives, and how bad that is; those that Docker grants anyway are not in here.
fn reach(capability: &str) -> Option<(Risk, &'static str)> {
    Some(match capability {
        "ALL" => (Risk::Critical, "everything root can do"),
        "SYS_ADMIN" => (Risk::Critical, "mounts and a hundred other things of the kernel"),
        "SYS_MODULE" => (Risk::Critical, "loading code into the kernel"),
        "SYS_RAWIO" => (Risk::Critical, "raw memory and disks"),
        "NET_ADMIN" => (Risk::High, "the network's settings, and with them others' traffic"),
        "BPF" => (Risk::High, "programs in the kernel"),
        "PERFMON" => (Risk::High, "reading the whole kernel's measurements"),
        "SYS_BOOT" => (Risk::High, "restarting the machine"),
        "SYS_TIME" => (Risk::High, "the machine's clock"),
        "SYS_NICE" => (Risk::High, "taking the machine's processors"),
        "IPC_LOCK" => (Risk::High, "pinning the machine's memory"),
        "LEASE" => (Risk::High, "stalling others at opening files"),
        "SYSLOG" => (Risk::High, "the kernel's log with its addresses"),
        "MAC_ADMIN" | "MAC_OVERRIDE" => (Risk::High, "passing by the security profiles"),
        "SYS_PTRACE" => (Risk::Medium, "the memory of other processes in the container"),
        "DAC_READ_SEARCH" => (Risk::Medium, "reading any file, by its handle also the host's"),
        "CHECKPOINT_RESTORE" | "SYS_RESOURCE" | "SYS_PACCT" | "SYS_TTY_CONFIG" | "AUDIT_CONTROL"
        | "AUDIT_READ" | "LINUX_IMMUTABLE" | "NET_BROADCAST" | "WAKE_ALARM" | "BLOCK_SUSPEND" => {
            (Risk::Medium, "something of the kernel that few services need")
        }
        _ => return None,
    })
}

fn capability_added(subject: &Subject<'_>) -> Vec<Hit> {
    let added = &subject.service.cap_add;
    let hits = added.iter().enumerate().filter_map(|(index, capability)| {
        let name = bare(capability);
        let (risk, gives) = reach(&name)?;
        let at = subject.item("cap_add", index, added.len());
        Some(Hit::at(at, format!("adds {name}: {gives}")).key(name).risk(risk))
    });
    hits.collect()
}

/// Whether everything is dropped that is not added again.
pub(super) fn drops_all(dropped: &[String]) -> bool {
    dropped.iter().any(|capability| bare(capability) == "ALL")
}

fn capabilities_kept(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    if service.privileged || drops_all(&service.cap_drop) {
        return Vec::new();
    }
    let what = match service.cap_drop.len() {
        0 => "drops none of the default capabilities".to_owned(),
        _ => format!("drops only {}", service.cap_drop.join(", ")),
    };
    vec![Hit::at("cap_drop", what)]
}

/// Whether the option is there and means yes.
pub(super) fn blocks_new_privileges(options: &[String]) -> bool {
    options.iter().any(|option| {
        let (name, value) = option.split_once([':', '=']).unwrap_or((option.as_str(), "true"));
        name.trim() == "no-new-privileges" && value.trim().eq_ignore_ascii_case("true")
    })
}

fn new_privileges(subject: &Subject<'_>) -> Vec<Hit> {
    if blocks_new_privileges(&subject.service.security_opt) {
        return Vec::new();
    }
    vec![Hit::at("security_opt", "does not set no-new-privileges")]
}

/// Whether a `user` is root, by name or number; the group does not matter.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name == "root"
        || (!name.is_empty() && name.trim_start_matches(['+', '-']).bytes().all(|digit| digit == b'0'))
}

fn root_user(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    let hooks = [("post_start", &service.post_start), ("pre_stop", &service.pre_stop)];
    let hooks = hooks.into_iter().flat_map(|(name, hooks)| {
        let root = hooks.iter().any(|hook| hook.user.as_deref().is_some_and(is_root));
        root.then(|| Hit::at(name, format!("runs a {name} hook as root")).key(name).risk(Risk::Low))
            .into_iter()
    });
    let own = if let Some(user) = service.user.as_deref() {
        is_root(user).then(|| Hit::at("user", format!("runs as root (user {user})")))
    } else {
        let image = subject.facts.observed.images.get(&service.image);
        let root = image.is_some_and(|image| image.user.is_empty() || is_root(&image.user));
        root.then(|| Hit::at("user", format!("runs as root, the user of image {}", service.image)))
    };
    own.into_iter().chain(hooks).collect()
}

fn profile_disabled(subject: &Subject<'_>) -> Vec<Hit> {
    let options = &subject.service.security_opt;
    let hits = options.iter().enumerate().filter_map(|(index, option)| {
        let (name, value) = option.split_once([':', '='])?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_ascii_lowercase());
        let profile = match (name.as_str(), value.as_str()) {
            ("seccomp", "unconfined") => "seccomp",
            ("apparmor", "unconfined") => "AppArmor",
            // The engine adds it by itself to containers that share something of the host.
            ("label", "disable") if subject.container.is_none() => "SELinux",
            ("systempaths", "unconfined") => "the masks over /proc and /sys",
            _ => return None,
        };
        let at = subject.item("security_opt", index, options.len());
        Some(Hit::at(at, format!("switches off {profile} ({option})")).key(name))
    });
    hits.collect()
}

fn host_namespace(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    let is_host = |namespace: &Option<Namespace>| namespace.as_ref().is_some_and(Namespace::is_host);
    let named = |text: &Option<String>| text.as_deref() == Some("host");
    let all = [
        ("network_mode", is_host(&service.network_mode), Risk::High, "the host's network"),
        ("pid", is_host(&service.pid), Risk::High, "the host's processes"),
        ("ipc", is_host(&service.ipc), Risk::High, "the host's shared memory"),
        (
            "userns_mode",
            named(&service.userns_mode),
            Risk::Medium,
            "the host's user ids, whatever the engine maps",
        ),
        ("cgroup", named(&service.cgroup), Risk::Low, "the host's control groups"),
        ("uts", named(&service.uts), Risk::Low, "the host's name"),
    ];
    let hits = all.into_iter().filter(|(_, shared, ..)| *shared);
    hits.map(|(at, _, risk, what)| Hit::at(at, format!("shares {what}")).key(at).risk(risk)).collect()
}

/// Starts of names of devices that hold or lead to the machine's data.
const DISKS: &[&str] = &[
    "sd", "hd", "nvme", "vd", "xvd", "mmcblk", "md", "dm-", "loop", "nbd", "rbd", "zd", "zvol", "zfs",
    "mapper/", "disk/", "block/", "mtdblock", "sr", "sg",
];
const KERNEL: &[&str] = &["mem", "kmem", "port", "kmsg", "char/1:11", "char/10:237", "fuse", "kvm"];

fn device_risk(path: &str) -> Option<(Risk, &'static str)> {
    let name = path.strip_prefix("/dev").unwrap_or(path).trim_matches('/');
    if name.is_empty() {
        return Some((Risk::Critical, "every device of the host"));
    }
    if KERNEL.contains(&name) {
        let risk = if matches!(name, "fuse" | "kvm") { Risk::Low } else { Risk::Critical };
        return Some((risk, "a device of the kernel"));
    }
    // Screens and dice begin like disks.
    let other = ["hdmi", "sdr", "mdadm", "srandom"].iter().any(|start| name.starts_with(start));
    if !other && DISKS.iter().any(|start| name.starts_with(start)) {
        return Some((Risk::Critical, "a disk of the host"));
    }
    (!matches!(name, "null" | "zero" | "full" | "random" | "urandom" | "net/tun" | "tty"))
        .then_some((Risk::Low, "a device of the host"))
}

fn device(subject: &Subject<'_>) -> Vec<Hit> {
    let service = subject.service;
    let devices = &service.devices;
    let named = devices.iter().enumerate().filter_map(|(index, device)| {
        // Without r and w it can only be made anew, not opened.
        let opens =
            device.permissions.is_empty() || device.permissions.to_ascii_lowercase().contains(['r', 'w']);
        let path = super::mounts::normal(&device.source);
        let (risk, what) = device_risk(&path).filter(|_| opens)?;
        let at = subject.item("devices", index, devices.len());
        Some(Hit::at(at, format!("has {what}: {path}")).key(path).risk(risk))
    });
    let rules = service.device_cgroup_rules.iter().filter_map(|rule| {
        let mut words = rule.split_whitespace();
        let (kind, _numbers, permissions) = (words.next()?, words.next()?, words.next().unwrap_or("rwm"));
        let risk = match kind {
            "a" | "b" => Risk::Critical,
            _ => Risk::Medium,
        };
        let what = format!("may open devices of the host ({rule})");
        permissions.contains(['r', 'w']).then(|| Hit::at("device_cgroup_rules", what).key(rule).risk(risk))
    });
    named.chain(rules).collect()
}

fn group_added(subject: &Subject<'_>) -> Vec<Hit> {
    let groups = &subject.service.group_add;
    let hits = groups.iter().enumerate().filter(|(_, group)| {
        matches!(group.as_str(), "0" | "root" | "docker" | "disk" | "shadow" | "sudo" | "wheel" | "kmem")
    });
    hits.map(|(index, group)| {
        let at = subject.item("group_add", index, groups.len());
        Hit::at(at, format!("runs with the group {group}")).key(group)
    })
    .collect()
}
