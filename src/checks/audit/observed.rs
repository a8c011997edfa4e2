//! What the engine has of a stack: the containers that run, read back into services so that the same rules judge them, and what
//! the images say of themselves. Asking is here; reading is pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definition::model::{
    BindOptions, Definition, Device, HealthTest, Healthcheck, Logging, Mount, MountSource, Namespace, Port,
    Protocol, Restart, Service, ServiceName, Usage,
};
use crate::definition::render;
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Kind, Operate};
use crate::world::{Container, State};

/// Everything that was seen. The default is an engine that nobody asked.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Containers that run.
    pub containers: Vec<Seen>,
    /// What the engine's images say of themselves, by the definition's references.
    pub images: BTreeMap<String, Image>,
    /// Containers whose image has another content now.
    pub outdated: Vec<Stale>,
    /// Containers that the definition as it is would have made otherwise.
    pub changed: Vec<(ServiceName, String)>,
}

/// A container with how it was made.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub service: Service,
}

/// What an image is by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its content, `sha256:…`.
    pub id: String,
    /// Empty: root.
    pub user: String,
    /// Whether it has a health check.
    pub tested: bool,
}

/// A container of an image that its reference does not mean any more.
#[derive(Debug, Clone)]
pub struct Stale {
    pub service: ServiceName,
    pub container: String,
    /// The beginning of the identifier of its image.
    pub image: String,
    pub reference: String,
}

