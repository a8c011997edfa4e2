//! Documents on disk with their validators: what makes a run that was killed go on where it was, and a run of the next night ask
//! only whether anything changed. A cache that cannot be read or written is no reason to fail: it is said once.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::hex;

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) body: Vec<u8>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Whether it may be used without asking the server.
    pub(super) is_fresh: bool,
}

/// The first line of an entry's file; the body follows.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    checked_at_s: u64,
    sha256: String,
}

/// A folder of documents, one file each.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    fresh_for: Duration,
    complained: AtomicBool,
}

impl Cache {
    /// Entries younger than `fresh_for` are used without asking; zero asks every time.
    pub fn new(folder: impl Into<PathBuf>, fresh_for: Duration) -> Self {
        Self { folder: folder.into(), fresh_for, complained: AtomicBool::new(false) }
    }

    /// The entry of an address; none where there is none, or where what is there is damaged or of another address.
    pub(super) fn get(&self, url: &str) -> Option<Entry> {
        let bytes = std::fs::read(self.file(url)).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
        let body = bytes[end + 1..].to_vec();
        if head.url != url || head.sha256 != hex(&Sha256::digest(&body)) {
            return None;
        }
        // From the future by a clock that was wrong then or is now: ask.
        let age = now_s().checked_sub(head.checked_at_s);
        let is_fresh = age.is_some_and(|age| age < self.fresh_for.as_secs());
        Some(Entry { body, etag: head.etag, last_modified: head.last_modified, is_fresh })
    }

    /// Keeps an entry, whole or not at all.
    pub(super) fn put(&self, url: &str, entry: &Entry) {
        if let Err(error) = self.write(url, entry)
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "the cache {} cannot be written ({error}): going on without",
                self.folder.display()
            );
        }
    }

    fn write(&self, url: &str, entry: &Entry) -> std::io::Result<()> {
        let head = Head {
            url: url.to_owned(),
            etag: entry.etag.clone(),
            last_modified: entry.last_modified.clone(),
            checked_at_s: now_s(),
            sha256: hex(&Sha256::digest(&entry.body)),
        };
        let file = self.file(url);
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let aside = file.with_extension(format!("{}.part", std::process::id()));
        let written = (|| {
            let mut out = std::fs::File::create(&aside)?;
            serde_json::to_writer(&mut out, &head)?;
            out.write_all(b"\n")?;
            out.write_all(&entry.body)?;
            std::fs::rename(&aside, &file)
        })();
        if written.is_err() {
            // Half a file on a full disk helps nobody; if even this fails there is nothing more to do.
            let _ = std::fs::remove_file(&aside);
        }
        written
    }

    fn file(&self, url: &str) -> PathBuf {
        let name = hex(&Sha256::digest(url.as_bytes()));
        self.folder.join(&name[..2]).join(name)
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cache, Entry};

    const URL: &str = "http://x/api/v2/move/71";

    fn entry() -> Entry {
        Entry {
            body: b"{\"id\":71}".to_vec(),
            etag: Some("\"a\"".to_owned()),
            last_modified: None,
            is_fresh: true,
        }
    }

    #[test]
    fn what_was_put_is_got_and_grows_old() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), Duration::from_hours(1));
        assert_eq!(cache.get(URL), None);
        cache.put(URL, &entry());
        assert_eq!(cache.get(URL), Some(entry()));
        assert_eq!(cache.get("http://x/api/v2/move/72"), None);
        let asking = Cache::new(folder.path(), Duration::ZERO);
        assert_eq!(asking.get(URL), Some(Entry { is_fresh: false, ..entry() }));
    }

    #[test]
    fn a_damaged_entry_is_none_and_one_from_the_future_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), Duration::from_hours(1));
        cache.put(URL, &entry());
        let file = cache.file(URL);
        let whole = std::fs::read(&file).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(cache.get(URL), None, "cut at {length}");
        }
        let text = String::from_utf8(whole).unwrap();
        let at = text.find("\"checked_at_s\":").unwrap() + "\"checked_at_s\":".len();
        std::fs::write(&file, format!("{}9{}", &text[..at], &text[at..])).unwrap();
        assert_eq!(cache.get(URL), Some(Entry { is_fresh: false, ..entry() }));
    }

    #[test]
    fn a_folder_that_is_none_is_no_cache_and_no_failure() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = Cache::new(file.path(), Duration::from_hours(1));
        cache.put(URL, &entry());
        assert_eq!(cache.get(URL), None);
    }
}
