//! Backups and restores on the real engine: everything comes back as it was, whatever it is; and a kill, a damaged file, a full disk
//! or one that cannot be written leave what was there.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::process::Signal;
use sha2::{Digest as _, Sha256};

use crate::killed::{Random, kills};
use crate::stage::{Said, Stage, docker, eventually, text};

const STACK: &str = r#"
services:
  keeper:
    image: IMAGE
    command: [stay]
    network_mode: none
    stop_signal: SIGKILL
    volumes: ["data:/data"]
  writer:
    image: IMAGE
    command: [stay]
    network_mode: none
    stop_signal: SIGKILL
    volumes: ["more:/more", "./models:/models"]
    x-pdex: { backup: { folders: [/models] } }
  reader:
    image: IMAGE
    command: [stay]
    network_mode: none
    stop_signal: SIGKILL
    volumes: ["./models:/models:ro"]
volumes: { data: {}, more: {} }
"#;

const SERVICES: &[&str] = &["keeper", "reader", "writer"];

/// Path → kind, mode, owner, time, what a link says, content.
type Seen = BTreeMap<String, (u8, u32, (u64, u64), u64, Option<PathBuf>, Vec<u8>)>;

/// Path, mode, time, and content or what a link says.
type Models = Vec<(PathBuf, u32, i64, Vec<u8>)>;

fn entries(tar: &[u8]) -> Seen {
    let mut seen = Seen::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let path = entry.path().unwrap().display().to_string();
        let link = entry.link_name().unwrap().map(std::borrow::Cow::into_owned);
        let header = entry.header();
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        let facts =
            (header.entry_type().as_byte(), header.mode().unwrap() & 0o7777, owner, header.mtime().unwrap());
        seen.insert(path, (facts.0, facts.1, facts.2, facts.3, link, content));
    }
    seen
}

/// What is in a container's folder, as the engine tells it.
fn inside(stage: &Stage, service: &str, folder: &str) -> Seen {
    let place = format!("{}:{folder}", stage.container(service));
    let output = Command::new("docker").args(["cp", &place, "-"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    entries(&output.stdout)
}

/// A tar of a folder with all that a volume may have: modes, owners, times, links of both kinds, a pipe, long names.
fn filling(place: &str, random: &mut Random) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind: tar::EntryType, mode: u32, random: &mut Random| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(random.below(60_000));
        header.set_gid(random.below(60_000));
        header.set_mtime(1_000_000_000 + random.below(700_000_000));
        header.set_size(0);
        header
    };
    let mut root = header(tar::EntryType::Directory, 0o2750, random);
    tar.append_data(&mut root, place, std::io::empty()).unwrap();
    for folder in ["open", "closed", "closed/deep"] {
        let mode = if folder == "open" { 0o1777 } else { 0o500 };
        let mut own = header(tar::EntryType::Directory, mode, random);
        tar.append_data(&mut own, format!("{place}/{folder}"), std::io::empty()).unwrap();
        for number in 0..random.below(12) {
            let size = usize::try_from(random.below(200_000)).unwrap();
            let mut own =
                header(tar::EntryType::Regular, 0o400 + u32::try_from(random.below(0o400)).unwrap(), random);
            own.set_size(size as u64);
            let content = noise(size, random);
            tar.append_data(&mut own, format!("{place}/{folder}/{number}"), content.as_slice()).unwrap();
        }
    }
    for (name, content) in
        [("empty", String::new()), (&*"long name ".repeat(20), "x".to_owned()), ("déjà vu", "y".to_owned())]
    {
        let mut own = header(tar::EntryType::Regular, 0o4755, random);
        own.set_size(content.len() as u64);
        tar.append_data(&mut own, format!("{place}/{name}"), content.as_bytes()).unwrap();
    }
    for (name, target) in [("link", "open/0"), ("dangling", "/is/not/there"), ("out", "../../etc")] {
        let mut own = header(tar::EntryType::Symlink, 0o777, random);
        tar.append_link(&mut own, format!("{place}/{name}"), target).unwrap();
    }
    let mut second = header(tar::EntryType::Link, 0o4755, random);
    tar.append_link(&mut second, format!("{place}/empty too"), format!("{place}/empty")).unwrap();
    let mut pipe = header(tar::EntryType::Fifo, 0o600, random);
    tar.append_data(&mut pipe, format!("{place}/pipe"), std::io::empty()).unwrap();
    tar.into_inner().unwrap()
}

