//! Mounts, volumes, and the files of `secrets` and `configs`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::ServiceName;

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub source: MountSource,
    /// Absolute path inside the container.
    pub target: String,
    pub read_only: bool,
    /// Kept and printed; it means something to Docker Desktop only.
    pub consistency: Option<String>,
    /// What the definition says besides, for the mount's own kind.
    pub bind: Option<BindOptions>,
    pub volume: Option<VolumeOptions>,
    pub tmpfs: Option<TmpfsOptions>,
}

impl Mount {
    /// A writable mount without options.
    pub fn new(source: MountSource, target: impl Into<String>) -> Self {
        Self {
            source,
            target: target.into(),
            read_only: false,
            consistency: None,
            bind: None,
            volume: None,
            tmpfs: None,
        }
    }
}

/// Options of a bind mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindOptions {
    /// Make a folder where nothing is. The short syntax asks for it.
    pub create_host_path: bool,
    pub propagation: Option<String>,
    /// `z` or `Z`
    pub selinux: Option<String>,
    pub recursive: Option<BindRecursion>,
}

/// Options of a volume mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeOptions {
    /// Do not fill a new volume with what the image has at the target.
    pub nocopy: bool,
    /// Folder of the volume to mount instead of its root.
    pub subpath: Option<String>,
    /// For a volume that is made for this mount.
    pub labels: BTreeMap<String, String>,
}

/// Options of a mount in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TmpfsOptions {
    /// Bytes.
    pub size: Option<i64>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// Where a mount's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// Absolute host path.
    Bind(PathBuf),
    /// Key of a top-level volume.
    Volume(String),
    /// A volume of no name.
    Anonymous,
    Tmpfs,
}

/// What a bind mount does with mounts below its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindRecursion {
    Enabled,
    Disabled,
    /// Mounted, and not read-only even where the bind is.
    Writable,
    /// Mounted, and read-only like the bind.
    ReadOnly,
}

/// A top-level volume.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// The name Docker knows it by: `<project>_<key>` unless given.
    pub name: String,
    pub external: bool,
    pub driver: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

/// A top-level secret or config: a file for containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileObject {
    /// `<project>_<key>` unless given.
    pub name: String,
    pub source: FileSource,
    /// `x-pdex`, of a secret that is a file: that pdex makes and changes it, and how.
    pub keeping: Option<Keeping>,
}

/// How pdex makes a secret and gives it a new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// How many random bytes a new value is, in hexadecimal digits.
    pub bytes: u16,
    /// The variable whose value the first one takes where that is set: what has data keeps the password it has.
    pub first: Option<String>,
    /// The value of that variable.
    pub first_value: Option<Hidden>,
    /// The group that may read the file besides its owner.
    pub group: Option<u32>,
    /// What makes a new value hold.
    pub tell: Option<Tell>,
}

/// A command that reads a new value on its standard input, in the container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tell {
    pub service: ServiceName,
    pub command: Vec<String>,
}

/// Where the content of a secret or config is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// Absolute host path.
    File(PathBuf),
    /// A variable of the caller's environment; `None` where it is not set.
    Environment { variable: String, value: Option<Hidden> },
    /// Text in the definition; configs only.
    Content(String),
}

/// Text that had better not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the container that asks for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A service's (or a build's) use of a secret or config.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileReference {
    /// Key of the top-level entry.
    pub source: String,
    /// As it is written, or `/run/secrets/<source>`; see [`Self::path`].
    pub target: Option<String>,
    pub uid: Option<String>,
    pub gid: Option<String>,
    /// Permission bits.
    pub mode: Option<u32>,
}

impl FileReference {
    /// Whether it asks for no owner or permissions of its own.
    pub fn is_plain(&self) -> bool {
        self.uid.is_none() && self.gid.is_none() && self.mode.is_none()
    }

    /// Where the file stands in the container; `folder` is where relative targets and those left out go (`/run/secrets`, `/`).
    pub fn path(&self, folder: &str) -> String {
        let target = self.target.as_deref().unwrap_or(&self.source);
        if target.starts_with('/') {
            return target.to_owned();
        }
        format!("{}/{target}", folder.trim_end_matches('/'))
    }
}
