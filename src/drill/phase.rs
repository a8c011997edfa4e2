//! The course of one drill: calm → disturbed → pending → firing → restored → resolved. A state machine: `on(now, event) → actions`, without
//! a clock and without I/O. Whatever happens, what was touched is put back before the end.

use std::time::Duration;

use super::sight::{Seen, State};

/// Prometheus may be silent for so long.
const BLIND: Duration = Duration::from_mins(1);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Begun,
    /// What will be owed is written down; or why nothing can be done.
    Prepared(Result<(), String>),
    Touched(Result<(), String>),
    Seen(Seen),
    /// Prometheus did not answer.
    Blind(String),
    PutBack(Result<(), String>),
    /// The API answers as before; or it does not.
    Ready(Result<(), String>),
    Interrupted,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Prepare,
    Disturb,
    /// Send what makes trouble.
    Trouble,
    /// Send nothing more, put everything back.
    PutBack,
    AwaitReady,
    /// Send what is healthy.
    Health,
    Tell(Milestone),
    /// Nothing more happens.
    End,
}

/// What a person wants to know at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Milestone {
    Disturbed,
    Pending,
    Firing {
        said: Option<String>,
    },
    Restored,
    Resolved,
    /// It goes wrong, and is being undone.
    GivenUp(Verdict),
}

/// How a drill ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The alert fired and ended.
    Passed,
    NotFired,
    NotResolved,
    /// Something else did not work, in a sentence.
    Failed(String),
    Interrupted,
}

/// What came of it so far; times are those since the disturbance began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    pub pending: Option<Duration>,
    pub firing: Option<Duration>,
    pub restored: Option<Duration>,
    pub resolved: Option<Duration>,
    /// The alert's summary when it fired.
    pub said: Option<String>,
    /// What was not put back is told here, beside the verdict.
    pub left: Option<String>,
    pub verdict: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Calm,
    Disturbed,
    Pending,
    /// And everything is being put back.
    Firing,
    Restored,
    /// Something went wrong, and everything is being put back.
    Leaving,
    Ended,
}

/// See the module.
#[derive(Debug)]
pub struct Drill {
    phase: Phase,
    /// For the alert to fire, and again for it to end.
    timeout: Duration,
    disturbed: Duration,
    restored: Duration,
    blind: Option<Duration>,
    course: Course,
}

impl Drill {
    pub fn new(timeout: Duration) -> Self {
        let course = Course::default();
        let zero = Duration::ZERO;
        Self { phase: Phase::Calm, timeout, disturbed: zero, restored: zero, blind: None, course }
    }

    pub fn course(&self) -> &Course {
        &self.course
    }

    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Whether it waits for Prometheus to say something.
    pub fn watches(&self) -> bool {
        matches!(self.phase, Phase::Disturbed | Phase::Pending | Phase::Restored)
    }

    /// What follows from an event at this time.
    pub fn on(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match (self.phase, event) {
            (Phase::Calm, Event::Begun) => vec![Action::Prepare],
            (Phase::Calm, Event::Prepared(Ok(()))) => {
                self.disturbed = now;
                vec![Action::Disturb]
            }
            (Phase::Calm, Event::Prepared(Err(what))) | (Phase::Firing, Event::Ready(Err(what))) => {
                self.end(Verdict::Failed(what))
            }
            (Phase::Calm, Event::Touched(Ok(()))) => {
                self.phase = Phase::Disturbed;
                vec![Action::Tell(Milestone::Disturbed), Action::Trouble]
            }
            (Phase::Calm, Event::Touched(Err(what))) => self.leave(Verdict::Failed(what)),
            (Phase::Disturbed | Phase::Pending, Event::Seen(seen)) => self.waits_to_fire(now, seen),
            (Phase::Disturbed | Phase::Pending, Event::Interrupted) => self.leave(Verdict::Interrupted),
            (Phase::Disturbed | Phase::Pending | Phase::Restored, Event::Blind(what)) => {
                self.blind(now, what)
            }
            (Phase::Firing, Event::PutBack(Ok(()))) => vec![Action::AwaitReady],
            (Phase::Firing, Event::Ready(Ok(()))) => {
                self.phase = Phase::Restored;
                self.restored = now;
                self.course.restored = Some(now.saturating_sub(self.disturbed));
                vec![Action::Tell(Milestone::Restored), Action::Health]
            }
            (Phase::Calm | Phase::Firing | Phase::Restored, Event::Interrupted) => {
                self.end(Verdict::Interrupted)
            }
            (Phase::Restored, Event::Seen(seen)) => self.waits_to_end(now, &seen),
            (Phase::Leaving, Event::PutBack(done)) => {
                self.course.left = done.err();
                self.phase = Phase::Ended;
                vec![Action::End]
            }
            (Phase::Firing, Event::PutBack(Err(what))) => {
                self.course.left = Some(what.clone());
                self.end(Verdict::Failed(what))
            }
            // What comes too late to matter.
            _ => Vec::new(),
        }
    }

    /// The time since the disturbance began.
    pub fn since(&self, now: Duration) -> Duration {
        now.saturating_sub(self.disturbed)
    }

    fn waits_to_fire(&mut self, now: Duration, seen: Seen) -> Vec<Action> {
        self.blind = None;
        let after = self.since(now);
        match (self.phase, seen.state) {
            (_, State::Firing) => {
                self.phase = Phase::Firing;
                self.course.pending.get_or_insert(after);
                self.course.firing = Some(after);
                self.course.said.clone_from(&seen.said);
                vec![Action::Tell(Milestone::Firing { said: seen.said }), Action::PutBack]
            }
            _ if after > self.timeout => self.leave(Verdict::NotFired),
            (Phase::Disturbed, State::Pending) => {
                self.phase = Phase::Pending;
                self.course.pending = Some(after);
                vec![Action::Tell(Milestone::Pending)]
            }
            (Phase::Pending, State::Inactive) => {
                // Its condition did not last: it begins anew.
                self.phase = Phase::Disturbed;
                self.course.pending = None;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn waits_to_end(&mut self, now: Duration, seen: &Seen) -> Vec<Action> {
        self.blind = None;
        if seen.state == State::Inactive {
            self.course.resolved = Some(self.since(now));
            let mut actions = vec![Action::Tell(Milestone::Resolved)];
            actions.extend(self.end(Verdict::Passed));
            return actions;
        }
        if now.saturating_sub(self.restored) > self.timeout {
            self.end(Verdict::NotResolved)
        } else {
            Vec::new()
        }
    }

    fn blind(&mut self, now: Duration, what: String) -> Vec<Action> {
        let since = *self.blind.get_or_insert(now);
        if now.saturating_sub(since) <= BLIND {
            return Vec::new();
        }
        let verdict = Verdict::Failed(what);
        // Nothing is owed any more once everything is put back.
        if self.phase == Phase::Restored { self.end(verdict) } else { self.leave(verdict) }
    }

    fn leave(&mut self, verdict: Verdict) -> Vec<Action> {
        self.phase = Phase::Leaving;
        self.course.verdict = Some(verdict.clone());
        vec![Action::Tell(Milestone::GivenUp(verdict)), Action::PutBack]
    }

    fn end(&mut self, verdict: Verdict) -> Vec<Action> {
        self.phase = Phase::Ended;
        self.course.verdict = Some(verdict);
        vec![Action::End]
    }
}

#[cfg(test)]
#[path = "phase_test.rs"]
mod tests;
