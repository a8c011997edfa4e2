//! Backups and restores on the simulated engine, and files that are none or none any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::*;
use crate::backup::marks::{Holding, Mark};
use crate::backup::{Exchange, Manifest, Told, choose, exchange};
use crate::definition::model::Definition;
use crate::definition::render::config_hash;
use crate::definition::{Request, load};
use crate::engine::teardown::{Extent, teardown};
use crate::engine::{Run, Settings, drive};
use crate::plan::{self, Goal};
use crate::runtime::Runtime as _;
use crate::runtime::operate::Operate as _;
use crate::runtime::sim::Simulated;
use crate::world::{State, World};

const STACK: &str = r#"
name: shop
services:
  db:
    image: db:1
    volumes: ["tables:/tables"]
    x-pdex: { backup: { dump: postgres } }
    labels:
      sim.exec.databases: 'jsonb_agg => 0 {"version": "15.3", "databases": [{"name": "shop", "encoding": "UTF8", "collate": "C", "ctype": "C", "owner": "me", "statements": []}]}'
      sim.exec.dump: "pg_dump -Fc => 0 rows of shop"
      sim.exec.fill: "pg_restore => 0"
  web:
    image: web:1
    volumes: ["pages:/pages"]
    labels: { sim.writes: "pages index hello" }
  trainer:
    image: trainer:1
    volumes: ["./art:/art"]
    x-pdex: { backup: { folders: [/art] } }
volumes: { tables: {}, pages: {} }
"#;

/// A stack that runs, in a folder of its own.
struct Stage {
    folder: tempfile::TempDir,
    definition: Definition,
    runtime: Simulated,
    told: Vec<Told>,
}

impl Stage {
    async fn set(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        fs::write(&file, text).unwrap();
        let definition = load(&Request { files: vec![file], ..Request::default() }).unwrap().definition;
        fs::create_dir(folder.path().join("art")).unwrap();
        fs::write(folder.path().join("art/picture"), "old").unwrap();
        let stage = Self { folder, definition, runtime: Simulated::default(), told: Vec::new() };
        stage.up().await;
        stage
    }

    async fn up(&self) {
        let plan = plan::make(&self.definition, &self.world().await, &Goal::default(), &config_hash);
        let environment = BTreeMap::new();
        let run = Run {
            runtime: &self.runtime,
            definition: &self.definition,
            plan: &plan,
            environment: &environment,
            deadline: None,
            no_registry: false,
            offline: false,
            settings: Settings::default(),
        };
        assert!(drive(&run, &mut |_, _| {}, std::future::pending()).await.is_success());
    }

    async fn world(&self) -> World {
        self.runtime.observe(&self.definition).await.unwrap()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shop.pdexbackup")
    }

    async fn save(&mut self, interrupt: impl Future<Output = ()>) -> Result<Saved, BackupError> {
        let world = self.world().await;
        let choice = choose(&self.definition, &world);
        let path = self.file();
        let order = Order {
            definition: &self.definition,
            world: &world,
            choice: &choice,
            path: &path,
            pdex: "1.0.0",
        };
        save(&self.runtime, &order, &mut |told| self.told.push(told), interrupt).await
    }

    async fn saved(&mut self) -> Manifest {
        self.save(std::future::pending()).await.unwrap().manifest
    }

    async fn exchange(&self, manifest: &Manifest) -> Exchange {
        exchange(&self.definition, &self.world().await, manifest)
    }

    async fn staged(&mut self, manifest: &Manifest) -> Result<Exchange, BackupError> {
        let found = self.exchange(manifest).await;
        let path = self.file();
        stage(&self.runtime, &self.definition, (&path, manifest), &found, &mut |told| self.told.push(told))
            .await?;
        Ok(found)
    }

    /// Fills a volume besides what is in it.
    async fn write(&self, volume: &str, file: &str, text: &str) {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_cksum();
        tar.append_data(&mut header, format!("volume/{file}"), text.as_bytes()).unwrap();
        let piece = Ok(Bytes::from(tar.into_inner().unwrap()));
        self.runtime.volume_in(volume, futures_util::stream::iter([piece]).boxed()).await.unwrap();
    }

    async fn content(&self, volume: &str) -> Vec<u8> {
        let (sender, mut receiver) = mpsc::channel(1_000);
        self.runtime.volume_out(volume, sender).await.unwrap();
        let mut whole = Vec::new();
        while let Some(piece) = receiver.recv().await {
            whole.extend_from_slice(&piece);
        }
        whole
    }

    async fn paused(&self) -> usize {
        self.world().await.containers.iter().filter(|c| c.state == State::Paused).count()
    }

    async fn end(&self, services: &[&str]) {
        let services = services.iter().map(|name| ServiceName::new(*name)).collect();
        let extent = Extent { services, remove: true, ..Extent::default() };
        teardown(&self.runtime, &self.definition, &self.world().await, &extent, &mut |_| {}).await;
    }
}

/// Runs a test on a clock that jumps.
fn simulated<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

