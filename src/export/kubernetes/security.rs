//! What a pod's processes may do. What the definition says is kept; beyond it, a process that is not root loses the
//! capabilities it could not use anyway, so that the pod passes the *restricted* profile of Pod Security.

use serde_json::{Value, json};

use super::image;
use super::stack::Stack;
use crate::definition::model::Service;

/// What the *baseline* profile lets a container add.
const COMMON: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The settings of the kernel that the *baseline* profile lets a pod have, and that a kubelet allows without being told to.
const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_syncookies",
];

/// Who a container's process is, as far as that is known without its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct User {
    pub(super) id: Option<u32>,
    pub(super) group: Option<u32>,
}

impl User {
    /// `10001:10001`, `10001`; a name says no number.
    fn parse(text: &str) -> Self {
        let (id, group) = text.split_once(':').map_or((text, None), |(id, group)| (id, Some(group)));
        Self { id: id.parse().ok(), group: group.and_then(|group| group.parse().ok()) }
    }

    pub(super) fn is_not_root(self) -> bool {
        self.id.is_some_and(|id| id > 0)
    }
}

/// As the definition says, else as the Dockerfile ends, else as is known of the image.
pub(super) fn user(stack: &Stack<'_>, service: &Service) -> User {
    let written =
        service.user.as_deref().or_else(|| stack.sources.users.get(&service.name).map(String::as_str));
    if let Some(text) = written {
        return User::parse(text);
    }
    let (id, group) = image::known_user(&service.image).unzip();
    User { id, group }
}

/// The part of the pod.
pub(super) fn of_pod(stack: &Stack<'_>, service: &Service) -> Value {
    let user = user(stack, service);
    let groups: Vec<u32> = service.group_add.iter().filter_map(|group| group.parse().ok()).collect();
    let sysctls: Vec<Value> =
        service.sysctls.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let seccomp = if is_unconfined(service) { "Unconfined" } else { "RuntimeDefault" };
    // Whose a new volume is: without this its root is root's.
    let volumes = user.group.filter(|_| user.is_not_root());
    json!({
        "runAsNonRoot": user.is_not_root().then_some(true),
        "runAsUser": user.id,
        "runAsGroup": user.group,
        "fsGroup": volumes,
        "fsGroupChangePolicy": volumes.map(|_| "OnRootMismatch"),
        "supplementalGroups": (!groups.is_empty()).then_some(groups),
        "seccompProfile": {"type": seccomp},
        "sysctls": (!sysctls.is_empty()).then_some(sysctls),
    })
}

/// The part of the service's container.
pub(super) fn of_container(stack: &Stack<'_>, service: &Service) -> Value {
    let user = user(stack, service);
    let plain = |name: &String| name.trim_start_matches("CAP_").to_owned();
    let add: Vec<String> = service.cap_add.iter().map(plain).collect();
    let mut drop: Vec<String> = service.cap_drop.iter().map(plain).collect();
    if user.is_not_root() && !service.privileged {
        drop = vec!["ALL".to_owned()];
    }
    let capabilities = if add.is_empty() && drop.is_empty() {
        Value::Null
    } else {
        json!({"add": (!add.is_empty()).then_some(&add), "drop": (!drop.is_empty()).then_some(drop)})
    };
    // The two exclude each other.
    let needs_more = service.privileged || add.iter().any(|name| name == "SYS_ADMIN");
    let bound = match new_privileges(service) {
        Some(may) => !may,
        None => user.is_not_root(),
    };
    json!({
        "allowPrivilegeEscalation": (bound && !needs_more).then_some(false),
        "capabilities": capabilities,
        "privileged": service.privileged.then_some(true),
        "readOnlyRootFilesystem": service.read_only,
    })
}

/// The part of a container that only waits.
pub(super) fn of_gate() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": true,
    })
}

/// The strictest profile of Pod Security that lets every pod in.
pub(super) fn profile(stack: &Stack<'_>) -> &'static str {
    let services = || stack.definition.services.values();
    let adds_only = |service: &Service, known: &[&str]| {
        let mut names = service.cap_add.iter().map(|name| name.trim_start_matches("CAP_"));
        names.all(|name| known.contains(&name))
    };
    let baseline = |service: &Service| {
        !service.privileged
            && !is_unconfined(service)
            && adds_only(service, COMMON)
            && service.sysctls.keys().all(|name| is_safe(name))
    };
    let restricted = |service: &Service| {
        baseline(service)
            && user(stack, service).is_not_root()
            && new_privileges(service) != Some(true)
            && adds_only(service, &["NET_BIND_SERVICE"])
    };
    if services().all(restricted) {
        "restricted"
    } else if services().all(baseline) {
        "baseline"
    } else {
        "privileged"
    }
}

/// Whether a pod may have a setting of the kernel without the kubelet being told.
pub(super) fn is_safe(sysctl: &str) -> bool {
    SAFE_SYSCTLS.contains(&sysctl)
}

/// The options of `security_opt` as name and value; Docker takes `=` and `:` between them.
pub(super) fn options(service: &Service) -> impl Iterator<Item = (&str, &str)> {
    service.security_opt.iter().map(|option| option.split_once(['=', ':']).unwrap_or((option, "")))
}

fn is_unconfined(service: &Service) -> bool {
    options(service).any(|option| option == ("seccomp", "unconfined"))
}

/// Whether processes may gain privileges, where the definition says so.
fn new_privileges(service: &Service) -> Option<bool> {
    let said = options(service).find(|(name, _)| *name == "no-new-privileges")?;
    Some(said.1 == "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_numbers_or_unknown() {
        for (text, id, group) in [
            ("10001:10002", Some(10_001), Some(10_002)),
            ("0", Some(0), None),
            ("postgres", None, None),
            ("999:postgres", Some(999), None),
        ] {
            assert_eq!(User::parse(text), User { id, group }, "{text}");
        }
        assert!(!User::parse("0").is_not_root() && !User::default().is_not_root());
    }

    #[test]
    fn the_options_of_docker_are_read_in_both_spellings() {
        let service = |option: &str| Service { security_opt: vec![option.to_owned()], ..Service::default() };
        for (option, unconfined, may) in [
            ("seccomp=unconfined", true, None),
            ("seccomp:unconfined", true, None),
            ("seccomp=own.json", false, None),
            ("no-new-privileges", false, Some(false)),
            ("no-new-privileges:true", false, Some(false)),
            ("no-new-privileges=false", false, Some(true)),
        ] {
            assert_eq!(is_unconfined(&service(option)), unconfined, "{option}");
            assert_eq!(new_privileges(&service(option)), may, "{option}");
        }
    }
}
