//! The critical path: from the end of the run back to its beginning, along what really released each step. What is left of the
//! whole time when the path is taken away is what pdex itself added.

use std::time::Duration;

use super::{Row, Span, Timeline};
use crate::definition::model::Condition;

/// One piece of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The row of the timeline; `None` for networks and volumes, which are everyone's.
    pub row: Option<usize>,
    pub work: Work,
    pub from: Duration,
    pub to: Duration,
}

impl Leg {
    /// How long it is.
    pub fn took(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

/// What was at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Networks, volumes, left-overs.
    Prepare,
    Image,
    Create,
    Start,
    /// The service itself, on its way to ready or through its task.
    Run,
}

/// Steps of the engine that hold a slot.
const SLOTS: [Work; 2] = [Work::Create, Work::Start];

impl Timeline {
    /// The path, from the beginning to the end. Empty when nothing was started.
    pub fn critical_path(&self) -> Vec<Leg> {
        let last = self.rows.iter().enumerate().filter(|(_, row)| row.start.is_some());
        let last = last.filter_map(|(at, row)| Some((row.end()?, at))).max();
        let mut path = Vec::new();
        let mut next = last.map(|(_, row)| (row, Work::Run));
        while let Some((at, work)) = next {
            let row = &self.rows[at];
            if let Some(span) = row.span(work) {
                path.push(Leg { row: Some(at), work, from: span.from, to: span.to.unwrap_or(span.from) });
            }
            // Steps never wait for later ones; the bound is against a record that says so.
            next = self.before_step(at, work).filter(|_| path.len() <= self.rows.len() * 4);
        }
        let first = path.last().map_or(self.length(), |leg| leg.from);
        if let Some(prepared) = self.prepared.filter(|at| !path.is_empty() && !at.is_zero() && *at <= first) {
            path.push(Leg { row: None, work: Work::Prepare, from: Duration::ZERO, to: prepared });
        }
        path.reverse();
        path
    }

    /// Time that is on no one's account but pdex's: the whole, without the path.
    pub fn overhead(&self) -> Duration {
        let path: Duration = self.critical_path().iter().map(Leg::took).sum();
        self.whole.saturating_sub(path)
    }

    /// How much later each row could have come to its end without delaying the run.
    pub fn slack(&self) -> Vec<Duration> {
        let end = self.rows.iter().filter_map(Row::end).max().unwrap_or_default();
        let mut slack: Vec<Duration> =
            self.rows.iter().map(|row| end.saturating_sub(row.end().unwrap_or(end))).collect();
        for (at, row) in self.rows.iter().enumerate().rev() {
            let Some(start) = row.start else { continue };
            for (upstream, condition) in row.gates.iter().flat_map(|gate| self.rows_of(gate)) {
                if let Some(held) = self.rows[upstream].held_at(condition) {
                    let spare = start.from.saturating_sub(held) + slack[at];
                    slack[upstream] = slack[upstream].min(spare);
                }
            }
        }
        slack
    }

    fn rows_of(&self, gate: &(crate::definition::model::ServiceName, Condition)) -> Vec<(usize, Condition)> {
        let first = crate::world::Instance { service: gate.0.clone(), number: 0 };
        let rows = self.index.range(first..).take_while(|(instance, _)| instance.service == gate.0);
        rows.map(|(_, row)| (*row, gate.1)).collect()
    }

    /// The step whose end let this one begin.
    fn before_step(&self, at: usize, work: Work) -> Option<(usize, Work)> {
        let row = &self.rows[at];
        let own = match work {
            Work::Run => return row.start.map(|_| (at, Work::Start)),
            Work::Image | Work::Prepare => return None,
            Work::Start => self.released_start(at),
            Work::Create => row.image.and_then(|image| Some((image.to?, at, Work::Image))),
        };
        let begin = row.span(work)?.from;
        let prepared = self.prepared.unwrap_or_default();
        let ready = own.map_or(prepared, |(when, ..)| when.max(prepared));
        match self.freed_slot(begin).filter(|(when, ..)| *when > ready) {
            Some((_, row, work)) => Some((row, work)),
            None => own.filter(|(when, ..)| *when >= prepared).map(|(_, row, work)| (row, work)),
        }
    }

    /// The last of what a start needs: its own container, and a condition on each dependency.
    fn released_start(&self, at: usize) -> Option<(Duration, usize, Work)> {
        let row = &self.rows[at];
        let begin = row.start?.from;
        let made = row.create.and_then(|create| Some((create.to?, at, Work::Create)));
        let gates =
            row.gates.iter().flat_map(|gate| self.rows_of(gate)).filter_map(|(upstream, condition)| {
                let work = if condition == Condition::ServiceStarted { Work::Start } else { Work::Run };
                // One that was there before the run releases nothing.
                self.rows[upstream].start?;
                Some((self.rows[upstream].held_at(condition)?, upstream, work))
            });
        gates.chain(made).filter(|(when, ..)| *when <= begin).max_by_key(|(when, ..)| *when)
    }

    /// The step of the engine that came to its end last before `begin`.
    fn freed_slot(&self, begin: Duration) -> Option<(Duration, usize, Work)> {
        let ends = self.rows.iter().enumerate().flat_map(|(at, row)| {
            SLOTS.into_iter().filter_map(move |work| Some((row.span(work)?.to?, at, work)))
        });
        ends.filter(|(when, ..)| *when <= begin).max_by_key(|(when, ..)| *when)
    }
}

impl Row {
    /// When that work was done.
    pub(super) fn span(&self, work: Work) -> Option<Span> {
        match work {
            Work::Prepare => None,
            Work::Image => self.image,
            Work::Create => self.create,
            Work::Start => self.start,
            Work::Run => self.run,
        }
    }
}
