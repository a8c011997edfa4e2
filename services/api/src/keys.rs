//! API keys: what is known of them (hashes, names, limits), and whose a given one is.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dex::model::sha256_hex;
use serde::Deserialize;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::rate::{Bucket, Day, Rate};

/// Why a file of keys is refused.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not a file of keys", path.display())]
    Syntax { path: PathBuf, source: serde_json::Error },
    #[error("{}: key {name:?}: {problem}", path.display())]
    Key { path: PathBuf, name: String, problem: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<Entry>,
}

/// One key as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// SHA-256 of the key in hexadecimal. Keys are long and random, so nothing slower is needed against guessing.
    sha256: String,
    per_second: Option<u32>,
    per_day: Option<u64>,
}

/// A key's owner and limits.
pub struct Key {
    pub name: String,
    sha256: String,
    rate: Option<Rate>,
    per_day: Option<u64>,
    bucket: Bucket,
    day: Day,
    /// Whether a newer file decides if it stays.
    of_file: bool,
}

impl Key {
    /// A key without limits, which no file knows.
    pub fn unlimited(name: &str, key: &str) -> Self {
        Self {
            name: name.to_owned(),
            sha256: sha256_hex(key.as_bytes()),
            rate: None,
            per_day: None,
            bucket: Bucket::default(),
            day: Day::default(),
            of_file: false,
        }
    }

    /// Takes one request from what the key has left; how long to wait when that is nothing. `now` is the service's clock.
    pub fn take(&self, now: Duration) -> Result<(), Duration> {
        if let Some(rate) = self.rate {
            self.bucket.take(rate, now)?;
        }
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.per_day.map_or(Ok(()), |quota| self.day.take(quota, today))
    }
}

