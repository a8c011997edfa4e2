//! Published ports that something else has.

use futures_util::future::join_all;

use super::Facts;
use crate::definition::model::{Definition, Port, Protocol, Service, ServiceName};
use crate::finding::Finding;
use crate::runtime::Runtime;
use crate::world::machine::Holder;

/// A port that a service is to publish and someone has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    service: ServiceName,
    port: u16,
    holder: Holder,
}

/// Who has which of the ports. A port that nobody can be named for is left to the engine: a run that was cut off may have left
/// the engine about to start the service's own container, with the port bound and nothing listed as publishing it yet.
pub(super) async fn holders<'a, R: Runtime>(
    runtime: &R,
    definition: &Definition,
    services: impl Iterator<Item = &'a Service>,
) -> Vec<Taken> {
    let wanted = services.flat_map(|service| {
        let fixed =
            service.ports.iter().filter(|p| p.protocol == Protocol::Tcp && p.published_last.is_none());
        fixed.filter_map(move |port| Some((service, host(port), port.published?)))
    });
    let looks = wanted.map(async |(service, host, port)| {
        if !runtime.is_bound(host, port) {
            return None;
        }
        let holder = runtime.holder(port).await.ok().flatten()?;
        let own = matches!(&holder, Holder::Container(owner)
            if owner.project.as_ref() == Some(&definition.project)
                && owner.service.as_deref() == Some(service.name.as_str()));
        (!own).then(|| Taken { service: service.name.clone(), port, holder })
    });
    join_all(looks).await.into_iter().flatten().collect()
}

fn host(port: &Port) -> &str {
    port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0")
}

pub(super) fn taken(facts: &Facts<'_>) -> Vec<Finding> {
    facts.taken.iter().map(finding).collect()
}

fn finding(Taken { service, port, holder }: &Taken) -> Finding {
    let end = match holder {
        Holder::Container(owner) => format!("`docker stop {}`", owner.container),
        Holder::Process { id, .. } => format!("`kill {id}` ends it"),
        Holder::Unknown => format!("`sudo ss -ltnp 'sport = :{port}'` shows who it is"),
    };
    Finding::error("preflight/port-taken", format!("{service}: port {port} is held by {holder}"))
        .hint(format!("{end}; or give {service} another host port, in .env or in the definition"))
}

/// Several containers of a service and fewer ports to give them: all but the first would fail to start.
pub(super) fn too_few(facts: &Facts<'_>) -> Vec<Finding> {
    let short = |port: &Port| {
        let first = port.published?;
        let last = port.published_last.unwrap_or(first);
        Some((first, last, u32::from(last.saturating_sub(first)) + 1))
    };
    let findings = facts.services().filter(|service| service.replicas() > 1).flat_map(|service| {
        let (name, wanted) = (&service.name, service.replicas());
        let ports = service.ports.iter().filter_map(short).filter(move |(.., count)| *count < wanted);
        ports.map(move |(first, last, count)| {
            let ports = if count == 1 { format!("port {first}") } else { format!("ports {first}-{last}") };
            let message = format!("{name}: its {wanted} containers cannot share {ports} of this machine");
            Finding::error("preflight/port-shared", message).hint(format!(
                "publish a range of {wanted} ports such as {first}-{}, or no host port: the engine then chooses free ones",
                u32::from(first) + wanted - 1
            ))
        })
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;
    use crate::world::machine::Owner;

    #[test]
    fn who_has_the_port_is_named() {
        let stage = Stage::new("name: x\nservices: { web: { image: \"a:1\", ports: [\"8000:80\"] } }\n");
        let mut facts = stage.facts();
        for (holder, expected) in [
            (Holder::Process { name: "nginx".to_owned(), id: 812 }, "nginx (process 812)"),
            (
                Holder::Container(Owner {
                    container: "shop-web-1".to_owned(),
                    project: Some("shop".to_owned()),
                    service: Some("web".to_owned()),
                }),
                "container shop-web-1 (service web of project shop)",
            ),
        ] {
            facts.taken = vec![Taken { service: ServiceName::new("web"), port: 8000, holder }];
            let expected = format!("Error preflight/port-taken web: port 8000 is held by {expected}");
            assert_eq!(Stage::said(taken, &facts), [expected]);
        }
    }

    #[test]
    fn several_containers_need_as_many_ports() {
        let stage = Stage::new(
            "name: x\nservices:\n  one: { image: \"a:1\", scale: 3, ports: [\"8000:80\"] }\n  \
             two: { image: \"a:1\", scale: 3, ports: [\"9000-9001:80\"] }\n  \
             fits: { image: \"a:1\", scale: 2, ports: [\"9100-9101:80\"] }\n  \
             free: { image: \"a:1\", scale: 2, ports: [\"80\"] }\n  \
             single: { image: \"a:1\", ports: [\"8001:80\"] }\n",
        );
        assert_eq!(
            Stage::said(too_few, &stage.facts()),
            [
                "Error preflight/port-shared one: its 3 containers cannot share port 8000 of this machine",
                "Error preflight/port-shared two: its 3 containers cannot share ports 9000-9001 of this machine",
            ]
        );
    }
}
