//! Puts a backup back. Until [`commit`] what is there is not touched; from then on [`replace`] may be cut short and done again, as
//! often as it takes.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, unfold};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::count::Count;
use super::postgres::Postgres;
use super::read::{Content, Source};
use super::save::read_mark;
use super::{BackupError, PIECE, WAITING, folder};
use crate::backup::Told;
use crate::backup::exchange::{Exchange, Target};
use crate::backup::manifest::{Manifest, What};
use crate::backup::marks::{Mark, Restoring, STAGED};
use crate::definition::model::{Definition, ServiceName, Volume};
use crate::engine::select;
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Kind, Operate};
use crate::world::World;
use crate::world::live::Listed;

/// The restore that was cut short while places were exchanged.
pub async fn unfinished<R: Operate>(
    runtime: &R,
    definition: &Definition,
    world: &World,
) -> Result<Option<Restoring>, BackupError> {
    if !Mark::Restoring.is_set(&definition.project, world) {
        return Ok(None);
    }
    Ok(read_mark(runtime, &Mark::Restoring.name(&definition.project)).await?)
}

/// Makes everything ready beside what is there, from a file that was verified. The servers of databases run.
pub async fn stage<R: Operate>(
    runtime: &R,
    definition: &Definition,
    (path, manifest): (&Path, &Manifest),
    exchange: &Exchange,
    tell: &mut dyn FnMut(Told),
) -> Result<(), BackupError> {
    let listed = runtime.list(&definition.project).await?;
    unused(runtime, definition, &listed, exchange).await?;
    for service in exchange.databases() {
        let server = Postgres { runtime, service, container: &server(definition, &listed, service)?.id };
        server.opens().await?;
        server.drop_left(true).await?;
        if let Some(facts) = manifest.servers.get(service.as_str()) {
            server.make_roles(&facts.roles).await?;
        }
    }
    for (key, name) in exchange.volumes() {
        let Some(volume) = definition.volumes.get(key) else { continue };
        let staged = staged(volume);
        runtime.remove_volume(&staged.name).await?;
        runtime
            .create_volume(&definition.project, key, &staged)
            .await
            .map_err(|e| BackupError::volume(name, e))?;
    }
    for folder in exchange.folders() {
        folder::prepare(&real(folder)).map_err(BackupError::disk(folder))?;
    }
    let broken = |cause: io::Error| match cause.kind() {
        io::ErrorKind::InvalidData => BackupError::Damaged { path: path.to_owned(), what: cause.to_string() },
        _ => BackupError::Disk { path: path.to_owned(), cause },
    };
    let mut source = Source::open(path).map_err(&broken)?;
    let mut entries = source.entries().map_err(&broken)?;
    for (number, part) in manifest.parts.iter().enumerate() {
        let mut content = Content::of(&mut entries, &part.chunks);
        let Some(step) = exchange.steps.iter().find(|step| step.part == number) else {
            content.skip().map_err(&broken)?;
            continue;
        };
        match (&step.target, &part.what) {
            (Target::Database { service, .. }, What::Database(database)) => {
                let container = &server(definition, &listed, service)?.id;
                Postgres { runtime, service, container }.fill(database, &mut content, &broken).await?;
            }
            (Target::Volume { name, .. }, _) => {
                fill(runtime, &format!("{name}{STAGED}"), &mut content, &broken).await?;
            }
            (Target::Folder { path }, _) => {
                let path = real(path);
                folder::unpack(&mut content, &folder::staged(&path)).map_err(BackupError::disk(&path))?;
                // Unpacking does not read the zeros at its end, which are in the digest.
                io::copy(&mut content, &mut io::sink()).map_err(&broken)?;
            }
            (Target::Database { .. }, _) => content.skip().map_err(&broken)?,
        }
        tell(Told::Ready { what: part.what.to_string(), service: part.service.clone() });
    }
    Ok(())
}

/// Where a folder really lies: a link to it stays.
fn real(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The volume that stands ready for another's place. Labels alone are the same: a driver's options may name a place, which is taken.
fn staged(volume: &Volume) -> Volume {
    let labels = volume.labels.clone();
    Volume { name: format!("{}{STAGED}", volume.name), labels, ..Volume::default() }
}

fn server<'l>(
    definition: &Definition,
    listed: &'l [Listed],
    service: &ServiceName,
) -> Result<&'l Listed, BackupError> {
    select::running(definition, listed, service, None)
        .map_err(|_| BackupError::Database { service: service.clone(), what: "does not run".to_owned() })
}

