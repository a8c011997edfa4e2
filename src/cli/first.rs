//! The first run: makes `.env` from `.env.example`, with random passwords and keys.
//!
//! A comment `# pdex:generate` above a variable asks for a random value; `# pdex:uid` and `# pdex:gid` for the numbers the
//! containers' own services run as: this user's, or 10001 when it is root, so that nothing inside runs as root.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::vault;

/// 192 random bits.
const KEY: u16 = 24;
/// A user that owns nothing on the host.
const UNPRIVILEGED: u32 = 10_001;

/// Writes `.env` next to `.env.example` when there is none. The path, if it was written.
pub(crate) fn write_env(directory: &Path) -> io::Result<Option<PathBuf>> {
    let (example, path) = (directory.join(".env.example"), directory.join(".env"));
    if path.exists() || !example.is_file() {
        return Ok(None);
    }
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let ids = if user.is_root() { (UNPRIVILEGED, UNPRIVILEGED) } else { (user.as_raw(), group.as_raw()) };
    let text = fill(&std::fs::read_to_string(&example)?, ids, &mut || vault::random(KEY))?;
    // Written aside and linked into place: never half a file, and never over one that another run has just made.
    let aside = directory.join(format!(".env.{}.new", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    let linked = std::fs::hard_link(&aside, &path);
    std::fs::remove_file(&aside)?;
    match linked {
        Ok(()) => Ok(Some(path)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(e) => Err(e),
    }
}

fn fill(
    example: &str,
    (user, group): (u32, u32),
    random: &mut dyn FnMut() -> io::Result<String>,
) -> io::Result<String> {
    let mut text = String::new();
    let mut wanted = None;
    for line in example.lines() {
        if let Some(kind) = line.trim().strip_prefix("# pdex:") {
            wanted = Some(kind.trim());
            continue;
        }
        match (wanted, line.split_once('=')) {
            (Some(kind), Some((name, _))) if !line.starts_with('#') => {
                let value = match kind {
                    "uid" => user.to_string(),
                    "gid" => group.to_string(),
                    _ => random()?,
                };
                let _ = writeln!(text, "{name}={value}");
                wanted = None;
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn marked_variables_are_filled_and_the_rest_stays() {
        let example = "# Password\n# pdex:generate\nP=\nHOST=db\n# pdex:uid\nU=\n# pdex:gid\nG=\n";
        let filled = fill(example, (7, 8), &mut || Ok("secret".to_owned())).unwrap();
        assert_eq!(filled, "# Password\nP=secret\nHOST=db\nU=7\nG=8\n");
    }

    #[test]
    fn it_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env.example"), "# pdex:generate\nP=\n").unwrap();
        let path = write_env(folder.path()).unwrap().unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        assert_eq!(first.trim().len(), "P=".len() + 48);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(write_env(folder.path()).unwrap(), None);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
        assert_eq!(folder.path().read_dir().unwrap().count(), 2, "nothing is left aside");
    }
}