/// Bytes that nothing makes smaller.
fn noise(size: usize, random: &mut Random) -> Vec<u8> {
    (0..=size / 8).flat_map(|_| random.below(u64::MAX).to_le_bytes()).take(size).collect()
}

/// Puts a tar into a container, owners and all.
fn put(stage: &Stage, service: &str, tar: &[u8]) {
    let place = format!("{}:/", stage.container(service));
    let mut child = Command::new("docker").args(["cp", "-", &place]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(tar).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Everything that the stack has.
fn everything(stage: &Stage) -> (Seen, Seen, Models) {
    (inside(stage, "keeper", "/data"), inside(stage, "writer", "/more"), models(stage))
}

fn models(stage: &Stage) -> Models {
    let root = stage.folder.path().join("models");
    let (mut found, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(path) = open.pop() {
        let facts = path.symlink_metadata().unwrap();
        let content = if facts.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if facts.is_file() {
            fs::read(&path).unwrap()
        } else {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        };
        let time = if facts.is_symlink() { 0 } else { facts.mtime() };
        found.push((path.strip_prefix(&root).unwrap().to_owned(), facts.mode(), time, content));
    }
    found.sort();
    found
}

/// Fills the whole stack, which runs, with something of its own.
fn fill(stage: &Stage, random: &mut Random) {
    put(stage, "keeper", &filling("data", random));
    put(stage, "writer", &filling("more", random));
    let models = stage.folder.path().join("models");
    for name in ["model.ubj", "notes"] {
        let size = usize::try_from(random.below(300_000)).unwrap();
        fs::write(models.join(name), vec![u8::try_from(random.below(256)).unwrap(); size]).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(1_000_000_000 + random.below(600_000_000));
        File::open(models.join(name)).unwrap().set_times(FileTimes::new().set_modified(modified)).unwrap();
    }
    fs::set_permissions(models.join("notes"), fs::Permissions::from_mode(0o640)).unwrap();
    let _ = fs::remove_file(models.join("latest"));
    symlink("model.ubj", models.join("latest")).unwrap();
}

/// A stack that runs and is full.
fn set(name: &str, random: &mut Random) -> Option<Stage> {
    let stage = Stage::set(name)?;
    stage.define(STACK);
    stage.run(&["up"]).ends(0, &[]);
    fill(&stage, random);
    Some(stage)
}

fn volumes(stage: &Stage) -> String {
    let label = format!("label=com.docker.compose.project={}", stage.project);
    stage.docker(&["volume", "ls", "-q", "--filter", &label])
}

fn is_marked(stage: &Stage) -> bool {
    volumes(stage).lines().any(|name| name.ends_with("_pdex-restoring"))
}

/// Nothing that a backup or a restore needs on its way is there any more.
fn is_tidy(stage: &Stage) {
    let volumes = volumes(stage);
    assert_eq!(volumes.lines().count(), 2, "{volumes}");
    let folder: Vec<String> = names(stage.folder.path());
    assert!(!folder.iter().any(|name| name.contains(".pdex-")), "{folder:?}");
    let states =
        stage.docker(&["ps", "-a", "--filter", &format!("name={}", stage.project), "--format", "{{.State}}"]);
    assert!(!states.contains("paused"), "{states}");
    for volume in ["data", "more", "data.pdex-new", "more.pdex-new"] {
        let label = format!("label=io.pdex.volume={}_{volume}", stage.project);
        assert_eq!(stage.docker(&["ps", "-aq", "--filter", &label]), "", "what reads {volume} is gone");
        let digest = Sha256::digest(format!("{}_{volume}", stage.project));
        let tag: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let image = format!("pdex-volume:{tag}");
        assert_eq!(stage.docker(&["images", "-q", &image]), "", "what it was made of is gone");
    }
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn everything_comes_back_byte_by_byte() {
    let mut random = Random::seeded("everything comes back");
    let Some(stage) = set("backup-whole", &mut random) else { return };
    let before = everything(&stage);
    assert!(before.0.len() > 8 && before.1.len() > 8, "{:?}", before.0.keys());
    let said = stage.run(&["backup", "--out", "kept"]).ends(0, &["wrote kept", "not in it: .env"]);
    assert!(said.error.contains("paused"), "{said:#?}");
    is_tidy(&stage);
    let down = stage.run(&["down", "-v", "--yes"]).ends(0, &["wrote ", "removed volume"]);
    assert_eq!(volumes(&stage), "", "{down:#?}");
    assert_eq!(names(&stage.folder.path().join("backups")).len(), 1, "its own backup comes first");
    fs::remove_dir_all(stage.folder.path().join("models")).unwrap();
    stage
        .run(&["restore", "kept", "--yes"])
        .ends(0, &["replaced volume", "replaced folder", "restored kept"]);
    assert_eq!(stage.containers(), [""; 0], "what did not run does not run");
    is_tidy(&stage);
    stage.run(&["up"]).ends(0, &[]);
    assert!(everything(&stage) == before, "after a removal of everything");
    // Over a stack that runs and has other data.
    fill(&stage, &mut random);
    assert!(everything(&stage) != before);
    stage.run(&["restore", "kept", "--yes"]).ends(0, &["stopped container", "restored kept"]);
    assert!(everything(&stage) == before, "over other data");
    stage.has_converged(SERVICES);
    assert_eq!(
        stage.docker(&["ps", "-q", "--filter", &format!("name={}", stage.project)]).lines().count(),
        3
    );
    is_tidy(&stage);
}

/// Runs a command and kills it after a while, which may be too late.
fn kill(stage: &Stage, arguments: &[&str], after: Duration) {
    let mut child = stage.command(arguments).spawn().unwrap();
    std::thread::sleep(after);
    let _ = child.kill();
    Said::of(child);
}

fn within(whole: Duration, random: &mut Random) -> Duration {
    Duration::from_millis(random.below(u64::try_from(whole.as_millis()).unwrap().max(1)))
}

#[test]
fn a_backup_killed_at_any_instant_leaves_a_whole_file_or_none() {
    let mut random = Random::seeded("killed while it saves");
    let Some(stage) = set("backup-killed", &mut random) else { return };
    let before = everything(&stage);
    let began = Instant::now();
    stage.run(&["backup", "--out", "first"]).ends(0, &[]);
    let whole = began.elapsed();
    let mut left = 0;
    for round in 0..kills() {
        let (file, after) = (format!("kept-{round}"), within(whole, &mut random));
        kill(&stage, &["backup", "--out", &file], after);
        if stage.folder.path().join(&file).exists() {
            stage.run(&["restore", "--plan", &file]).ends(0, &[]);
        } else {
            left += 1;
        }
        // Whatever it left paused or half-written, the next one puts right.
        stage.run(&["backup", "--out", &format!("{file}-again")]).ends(0, &[]);
        is_tidy(&stage);
    }
    eprintln!("{left} of {} left no file, of a backup that takes {whole:?}", kills());
    assert!(everything(&stage) == before);
}

#[test]
fn a_restore_killed_at_any_instant_leaves_the_old_or_is_finished_by_the_next() {
    let mut random = Random::seeded("killed while it restores");
    let Some(stage) = set("restore-killed", &mut random) else { return };
    let kept = everything(&stage);
    stage.run(&["backup", "--out", "kept"]).ends(0, &[]);
    let began = Instant::now();
    stage.run(&["restore", "kept", "--yes"]).ends(0, &[]);
    let whole = began.elapsed();
    let mut halves = 0;
    for _ in 0..kills() {
        stage.run(&["down", "-v", "--yes", "--no-backup"]).ends(0, &[]);
        fs::remove_dir_all(stage.folder.path().join("models")).unwrap();
        stage.run(&["up"]).ends(0, &[]);
        fill(&stage, &mut random);
        let now = everything(&stage);
        let after = within(whole, &mut random);
        kill(&stage, &["restore", "kept", "--yes"], after);
        let half = is_marked(&stage);
        if half {
            halves += 1;
            stage
                .run(&["up"])
                .ends(1, &["a restore was begun and has not ended", "`pdex restore` finishes it"]);
            stage.run(&["backup", "--out", "half"]).ends(1, &["a restore was begun and has not ended"]);
            stage.run(&["restore"]).ends(0, &["finishing the restore of kept", "restored kept"]);
            assert!(!is_marked(&stage));
        }
        stage.run(&["up"]).ends(0, &[]);
        let found = everything(&stage);
        assert!(found == kept || !half && found == now, "killed after {after:?}, half: {half}");
        // What was made ready and not needed goes with the next.
        stage.run(&["restore", "kept", "--yes"]).ends(0, &[]);
        assert!(everything(&stage) == kept, "killed after {after:?}");
        is_tidy(&stage);
    }
    eprintln!(
        "{halves} of {} were cut short while places were exchanged, of a restore that takes {whole:?}",
        kills()
    );
}

/// Runs a command and asks it after a while to end.
fn interrupt(stage: &Stage, arguments: &[&str], after: Duration) -> Said {
    let child = stage.command(arguments).spawn().unwrap();
    std::thread::sleep(after);
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM);
    Said::of(child)
}

#[test]
fn who_is_asked_to_end_leaves_nothing_behind() {
    let mut random = Random::seeded("asked to end");
    let Some(stage) = set("backup-interrupted", &mut random) else { return };
    let kept = everything(&stage);
    stage.run(&["backup", "--out", "kept"]).ends(0, &[]);
    fill(&stage, &mut random);
    let before = everything(&stage);
    let began = Instant::now();
    stage.run(&["backup", "--out", "first"]).ends(0, &[]);
    let whole = began.elapsed();
    let mut ended = 0;
    for round in 0..kills() {
        let (file, after) = (format!("kept-{round}"), within(whole, &mut random));
        let said = interrupt(&stage, &["backup", "--out", &file], after);
        let there = stage.folder.path().join(&file).exists();
        assert_eq!(there, said.code == Some(0), "{said:#?}");
        // Before it listens the signal ends it as it ends any program.
        assert!(matches!(said.code, Some(0 | 143) | None), "{said:#?}");
        ended += u32::from(said.code == Some(143));
        is_tidy(&stage);
    }
    eprintln!("{ended} of {} were asked while they copied", kills());
    assert!(everything(&stage) == before);
    for _ in 0..kills() {
        let after = within(whole, &mut random);
        let said = interrupt(&stage, &["restore", "kept", "--yes"], after);
        if is_marked(&stage) {
            assert_eq!(said.code, Some(143), "{said:#?}");
            assert!(said.error.contains("`pdex restore` finishes it"), "{said:#?}");
            stage.run(&["restore"]).ends(0, &["restored kept"]);
        }
        is_tidy(&stage);
        stage.run(&["up"]).ends(0, &[]);
        let found = everything(&stage);
        assert!(found == before || found == kept, "{said:#?}");
        stage.run(&["restore", "first", "--yes"]).ends(0, &[]);
        assert!(everything(&stage) == before);
    }
}

#[test]
fn a_damaged_or_foreign_file_changes_nothing() {
    let mut random = Random::seeded("damaged files");
    let Some(stage) = set("restore-damaged", &mut random) else { return };
    stage.run(&["backup", "--out", "kept"]).ends(0, &[]);
    fill(&stage, &mut random);
    let before = everything(&stage);
    let bytes = fs::read(stage.folder.path().join("kept")).unwrap();
    let file = stage.folder.path().join("broken");
    for _ in 0..5 {
        let mut changed = bytes.clone();
        let at = 16 + usize::try_from(random.below(bytes.len() as u64 - 16)).unwrap();
        changed[at] ^= 1 << random.below(8);
        fs::write(&file, &changed).unwrap();
        stage.run(&["restore", "broken", "--yes"]).ends(1, &["broken: damaged", "nothing was replaced"]);
        let length = usize::try_from(random.below(bytes.len() as u64 - 4)).unwrap() + 4;
        fs::write(&file, &bytes[..length]).unwrap();
        stage.run(&["restore", "broken", "--yes"]).ends(1, &["broken: damaged: it ends too early"]);
    }
    stage.run(&["restore", "stack.yaml", "--yes"]).ends(1, &["not a file that `pdex backup` wrote"]);
    stage.run(&["restore", "nothing", "--yes"]).ends(1, &["nothing: No such file"]);
    assert!(everything(&stage) == before);
    is_tidy(&stage);
}

/// A disk in memory, unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(place: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir(&place).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "pdexflt"]).arg(&place).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        eprintln!("skipped: a disk in memory cannot be mounted here");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_or_cannot_be_written_has_no_half_a_backup() {
    let mut random = Random::seeded("full disks");
    let Some(stage) = set("backup-full", &mut random) else { return };
    let before = everything(&stage);
    let Some(small) = Disk::mount(stage.folder.path().join("small"), "size=64k") else { return };
    let full = small.0.join("kept").display().to_string();
    stage.run(&["backup", "--out", &full]).ends(1, &["No space left on device", "--out FILE"]);
    assert_eq!(names(&small.0), [""; 0]);
    is_tidy(&stage);
    let Some(closed) = Disk::mount(stage.folder.path().join("closed"), "ro") else { return };
    let read_only = closed.0.join("kept").display().to_string();
    stage.run(&["backup", "--out", &read_only]).ends(1, &["Read-only file system", "--out FILE"]);
    // Where the backup before a removal cannot be made, nothing is removed.
    let Some(_backups) = Disk::mount(stage.folder.path().join("backups"), "ro") else { return };
    stage.run(&["down", "-v", "--yes"]).ends(1, &["nothing was removed", "--no-backup"]);
    is_tidy(&stage);
    assert!(everything(&stage) == before);
    eventually("it all runs", || {
        stage.docker(&["ps", "-q", "--filter", &format!("name={}", stage.project)]).lines().count() == 3
    });
}

#[test]
fn a_volume_that_someone_else_holds_ends_it_before_anything_changes() {
    let mut random = Random::seeded("held volumes");
    let Some(stage) = set("restore-held", &mut random) else { return };
    let before = everything(&stage);
    stage.run(&["backup", "--out", "kept"]).ends(0, &[]);
    let label = format!("com.docker.compose.project={}", stage.project);
    let volume = format!("{}_data:/elsewhere", stage.project);
    let stray = format!("{}-stray", stage.project);
    for label in [label.as_str(), "of=nobody"] {
        docker(
            None,
            &["create", "--name", &stray, "--label", label, "-v", &volume, &stage.image.tag, "stay"],
        );
        stage.run(&["restore", "kept", "--yes"]).ends(1, &["is used by container", &stray]);
        docker(None, &["rm", &stray]);
    }
    is_tidy(&stage);
    assert!(everything(&stage) == before);
}
