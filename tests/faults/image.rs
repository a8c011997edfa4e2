//! The image of the tests: a root file system with one static program in it, compiled here from `actor.rs`. It is on an engine as
//! long as a test uses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, Weak};

use crate::stage::docker;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/actor.rs");

/// An image on an engine, removed when nobody uses it any more.
pub(crate) struct Image {
    pub(crate) tag: String,
    host: Option<String>,
}

static SHARED: Mutex<Weak<Image>> = Mutex::new(Weak::new());
/// The tar; the program in it, which runs on this machine as well, is beside it.
pub(crate) static COMPILED: LazyLock<PathBuf> = LazyLock::new(compile);

/// The image on the machine's own engine.
pub(crate) fn shared() -> Arc<Image> {
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let image = Arc::new(on(None));
        *shared = Arc::downgrade(&image);
        image
    })
}

/// The image on an engine.
pub(crate) fn on(host: Option<&str>) -> Image {
    let tag = format!("pdexflt-actor:{}", std::process::id());
    let change = "--change=ENTRYPOINT [\"/actor\"]";
    docker(host, &["import", change, COMPILED.to_str().unwrap(), &tag]);
    Image { tag, host: host.map(str::to_owned) }
}

impl Drop for Image {
    fn drop(&mut self) {
        let mut command = Command::new("docker");
        command.args(self.host.iter().flat_map(|host| ["-H", host]));
        // What a failed test left of it is that test's failure.
        let _ = command.args(["rmi", &self.tag]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The tar of the root file system.
fn compile() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("actor");
    // Naming the target keeps the flag from build scripts and procedural macros, which here only means: it is accepted.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut rustc = Command::new("rustc");
    rustc.args([
        "--edition=2024",
        "-O",
        "-Ctarget-feature=+crt-static",
        "-Cstrip=symbols",
        "--target",
        &target,
    ]);
    let compiled = rustc.arg("-o").arg(&program).arg(SOURCE).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let tar = folder.join("actor.tar");
    let packed =
        Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&tar).arg("actor").status().unwrap();
    assert!(packed.success(), "tar");
    tar
}
