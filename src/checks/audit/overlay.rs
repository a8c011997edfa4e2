//! A Compose file that mends what can be mended without knowing the programs: merged over the definition, it takes away rights that
//! are not used and sets limits. What might stop a program is left to people. Pure.

use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Mapping, Value};

use super::known::{self, Kind};
use super::{Facts, network, privileges, resources};
use crate::definition::model::{MountSource, Port, PortMode, Service};

/// What every overlay begins with: such a file may be written anew.
pub const HEADER: &str = "# Written by `pdex audit --fix`. Use it as the last file:";

const MEMORY: &str = "1G";
const PIDS: i64 = 512;

/// What was mended, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    pub service: String,
    /// `cap_drop`, `ports` …
    pub attributes: Vec<&'static str>,
}

/// The overlay's text and what is in it; `None` where nothing can be mended.
pub fn write(facts: &Facts<'_>, files: &str) -> Option<(String, Vec<Mend>)> {
    let mut services = Mapping::new();
    let mut mends = Vec::new();
    for service in facts.definition.services.values() {
        let (mended, attributes) = mend(facts, service);
        if !attributes.is_empty() {
            services.insert(escaped(service.name.as_str()), Value::Mapping(mended));
            mends.push(Mend { service: service.name.to_string(), attributes });
        }
    }
    if mends.is_empty() {
        return None;
    }
    let mut whole = Mapping::new();
    whole.insert("services".into(), Value::Mapping(services));
    let body = serde_yaml::to_string(&Value::Mapping(whole)).ok()?;
    let text = format!(
        "{HEADER}\n#   pdex {files} up\n# Limits of memory ({MEMORY}) and processes ({PIDS}) stand where there were none: fit them to what the\n\
         # services use (`pdex stats`).\n{body}"
    );
    Some((text, mends))
}

/// A dollar would begin a variable.
fn escaped(text: &str) -> Value {
    Value::String(text.replace('$', "$$"))
}

fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Sequence(texts.into_iter().map(escaped).collect())
}

fn mend(facts: &Facts<'_>, service: &Service) -> (Mapping, Vec<&'static str>) {
    let mut map = Mapping::new();
    let mut attributes = Vec::new();
    let mut put = |name: &'static str, value: Value| {
        map.insert(name.into(), value);
        attributes.push(name);
    };
    // One that says `false` had a reason.
    let silent = !service.security_opt.iter().any(|option| option.starts_with("no-new-privileges"));
    if silent && !service.privileged {
        put("security_opt", list(["no-new-privileges:true"]));
    }
    if let Some(added) = droppable(facts, service) {
        put("cap_drop", list(["ALL"]));
        let missing: Vec<&str> = added.iter().copied().filter(|name| !has(&service.cap_add, name)).collect();
        if !missing.is_empty() {
            put("cap_add", list(missing));
        }
    }
    if let Some(folders) = read_only(service) {
        put("read_only", Value::Bool(true));
        let missing: Vec<&str> = folders.iter().copied().filter(|folder| !mounts(service, folder)).collect();
        if !missing.is_empty() {
            put("tmpfs", list(missing));
        }
    }
    limits(service, &mut put);
    if resources::has_endless_logs(service) {
        let mut options = Mapping::new();
        options.insert("max-size".into(), "10m".into());
        options.insert("max-file".into(), "3".into());
        put("logging", mapping("options", Value::Mapping(options)));
    }
    if let Some(ports) = loopback(service) {
        put("ports", ports);
    }
    (map, attributes)
}

fn mapping(key: &str, value: Value) -> Value {
    Value::Mapping(Mapping::from_iter([(Value::from(key), value)]))
}

fn has(capabilities: &[String], name: &str) -> bool {
    capabilities.iter().any(|have| have.trim_start_matches("CAP_") == name)
}

