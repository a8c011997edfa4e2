//! What of the machine's file system a container gets, and what it may write.

use std::path::Path;

use super::{Hit, Look, Risk, Rule, Subject};
use crate::definition::model::MountSource;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/engine-socket",
        risk: Risk::Critical,
        title: "control socket of the machine",
        why: "whoever can talk to the engine or to systemd starts a container, or a program, as root; `:ro` changes nothing",
        fix: "remove the mount; a proxy that lets through single questions is the least bad where one is needed",
        references: &["CIS 5.32"],
        advice: None,
        look: Look::Service(engine_socket),
    },
    Rule {
        id: "audit/host-path-writable",
        risk: Risk::Critical,
        title: "system folder of the host, writable",
        why: "a file written there is run as root by the machine: a job of cron, a key of ssh, a library, a binary",
        fix: "remove the mount, or make it read-only and mount the one file that is needed",
        references: &["CIS 5.6"],
        advice: None,
        look: Look::Service(host_path_writable),
    },
    Rule {
        id: "audit/host-path",
        risk: Risk::High,
        title: "sensitive folder of the host",
        why: "it tells of accounts, keys, users' data or the kernel",
        fix: "mount only the file that is needed, or a named volume",
        references: &["CIS 5.6"],
        advice: None,
        look: Look::Service(host_path),
    },
    Rule {
        id: "audit/shared-propagation",
        risk: Risk::Low,
        title: "mounts that spread to the host",
        why: "what is mounted inside appears on the machine",
        fix: "remove `shared`, or use `rslave`",
        references: &["CIS 5.20"],
        advice: None,
        look: Look::Service(shared_propagation),
    },
    Rule {
        id: "audit/tmpfs-options",
        risk: Risk::Low,
        title: "memory file system that runs programs",
        why: "Docker mounts it noexec, nosuid and nodev; taking that back makes a place to put a program",
        fix: "remove exec, suid and dev from the options",
        references: &[],
        advice: None,
        look: Look::Service(tmpfs_options),
    },
    Rule {
        id: "audit/writable-root",
        risk: Risk::Low,
        title: "root file system is writable",
        why: "an intruder can change programs and leave some behind",
        fix: "`read_only: true` with `tmpfs` for /tmp and what else it writes; `--fix` does where that is known to work",
        references: &["CIS 5.13"],
        advice: None,
        look: Look::Service(writable_root),
    },
];

/// A folder of the host that a container gets.
struct HostPath {
    /// As the host sees it, without `.`, `..` and double slashes.
    path: String,
    read_only: bool,
    at: String,
}

/// An absolute path in its shortest spelling.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Bind mounts, and volumes that are such in disguise.
fn host_paths(subject: &Subject<'_>) -> Vec<HostPath> {
    let mounts = &subject.service.mounts;
    let path = |source: &MountSource| match source {
        MountSource::Bind(path) => Some(normal(&path.to_string_lossy())),
        MountSource::Volume(key) => {
            let options = &subject.facts.definition.volumes.get(key)?.driver_opts;
            let binds = options.get("o")?.split(',').any(|word| matches!(word.trim(), "bind" | "rbind"));
            options.get("device").filter(|_| binds).map(|device| normal(device))
        }
        MountSource::Anonymous | MountSource::Tmpfs => None,
    };
    let of = |(index, mount): (usize, &crate::definition::model::Mount)| {
        let at = subject.item("volumes", index, mounts.len());
        Some(HostPath { path: path(&mount.source)?, read_only: mount.read_only, at })
    };
    mounts.iter().enumerate().filter_map(of).collect()
}

/// Whether a path is the folder or lies in it.
fn within(path: &str, folder: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || folder == "/")
}

const SOCKETS: &[(&str, &str)] = &[
    ("docker.sock", "Docker"),
    ("containerd.sock", "containerd"),
    ("crio.sock", "CRI-O"),
    ("podman.sock", "Podman"),
    ("systemd/private", "systemd"),
];

/// Folders with such a socket in them.
const SOCKET_FOLDERS: &[&str] =
    &["/run", "/var/run", "/run/containerd", "/run/systemd", "/run/docker", "/run/podman"];

/// What is controlled by way of a path.
fn controls(path: &str) -> Option<String> {
    if let Some((_, engine)) = SOCKETS.iter().find(|(socket, _)| path.contains(socket)) {
        return Some(format!("the socket of {engine}: {path}"));
    }
    // The folder of a socket, or one above it.
    let above = SOCKET_FOLDERS.iter().any(|folder| within(folder, path));
    above.then(|| format!("{path}, in which the sockets of the engine and of systemd are"))
}

fn engine_socket(subject: &Subject<'_>) -> Vec<Hit> {
    let mounts = host_paths(subject).into_iter().filter_map(|mount| {
        let what = controls(&mount.path)?;
        Some(Hit::at(mount.at, format!("mounts {what}")).key(mount.path))
    });
    let address = subject.service.environment.get("DOCKER_HOST");
    let address =
        address.filter(|host| host.starts_with("tcp://") && host.trim_end_matches('/').ends_with(":2375"));
    let address = address.map(|_| {
        let what = "talks to an engine without TLS (DOCKER_HOST at port 2375)";
        Hit::at("environment.DOCKER_HOST", what).key("DOCKER_HOST").risk(Risk::High)
    });
    mounts.chain(address).collect()
}

/// Folders in which a write is root, whatever is below them.
const ROOTS: &[&str] = &[
    "/etc",
    "/root",
    "/boot",
    "/proc",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/lib/modules",
    "/usr/lib/modules",
    "/var/spool/cron",
];
/// The same where the folder itself is mounted.
const ROOTS_THEMSELVES: &[&str] =
    &["/var", "/var/lib", "/usr", "/usr/lib", "/usr/local", "/lib", "/lib64", "/var/spool"];
