//! What a container's processes are: health test, restarts, hooks, log driver, and what is waited for before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

/// What a dependent waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub condition: Condition,
    /// When false a dependency that fails or is absent is a warning and the dependent starts all the same.
    pub required: bool,
    /// Restart the dependent when the dependency is recreated.
    pub restart: bool,
}

/// Compose's three conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    ServiceStarted,
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

/// The declared health test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    pub test: HealthTest,
    /// This and the next three are `None` where the definition is silent: the image's own health check, or Docker's default,
    /// holds then. The methods of the same names give the value to reckon with.
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub retries: Option<u32>,
    pub start_period: Option<Duration>,
    /// Time between two runs during the start period, where the engine knows it (API 1.44).
    pub start_interval: Option<Duration>,
}

impl Healthcheck {
    /// Docker's defaults for what the definition leaves out.
    pub const INTERVAL: Duration = Duration::from_secs(30);
    /// See [`Self::INTERVAL`].
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// See [`Self::INTERVAL`].
    pub const RETRIES: u32 = 3;

    /// Time between two runs of the test.
    pub fn interval(&self) -> Duration {
        self.interval.unwrap_or(Self::INTERVAL)
    }

    /// Time after which one run of the test counts as failed.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Self::TIMEOUT)
    }

    /// Failures in a row that make the container unhealthy.
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or(Self::RETRIES)
    }

    /// Time after the start during which failures do not count.
    pub fn start_period(&self) -> Duration {
        self.start_period.unwrap_or_default()
    }
}

/// The form of a health test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthTest {
    /// `NONE`, or `disable: true`: also switches off the image's own check.
    Disabled,
    /// `CMD`: argument vector.
    Command(Vec<String>),
    /// `CMD-SHELL`, or a plain string: a line for the container's `/bin/sh -c`.
    Shell(String),
}

/// What the engine does when the container's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    #[default]
    No,
    Always,
    UnlessStopped,
    OnFailure {
        max_retries: Option<u32>,
    },
}

/// A command that runs inside at a turn of the container's life: `post_start`, `pre_stop`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hook {
    pub command: Vec<String>,
    pub user: Option<String>,
    pub privileged: bool,
    pub working_dir: Option<String>,
    pub environment: BTreeMap<String, String>,
    /// Names listed without a value.
    pub unset_environment: BTreeSet<String>,
}

/// `logging`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logging {
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
}