/// Every key.
#[derive(Default)]
pub struct Keys(Vec<Key>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Keys {
    pub fn new(keys: Vec<Key>) -> Self {
        Self(keys)
    }

    /// Reads `{"keys": [{"name", "sha256", "per_second"?, "per_day"?}]}`.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeysError::Read { path: path.to_owned(), source })?;
        let file: File = serde_json::from_str(&text)
            .map_err(|source| KeysError::Syntax { path: path.to_owned(), source })?;
        let mut keys: Vec<Key> = Vec::with_capacity(file.keys.len());
        for entry in file.keys {
            if let Some(problem) = problem(&entry, &keys) {
                return Err(KeysError::Key { path: path.to_owned(), name: entry.name, problem });
            }
            keys.push(Key {
                name: entry.name,
                sha256: entry.sha256,
                rate: entry.per_second.map(Rate::per_second),
                per_day: entry.per_day,
                bucket: Bucket::default(),
                day: Day::default(),
                of_file: true,
            });
        }
        Ok(Self(keys))
    }

    pub fn push(&mut self, key: Key) {
        self.0.push(key);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts the keys of a newer file in the place of the older one's. A key that stays keeps what it has used, or reading the
    /// file again would give everybody a new day; keys of no file stay as they are.
    pub fn renew(&mut self, newer: Self) {
        let mut older = std::mem::replace(&mut self.0, newer.0);
        for key in &mut self.0 {
            if let Some(old) = older.iter_mut().find(|old| old.of_file && old.sha256 == key.sha256) {
                std::mem::swap(&mut key.bucket, &mut old.bucket);
                std::mem::swap(&mut key.day, &mut old.day);
            }
        }
        self.0.extend(older.into_iter().filter(|key| !key.of_file));
    }

    /// Whose key this is. Takes the same time for every key of a length, right or wrong.
    pub fn find(&self, given: &[u8]) -> Option<&Key> {
        let given = sha256_hex(given);
        let mut found = u32::MAX;
        for (i, key) in (0_u32..).zip(&self.0) {
            found.conditional_assign(&i, key.sha256.as_bytes().ct_eq(given.as_bytes()));
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

fn problem(entry: &Entry, before: &[Key]) -> Option<&'static str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !(1..=64).contains(&entry.name.len()) || !entry.name.bytes().all(plain) {
        Some("a name has 1 to 64 lower-case letters, digits and dashes")
    } else if before.iter().any(|key| key.name == entry.name) {
        Some("the name is given twice")
    } else if entry.sha256.len() != 64 || !entry.sha256.bytes().all(hex) {
        Some("sha256 has 64 hexadecimal digits in lower case")
    } else if before.iter().any(|key| key.sha256 == entry.sha256) {
        Some("the same key is given twice")
    } else if entry.per_second == Some(0) || entry.per_day == Some(0) {
        Some("a limit of 0 is no key: leave it out")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Keys, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        std::fs::write(&path, text).unwrap();
        Keys::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_are_found_whole_and_have_their_limits() {
        let [one, two] = ["first-key", "second-key"].map(|key| sha256_hex(key.as_bytes()));
        let keys = read(&format!(
            r#"{{"keys": [{{"name": "one", "sha256": "{one}", "per_second": 1}}, {{"name": "two", "sha256": "{two}", "per_day": 2}}]}}"#
        ))
        .unwrap();
        let name = |given: &str| keys.find(given.as_bytes()).map(|key| key.name.as_str());
        assert_eq!((name("first-key"), name("second-key")), (Some("one"), Some("two")));
        for wrong in ["", "first-ke", "first-key2", "First-key", one.as_str()] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        let take = |given: &str| keys.find(given.as_bytes()).unwrap().take(Duration::from_secs(1)).is_ok();
        assert!(take("first-key") && !take("first-key"));
        assert!(take("second-key") && take("second-key") && !take("second-key"));
    }

    #[test]
    fn a_newer_file_replaces_the_keys_of_the_older_one_and_gives_no_quota_twice() {
        let file = |keys: &[(&str, &str)]| {
            let entry = |(name, key): &(&str, &str)| {
                format!(r#"{{"name": "{name}", "sha256": "{}", "per_day": 2}}"#, sha256_hex(key.as_bytes()))
            };
            let entries: Vec<String> = keys.iter().map(entry).collect();
            read(&format!(r#"{{"keys": [{}]}}"#, entries.join(", "))).unwrap()
        };
        let mut keys = file(&[("one", "stays"), ("two", "goes")]);
        keys.push(Key::unlimited("default", "of-no-file"));
        let take =
            |keys: &Keys, given: &str| keys.find(given.as_bytes()).unwrap().take(Duration::ZERO).is_ok();
        assert!(take(&keys, "stays"));
        keys.renew(file(&[("three", "comes"), ("renamed", "stays")]));
        let name = |given: &str| keys.find(given.as_bytes()).map(|key| key.name.as_str());
        assert_eq!((name("goes"), name("comes"), name("stays")), (None, Some("three"), Some("renamed")));
        assert_eq!(name("of-no-file"), Some("default"));
        assert!(take(&keys, "stays") && !take(&keys, "stays"), "one of two was used before");
        keys.renew(Keys::default());
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_its_place() {
        let hash = sha256_hex(b"k");
        for (text, words) in [
            ("{", "is not a file of keys"),
            (r#"{"keys": [], "more": 1}"#, "is not a file of keys"),
            (r#"{"keys": [{"name": "A b", "sha256": "00"}]}"#, "key \"A b\": a name has 1 to 64"),
            (r#"{"keys": [{"name": "a", "sha256": "00"}]}"#, "key \"a\": sha256 has 64"),
            (
                &format!(
                    r#"{{"keys": [{{"name": "a", "sha256": "{hash}"}}, {{"name": "b", "sha256": "{hash}"}}]}}"#
                ),
                "key \"b\": the same key",
            ),
            (&format!(r#"{{"keys": [{{"name": "a", "sha256": "{hash}", "per_day": 0}}]}}"#), "a limit of 0"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(matches!(Keys::read(Path::new("/nowhere/keys")), Err(KeysError::Read { .. })));
    }
}
