//! The plan as text: the golden form of tests and what `pdex plan` prints.

use std::fmt;

use super::{Decision, Plan, Reason};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &self.networks {
            writeln!(f, "network {key}: create")?;
        }
        for key in &self.volumes {
            writeln!(f, "volume {key}: create")?;
        }
        if !self.stale.is_empty() {
            writeln!(f, "left-overs of an interrupted run: remove {}", self.stale.len())?;
        }
        for service in &self.services {
            write!(f, "{}: {}", service.name, service.decision)?;
            if service.image.obtain {
                write!(f, ", obtain image {}", service.image.reference)?;
            }
            if service.decision.changes() && !service.gates.is_empty() {
                let gates: Vec<String> = service
                    .gates
                    .iter()
                    .map(|gate| {
                        let optional = if gate.required { "" } else { "?" };
                        format!("{}{optional} {}", gate.service, condition(gate.condition))
                    })
                    .collect();
                write!(f, ", after {}", gates.join(", "))?;
            }
            writeln!(f)?;
        }
        for name in &self.orphans {
            writeln!(f, "container {name}: belongs to no service of the definition, left alone")?;
        }
        Ok(())
    }
}

fn condition(condition: crate::definition::model::Condition) -> &'static str {
    use crate::definition::model::Condition::{ServiceCompletedSuccessfully, ServiceHealthy, ServiceStarted};
    match condition {
        ServiceStarted => "started",
        ServiceHealthy => "ready",
        ServiceCompletedSuccessfully => "completed",
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("create"),
            Self::Recreate(reason) => write!(f, "recreate ({reason})"),
            Self::Start => f.write_str("start"),
            Self::Keep => f.write_str("keep"),
            Self::Run(reason) => write!(f, "run once ({reason})"),
            Self::Done => f.write_str("done before"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstRun => f.write_str("first run"),
            Self::ConfigurationChanged => f.write_str("configuration changed"),
            Self::ImageChanged => f.write_str("image changed"),
            Self::Requested => f.write_str("requested"),
            Self::LastRunFailed(how) => write!(f, "last run ended with {how}"),
            Self::UpstreamRuns(service) => write!(f, "{service} runs again"),
            Self::VolumeIsNew(volume) => write!(f, "volume {volume} is new"),
            Self::FolderIsEmpty(path) => write!(f, "{path} is empty"),
            Self::Unusable(state) => write!(f, "container is {state}"),
        }
    }
}
