//! What a restore puts in the place of what: the parts of a backup, each with the thing of this stack that it replaces.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::manifest::{LeftOut, Manifest, What};
use crate::definition::model::{Definition, MountSource, ServiceName, Volume};
use crate::world::{State, World};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// In the order of the backup.
    pub steps: Vec<Step>,
    /// Parts of the backup that have no place in this stack.
    pub left: Vec<LeftOut>,
    /// Services that run now, and will again.
    pub ran: BTreeSet<ServiceName>,
    /// Services whose containers are made anew, because an engine gives no volume away that a container has.
    pub remade: BTreeSet<ServiceName>,
    /// Images that are not those of the backup, in words.
    pub differing: Vec<String>,
}

/// One part and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Index in the backup.
    pub part: usize,
    pub target: Target,
}

/// What is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Of a service's server. Whether it is there, only that knows.
    Database {
        service: ServiceName,
        name: String,
    },
    Volume {
        key: String,
        name: String,
        there: bool,
    },
    Folder {
        path: PathBuf,
    },
}

impl Exchange {
    /// Services whose databases are exchanged.
    pub fn databases(&self) -> BTreeSet<&ServiceName> {
        let services = self.steps.iter().filter_map(|step| match &step.target {
            Target::Database { service, .. } => Some(service),
            _ => None,
        });
        services.collect()
    }

    /// Key and name of each volume.
    pub fn volumes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|step| match &step.target {
            Target::Volume { key, name, .. } => Some((key.as_str(), name.as_str())),
            _ => None,
        })
    }

    pub fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.steps.iter().filter_map(|step| match &step.target {
            Target::Folder { path } => Some(path),
            _ => None,
        })
    }
}

/// Finds the places.
pub fn exchange(definition: &Definition, world: &World, manifest: &Manifest) -> Exchange {
    let mut found = Exchange::default();
    for (part, of) in manifest.parts.iter().enumerate() {
        match place(definition, world, &of.service, &of.what) {
            Ok(target) => found.steps.push(Step { part, target }),
            Err(why) => {
                found
                    .left
                    .push(LeftOut { what: format!("{} of {}", of.what, of.service), why: why.to_owned() });
            }
        }
    }
    let running = world.containers.iter().filter(|container| {
        definition.services.contains_key(&container.service)
            && matches!(container.state, State::Running { .. } | State::Paused | State::Restarting)
    });
    found.ran = running.map(|container| container.service.clone()).collect();
    found.remade = users(definition, &found.volumes().map(|(key, _)| key).collect());
    found.differing = differing(definition, world, manifest);
    found
}

/// The services that mount one of these volumes, to write or to read.
pub fn users(definition: &Definition, keys: &BTreeSet<&str>) -> BTreeSet<ServiceName> {
    let uses = definition.services.values().filter(|service| {
        service
            .mounts
            .iter()
            .any(|mount| matches!(&mount.source, MountSource::Volume(key) if keys.contains(key.as_str())))
    });
    uses.map(|service| service.name.clone()).collect()
}

fn place(definition: &Definition, world: &World, service: &str, what: &What) -> Result<Target, &'static str> {
    let service = ServiceName::new(service);
    let of = definition.services.get(&service);
    match what {
        What::Database(database) => match of {
            Some(of) if of.pdex.backup.dump.is_some() => {
                Ok(Target::Database { service, name: database.name.clone() })
            }
            _ => Err("the definition has no such service whose databases are dumped"),
        },
        What::Volume { key, name } => {
            // When it was saved no service may have had it, for want of a profile: then its name stands for its key.
            let named = || definition.volumes.iter().find(|(_, volume)| volume.name == *name);
            match definition.volumes.get_key_value(key).or_else(named) {
                Some((_, volume)) if volume.external => Err("the volume is external now: someone else's"),
                // To remove such a volume leaves what is in it, and one more of it would be the same place once more.
                Some((_, volume)) if is_elsewhere(volume) => {
                    Err("the volume has a driver or options of its own: pdex cannot empty it")
                }
                Some((key, volume)) => Ok(Target::Volume {
                    key: key.clone(),
                    name: volume.name.clone(),
                    there: world.volumes.contains(&volume.name),
                }),
                None => Err("the definition has no such volume"),
            }
        }
        What::Folder { target, .. } => {
            // No other than those that a backup would have: a file that says more is not believed.
            let of = of.filter(|of| of.pdex.backup.folders.contains(target));
            let mount = of.and_then(|of| of.mounts.iter().find(|mount| mount.target == *target));
            match mount.map(|mount| &mount.source) {
                Some(MountSource::Bind(path)) => Ok(Target::Folder { path: path.clone() }),
                _ => Err("the definition has no such folder backed up"),
            }
        }
    }
}

