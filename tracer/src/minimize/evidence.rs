//! Which facts of a recording count, and their union over recordings.

use crate::recording::{Arguments, FactKey, Recording};
use crate::syscall::Call;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was seen and counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence(BTreeMap<Call, Seen>);

/// What was seen of a call's arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Some recording did not keep every tuple, or tracked none: any value may have been there.
    any: bool,
    /// Tuples as (position, value), values cut to their C types.
    tuples: BTreeSet<Vec<(u8, u64)>>,
}

/// The facts of a recording that count. If the target was ever seen under a filter, only what it did under
/// it: the rest is the runtime's set-up, which no profile has to permit.
pub(super) fn counting(
    recording: &Recording,
) -> impl Iterator<Item = (&FactKey, &crate::recording::CallFacts)> {
    let only_filtered = recording.has_filtered_facts();
    recording
        .facts
        .iter()
        .filter(move |(key, _)| key.filtered || !only_filtered)
}

impl Evidence {
    /// The union of what the recordings show.
    #[must_use]
    pub fn of(recordings: &[Recording]) -> Self {
        let mut evidence = Self::default();
        for (key, facts) in recordings.iter().flat_map(counting) {
            evidence
                .0
                .entry(key.call)
                .or_default()
                .add(&facts.arguments);
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
    fn add(&mut self, arguments: &Arguments) {
        let tuples = match arguments {
            Arguments::Untracked => {
                self.any = true;
                return;
            }
            Arguments::Exact(tuples) => {
                // Something was called, so values there were.
                self.any |= tuples.seen.is_empty();
                tuples
            }
            Arguments::Unbounded(tuples) => {
                self.any = true;
                tuples
            }
        };
        let pairs = |values: &Vec<u64>| {
            tuples
                .indexes
                .iter()
                .copied()
                .zip(values.iter().copied())
                .collect::<Vec<_>>()
        };
        self.tuples.extend(tuples.seen.keys().map(pairs));
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