#[test]
fn what_was_saved_takes_the_place_of_what_came_later() {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        let manifest = stage.saved().await;
        let parts: Vec<String> =
            manifest.parts.iter().map(|part| format!("{} {}", part.service, part.what)).collect();
        assert_eq!(parts, ["db database shop", "web volume pages", "trainer folder /art"]);
        assert_eq!((manifest.parts[1].entries, manifest.parts[2].entries), (2, 2));
        assert_eq!(manifest.servers["db"].version, "15.3");
        assert_eq!(stage.file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(verify(&stage.file()).unwrap(), manifest);
        assert!(stage.told.contains(&Told::Resumed("shop-web-1".to_owned())), "{:?}", stage.told);
        let before = stage.content("shop_pages").await;

        stage.write("shop_pages", "later", "more").await;
        fs::write(stage.folder.path().join("art/picture"), "new").unwrap();
        let found = stage.staged(&manifest).await.unwrap();
        assert_ne!(stage.content("shop_pages").await, before, "nothing is replaced yet");
        let path = stage.file();
        let restoring = commit(&stage.runtime, &stage.definition, (&path, &manifest), &found).await.unwrap();
        let unfinished = unfinished(&stage.runtime, &stage.definition, &stage.world().await).await.unwrap();
        assert_eq!(unfinished.as_ref(), Some(&restoring), "whoever comes next knows");
        assert!(matches!(stage.save(std::future::pending()).await, Err(BackupError::HalfRestored)));

        stage.end(&["web"]).await;
        // Done twice, as after a kill.
        for which in [Which::Databases, Which::Files, Which::Databases, Which::Files] {
            replace(&stage.runtime, &stage.definition, &restoring, which, &mut |_| {}).await.unwrap();
        }
        forget(&stage.runtime, &stage.definition).await.unwrap();
        assert_eq!(stage.content("shop_pages").await, before);
        assert_eq!(fs::read_to_string(stage.folder.path().join("art/picture")).unwrap(), "old");
        let left: BTreeSet<String> = ["shop_pages", "shop_tables"].map(str::to_owned).into();
        assert_eq!(stage.world().await.volumes, left);
        assert_eq!(stage.folder.path().read_dir().unwrap().count(), 3, "nothing is left aside");
    });
}

#[test]
fn a_restore_that_is_given_up_leaves_what_was_there() {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        let manifest = stage.saved().await;
        let before = (stage.content("shop_pages").await, stage.world().await);
        let found = stage.staged(&manifest).await.unwrap();
        abandon(&stage.runtime, &stage.definition, &found).await;
        assert_eq!((stage.content("shop_pages").await, stage.world().await), before);
        assert_eq!(stage.folder.path().read_dir().unwrap().count(), 3);
    });
}

#[test]
fn a_backup_that_is_interrupted_leaves_no_file_and_nobody_paused() {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        let saved = stage.save(std::future::ready(())).await;
        assert!(matches!(saved, Err(BackupError::Interrupted)));
        assert_eq!(stage.folder.path().read_dir().unwrap().count(), 2, "the definition and the folder");
        assert_eq!(stage.paused().await, 0);
        assert!(!Mark::Holding.is_set("shop", &stage.world().await));
    });
}

#[test]
fn whom_a_killed_backup_paused_the_next_one_lets_go_on() {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        let web = stage.world().await.of(&ServiceName::new("web")).next().unwrap().clone();
        let holding = Holding { containers: [(web.id.0.clone(), web.name.clone())].into() };
        let mark = Mark::Holding.volume("shop", &holding);
        stage.runtime.create_volume("shop", Mark::Holding.key(), &mark).await.unwrap();
        stage.runtime.pause(&web.id).await.unwrap();
        let path = |name: &str| stage.folder.path().join(name);
        let (half, another) = (path(".pdex-backup-shop.half"), path(".pdex-backup-shop-two.half"));
        fs::write(&half, "").unwrap();
        fs::write(&another, "").unwrap();
        stage.saved().await;
        assert_eq!(stage.paused().await, 0);
        assert!(!half.exists() && another.exists(), "that of another project may be under way");
    });
}

#[test]
fn a_mark_that_is_not_understood_is_left_to_whoever_made_it() {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        let mark = Mark::Restoring.volume("shop", &["of a later pdex"]);
        stage.runtime.create_volume("shop", Mark::Restoring.key(), &mark).await.unwrap();
        let world = stage.world().await;
        let error = unfinished(&stage.runtime, &stage.definition, &world).await.unwrap_err().to_string();
        assert!(error.contains("shop_pdex-restoring marks what another pdex began"), "{error}");
        assert!(matches!(stage.save(std::future::pending()).await, Err(BackupError::HalfRestored)));
    });
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        fs::write(stage.file(), "precious").unwrap();
        assert!(matches!(stage.save(std::future::pending()).await, Err(BackupError::Exists(_))));
        assert_eq!(fs::read_to_string(stage.file()).unwrap(), "precious");
    });
}

#[test]
fn a_password_that_does_not_open_the_database_ends_it_before_anything_changes() {
    simulated(async {
        let refusal = "sim.exec.opens: '-w -h => 2 FATAL:  password authentication failed for user \"me\"'\n      sim.exec.dump";
        let mut stage = Stage::set(&STACK.replace("sim.exec.dump", refusal)).await;
        let manifest = stage.saved().await;
        let before = stage.world().await;
        assert!(matches!(stage.staged(&manifest).await, Err(BackupError::Password { .. })));
        assert_eq!(stage.world().await, before);
    });
}

