//! What of a stack goes into a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::manifest::LeftOut;
use super::marks;
use crate::definition::model::{Definition, MountSource, Service, ServiceName};
use crate::world::{State, World};

/// Stands for the service of a volume that none writes: an older definition's, or one of a profile that is not enabled.
const NOBODY: &str = "no service";

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Services whose databases are dumped.
    pub dumps: Vec<ServiceName>,
    pub volumes: Vec<ChosenVolume>,
    pub folders: Vec<ChosenFolder>,
    pub left_out: Vec<LeftOut>,
    /// Services that write into the volumes and folders: held while these are copied.
    pub writers: BTreeSet<ServiceName>,
}

/// A volume that is copied as it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenVolume {
    /// One that writes into it, else [`NOBODY`].
    pub service: ServiceName,
    /// The definition's, else the name.
    pub key: String,
    pub name: String,
}

/// A folder of this machine that is copied as it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenFolder {
    pub service: ServiceName,
    pub target: String,
    pub path: PathBuf,
}

impl Choice {
    /// Whether none of the data that an engine holds is in it.
    pub fn is_without_data(&self) -> bool {
        self.dumps.is_empty() && self.volumes.is_empty()
    }

    /// The services that have something in it.
    pub fn services(&self) -> BTreeSet<&ServiceName> {
        let volumes = self.volumes.iter().map(|volume| &volume.service);
        let folders = self.folders.iter().map(|folder| &folder.service);
        self.dumps.iter().chain(volumes).chain(folders).collect()
    }
}

/// Chooses. A database that does not run cannot be dumped, and nobody writes its volume then: that is copied.
pub fn choose(definition: &Definition, world: &World) -> Choice {
    let mut choice = Choice::default();
    // Volumes whose content a dump has, and those that their services do not want in a backup.
    let (mut dumped, mut unwanted) = (BTreeSet::new(), BTreeSet::new());
    let mut volumes: BTreeMap<&str, ChosenVolume> = BTreeMap::new();
    for service in definition.services.values() {
        let backup = &service.pdex.backup;
        let dumps = backup.dump.is_some() && runs(world, &service.name);
        if dumps {
            choice.dumps.push(service.name.clone());
        }
        for (key, name) in written(definition, service) {
            match &backup.volumes {
                Some(wanted) if !wanted.contains(key) => {
                    unwanted.insert(name);
                }
                None if dumps => {
                    dumped.insert(name);
                }
                _ if !world.volumes.contains(name) => {}
                _ => {
                    let service = service.name.clone();
                    let chosen = ChosenVolume { service, key: key.to_owned(), name: name.to_owned() };
                    volumes.entry(name).or_insert(chosen);
                }
            }
        }
        choice.folders.extend(folders(service));
    }
    let external: BTreeSet<&str> =
        definition.volumes.values().filter(|v| v.external).map(|v| v.name.as_str()).collect();
    for name in world.volumes.iter().filter(|name| !marks::is_own(&definition.project, name)) {
        let name = name.as_str();
        let out = |why: &str| LeftOut { what: format!("volume {name}"), why: why.to_owned() };
        let saved = volumes.contains_key(name) || dumped.contains(name);
        if external.contains(name) {
            choice.left_out.push(out("it is external: someone else's"));
        } else if !saved && unwanted.contains(name) {
            choice.left_out.push(out("`x-pdex.backup` leaves it out"));
        } else if !saved {
            // Whoever removes all volumes removes these, too.
            volumes.insert(name, of_nobody(definition, name));
        }
    }
    choice.volumes = volumes.into_values().collect();
    choice.writers = writers(definition, &choice);
    choice
}

fn runs(world: &World, service: &ServiceName) -> bool {
    world.of(service).any(|container| !container.aside && matches!(container.state, State::Running { .. }))
}

/// Key and name of the volumes of the project that a service may write.
fn written<'d>(definition: &'d Definition, service: &'d Service) -> Vec<(&'d str, &'d str)> {
    let writable = service.mounts.iter().filter(|mount| !mount.read_only);
    let volumes = writable.filter_map(|mount| match &mount.source {
        MountSource::Volume(key) => Some((key.as_str(), definition.volumes.get(key)?)),
        _ => None,
    });
    volumes.filter(|(_, volume)| !volume.external).map(|(key, volume)| (key, volume.name.as_str())).collect()
}

fn folders(service: &Service) -> impl Iterator<Item = ChosenFolder> {
    let wanted = service.mounts.iter().filter(|mount| service.pdex.backup.folders.contains(&mount.target));
    wanted.filter_map(|mount| match &mount.source {
        MountSource::Bind(path) => Some(ChosenFolder {
            service: service.name.clone(),
            target: mount.target.clone(),
            path: path.clone(),
        }),
        _ => None,
    })
}

