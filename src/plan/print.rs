//! The plan as text: the golden form of tests and what `pdex plan` prints.

use std::fmt;

use super::{Decision, Gate, Plan, Reason, ServicePlan};

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
            write!(f, "{service}")?;
        }
        for orphan in &self.orphans {
            let fate = if self.remove_orphans { "remove" } else { "left alone" };
            writeln!(f, "container {}: belongs to no service of the definition, {fate}", orphan.name)?;
        }
        Ok(())
    }
}

impl fmt::Display for ServicePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self;
        for surplus in &service.surplus {
            writeln!(f, "{}: remove container {}, one too many", service.name, surplus.name)?;
        }
        if service.instances.is_empty() {
            return writeln!(f, "{}: none wanted", service.name);
        }
        for (index, instance) in service.instances.iter().enumerate() {
            let several = service.instances.len() > 1;
            let label = if several {
                format!("{}-{}", service.name, instance.number)
            } else {
                service.name.to_string()
            };
            write!(f, "{label}: {}", instance.decision)?;
            if service.image.obtain && index == 0 {
                write!(f, ", obtain image {}", service.image.reference)?;
            }
            if instance.decision.changes() && !service.gates.is_empty() {
                write!(f, ", after {}", gates(service))?;
            }
            writeln!(f)?;
            if let Decision::Recreate(Reason::ConfigurationChanged(changes))
            | Decision::Run(Reason::ConfigurationChanged(changes)) = &instance.decision
            {
                for change in changes {
                    writeln!(f, "  {change}")?;
                }
            }
        }
        Ok(())
    }
}

fn gates(service: &ServicePlan) -> String {
    let gate = |gate: &Gate| {
        let optional = if gate.required { "" } else { "?" };
        format!("{}{optional} {}", gate.service, condition(gate.condition))
    };
    service.gates.iter().map(gate).collect::<Vec<_>>().join(", ")
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
            Self::Restart(reason) => write!(f, "restart ({reason})"),
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
            Self::ConfigurationChanged(_) => f.write_str("configuration changed"),
            Self::ImageChanged => f.write_str("image changed"),
            Self::Requested => f.write_str("requested"),
            Self::LastRunFailed(how) => write!(f, "last run ended with {how}"),
            Self::UpstreamRuns(service) => write!(f, "{service} runs again"),
            Self::UpstreamReplaced(service) => write!(f, "{service} is replaced"),
            Self::VolumeIsNew(volume) => write!(f, "volume {volume} is new"),
            Self::FolderIsEmpty(path) => write!(f, "{path} is empty"),
            Self::Unusable(state) => write!(f, "container is {state}"),
        }
    }
}
