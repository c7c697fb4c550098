//! What counts as one behaviour, and which runs showed it.

use super::Bits;
use crate::recording::{CallRuns, Counting, FactKey, Runs};
use crate::syscall::Call;
use std::collections::BTreeMap;

/// A call, with what stands for its argument values where those are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Behaviour {
    /// The call.
    pub call: Call,
    /// Positions with their values, ascending.
    pub values: Vec<(u8, u64)>,
}

/// Tells argument values apart: what stands for the values of a call, as positions with values; the same
/// for values between which it makes no difference. `None` for a call whose values all are one.
pub type Classes<'a> = dyn Fn(Call, &[(u8, u64)]) -> Option<Vec<(u8, u64)>> + 'a;

/// Which runs showed what.
pub(super) struct Found {
    pub(super) calls: BTreeMap<Call, Bits>,
    pub(super) behaviours: BTreeMap<Behaviour, Bits>,
}

/// The behaviours in the counting facts of runs.
pub(super) fn appearances(runs: &Runs, classes: &Classes<'_>) -> Found {
    let counting = runs.counting();
    let mut found = Found {
        calls: BTreeMap::new(),
        behaviours: BTreeMap::new(),
    };
    for (key, facts) in runs.facts() {
        let all = facts.appearances.runs();
        let counted: Bits = all.filter(|&run| counting.counts(key, run)).collect();
        if counted.count() == 0 {
            continue;
        }
        if classes(key.call, &[]).is_some() {
            spread(&mut found.behaviours, key, facts, &counting, classes);
        } else {
            let behaviour = Behaviour {
                call: key.call,
                values: Vec::new(),
            };
            unite(found.behaviours.entry(behaviour).or_default(), &counted);
        }
        unite(found.calls.entry(key.call).or_default(), &counted);
    }
    found
}

/// Enters the values of a call; runs that did not track it show the call without values.
fn spread(
    behaviours: &mut BTreeMap<Behaviour, Bits>,
    key: FactKey,
    facts: &CallRuns,
    counting: &Counting,
    classes: &Classes<'_>,
) {
    let mut enter = |values: Vec<(u8, u64)>, run: u32| {
        let behaviour = Behaviour {
            call: key.call,
            values,
        };
        behaviours.entry(behaviour).or_default().insert(run);
    };
    let tracked = |run| {
        facts
            .arguments
            .values()
            .any(|one| one.tracked.contains(run))
    };
    let counted = |run: &u32| counting.counts(key, *run);
    let all = facts.appearances.runs().filter(counted);
    for run in all.filter(|&run| !tracked(run)) {
        enter(Vec::new(), run);
    }
    for (positions, tuples) in &facts.arguments {
        for (values, appearances) in &tuples.seen {
            let pairs = positions.iter().copied().zip(values.iter().copied());
            let class = classes(key.call, &pairs.collect::<Vec<_>>()).unwrap_or_default();
            for run in appearances.runs().filter(counted) {
                enter(class.clone(), run);
            }
        }
    }
}

fn unite(known: &mut Bits, new: &Bits) {
    if known.0.len() < new.0.len() {
        known.0.resize(new.0.len(), 0);
    }
    for (word, more) in known.0.iter_mut().zip(&new.0) {
        *word |= more;
    }
}
