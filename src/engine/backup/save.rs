//! Makes a backup. Containers that write into what is copied hold still meanwhile, all of them at once, so that what is in the file
//! fits together; a database goes on, for its dump is of one instant by itself.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{self, Receiver};

use super::count::Counting;
use super::postgres::Postgres;
use super::write::{PartWriter, Writer};
use super::{BackupError, WAITING, folder};
use crate::backup::Told;
use crate::backup::choice::{Choice, ChosenFolder, ChosenVolume};
use crate::backup::manifest::{FORMAT, Head, Image, LeftOut, Manifest, Part, What};
use crate::backup::marks::{Holding, LABEL, Mark};
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Kind, Operate};
use crate::world::{Container, ContainerId, State, World};

/// What is to be written, and where.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub definition: &'a Definition,
    pub world: &'a World,
    pub choice: &'a Choice,
    pub path: &'a Path,
    /// Version of this program.
    pub pdex: &'a str,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Bytes of the file.
    pub size: u64,
    pub manifest: Manifest,
}

/// Writes the file: whole under its name, or not at all, and never over another. `interrupt` ends it early.
pub async fn save<R: Operate>(
    runtime: &R,
    order: &Order<'_>,
    tell: &mut dyn FnMut(Told),
    interrupt: impl Future<Output = ()>,
) -> Result<Saved, BackupError> {
    let Order { definition, world, path, .. } = *order;
    let project = &definition.project;
    if Mark::Restoring.is_set(project, world) {
        return Err(BackupError::HalfRestored);
    }
    if path.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(path.to_owned()));
    }
    let disk = BackupError::disk(path);
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // No project has a dot in its name: that of another is never taken for one of this.
    let prefix = format!(".pdex-backup-{project}.");
    tidy(beside, &prefix);
    // Its owner's alone; removed on every way out but the last.
    let aside = tempfile::Builder::new().prefix(&prefix).tempfile_in(beside).map_err(&disk)?;
    release(runtime, project, tell).await?;
    hold(runtime, definition, order.choice, tell).await?;
    let file = aside.reopen().map_err(&disk)?;
    // Only here: whom it pauses it lets go on, whatever comes.
    let copied = tokio::select! {
        biased;
        () = interrupt => Err(BackupError::Interrupted),
        copied = copy(runtime, order, file, tell) => copied,
    };
    let released = release(runtime, project, tell).await;
    if copied.is_err() {
        for volume in &order.choice.volumes {
            // The error that is told is the first.
            let _ = runtime.let_volume_go(&volume.name).await;
        }
    }
    let (writer, manifest) = copied?;
    released?;
    writer.finish(&manifest).map_err(&disk)?;
    let size = aside.as_file().metadata().map_err(&disk)?.len();
    aside.persist_noclobber(path).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(path.to_owned()),
        _ => disk(e.error),
    })?;
    File::open(beside).and_then(|folder| folder.sync_all()).map_err(&disk)?;
    Ok(Saved { size, manifest })
}

