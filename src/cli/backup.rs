//! `pdex backup`, and the backup before data are removed.

use std::cell::Cell;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::args::backup::Backup;
use super::context::on_engine;
use super::exit::{Exit, Stop};
use super::{Session, context, lock, signal};
use crate::backup::{Choice, choose};
use crate::definition::model::Definition;
use crate::engine::backup::{self as engine, BackupError, Order, Saved};
use crate::report::backup as report;
use crate::runtime::operate::Operate;
use crate::world::World;

pub(super) async fn backup(session: &Session, arguments: &Backup) -> anyhow::Result<Exit> {
    let definition = context::definition(&session.global, &session.environment)?;
    let engine = context::connect(&session.global, &session.environment).await?;
    let _lock = lock::take(&definition.project, "backup")?;
    on_engine!(&engine, runtime => {
        let world = context::observe(runtime, &definition).await?;
        let choice = choose(&definition, &world);
        if choice.is_without_data() && !choice.folders.iter().any(|folder| folder.path.is_dir()) {
            let what = format!("there is nothing of {} to save", definition.project);
            return Err(Stop::new(Exit::Failed, what, Some("`pdex up` starts the stack")).into());
        }
        let out = arguments.out.as_deref();
        let made = make(runtime, &definition, &world, &choice, out).await;
        let (path, saved) = made.map_err(|(error, exit)| refused(&error, exit))?;
        writeln!(io::stderr(), "{}", report::saved(&path, saved.size, &saved.manifest))?;
        if arguments.form.json {
            let document = report::saved_json(&path, saved.size, &saved.manifest, runtime.now());
            writeln!(io::stdout(), "{document:#}")?;
        }
        Ok(Exit::Ok)
    })
}

/// Before volumes are removed. `Err` when they must not be.
pub(super) async fn before_removal<R: Operate>(
    runtime: &R,
    definition: &Definition,
    world: &World,
) -> anyhow::Result<()> {
    let choice = choose(definition, world);
    if choice.is_without_data() {
        writeln!(io::stderr(), "there is nothing to back up: the volumes are left out, or there are none")?;
        return Ok(());
    }
    match make(runtime, definition, world, &choice, None).await {
        Ok((path, saved)) => {
            writeln!(io::stderr(), "{}", report::saved(&path, saved.size, &saved.manifest))?;
            Ok(())
        }
        Err((error, exit)) => {
            let what = format!("nothing was removed, for there is no backup of it: {error}");
            let hint = "mend that; or `pdex down -v --no-backup` removes the data without one";
            Err(Stop::new(refused(&error, exit).exit, what, Some(hint)).into())
        }
    }
}

/// Writes a backup, to where they are kept unless a name is given. With an error goes the exit code of the signal, if one came.
async fn make<R: Operate>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    choice: &Choice,
    out: Option<&Path>,
) -> Result<(PathBuf, Saved), (BackupError, Exit)> {
    let path = out.map_or_else(|| engine::default_path(definition, runtime.now()), Path::to_owned);
    if let Some(folder) = path.parent().filter(|_| out.is_none()) {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| (BackupError::Disk { path: folder.to_owned(), cause }, Exit::Failed))?;
    }
    let signals = signal::listen();
    let signalled = Cell::new(Exit::Interrupted);
    let interrupt = async { signalled.set(signals.nth(1).await) };
    let order = Order { definition, world, choice, path: &path, pdex: env!("CARGO_PKG_VERSION") };
    // A closed error output must not stop it half-way.
    let mut tell = |told| {
        let _ = writeln!(io::stderr(), "{}", report::told(&told));
    };
    let saved = engine::save(runtime, &order, &mut tell, interrupt).await;
    saved.map(|saved| (path.clone(), saved)).map_err(|e| (e, signalled.get()))
}

/// An error with what to do about it.
pub(super) fn refused(error: &BackupError, signalled: Exit) -> Stop {
    let hint = match error {
        BackupError::Runtime(e) => return context::engine_error(e),
        BackupError::Interrupted => {
            return Stop { exit: signalled, text: "interrupted; nothing was written or replaced".to_owned() };
        }
        BackupError::HalfRestored => "`pdex restore` finishes it",
        BackupError::Disk { cause, .. } => match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space; a backup goes elsewhere with `--out FILE`"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "a backup goes elsewhere with `--out FILE`"
            }
            _ => return Stop::new(Exit::Failed, error, None),
        },
        BackupError::Exists(_) => "nothing is written over: name another file, or move that one away",
        BackupError::Foreign { .. } => "name a file that `pdex backup` wrote",
        BackupError::Damaged { .. } => "nothing was replaced; copy the file again, or take an older one",
        BackupError::Password { .. } => {
            "put back the .env (or secrets) that the data were made with; nothing was replaced"
        }
        BackupError::InUse { .. } => "remove that container (`docker rm`), then run it again",
        BackupError::Database { .. } => "`pdex logs` of the service says more",
        BackupError::Volume { .. } => "`docker volume inspect` and `docker info` show the engine's side",
    };
    Stop::new(Exit::Failed, error, Some(hint))
}
