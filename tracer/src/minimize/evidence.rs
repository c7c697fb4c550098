//! The union of what runs show, as far as it counts.

use crate::recording::{Appearances, CallRuns, RunSet, Runs};
use crate::syscall::Call;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was seen and counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence(BTreeMap<Call, Seen>);

/// What was seen of a call's arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Some run did not keep every tuple, or tracked none: any value may have been there.
    any: bool,
    /// Tuples as (position, value), values cut to their C types.
    tuples: BTreeSet<Vec<(u8, u64)>>,
}

impl Evidence {
    /// The union of what the runs show. If a target was ever seen under a filter, only what it did under
    /// it counts: the rest is the runtime's set-up, which no profile has to permit.
    #[must_use]
    pub fn of(runs: &Runs) -> Self {
        Self::of_those(runs, |_| true)
    }

    /// The same of some of the runs, by their place among all. Whether a target was ever seen under a filter is
    /// each run's own matter.
    pub(super) fn of_those(runs: &Runs, those: impl Fn(u32) -> bool) -> Self {
        let counting = runs.counting();
        let mut evidence = Self::default();
        for (key, facts) in runs.facts() {
            let counts = |run| those(run) && counting.counts(key, run);
            if facts.appearances.runs().any(counts) {
                evidence.0.entry(key.call).or_default().add(facts, counts);
            }
        }
        evidence
    }

    /// The calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = (Call, &Seen)> {
        self.0.iter().map(|(&call, seen)| (call, seen))
    }

    /// What was seen of a call, if it was.
    #[must_use]
    pub fn seen(&self, call: Call) -> Option<&Seen> {
        self.0.get(&call)
    }
}

impl Seen {
    fn add(&mut self, facts: &CallRuns, counts: impl Fn(u32) -> bool) {
        // Something was called, so values there were: a run that has none tracked none, or lost them.
        let tuples = facts.arguments.values().flat_map(|one| one.seen.values());
        let with_values: RunSet = tuples.flat_map(Appearances::runs).collect();
        let mut counting = facts.appearances.runs().filter(|&run| counts(run));
        self.any |= counting.any(|run| !with_values.contains(run));
        for (indexes, tuples) in &facts.arguments {
            self.any |= tuples.unbounded.iter().any(&counts);
            let seen = tuples.seen.iter();
            let seen = seen.filter(|(_, all)| all.runs().any(&counts));
            let pairs = |values: &Vec<u64>| {
                let pairs = indexes.iter().copied().zip(values.iter().copied());
                pairs.collect::<Vec<_>>()
            };
            self.tuples.extend(seen.map(|(values, _)| pairs(values)));
        }
    }

    /// Whether the tuples are all that there was.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.any
    }

    /// The tuples, in order.
    pub fn tuples(&self) -> impl Iterator<Item = &Vec<(u8, u64)>> {
        self.tuples.iter()
    }
}