/// What runs that were killed left half-written. One that cannot be removed is in nobody's way.
fn tidy(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Pauses whoever writes. The mark comes first: whoever finds it knows whom to let go on.
async fn hold<R: Operate>(
    runtime: &R,
    definition: &Definition,
    choice: &Choice,
    tell: &mut dyn FnMut(Told),
) -> Result<(), BackupError> {
    let project = &definition.project;
    let listed = runtime.list(project).await?;
    let writes = listed.iter().filter(|container| {
        choice.writers.contains(&container.service) && matches!(container.state, State::Running { .. })
    });
    let containers: Vec<_> = writes.collect();
    if containers.is_empty() {
        return Ok(());
    }
    let named = containers.iter().map(|container| (container.id.0.clone(), container.name.clone()));
    let mark = Mark::Holding.volume(project, &Holding { containers: named.collect() });
    runtime.create_volume(project, Mark::Holding.key(), &mark).await?;
    for container in containers {
        match runtime.pause(&container.id).await {
            Ok(()) => tell(Told::Paused(container.name.clone())),
            // It has ended, and writes no more.
            Err(RuntimeError::Conflict(_) | RuntimeError::NotFound(_)) => {}
            Err(e) => {
                release(runtime, project, tell).await?;
                return Err(e.into());
            }
        }
    }
    Ok(())
}

/// Lets go on whom a backup has paused, also one that was killed.
pub async fn release<R: Operate>(
    runtime: &R,
    project: &str,
    tell: &mut dyn FnMut(Told),
) -> Result<(), BackupError> {
    let name = Mark::Holding.name(project);
    let Some(holding) = read_mark::<Holding, R>(runtime, &name).await? else { return Ok(()) };
    for (id, container) in holding.containers {
        match runtime.unpause(&ContainerId(id)).await {
            Ok(()) => tell(Told::Resumed(container)),
            Err(RuntimeError::Conflict(_) | RuntimeError::NotFound(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(runtime.remove_volume(&name).await?)
}

/// What a mark says; `None` where it is not set.
pub(super) async fn read_mark<T: DeserializeOwned, R: Operate>(
    runtime: &R,
    name: &str,
) -> Result<Option<T>, RuntimeError> {
    match runtime.document(Kind::Volume, name).await {
        Ok(document) => {
            let text = document["Labels"][LABEL].as_str().unwrap_or_default();
            let unread = |e: serde_json::Error| {
                RuntimeError::Other(format!(
                    "volume {name} marks what another pdex began, which this one does not read: {e}"
                ))
            };
            serde_json::from_str(text).map(Some).map_err(unread)
        }
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e),
    }
}

/// Everything but the list.
async fn copy<R: Operate>(
    runtime: &R,
    order: &Order<'_>,
    file: File,
    tell: &mut dyn FnMut(Told),
) -> Result<(Writer, Manifest), BackupError> {
    let Order { definition, choice, path, pdex, .. } = *order;
    let head = Head {
        format: FORMAT,
        pdex: pdex.to_owned(),
        project: definition.project.clone(),
        timestamp: runtime.now().to_string(),
    };
    let disk = BackupError::disk(path);
    let mut making = Making {
        runtime,
        writer: Writer::begin(file, &head).map_err(&disk)?,
        manifest: Manifest {
            head,
            engine: runtime.engine().await?.version,
            images: choice.services().into_iter().filter_map(|name| image(order, name)).collect(),
            servers: [].into(),
            left_out: choice.left_out.clone(),
            parts: Vec::new(),
        },
        disk: &disk,
        tell,
    };
    for service in &choice.dumps {
        if let Some(container) = running(order.world, service) {
            making.databases(service, &container.id).await?;
        }
    }
    for volume in &choice.volumes {
        making.volume(volume).await?;
    }
    for chosen in &choice.folders {
        making.folder(chosen)?;
    }
    Ok((making.writer, making.manifest))
}

fn running<'w>(world: &'w World, service: &ServiceName) -> Option<&'w Container> {
    let mut own = world.containers.iter().filter(|container| container.service == *service);
    own.find(|container| !container.aside && matches!(container.state, State::Running { .. }))
}

fn image(order: &Order<'_>, name: &ServiceName) -> Option<(String, Image)> {
    let reference = order.definition.services.get(name)?.image.clone();
    let made = order.world.containers.iter().find(|container| container.service == *name);
    let id = made.map(|container| &container.image).or_else(|| order.world.images.get(&reference));
    Some((name.to_string(), Image { id: id.map(|id| id.0.clone()), reference }))
}

/// A backup under way.
struct Making<'a, R> {
    runtime: &'a R,
    writer: Writer,
    manifest: Manifest,
    disk: &'a dyn Fn(io::Error) -> BackupError,
    tell: &'a mut dyn FnMut(Told),
}

impl<R: Operate> Making<'_, R> {
    async fn databases(&mut self, service: &ServiceName, container: &ContainerId) -> Result<(), BackupError> {
        let server = Postgres { runtime: self.runtime, service, container };
        let (facts, databases) = server.contents().await?;
        self.manifest.servers.insert(service.to_string(), facts);
        for database in databases {
            let mut part = self.writer.part(&format!("{service}-{}.dump", database.name));
            server.dump(&database.name, &mut part, self.disk).await?;
            let what = What::Database(database);
            end(&mut self.manifest, self.disk, &mut *self.tell, part, (service, what, 0))?;
        }
        Ok(())
    }

    async fn volume(&mut self, volume: &ChosenVolume) -> Result<(), BackupError> {
        let part = self.writer.part(&format!("{}-{}.tar", volume.service, volume.key));
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut counting = Counting::new(part);
        let reading = self.runtime.volume_out(&volume.name, sender);
        let (read, written) = tokio::join!(reading, take(receiver, &mut counting));
        written.map_err(self.disk)?;
        read?;
        let broke_off = || BackupError::volume(&volume.name, "the engine's copy of it broke off");
        let entries = counting.count.whole().ok_or_else(broke_off)?;
        let what = What::Volume { key: volume.key.clone(), name: volume.name.clone() };
        end(&mut self.manifest, self.disk, &mut *self.tell, counting.into, (&volume.service, what, entries))
    }

    fn folder(&mut self, chosen: &ChosenFolder) -> Result<(), BackupError> {
        let ChosenFolder { service, target, path } = chosen;
        if !path.is_dir() {
            let what = format!("folder {}", path.display());
            let why = if path.exists() { "it is no folder" } else { "it is not there" };
            self.manifest.left_out.push(LeftOut { what, why: why.to_owned() });
            return Ok(());
        }
        let mut counting = Counting::new(self.writer.part(&format!("{service}{target}.tar")));
        folder::pack(path, &mut counting).map_err(self.disk)?;
        let changed = || BackupError::disk(path)(io::Error::other("a file changed while it was copied"));
        let entries = counting.count.whole().ok_or_else(changed)?;
        let what = What::Folder { target: target.clone(), path: path.display().to_string() };
        end(&mut self.manifest, self.disk, &mut *self.tell, counting.into, (service, what, entries))
    }
}

async fn take(mut pieces: Receiver<Bytes>, into: &mut Counting<PartWriter<'_>>) -> io::Result<()> {
    while let Some(piece) = pieces.recv().await {
        into.write_all(&piece)?;
    }
    Ok(())
}

/// Notes a part that is in the file.
fn end(
    manifest: &mut Manifest,
    disk: &dyn Fn(io::Error) -> BackupError,
    tell: &mut dyn FnMut(Told),
    part: PartWriter<'_>,
    (service, what, entries): (&ServiceName, What, u64),
) -> Result<(), BackupError> {
    let written = part.end().map_err(disk)?;
    tell(Told::Saved { what: what.to_string(), service: service.to_string(), size: written.size });
    manifest.parts.push(Part {
        service: service.to_string(),
        what,
        size: written.size,
        sha256: written.sha256,
        entries,
        chunks: written.chunks,
    });
    Ok(())
}

/// Where a backup goes that is given no name.
pub fn default_path(definition: &Definition, now: crate::world::time::Timestamp) -> PathBuf {
    let digits: String = now.to_string().chars().take(19).filter(|c| !"-:".contains(*c)).collect();
    definition.directory.join("backups").join(format!("{}-{digits}Z.pdexbackup", definition.project))
}
