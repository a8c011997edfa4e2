//! Ports, networks, mounts, files and hooks: what of them cannot be said.

use std::collections::BTreeMap;

use super::super::stack::Stack;
use super::super::storage::Key;
use super::{changed, lost};
use crate::definition::model::{
    Attachment, BindOptions, Definition, FileObject, FileReference, Hook, Ipam, Mount, Network, Port,
    PortMode, TmpfsOptions, Volume, VolumeOptions,
};

pub(super) fn ports(stack: &Stack<'_>, path: &str, ports: &[Port]) {
    for (at, port) in ports.iter().enumerate() {
        let Port { target: _, protocol: _, name: _, host_ip, published, published_last, mode, app_protocol } =
            port;
        let key = format!("ports[{at}]");
        let of_machine = host_ip.is_some() || published.is_some() || published_last.is_some();
        changed(
            stack,
            path,
            &[(
                of_machine,
                &key,
                "a port of this machine: on a cluster `kubectl port-forward`, or the Ingress",
            )],
        );
        lost(
            stack,
            path,
            &[
                (*mode == PortMode::Host, &key, "a port of each node is not opened"),
                (app_protocol.is_some(), &key, "what is spoken on a port is not told"),
            ],
        );
    }
}

pub(super) fn attachments(stack: &Stack<'_>, path: &str, networks: &BTreeMap<String, Attachment>) {
    for (key, attachment) in networks {
        let Attachment {
            // Services.
            aliases: _,
            written: _,
            ipv4_address,
            ipv6_address,
            link_local_ips,
            mac_address,
            priority,
            driver_opts,
        } = attachment;
        let fixed = ipv4_address.is_some()
            || ipv6_address.is_some()
            || !link_local_ips.is_empty()
            || mac_address.is_some();
        let key = format!("networks.{key}");
        lost(
            stack,
            path,
            &[
                (fixed, &key, "a pod's address is the network's to give"),
                (*priority != 0, &key, "a pod has one network: there is no order among them"),
                (!driver_opts.is_empty(), &key, "options of Docker's networks mean nothing to a cluster's"),
            ],
        );
    }
}

pub(super) fn mounts(stack: &Stack<'_>, path: &str, mounts: &[Mount]) {
    for (at, mount) in mounts.iter().enumerate() {
        let Mount { source: _, target: _, read_only: _, consistency, bind, volume, tmpfs } = mount;
        // Nothing of the machine is made there.
        let BindOptions { create_host_path: _, propagation, selinux, recursive } =
            bind.clone().unwrap_or_default();
        // Nothing is ever copied, and claims have labels of the stack.
        let VolumeOptions { nocopy: _, subpath: _, labels } = volume.clone().unwrap_or_default();
        let TmpfsOptions { size: _, mode } = tmpfs.clone().unwrap_or_default();
        let key = format!("volumes[{at}]");
        lost(
            stack,
            path,
            &[
                (consistency.is_some(), &key, "`consistency` means something to Docker Desktop only"),
                (propagation.is_some(), &key, "mounts spread to nobody"),
                (selinux.is_some(), &key, "labels of SELinux are the node's"),
                (recursive.is_some(), &key, "what is mounted below a folder of this machine is not there"),
                (!labels.is_empty(), &key, "labels of a volume that is made for a mount are not kept"),
                (mode.is_some(), &key, "the mode of a folder in memory is the cluster's"),
            ],
        );
    }
}

pub(super) fn references(stack: &Stack<'_>, path: &str, list: &str, references: &[FileReference]) {
    for (at, reference) in references.iter().enumerate() {
        let FileReference { source: _, target: _, mode: _, uid, gid } = reference;
        let key = format!("{list}[{at}]");
        let owned = uid.is_some() || gid.is_some();
        lost(stack, path, &[(owned, &key, "the file belongs to root and the pod's group")]);
    }
}

