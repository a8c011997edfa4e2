//! Dependencies that follow from what a service shares with another: links, namespaces, volumes.

use crate::definition::field::Field;
use crate::definition::model::{Condition, Dependency, Namespace, Service, ServiceName};

/// Adds them where `depends_on` does not name the service. Like with Compose, what shares a namespace or is linked restarts
/// together.
pub(super) fn dependencies(service: &mut Service, field: &Field<'_>) {
    let shared = [("network_mode", &service.network_mode), ("ipc", &service.ipc), ("pid", &service.pid)];
    let shared = shared.into_iter().filter_map(|(key, namespace)| {
        Some((key, namespace.as_ref().and_then(Namespace::service)?.clone(), true))
    });
    let links = service.links.iter().map(|link| ("links", first(link), true));
    let volumes = service.volumes_from.iter().filter(|text| !text.starts_with("container:"));
    let volumes = volumes.map(|text| ("volumes_from", first(text), false));
    let implied: Vec<_> = links.chain(shared).chain(volumes).collect();
    for (key, name, restart) in implied {
        if service.depends_on.contains_key(&name) {
            continue;
        }
        let mark = field.node.get(key).map_or(field.mark(), |node| node.mark);
        let path = format!("{}.depends_on.{name}", field.path);
        field.context.places.borrow_mut().insert(path, mark);
        let dependency = Dependency { condition: Condition::ServiceStarted, required: true, restart };
        service.depends_on.insert(name, dependency);
    }
}

/// What stands before the first colon.
fn first(text: &str) -> ServiceName {
    ServiceName::new(text.split(':').next().unwrap_or_default())
}