/// Containers that no service owns are nobody's to remove, and an engine gives no volume away that one has.
async fn unused<R: Operate>(
    runtime: &R,
    definition: &Definition,
    listed: &[Listed],
    exchange: &Exchange,
) -> Result<(), BackupError> {
    for (_, name) in exchange.volumes() {
        // Of a backup that was killed.
        runtime.let_volume_go(name).await?;
        for user in runtime.volume_users(name).await? {
            let known = listed.iter().find(|container| container.id == user);
            if known.is_some_and(|container| select::is_own(definition, container, &[])) {
                continue;
            }
            let container = match runtime.document(Kind::Container, &user.0).await {
                Err(e) if e.is_not_found() => continue,
                other => other?["Name"].as_str().unwrap_or(&user.0).trim_start_matches('/').to_owned(),
            };
            return Err(BackupError::InUse { volume: name.to_owned(), container });
        }
    }
    Ok(())
}

/// Streams a part into a volume.
async fn fill<R: Operate>(
    runtime: &R,
    name: &str,
    content: &mut Content<'_, '_>,
    broken: &dyn Fn(io::Error) -> BackupError,
) -> Result<(), BackupError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (taken, sent) = tokio::join!(runtime.volume_in(name, pieces(receiver)), send(content, sender));
    sent.map_err(broken)?;
    taken.map_err(|e| BackupError::volume(name, e))
}

type Pieces = io::Result<Bytes>;

fn pieces(receiver: Receiver<Pieces>) -> BoxStream<'static, Pieces> {
    unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
    .boxed()
}

/// Reads to the end and sends it as long as somebody takes it; an error goes to both sides.
async fn send(content: &mut impl Read, sender: Sender<Pieces>) -> io::Result<()> {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match content.read(&mut piece) {
            Ok(read) => read,
            Err(e) => {
                // Nobody may be there to hear it.
                let _ = sender.send(Err(io::Error::new(e.kind(), e.to_string()))).await;
                return Err(e);
            }
        };
        piece.truncate(read);
        if read == 0 {
            return Ok(());
        }
        // Whoever knows that it has all does not take the zeros at its end, which are in the digest.
        let _ = sender.send(Ok(Bytes::from(piece))).await;
    }
}

/// Everything that was written is on its disk when this returns, also what an engine on this machine wrote, which does not see to
/// that itself: what is to be taken away next is the only other copy.
fn settle() {
    rustix::fs::sync();
}

/// From here on the new holds. Returns what is to be done.
pub async fn commit<R: Operate>(
    runtime: &R,
    definition: &Definition,
    (path, manifest): (&Path, &Manifest),
    exchange: &Exchange,
) -> Result<Restoring, BackupError> {
    settle();
    let restoring = Restoring {
        file: path.display().to_string(),
        timestamp: manifest.head.timestamp.clone(),
        databases: exchange.databases().into_iter().map(ToString::to_string).collect(),
        volumes: exchange.volumes().map(|(key, _)| key.to_owned()).collect(),
        folders: exchange.folders().map(|folder| real(folder).display().to_string()).collect(),
        ran: exchange.ran.iter().map(ToString::to_string).collect(),
    };
    let project = &definition.project;
    let mark = Mark::Restoring.volume(project, &restoring);
    runtime.create_volume(project, Mark::Restoring.key(), &mark).await?;
    settle();
    Ok(restoring)
}

/// Exchanges the databases, whose servers run.
async fn databases<R: Operate>(
    runtime: &R,
    definition: &Definition,
    restoring: &Restoring,
    tell: &mut dyn FnMut(Told),
) -> Result<(), BackupError> {
    let listed = runtime.list(&definition.project).await?;
    for name in &restoring.databases {
        let service = &ServiceName::new(name.as_str());
        let server = Postgres { runtime, service, container: &server(definition, &listed, service)?.id };
        // Only that it answers: the password was looked at when nothing was replaced yet.
        if let Err(e) = server.opens().await
            && !matches!(e, BackupError::Password { .. })
        {
            return Err(e);
        }
        server.exchange().await?;
        tell(Told::Replaced(format!("the databases of {name}")));
        if let Err(e) = server.drop_left(false).await {
            tell(Told::Left { what: format!("the old databases of {name}"), why: e.to_string() });
        }
    }
    Ok(())
}

