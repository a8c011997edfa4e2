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
}
