//! How a service and its containers are called towards the rest of pdex: `SERVICE`, and `SERVICE.SLOT` from the second slot on.
//! Whatever changes something changes the service; whatever only looks, looks at the slot.

use crate::world::ContainerId;

/// Digits of the identifier of a container.
const CONTAINER: usize = 64;

/// A name taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity<'a> {
    /// Swarm's identifier of the service.
    pub(super) service: &'a str,
    /// Counted from 1.
    pub(super) slot: u32,
}

impl<'a> Identity<'a> {
    pub(super) fn of(id: &'a ContainerId) -> Self {
        let parts = id.0.rsplit_once('.').and_then(|(service, slot)| Some((service, slot.parse().ok()?)));
        let (service, slot) = parts.unwrap_or((&id.0, 1));
        Self { service, slot }
    }

    /// Whether it names a container of the engine that is asked, a one-off run: their identifiers are longer, and hexadecimal.
    pub(super) fn is_container(id: &ContainerId) -> bool {
        id.0.len() == CONTAINER && id.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The name of a slot.
    pub(super) fn name(service: &str, slot: u32) -> ContainerId {
        ContainerId(if slot == 1 { service.to_owned() } else { format!("{service}.{slot}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_what_it_names() {
        for slot in [1, 2, 12] {
            let name = Identity::name("q7zx", slot);
            assert_eq!(Identity::of(&name), Identity { service: "q7zx", slot }, "{name:?}");
        }
        assert_eq!(Identity::name("q7zx", 1).0, "q7zx", "most services have one container");
    }
}