/// Exchanges what stands ready for what is there. First `databases`, whose servers run; then, with nobody using them any more, the
/// rest.
pub async fn replace<R: Operate>(
    runtime: &R,
    definition: &Definition,
    restoring: &Restoring,
    which: Which,
    tell: &mut dyn FnMut(Told),
) -> Result<(), BackupError> {
    if which == Which::Databases {
        return databases(runtime, definition, restoring, tell).await;
    }
    for key in &restoring.volumes {
        let Some(volume) = definition.volumes.get(key) else {
            return Err(BackupError::volume(key, "the definition no longer has it"));
        };
        if exchange_volume(runtime, &definition.project, key, volume).await? {
            tell(Told::Replaced(format!("volume {}", volume.name)));
        }
    }
    for folder in restoring.folders.iter().map(Path::new) {
        folder::exchange(folder).map_err(BackupError::disk(folder))?;
        tell(Told::Replaced(format!("folder {}", folder.display())));
        if let Err(e) = folder::clear(folder) {
            tell(Told::Left { what: format!("what was in {}", folder.display()), why: e.to_string() });
        }
    }
    Ok(())
}

/// What is exchanged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Databases,
    Files,
}

/// An engine gives no volume another name: what stands ready is copied, and goes when that is done. Whether it stood ready.
async fn exchange_volume<R: Operate>(
    runtime: &R,
    project: &str,
    key: &str,
    volume: &Volume,
) -> Result<bool, BackupError> {
    let staged = staged(volume).name;
    match runtime.document(Kind::Volume, &staged).await {
        Err(e) if e.is_not_found() => return Ok(false),
        other => drop(other?),
    }
    runtime.remove_volume(&volume.name).await.map_err(|e| BackupError::volume(&volume.name, e))?;
    runtime.create_volume(project, key, volume).await?;
    let (out, coming) = mpsc::channel(WAITING);
    let (going, into) = mpsc::channel(WAITING);
    let (read, passed, written) = tokio::join!(
        runtime.volume_out(&staged, out),
        pass(coming, going),
        runtime.volume_in(&volume.name, pieces(into)),
    );
    read?;
    written.map_err(|e| BackupError::volume(&volume.name, e))?;
    passed.map_err(|what| BackupError::volume(&staged, what))?;
    settle();
    runtime.remove_volume(&staged).await?;
    Ok(true)
}

/// Passes a tar on, and lets no half of one pass for a whole.
async fn pass(mut coming: Receiver<Bytes>, going: Sender<Pieces>) -> Result<(), &'static str> {
    let mut count = Count::default();
    let mut found = Ok(());
    while let Some(piece) = coming.recv().await {
        found = count.push(&piece);
        if found.is_err() || going.send(Ok(piece)).await.is_err() {
            break;
        }
    }
    if found.is_ok() && count.whole().is_none() {
        found = Err("the engine's copy of it broke off");
    }
    if let Err(what) = found {
        // Nobody may be there to hear it.
        let _ = going.send(Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))).await;
    }
    found
}

/// Takes away what stands ready, as far as that goes; what is there holds.
pub async fn abandon<R: Operate>(runtime: &R, definition: &Definition, exchange: &Exchange) {
    for (key, _) in exchange.volumes() {
        if let Some(volume) = definition.volumes.get(key) {
            let _ = runtime.remove_volume(&staged(volume).name).await;
        }
    }
    for folder in exchange.folders() {
        let _ = folder::prepare(&real(folder));
    }
    if let Ok(listed) = runtime.list(&definition.project).await {
        for service in exchange.databases() {
            if let Ok(container) = server(definition, &listed, service) {
                let server = Postgres { runtime, service, container: &container.id };
                let _ = server.drop_left(true).await;
            }
        }
    }
}

/// Everything has its place: takes the mark away.
pub async fn forget<R: Operate>(runtime: &R, definition: &Definition) -> Result<(), RuntimeError> {
    runtime.remove_volume(&Mark::Restoring.name(&definition.project)).await
}