fn of_nobody(definition: &Definition, name: &str) -> ChosenVolume {
    let key = definition.volumes.iter().find(|(_, volume)| volume.name == name).map(|(key, _)| key.as_str());
    ChosenVolume {
        service: ServiceName::new(NOBODY),
        key: key.unwrap_or(name).to_owned(),
        name: name.to_owned(),
    }
}

/// Who has to hold still; a database that is dumped has not.
fn writers(definition: &Definition, choice: &Choice) -> BTreeSet<ServiceName> {
    let volumes: BTreeSet<&str> = choice.volumes.iter().map(|volume| volume.key.as_str()).collect();
    let folders: BTreeSet<&PathBuf> = choice.folders.iter().map(|folder| &folder.path).collect();
    let writes = |service: &&Service| {
        service.mounts.iter().filter(|mount| !mount.read_only).any(|mount| match &mount.source {
            MountSource::Volume(key) => volumes.contains(key.as_str()),
            MountSource::Bind(path) => folders.contains(path),
            _ => false,
        })
    };
    let names = definition.services.values().filter(writes).map(|service| service.name.clone());
    names.filter(|name| !choice.dumps.contains(name)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::definition::{Request, load};
    use crate::world::{Container, ContainerId, ImageId};

    pub(in crate::backup) const STACK: &str = "
name: shop
services:
  db:
    image: db:1
    volumes: [\"tables:/tables\"]
    x-pdex: { backup: { dump: postgres } }
  web:
    image: web:1
    volumes: [\"pages:/pages\", \"models:/models\", \"./art:/art\"]
  reader:
    image: reader:1
    volumes: [\"pages:/pages:ro\", \"mounted:/mounted:ro\"]
  trainer:
    image: trainer:1
    volumes: [\"cache:/cache\", \"./art:/art\"]
    x-pdex: { backup: { volumes: [], folders: [/art] } }
volumes:
  tables: {}
  pages: {}
  models: { external: true }
  cache: {}
  mounted: { driver_opts: { type: none, o: bind, device: /srv } }
";

    pub(in crate::backup) fn definition(text: &str) -> Definition {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        std::fs::write(&file, text).unwrap();
        load(&Request { files: vec![file], ..Request::default() }).unwrap().definition
    }

    /// With these volumes, and containers of these services that run.
    pub(in crate::backup) fn world(volumes: &[&str], running: &[&str]) -> World {
        let container = |service: &&str| Container {
            id: ContainerId((*service).to_owned()),
            name: format!("shop-{service}-1"),
            service: ServiceName::new(*service),
            number: 1,
            config_hash: String::new(),
            fields: BTreeMap::new(),
            image: ImageId("sha256:1f".to_owned()),
            state: State::Running { health: None },
            aside: false,
        };
        World {
            containers: running.iter().map(container).collect(),
            volumes: volumes.iter().map(|name| (*name).to_owned()).collect(),
            ..World::default()
        }
    }

    fn names(choice: &Choice) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
        (
            choice.dumps.iter().map(ServiceName::as_str).collect(),
            choice.volumes.iter().map(|volume| volume.name.as_str()).collect(),
            choice.writers.iter().map(ServiceName::as_str).collect(),
        )
    }

    const ALL: &[&str] =
        &["models", "shop_cache", "shop_gone", "shop_pages", "shop_pdex-holding", "shop_tables"];

    #[test]
    fn a_database_that_runs_is_dumped_and_other_volumes_are_copied() {
        let definition = definition(STACK);
        let choice = choose(&definition, &world(ALL, &["db", "web"]));
        assert_eq!(names(&choice), (vec!["db"], vec!["shop_gone", "shop_pages"], vec!["trainer", "web"]));
        let gone = &choice.volumes[0];
        assert_eq!(
            (gone.service.as_str(), gone.key.as_str()),
            (NOBODY, "shop_gone"),
            "it would be removed, too"
        );
        assert_eq!(choice.folders.len(), 1, "once, by the service that names it");
        assert_eq!(choice.folders[0].path, definition.directory.join("art"));
        let left: Vec<String> =
            choice.left_out.iter().map(|left| format!("{}: {}", left.what, left.why)).collect();
        assert_eq!(
            left,
            [
                "volume models: it is external: someone else's",
                "volume shop_cache: `x-pdex.backup` leaves it out"
            ]
        );
        assert_eq!(choice.services().len(), 4);
    }

    #[test]
    fn a_database_that_does_not_run_is_copied_as_it_lies() {
        let choice = choose(&definition(STACK), &world(ALL, &[]));
        assert_eq!(
            names(&choice),
            (vec![], vec!["shop_gone", "shop_pages", "shop_tables"], vec!["db", "trainer", "web"])
        );
    }

    #[test]
    fn where_no_volume_is_there_is_no_data() {
        let choice = choose(&definition(STACK), &world(&[], &[]));
        assert!(choice.is_without_data() && choice.left_out.is_empty());
    }
}
