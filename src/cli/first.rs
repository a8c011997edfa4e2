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
    let text = fill(&std::fs::read_to_string(&example)?, ids(), &mut || vault::random(KEY))?;
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

/// What would be written, for a look ahead: as a file that goes when it is dropped, with words in the place of secrets.
pub(crate) fn preview_env(directory: &Path) -> io::Result<Option<tempfile::NamedTempFile>> {
    let example = directory.join(".env.example");
    if directory.join(".env").exists() || !example.is_file() {
        return Ok(None);
    }
    let text =
        fill(&std::fs::read_to_string(&example)?, ids(), &mut || Ok("made-by-the-first-start".to_owned()))?;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(Some(file))
}

/// Gives a variable of an env file another value. Everything else in it, its owner's rights included, stays.
pub(crate) fn set_variable(path: &Path, name: &str, value: &str) -> io::Result<()> {
    let text = assigned(&std::fs::read_to_string(path)?, name, value);
    // A link is followed: what it names is what is read by others, too.
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.as_file().set_permissions(path.metadata()?.permissions())?;
    aside.write_all(text.as_bytes()).and_then(|()| aside.as_file().sync_all())?;
    aside.persist(&path)?;
    Ok(())
}

/// The last assignment is the one that holds; where there is none it is added.
fn assigned(text: &str, name: &str, value: &str) -> String {
    let assigns = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['=', ':']))
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let line = format!("{name}={value}");
    match lines.iter().rposition(|line| assigns(line)) {
        Some(at) => lines[at] = &line,
        None => lines.push(&line),
    }
    lines.join("\n") + "\n"
}

/// Of the containers' own services.
fn ids() -> (u32, u32) {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if user.is_root() { (UNPRIVILEGED, UNPRIVILEGED) } else { (user.as_raw(), group.as_raw()) }
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
    fn a_variable_is_set_where_it_stands_or_at_the_end() {
        let check = |text: &str, expected: &str| assert_eq!(assigned(text, "B", "2"), expected, "{text}");
        check("A=1\nB=1\nC=1\n", "A=1\nB=2\nC=1\n");
        check("B=0\n# B=9\n export B = 1\nBB=1\n", "B=0\n# B=9\nB=2\nBB=1\n");
        check("A=1", "A=1\nB=2\n");
        check("", "B=2\n");
    }

    #[test]
    fn setting_a_variable_keeps_the_file_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "P=secret\nB=1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        set_variable(&path, "B", "2").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "P=secret\nB=2\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_preview_has_no_secret_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env.example"), "# pdex:generate\nP=\nH=db\n").unwrap();
        let preview = preview_env(folder.path()).unwrap().unwrap();
        let path = preview.path().to_owned();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "P=made-by-the-first-start\nH=db\n");
        drop(preview);
        assert!(!path.exists() && !folder.path().join(".env").exists());
        write_env(folder.path()).unwrap();
        assert!(preview_env(folder.path()).unwrap().is_none(), "there is one");
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
