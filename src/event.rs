//! What happened: the only language from the engine to the report. The driver observes, the scheduler concludes; both speak
//! in events.

use std::time::Duration;

use crate::definition::model::ServiceName;
use crate::probe::{Answer, Probe};
use crate::world::{ContainerId, End, ImageId, Instance};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Networks and volumes are there.
    Prepared,
    /// They could not be made.
    PrepareFailed {
        failure: Failure,
    },
    /// Progress of image work, for people.
    ImageProgress {
        service: ServiceName,
        line: String,
    },
    ImageReady {
        service: ServiceName,
        image: ImageId,
        source: ImageSource,
    },
    /// No route led to the image.
    ImageFailed {
        service: ServiceName,
        failure: Failure,
    },
    Created {
        instance: Instance,
        container: ContainerId,
    },
    Started {
        instance: Instance,
    },
    /// Creating or starting failed.
    StepFailed {
        instance: Instance,
        failure: Failure,
    },
    Answered {
        instance: Instance,
        probe: Probe,
        answer: Answer,
    },
    /// A job says how far it is.
    Progressed {
        instance: Instance,
        progress: Progress,
    },
    /// Its process has ended. The same end may be told several times.
    Exited {
        instance: Instance,
        end: End,
    },
    /// A moment asked for by the scheduler has come.
    Woke,
    /// The user's deadline for the whole run has passed.
    TimedOut,
    /// The user wants to stop.
    Interrupted,
    /// Something did not go as wished and stops nothing.
    Warned {
        instance: Instance,
        message: String,
    },
    /// The scheduler's conclusion about a container.
    Entered {
        instance: Instance,
        phase: Phase,
    },
}

/// How far a job is, in its own words and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being worked on, e.g. `moves`.
    pub what: String,
    pub done: u64,
    /// Not zero.
    pub total: u64,
}

/// Where an image came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    Present,
    Registry,
    /// Built from the project's own recipe.
    Built,
    /// Built from the distribution's packages because no registry answered.
    Distribution,
}

/// Where a service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    Queued,
    ObtainingImage,
    Creating,
    /// Its container is there; these have to come first.
    Waiting {
        on: Vec<ServiceName>,
    },
    Starting,
    /// Runs, not known to be ready.
    Probing,
    /// A one-shot at work.
    Running,
    /// Runs, and nobody waits until it is ready.
    Started {
        took: Duration,
    },
    Ready {
        took: Duration,
    },
    Completed {
        took: Duration,
        ran: bool,
    },
    Failed(Failure),
    Skipped {
        because: ServiceName,
    },
    /// Its image cannot be had, and the definition says that the rest may go on.
    Unavailable {
        reason: String,
    },
}

impl Phase {
    /// Whether nothing further is expected.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Started { .. }
                | Self::Ready { .. }
                | Self::Completed { .. }
                | Self::Failed(_)
                | Self::Skipped { .. }
                | Self::Unavailable { .. }
        )
    }
}

/// Why something did not work, with what a person needs to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Lower case, no final stop, e.g. `port 8000 is in use`.
    pub what: String,
    /// Evidence, most telling last: log lines, health output.
    pub evidence: Vec<String>,
    /// The next thing to type or change.
    pub hint: Option<String>,
    pub kind: FailureKind,
    /// Stable identifier, e.g. `up/port-taken`.
    pub code: &'static str,
}

/// What sort of failure it is; the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailureKind {
    /// A step of pdex or a one-shot did not succeed.
    #[default]
    Step,
    /// It started, and did not become or stay ready.
    Unhealthy,
    /// The deadline for the whole run passed.
    Deadline,
    /// The container engine does not answer any more.
    EngineLost,
}

impl Failure {
    /// A failure of which nothing more is known.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            evidence: Vec::new(),
            hint: None,
            kind: FailureKind::Step,
            code: "up/failed",
        }
    }

    /// Says what sort it is.
    #[must_use]
    pub fn kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// Says which it is of those that can be looked up.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