fn is_elsewhere(volume: &Volume) -> bool {
    !volume.driver_opts.is_empty() || volume.driver.as_ref().is_some_and(|driver| driver != "local")
}

fn differing(definition: &Definition, world: &World, manifest: &Manifest) -> Vec<String> {
    let mut words = Vec::new();
    for (name, then) in &manifest.images {
        let Some(service) = definition.services.get(&ServiceName::new(name.as_str())) else { continue };
        let now = world.images.get(&service.image).map(|id| &id.0);
        if service.image != then.reference {
            words.push(format!("{name} ran from {}, and does from {}", then.reference, service.image));
        } else if let (Some(now), Some(then_id)) = (now, &then.id)
            && now != then_id
        {
            words.push(format!("{name} ran from another {}", then.reference));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::choice::tests::{STACK, definition, world};
    use super::super::manifest::{Database, FORMAT, Head, Image, Part};
    use super::*;

    fn manifest(whats: Vec<(&str, What)>) -> Manifest {
        let part = |(service, what): (&str, What)| Part {
            service: service.to_owned(),
            what,
            size: 0,
            sha256: String::new(),
            entries: 0,
            chunks: Vec::new(),
        };
        let text = str::to_owned;
        Manifest {
            head: Head { format: FORMAT, pdex: text("1"), project: text("shop"), timestamp: text("then") },
            engine: text("1"),
            images: BTreeMap::from([
                (text("db"), Image { reference: text("db:0"), id: None }),
                (text("web"), Image { reference: text("web:1"), id: Some(text("sha256:other")) }),
                (text("gone"), Image { reference: text("gone:1"), id: None }),
            ]),
            servers: BTreeMap::new(),
            left_out: Vec::new(),
            parts: whats.into_iter().map(part).collect(),
        }
    }

    fn volume(key: &str) -> What {
        What::Volume { key: key.to_owned(), name: format!("theirs_{key}") }
    }

    #[test]
    fn each_part_finds_the_place_that_it_has_in_this_stack() {
        let definition = definition(STACK);
        let database = What::Database(Database { name: "shop".to_owned(), ..Database::default() });
        let folder = What::Folder { target: "/art".to_owned(), path: "/elsewhere".to_owned() };
        let named = What::Volume { key: "shop_cache".to_owned(), name: "shop_cache".to_owned() };
        let manifest = manifest(vec![
            ("db", database.clone()),
            ("web", volume("pages")),
            ("trainer", folder),
            ("no service", named),
        ]);
        let mut world = world(&["shop_pages"], &["db", "web"]);
        world.images.insert("web:1".to_owned(), crate::world::ImageId("sha256:1f".to_owned()));
        let found = exchange(&definition, &world, &manifest);
        let db = ServiceName::new("db");
        let targets: Vec<Target> = found.steps.iter().map(|step| step.target.clone()).collect();
        assert_eq!(
            targets,
            [
                Target::Database { service: db.clone(), name: "shop".to_owned() },
                Target::Volume { key: "pages".to_owned(), name: "shop_pages".to_owned(), there: true },
                Target::Folder { path: definition.directory.join("art") },
                Target::Volume { key: "cache".to_owned(), name: "shop_cache".to_owned(), there: false }
            ]
        );
        assert_eq!(found.databases(), BTreeSet::from([&db]));
        assert_eq!(found.ran, BTreeSet::from([db, ServiceName::new("web")]));
        let remade: Vec<&str> = found.remade.iter().map(ServiceName::as_str).collect();
        assert_eq!(remade, ["reader", "trainer", "web"], "who only reads a volume holds it too");
        assert_eq!(found.differing, ["db ran from db:0, and does from db:1", "web ran from another web:1"]);
        assert_eq!(found.left, []);
    }

    #[test]
    fn what_has_no_place_is_left_and_said() {
        let folder = What::Folder { target: "/tables".to_owned(), path: String::new() };
        let database = What::Database(Database::default());
        let manifest = manifest(vec![
            ("web", database),
            ("web", volume("models")),
            ("web", volume("older")),
            ("web", volume("mounted")),
            ("db", folder),
            ("web", What::Folder { target: "/art".to_owned(), path: String::new() }),
        ]);
        let found = exchange(&definition(STACK), &world(&[], &[]), &manifest);
        assert_eq!(found.steps, []);
        let why: Vec<&str> = found.left.iter().map(|left| left.why.as_str()).collect();
        assert_eq!(
            why,
            [
                "the definition has no such service whose databases are dumped",
                "the volume is external now: someone else's",
                "the definition has no such volume",
                "the volume has a driver or options of its own: pdex cannot empty it",
                "the definition has no such folder backed up",
                "the definition has no such folder backed up"
            ]
        );
    }
}