/// Of those, what anyone may read.
const READABLE: &[&str] = &[
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/lib/modules",
    "/usr/lib/modules",
];
/// Say where one is; nobody is root for it.
const CLOCKS: &[&str] = &["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"];
const INERT: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
/// Folders of a user that hold keys.
const KEYS: &[&str] = &[".ssh", ".docker", ".aws", ".kube", ".gnupg", ".azure", ".config/gcloud"];

/// The system folder that a path is or lies in.
fn root(path: &str) -> Option<&'static str> {
    let within_one = ROOTS.iter().find(|folder| within(path, folder));
    within_one.or_else(|| ROOTS_THEMSELVES.iter().find(|folder| path == **folder)).copied()
}

/// Of the project itself: who wrote the definition owns it, wherever it lies.
fn is_project(subject: &Subject<'_>, path: &str) -> bool {
    let directory = &subject.facts.definition.directory;
    let deep = directory.components().count() > 2;
    deep && Path::new(path).starts_with(directory) && !KEYS.iter().any(|key| holds(path, key))
}

/// Whether a path goes through a folder of that name.
fn holds(path: &str, folder: &str) -> bool {
    path.ends_with(&format!("/{folder}")) || path.contains(&format!("/{folder}/"))
}

fn others<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = HostPath> + 'a {
    let all = host_paths(subject).into_iter();
    all.filter(|mount| controls(&mount.path).is_none() && !is_project(subject, &mount.path))
        .filter(|mount| !CLOCKS.iter().any(|clock| within(&mount.path, clock)))
}

fn host_path_writable(subject: &Subject<'_>) -> Vec<Hit> {
    let writable = others(subject).filter(|mount| !mount.read_only);
    writable
        .filter_map(|mount| {
            let folder = root(&mount.path)?;
            let what =
                if folder == mount.path { mount.path.clone() } else { format!("{} of {folder}", mount.path) };
            Some(Hit::at(mount.at, format!("can write {what} on the host")).key(mount.path))
        })
        .collect()
}

/// What is given away by a path that cannot be written, or is no system folder.
fn tells(mount: &HostPath) -> Option<&'static str> {
    let path = mount.path.as_str();
    if INERT.contains(&path) {
        return None;
    }
    if KEYS.iter().any(|key| holds(path, key)) {
        return Some("a user's keys");
    }
    let depth = path.split('/').filter(|part| !part.is_empty()).count();
    match path {
        _ if root(path).is_some() => (mount.read_only && !READABLE.contains(&path) && !in_readable(path))
            .then_some("the machine's settings and secrets"),
        _ if within(path, "/sys") || within(path, "/dev") => Some("the kernel or its devices"),
        _ if within(path, "/run") || within(path, "/var/run") => Some("sockets of the machine's services"),
        _ if within(path, "/var/log") => Some("the machine's logs"),
        _ if within(path, "/home") && depth <= 2 => Some("users' data"),
        _ => None,
    }
}

/// Below what anyone may read.
fn in_readable(path: &str) -> bool {
    READABLE.iter().any(|folder| within(path, folder))
}

fn host_path(subject: &Subject<'_>) -> Vec<Hit> {
    others(subject)
        .filter_map(|mount| {
            let gives = tells(&mount)?;
            let risk =
                if within(&mount.path, "/var/log") && mount.read_only { Risk::Medium } else { Risk::High };
            Some(Hit::at(mount.at, format!("mounts {}: {gives}", mount.path)).key(mount.path).risk(risk))
        })
        .collect()
}

fn shared_propagation(subject: &Subject<'_>) -> Vec<Hit> {
    let mounts = &subject.service.mounts;
    let shared = mounts.iter().enumerate().filter(|(_, mount)| {
        let propagation = mount.bind.as_ref().and_then(|bind| bind.propagation.as_deref());
        matches!(propagation, Some("shared" | "rshared"))
    });
    shared
        .map(|(index, mount)| {
            let at = subject.item("volumes", index, mounts.len());
            Hit::at(at, format!("shares the mounts below {} with the host", mount.target)).key(&mount.target)
        })
        .collect()
}

fn tmpfs_options(subject: &Subject<'_>) -> Vec<Hit> {
    let tmpfs = &subject.service.tmpfs;
    let hits = tmpfs.iter().enumerate().filter_map(|(index, entry)| {
        let (path, options) = entry.split_once(':')?;
        let bad: Vec<&str> = options
            .split(',')
            .map(str::trim)
            .filter(|word| matches!(*word, "exec" | "suid" | "dev"))
            .collect();
        let at = subject.item("tmpfs", index, tmpfs.len());
        (!bad.is_empty()).then(|| Hit::at(at, format!("mounts {path} with {}", bad.join(", "))).key(path))
    });
    hits.collect()
}

fn writable_root(subject: &Subject<'_>) -> Vec<Hit> {
    let writable = !subject.service.read_only;
    writable.then(|| Hit::at("read_only", "can write its whole file system")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (path, expected) in [
            ("//etc/./cron.d/", "/etc/cron.d"),
            ("/a/../etc", "/etc"),
            ("/", "/"),
            ("/../..", "/"),
            ("", "/"),
        ] {
            assert_eq!(normal(path), expected);
        }
    }

    #[test]
    fn a_folder_that_holds_a_socket_controls_and_one_beside_it_does_not() {
        for path in
            ["/", "/var", "/run", "/var/run", "/var/run/docker.sock", "/run/user/1000/podman/podman.sock"]
        {
            assert!(controls(path).is_some(), "{path}");
        }
        for path in ["/run/myapp", "/run/user/1000", "/srv", "/runtime"] {
            assert!(controls(path).is_none(), "{path}");
        }
    }
}
