//! Arguments of `audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::checks::audit::Risk;

/// `audit`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Audit {
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the findings as SARIF 2.1.0, for code hosts and editors
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Findings that are known and accepted
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Accept everything that is found now: write it into the baseline
    #[arg(long, requires = "baseline")]
    pub(crate) write_baseline: bool,
    /// From which severity on a finding ends in exit code 7
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = Severity::Medium)]
    pub(crate) severity: Severity,
    /// Write a Compose file that mends what can be mended safely, to be used as the last `-f`
    #[arg(long, value_name = "FILE")]
    pub(crate) fix: Option<PathBuf>,
    /// Write the packages of the images, as `CycloneDX` 1.5
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    pub(crate) sbom: Option<PathBuf>,
    /// Call no scanner of vulnerabilities, though one is installed
    #[arg(long)]
    pub(crate) no_scan: bool,
    /// Look at the definition alone: ask no engine, call no scanner
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print the list of rules and do nothing else
    #[arg(long, conflicts_with_all = ["json", "sarif", "baseline", "fix", "sbom"])]
    pub(crate) rules: bool,
}

/// See [`Audit::severity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl From<Severity> for Risk {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}