/// Looks at the project's running containers and images.
pub async fn look<R: Operate>(runtime: &R, definition: &Definition) -> Result<Observed, RuntimeError> {
    let world = runtime.observe(definition).await?;
    let mut observed = Observed::default();
    for reference in world.images.keys() {
        match runtime.document(Kind::Image, reference).await {
            Ok(document) => drop(observed.images.insert(reference.clone(), image(&document))),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    for container in &world.containers {
        if !matches!(container.state, State::Running { .. } | State::Paused | State::Restarting) {
            continue;
        }
        let Some(defined) = definition.services.get(&container.service) else { continue };
        match runtime.document(Kind::Container, &container.id.0).await {
            Ok(document) => {
                let service = service(&document, container.service.clone());
                observed.containers.push(Seen { name: container.name.clone(), service });
            }
            // It ended meanwhile.
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        }
        compare(&mut observed, container, defined, world.images.get(&defined.image).map(|id| id.0.as_str()));
    }
    observed.containers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(observed)
}

fn compare(observed: &mut Observed, container: &Container, defined: &Service, image: Option<&str>) {
    if image.is_some_and(|image| image != container.image.0) {
        let id = container.image.0.trim_start_matches("sha256:");
        observed.outdated.push(Stale {
            service: container.service.clone(),
            container: container.name.clone(),
            image: id.chars().take(12).collect(),
            reference: defined.image.clone(),
        });
    }
    // The hash of what is built on another container has that one's identifier in it.
    let alone = defined.shares().next().is_none() && defined.volumes_from.is_empty();
    if alone && !container.config_hash.is_empty() && container.config_hash != render::config_hash(defined) {
        observed.changed.push((container.service.clone(), container.name.clone()));
    }
}

/// An image's document.
fn image(document: &Value) -> Image {
    let config = &document["Config"];
    Image {
        id: text(&document["Id"]).unwrap_or_default(),
        user: text(&config["User"]).unwrap_or_default(),
        tested: health(&config["Healthcheck"]).is_some_and(|check| check.test != HealthTest::Disabled),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

/// A number that says something: 0 is the engine's word for nothing.
fn amount(value: &Value) -> Option<i64> {
    value.as_i64().filter(|number| *number != 0)
}

fn namespace(value: &Value) -> Option<Namespace> {
    text(value).as_deref().map(Namespace::new)
}

/// A container's document as the service that would make it. What is not in it, or not as expected, says nothing.
pub(super) fn service(document: &Value, name: ServiceName) -> Service {
    let (config, host) = (&document["Config"], &document["HostConfig"]);
    Service {
        name,
        image: text(&config["Image"]).unwrap_or_default(),
        // The engine has put the image's user in; where that is silent, too, it is root.
        user: Some(text(&config["User"]).unwrap_or_else(|| "root".to_owned())),
        healthcheck: health(&config["Healthcheck"]),
        privileged: flag(&host["Privileged"]),
        cap_add: texts(&host["CapAdd"]),
        cap_drop: texts(&host["CapDrop"]),
        security_opt: texts(&host["SecurityOpt"]),
        group_add: texts(&host["GroupAdd"]),
        read_only: flag(&host["ReadonlyRootfs"]),
        network_mode: namespace(&host["NetworkMode"]),
        pid: namespace(&host["PidMode"]),
        ipc: namespace(&host["IpcMode"]),
        uts: text(&host["UTSMode"]),
        userns_mode: text(&host["UsernsMode"]),
        devices: host["Devices"].as_array().into_iter().flatten().map(device).collect(),
        device_cgroup_rules: texts(&host["DeviceCgroupRules"]),
        mounts: document["Mounts"].as_array().into_iter().flatten().filter_map(mount).collect(),
        tmpfs: tmpfs(&host["Tmpfs"]),
        ports: ports(&host["PortBindings"]),
        restart: restart(&host["RestartPolicy"]),
        logging: text(&host["LogConfig"]["Type"])
            .map(|driver| Logging { driver: Some(driver), options: pairs(&host["LogConfig"]["Config"]) }),
        usage: Usage {
            mem_limit: amount(&host["Memory"]),
            cpus: amount(&host["NanoCpus"]),
            cpu_quota: amount(&host["CpuQuota"]),
            cpuset: text(&host["CpusetCpus"]),
            pids_limit: amount(&host["PidsLimit"]),
            oom_kill_disable: flag(&host["OomKillDisable"]),
            oom_score_adj: amount(&host["OomScoreAdj"]),
            ..Usage::default()
        },
        ..Service::default()
    }
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let all = value.as_object().into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn tmpfs(value: &Value) -> Vec<String> {
    let one = |(path, options): (String, String)| {
        if options.is_empty() { path } else { format!("{path}:{options}") }
    };
    pairs(value).into_iter().map(one).collect()
}

fn health(value: &Value) -> Option<Healthcheck> {
    let words = texts(&value["Test"]);
    let (kind, rest) = words.split_first()?;
    let test = match kind.as_str() {
        "NONE" => HealthTest::Disabled,
        "CMD-SHELL" => HealthTest::Shell(rest.join(" ")),
        _ => HealthTest::Command(rest.to_vec()),
    };
    Some(Healthcheck {
        test,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
    })
}

fn device(value: &Value) -> Device {
    Device {
        source: text(&value["PathOnHost"]).unwrap_or_default(),
        target: text(&value["PathInContainer"]).unwrap_or_default(),
        permissions: text(&value["CgroupPermissions"]).unwrap_or_default(),
    }
}

/// A bind mount; what is the engine's own is no danger.
fn mount(value: &Value) -> Option<Mount> {
    if value["Type"] != "bind" {
        return None;
    }
    let source = MountSource::Bind(text(&value["Source"])?.into());
    let propagation = text(&value["Propagation"]).filter(|word| word != "rprivate");
    Some(Mount {
        read_only: !flag(&value["RW"]),
        bind: Some(BindOptions { propagation, ..BindOptions::default() }),
        ..Mount::new(source, text(&value["Destination"])?)
    })
}

/// `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`
fn ports(value: &Value) -> Vec<Port> {
    let mut ports = Vec::new();
    for (target, bindings) in value.as_object().into_iter().flatten() {
        let (number, protocol) = target.split_once('/').unwrap_or((target, "tcp"));
        let Ok(number) = number.parse() else { continue };
        let protocol = match protocol {
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => Protocol::Tcp,
        };
        for binding in bindings.as_array().into_iter().flatten() {
            let published = text(&binding["HostPort"]).and_then(|port| port.parse().ok());
            ports.push(Port { host_ip: text(&binding["HostIp"]), published, protocol, ..Port::new(number) });
        }
    }
    ports
}

fn restart(value: &Value) -> Option<Restart> {
    Some(match value["Name"].as_str()? {
        "always" => Restart::Always,
        "unless-stopped" => Restart::UnlessStopped,
        "on-failure" => Restart::OnFailure { max_retries: None },
        _ => Restart::No,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_is_read_back() {
        let document = json!({
            "Config": {"Image": "a:1", "User": "", "Healthcheck": {"Test": ["CMD", "true"]}},
            "HostConfig": {
                "Privileged": true, "CapAdd": ["SYS_ADMIN"], "CapDrop": null, "ReadonlyRootfs": true, "PidMode": "host",
                "Memory": 1024, "PidsLimit": -1, "NanoCpus": 0, "Tmpfs": {"/tmp": "rw,exec"},
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "x": [], "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
                "RestartPolicy": {"Name": "always"}, "LogConfig": {"Type": "none", "Config": {}},
                "Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}],
            },
            "Mounts": [
                {"Type": "bind", "Source": "/etc", "Destination": "/e", "RW": false, "Propagation": "rshared"},
                {"Type": "volume", "Name": "v", "Destination": "/v", "RW": true},
            ],
        });
        let read = service(&document, ServiceName::new("a"));
        assert_eq!(read.user.as_deref(), Some("root"), "nobody said otherwise");
        assert!(read.privileged && read.read_only && read.pid.as_ref().is_some_and(Namespace::is_host));
        assert_eq!(read.cap_add, ["SYS_ADMIN"]);
        assert_eq!(
            (read.limits().memory, read.limits().pids, read.limits().nano_cpus),
            (Some(1024), Some(-1), None)
        );
        assert_eq!(read.tmpfs, ["/tmp:rw,exec"]);
        assert_eq!(read.ports.len(), 2);
        assert_eq!(read.mounts.len(), 1, "a volume is the engine's own");
        assert!(read.mounts[0].read_only);
        assert_eq!(read.restart, Some(Restart::Always));
    }

    #[test]
    fn a_document_of_another_shape_says_nothing() {
        for document in [
            json!(null),
            json!([]),
            json!({"HostConfig": 7, "Mounts": {"a": 1}, "Config": "x"}),
            json!({"HostConfig": {"PortBindings": {"99999/tcp": [{}], "": [7]}, "Devices": [null], "Tmpfs": [1], "CapAdd": "ALL"}}),
        ] {
            let read = service(&document, ServiceName::new("a"));
            assert!(read.ports.is_empty() && read.cap_add.is_empty() && read.mounts.is_empty(), "{document}");
        }
        assert_eq!(image(&json!("x")), Image::default());
    }
}