pub(super) fn hooks(stack: &Stack<'_>, path: &str, list: &str, hooks: &[Hook]) {
    for (at, hook) in hooks.iter().enumerate() {
        let Hook { command: _, user, privileged, working_dir, environment, unset_environment } = hook;
        let key = format!("{list}[{at}]");
        let own = user.is_some()
            || *privileged
            || working_dir.is_some()
            || !environment.is_empty()
            || !unset_environment.is_empty();
        lost(
            stack,
            path,
            &[
                (at > 0, &key, "a pod has one hook of each kind: make one of them"),
                (
                    own,
                    &key,
                    "a hook runs as the container does: user, folder and variables of its own are not kept",
                ),
            ],
        );
    }
}

pub(super) fn networks(stack: &Stack<'_>) {
    for (key, network) in &stack.definition.networks {
        let Network {
            // Policies.
            internal: _,
            name: _,
            driver,
            driver_opts,
            ipam: Ipam { driver: ipam_driver, config },
            external,
            attachable,
            labels,
            enable_ipv4,
            enable_ipv6,
        } = network;
        let own_driver = driver.as_deref().is_some_and(|driver| driver != "bridge");
        let versions = enable_ipv4.is_some() || enable_ipv6.is_some();
        lost(
            stack,
            "networks",
            &[
                (
                    own_driver || !driver_opts.is_empty(),
                    key,
                    "a cluster has one network: policies stand for this one",
                ),
                (ipam_driver.is_some() || !config.is_empty(), key, "addresses are the cluster's to give"),
                (
                    *external,
                    key,
                    "a network of someone else is not on the cluster: a policy of its name joins these pods alone",
                ),
                (*attachable, key, "whatever has the label of a network is on it"),
                (!labels.is_empty(), key, "labels of a network are not kept"),
                (versions, key, "which versions of IP there are is the cluster's affair"),
            ],
        );
    }
}

pub(super) fn volumes(stack: &Stack<'_>) {
    for (key, volume) in &stack.definition.volumes {
        let Volume { name: _, external, driver, driver_opts, labels } = volume;
        let own_driver = driver.as_deref().is_some_and(|driver| driver != "local");
        lost(
            stack,
            "volumes",
            &[
                (
                    own_driver || !driver_opts.is_empty(),
                    key,
                    "what a volume is on is its StorageClass: `--storage-class`",
                ),
                (!labels.is_empty(), key, "labels of a volume are not kept"),
            ],
        );
        changed(stack, "volumes", &[(*external, key, "a claim of its name has to be there before")]);
    }
    for (key, claim, shared, written) in stack.storage.claims() {
        let path = match key {
            Key::Volume(volume) => format!("volumes.{volume}"),
            Key::Path(source) => mounted_at(stack.definition, source),
        };
        if let Key::Path(_) = key {
            let state =
                if written { "starts empty" } else { "wants the files copied into it (`kubectl cp`)" };
            stack.changed(
                path.clone(),
                format!("a folder of this machine: the claim {claim} stands for it and {state}"),
            );
        }
        if shared {
            let what = format!(
                "pods on several machines have the claim {claim} at once: its StorageClass has to offer ReadWriteMany (overlays/dev asks for ReadWriteOnce: one machine)"
            );
            stack.changed(path, what);
        }
    }
}

/// The first mount of a folder of this machine, as a path of the definition.
fn mounted_at(definition: &Definition, source: &std::path::Path) -> String {
    let bound = crate::definition::model::MountSource::Bind(source.to_owned());
    let mut services = definition.services.values();
    let found = services.find_map(|service| {
        let at = service.mounts.iter().position(|mount| mount.source == bound)?;
        Some(format!("services.{}.volumes[{at}]", service.name))
    });
    found.unwrap_or_else(|| "services".to_owned())
}

pub(super) fn objects(stack: &Stack<'_>) {
    for (key, object) in &stack.definition.secrets {
        let FileObject { name: _, source: _, keeping } = object;
        changed(
            stack,
            "secrets",
            &[(
                keeping.is_some(),
                key,
                "`pdex secrets rotate` does not reach a cluster: change Secret and login there",
            )],
        );
    }
    for object in stack.definition.configs.values() {
        // Copied, or told by `config`. Only a secret is kept by pdex.
        let FileObject { name: _, source: _, keeping: _ } = object;
    }
}