/// The capabilities to keep where all others can be dropped: for images that are known, and for programs that do not run as
/// root, which have none in effect.
fn droppable(facts: &Facts<'_>, service: &Service) -> Option<&'static [&'static str]> {
    if service.privileged || privileges::drops_all(&service.cap_drop) {
        return None;
    }
    if let Some(needs) = known::needs(&service.image) {
        return Some(needs.capabilities);
    }
    let image = facts.observed.images.get(&service.image).map(|image| image.user.as_str());
    let user = service.user.as_deref().or(image)?;
    let number: u32 = user.split(':').next()?.parse().ok()?;
    // A proxy's program may carry a capability in its file, and then does not start without it.
    let plain = number > 0 && service.cap_add.is_empty() && known::kind(&service.image) != Some(Kind::Proxy);
    plain.then_some(&[])
}

/// Whether something that can be written is mounted at the folder.
fn mounts(service: &Service, folder: &str) -> bool {
    let tmpfs = |entry: &String| entry.split(':').next() == Some(folder);
    service.mounts.iter().any(|mount| mount.target.trim_end_matches('/') == folder)
        || service.tmpfs.iter().any(tmpfs)
}

/// The folders in memory that a read-only root needs, where that is known to work.
fn read_only(service: &Service) -> Option<&'static [&'static str]> {
    let needs = known::needs(&service.image).filter(|_| !service.read_only)?;
    let kept = |folder: &str| {
        let own = service.mounts.iter().find(|mount| mount.target.trim_end_matches('/') == folder);
        own.is_some_and(|mount| !matches!(mount.source, MountSource::Tmpfs))
    };
    needs.tmpfs.filter(|_| needs.writes.iter().all(|folder| kept(folder)))
}

/// Limits where there are none: in the older words where the definition uses those, for the two must not disagree.
fn limits(service: &Service, put: &mut dyn FnMut(&'static str, Value)) {
    let usage = &service.usage;
    let older = usage.mem_limit.is_some() || usage.cpus.is_some() || usage.pids_limit.is_some();
    let written = service.deploy.as_ref().is_some_and(|deploy| deploy.limits.is_some());
    let memory = resources::lacks_memory(service);
    // Without end is what someone asked for.
    let pids = resources::lacks_pids(service) && usage.pids_limit.is_none();
    if older && !written {
        if memory {
            put("mem_limit", MEMORY.into());
        }
        if pids {
            put("pids_limit", PIDS.into());
        }
        return;
    }
    let mut limits = Mapping::new();
    if memory {
        limits.insert("memory".into(), MEMORY.into());
    }
    if pids {
        limits.insert("pids".into(), PIDS.into());
    }
    if !limits.is_empty() {
        put("deploy", mapping("resources", mapping("limits", Value::Mapping(limits))));
    }
}

/// All ports of the service, those on every interface on loopback. What is meant to be reached stays.
fn loopback(service: &Service) -> Option<Value> {
    let exposed = service.ports.iter().any(network::is_exposed);
    if !exposed || known::kind(&service.image) == Some(Kind::Proxy) {
        return None;
    }
    let ports = service.ports.iter().map(port).collect();
    // Ports of several files are added up; these take the place of the others.
    Some(Value::Tagged(Box::new(TaggedValue { tag: Tag::new("!override"), value: Value::Sequence(ports) })))
}

fn port(port: &Port) -> Value {
    let mut map = Mapping::new();
    map.insert("target".into(), port.target.into());
    let published = match (port.published, port.published_last) {
        (Some(first), Some(last)) => Some(format!("{first}-{last}")),
        (Some(first), None) => Some(first.to_string()),
        (None, _) => None,
    };
    map.extend(published.map(|text| (Value::from("published"), Value::String(text))));
    let address = if network::is_exposed(port) { Some("127.0.0.1") } else { port.host_ip.as_deref() };
    map.extend(address.map(|address| (Value::from("host_ip"), escaped(address))));
    map.insert("protocol".into(), port.protocol.as_str().into());
    if port.mode == PortMode::Host {
        map.insert("mode".into(), "host".into());
    }
    map.extend(port.name.as_deref().map(|name| (Value::from("name"), escaped(name))));
    map.extend(port.app_protocol.as_deref().map(|name| (Value::from("app_protocol"), escaped(name))));
    Value::Mapping(map)
}
