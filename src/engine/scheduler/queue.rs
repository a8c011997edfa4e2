//! What is to be looked at again, and who waits for a slot. Containers are kept by *rank*: what a long chain waits for comes
//! before what nothing waits for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::graph::{Called, Graph};

/// The work list of a run.
#[derive(Debug)]
pub(super) struct Queue {
    /// Rank of each node, and the node of each rank.
    ranks: Vec<usize>,
    nodes: Vec<usize>,
    /// Ranks to look at.
    open: BTreeSet<usize>,
    /// When which node is to be looked at.
    timers: BTreeSet<(Duration, usize)>,
    /// Groups in want of an image, by the rank of their first node.
    pub(super) images: BTreeSet<(usize, usize)>,
    pub(super) images_busy: usize,
    /// Ranks of nodes that could start, and of those that could be made.
    pub(super) starts: BTreeSet<usize>,
    pub(super) creates: BTreeSet<usize>,
    pub(super) calls_busy: usize,
    /// One that chooses among host ports is being started.
    pub(super) choosing_ports: bool,
}

impl Queue {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut nodes: Vec<usize> = (0..graph.nodes.len()).collect();
        // Dependencies are higher than their dependents, so that this order is one of dependency, too.
        nodes.sort_by_key(|at| (std::cmp::Reverse(graph.groups[graph.nodes[*at].group].height), *at));
        let mut ranks = vec![0; nodes.len()];
        for (rank, at) in nodes.iter().enumerate() {
            ranks[*at] = rank;
        }
        Self {
            open: (0..nodes.len()).collect(),
            ranks,
            nodes,
            timers: BTreeSet::new(),
            images: BTreeSet::new(),
            images_busy: 0,
            starts: BTreeSet::new(),
            creates: BTreeSet::new(),
            calls_busy: 0,
            choosing_ports: false,
        }
    }

    pub(super) fn rank(&self, at: usize) -> usize {
        self.ranks[at]
    }

    pub(super) fn node(&self, rank: usize) -> usize {
        self.nodes[rank]
    }

    pub(super) fn look_at(&mut self, at: usize) {
        self.open.insert(self.ranks[at]);
    }

    pub(super) fn look_at_all(&mut self) {
        self.open.extend(0..self.nodes.len());
    }

    pub(super) fn look_at_dependents(&mut self, graph: &Graph, group: usize) {
        for dependent in &graph.groups[group].dependents {
            self.open.extend(graph.groups[*dependent].nodes.clone().map(|at| self.ranks[at]));
        }
    }

    /// The next node to look at.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.open.pop_first().map(|rank| self.nodes[rank])
    }

    pub(super) fn look_later(&mut self, at: usize, when: Duration) {
        self.timers.insert((when, at));
    }

    /// Nodes whose time has come are to be looked at.
    pub(super) fn wake(&mut self, now: Duration) {
        while let Some((when, at)) = self.timers.first().copied().filter(|(when, _)| *when <= now) {
            self.timers.remove(&(when, at));
            self.look_at(at);
        }
    }

    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.timers.first().map(|(when, _)| *when)
    }

    pub(super) fn call_began(&mut self, call: Called) {
        self.calls_busy += 1;
        self.choosing_ports |= call == Called::ChoosingPorts;
    }

    pub(super) fn call_came(&mut self, call: Called) {
        self.calls_busy -= usize::from(call != Called::No);
        self.choosing_ports &= call != Called::ChoosingPorts;
    }
}
