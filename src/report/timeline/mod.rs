//! When what happened in an `up`: what each container did and waited for, what the whole run waited for, and what pdex itself
//! added to it. Fed with the engine's events; as text after every `up`, as a trace or a page with `--timeline`, as metrics for
//! dashboards.

mod bars;
mod metrics;
mod page;
mod path;
mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::definition::model::{Condition, ServiceName};
use crate::event::{Event, Phase};
use crate::plan::Plan;
use crate::world::Instance;

pub use bars::text;
pub use metrics::metrics;
pub use page::html;
pub use path::{Leg, Work};
pub use trace::trace;

/// A stretch of time, counted from the start of the run. Open while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Duration,
    pub to: Option<Duration>,
}

impl Span {
    fn took(self) -> Duration {
        self.to.unwrap_or(self.from).saturating_sub(self.from)
    }
}

/// What one container went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub instance: Instance,
    /// As people are to read it: with a number only where the service has several containers.
    pub label: String,
    gates: Vec<(ServiceName, Condition)>,
    pub job: bool,
    pub image: Option<Span>,
    pub create: Option<Span>,
    /// From the call to the engine until the process runs.
    pub start: Option<Span>,
    /// From there until it is ready or has done its work.
    pub run: Option<Span>,
    /// It came to what was wanted of it.
    pub is_well: bool,
}

impl Row {
    /// When nothing more was expected of it.
    fn end(&self) -> Option<Duration> {
        self.run.and_then(|run| run.to)
    }

    /// When a condition on it began to hold.
    fn held_at(&self, condition: Condition) -> Option<Duration> {
        match condition {
            Condition::ServiceStarted => self.start.and_then(|start| start.to),
            _ => self.end(),
        }
    }
}

/// The record of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// In dependency order.
    pub rows: Vec<Row>,
    index: BTreeMap<Instance, usize>,
    prepared: Option<Duration>,
    /// What pdex did before the run began: reading the definition, looking at the engine, planning.
    before: Duration,
    /// From the start of the program to the end of the run.
    whole: Duration,
}

impl Timeline {
    /// For a run of `plan` that begins when the program has been at work for so long.
    pub fn new(plan: &Plan, before: Duration) -> Self {
        let mut rows = Vec::new();
        for service in &plan.services {
            for planned in &service.instances {
                let several = service.instances.len() > 1;
                let number = if several { format!("-{}", planned.number) } else { String::new() };
                rows.push(Row {
                    instance: Instance { service: service.name.clone(), number: planned.number },
                    label: format!("{}{number}", service.name),
                    gates: service.gates.iter().map(|gate| (gate.service.clone(), gate.condition)).collect(),
                    job: service.job,
                    image: None,
                    create: None,
                    start: None,
                    run: None,
                    is_well: false,
                });
            }
        }
        let index = rows.iter().enumerate().map(|(at, row)| (row.instance.clone(), at)).collect();
        Self { rows, index, prepared: None, before, whole: before }
    }

    /// Takes in an event that happened at `at`.
    pub fn event(&mut self, at: Duration, event: &Event) {
        match event {
            Event::Prepared => self.prepared = Some(at),
            Event::Entered { instance, phase } => {
                if let Some(row) = self.index.get(instance).and_then(|row| self.rows.get_mut(*row)) {
                    row.enter(at, phase);
                }
            }
            _ => {}
        }
    }

    /// The run is over, and the program has been at work for so long.
    pub fn end(&mut self, whole: Duration) {
        self.whole = whole;
    }

    /// Whether there is anything to tell of.
    pub fn has_started_anything(&self) -> bool {
        self.rows.iter().any(|row| row.start.is_some())
    }

    fn length(&self) -> Duration {
        self.whole.saturating_sub(self.before)
    }
}

impl Row {
    fn enter(&mut self, at: Duration, phase: &Phase) {
        match phase {
            Phase::Queued => close(&mut self.image, at),
            Phase::ObtainingImage => open(&mut self.image, at),
            Phase::Creating => open(&mut self.create, at),
            Phase::Waiting { .. } => close(&mut self.create, at),
            Phase::Starting => open(&mut self.start, at),
            Phase::Probing | Phase::Running => {
                close(&mut self.start, at);
                // A service that died goes on from its first start: that is how long it took.
                let from = self.run.map_or(at, |run| run.from);
                self.run = Some(Span { from, to: None });
                self.is_well = false;
            }
            Phase::Started { .. } | Phase::Ready { .. } | Phase::Completed { .. } => {
                close(&mut self.start, at);
                self.run.get_or_insert(Span { from: at, to: None });
                close(&mut self.run, at);
                self.is_well = true;
            }
            Phase::Failed(_) | Phase::Skipped { .. } | Phase::Unavailable { .. } => {
                for span in [&mut self.image, &mut self.create, &mut self.start, &mut self.run] {
                    close(span, at);
                }
                self.is_well = false;
            }
        }
    }
}

fn open(span: &mut Option<Span>, at: Duration) {
    *span = Some(Span { from: at, to: None });
}

fn close(span: &mut Option<Span>, at: Duration) {
    if let Some(span) = span {
        span.to.get_or_insert(at);
    }
}

#[cfg(test)]
#[path = "timeline_test.rs"]
mod tests;