#[test]
fn a_database_that_cannot_be_dumped_is_no_backup() {
    simulated(async {
        let mut stage = Stage::set(&STACK.replace("0 rows of shop", "1 disk is broken")).await;
        let error = stage.save(std::future::pending()).await.unwrap_err().to_string();
        assert_eq!(error, "db: the database cannot be dumped (shop): disk is broken");
        assert!(!stage.file().exists());
        assert_eq!(stage.paused().await, 0);
    });
}

/// A backup of the stack, as bytes.
fn whole() -> (Vec<u8>, Manifest) {
    simulated(async {
        let mut stage = Stage::set(STACK).await;
        let manifest = stage.saved().await;
        (fs::read(stage.file()).unwrap(), manifest)
    })
}

fn verified(folder: &Path, bytes: &[u8]) -> Result<Manifest, BackupError> {
    let file = folder.join("file");
    fs::write(&file, bytes).unwrap();
    verify(&file)
}

#[test]
fn a_file_that_ends_too_early_is_damaged_wherever_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = whole();
    for length in 0..bytes.len() {
        let error = verified(folder.path(), &bytes[..length]).unwrap_err();
        let expected = match length {
            0..4 => matches!(error, BackupError::Foreign { .. }),
            _ => matches!(error, BackupError::Damaged { .. }),
        };
        assert!(expected, "{length} of {} bytes: {error}", bytes.len());
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(verified(folder.path(), &longer), Err(BackupError::Damaged { .. })));
}

#[test]
fn a_byte_that_changed_is_found_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, manifest) = whole();
    let mut harmless = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        match verified(folder.path(), &changed) {
            Err(BackupError::Damaged { .. } | BackupError::Foreign { .. }) => {}
            // A few bits of zstd's frames say nothing about what comes out: how much memory that takes, say. The same comes out.
            Ok(same) => {
                assert_eq!(same, manifest);
                harmless += 1;
            }
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(harmless * 100 <= bytes.len(), "{harmless} of {} bytes", bytes.len());
}

/// A tar under zstd with these files.
fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append_data(&mut header, path, *content).unwrap();
    }
    zstd::encode_all(tar.into_inner().unwrap().as_slice(), 1).unwrap()
}

#[test]
fn a_file_of_another_kind_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, words) in [
        (Vec::new(), "it is too short"),
        (b"-- a dump of tables".to_vec(), "it does not begin as a zstd file"),
        (zstd::encode_all(&[b'x'; 2_000][..], 1).unwrap(), "what is compressed in it is no tar"),
        (packed(&[("etc/passwd", b"x")]), "it does not begin with pdex-backup.json"),
        (
            packed(&[(HEAD, b"{}"), (LIST, br#"{"format": 2}"#)]),
            "it has format 2, and this pdex reads 1: take a newer pdex",
        ),
    ] {
        match verified(folder.path(), &bytes) {
            Err(BackupError::Foreign { what, .. }) => assert_eq!(what, words),
            other => panic!("{words}: {other:?}"),
        }
    }
    for (bytes, words) in [
        (packed(&[(HEAD, b"{}")]), "its list: "),
        (packed(&[(HEAD, b"{}"), (LIST, b"{}")]), "its list: it has no format"),
        (packed(&[(HEAD, b"{}"), (LIST, br#"{"format": 1}"#)]), "its list: "),
    ] {
        match verified(folder.path(), &bytes) {
            Err(BackupError::Damaged { what, .. }) => assert!(what.starts_with(words), "{what}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    assert!(matches!(verify(&folder.path().join("nothing")), Err(BackupError::Disk { .. })));
}

#[test]
fn pieces_that_are_not_those_of_the_list_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = whole();
    let tar = zstd::decode_all(bytes.as_slice()).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        io::Read::read_to_end(&mut entry, &mut content).unwrap();
        files.push((path, content));
    }
    let names: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        names,
        [HEAD, "001-db-shop.dump/000001", "002-web-pages.tar/000001", "003-trainer_art.tar/000001", LIST],
        "whoever has no pdex finds everything"
    );
    assert_eq!(files[1].1, b"rows of shop");
    let repacked = |files: &[(String, Vec<u8>)]| {
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        verified(folder.path(), &packed(&files))
    };
    repacked(&files).unwrap();
    let mut changed = files.clone();
    changed[1].1[0] ^= 1;
    let mut missing = files.clone();
    missing.remove(2);
    let mut swapped = files.clone();
    swapped.swap(1, 2);
    let mut more = files.clone();
    more.insert(1, ("more".to_owned(), b"x".to_vec()));
    let mut listless = files.clone();
    listless.pop();
    for (name, files) in [
        ("changed", changed),
        ("missing", missing),
        ("swapped", swapped),
        ("more", more),
        ("listless", listless),
    ] {
        assert!(matches!(repacked(&files), Err(BackupError::Damaged { .. })), "{name}");
    }
}
