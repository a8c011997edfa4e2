//! The engine's API version: what it may be asked for.

use std::fmt;

use bollard::ClientVersion;

/// A version such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Api {
    major: usize,
    minor: usize,
}

impl Api {
    pub(super) const PLATFORM: Self = Self::new(41);
    pub(super) const ANNOTATIONS: Self = Self::new(43);
    pub(super) const START_INTERVAL: Self = Self::new(44);
    pub(super) const ENDPOINT_MAC: Self = Self::new(44);
    /// From here on an engine refuses a network's second name by itself.
    pub(super) const NAMES_ONCE: Self = Self::new(44);
    pub(super) const RECURSIVE: Self = Self::new(44);
    pub(super) const SUBPATH: Self = Self::new(45);
    pub(super) const WITHOUT_IPV4: Self = Self::new(47);

    /// The newest that is known here.
    #[cfg(test)]
    pub(super) const NEWEST: Self = Self::new(53);

    const fn new(minor: usize) -> Self {
        Self { major: 1, minor }
    }

    /// What the client and the engine agreed on.
    pub(super) fn of(version: ClientVersion) -> Self {
        Self { major: version.major_version, minor: version.minor_version }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
