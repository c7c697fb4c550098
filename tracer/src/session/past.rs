//! What earlier windows of the same target gave, as counts. Pure.

use crate::probe::{CallCount, Snapshot};
use crate::recording::{Arguments, CallFacts, FactKey};
use std::collections::BTreeMap;

/// The counts behind facts.
#[must_use]
pub fn snapshot_of(facts: &BTreeMap<FactKey, CallFacts>) -> Snapshot {
    let count = |facts: &CallFacts| {
        let (tuples, unbounded) = match &facts.arguments {
            Arguments::Untracked => (None, false),
            Arguments::Exact(tuples) => (Some(tuples), false),
            Arguments::Unbounded(tuples) => (Some(tuples), true),
        };
        let seen = tuples.into_iter().flat_map(|tuples| &tuples.seen);
        CallCount {
            count: facts.count,
            indexes: tuples
                .map(|tuples| tuples.indexes.clone())
                .unwrap_or_default(),
            tuples: seen
                .map(|(values, tuple)| (values.clone(), tuple.count))
                .collect(),
            unbounded,
        }
    };
    facts
        .iter()
        .map(|(&key, facts)| (key, count(facts)))
        .collect()
}

/// Adds the counts of one scope to those of others of the same target.
pub fn add(sum: &mut Snapshot, other: &Snapshot) {
    for (&key, call) in other {
        let known = sum.entry(key).or_default();
        known.count = known.count.saturating_add(call.count);
        if known.indexes.is_empty() {
            known.indexes.clone_from(&call.indexes);
        }
        known.unbounded |= call.unbounded;
        for (values, count) in &call.tuples {
            let sum = known.tuples.entry(values.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Ledger;
    use super::*;
    use crate::syscall::{Abi, Call};

    #[test]
    fn counts_come_back_from_facts_and_add_up() {
        let key = |number| FactKey {
            call: Call::new(Abi::X86_64, number),
            filtered: true,
        };
        let socket = |count| CallCount {
            count,
            indexes: vec![0, 1, 2],
            tuples: [(vec![2, 1, 0], count)].into(),
            unbounded: true,
        };
        let plain = |count| CallCount {
            count,
            ..CallCount::default()
        };
        let one: Snapshot = [(key(41), socket(3)), (key(39), plain(5))].into();
        let facts = Ledger::new(0).facts(1, &one);
        assert_eq!(snapshot_of(&facts), one);
        let mut sum = one.clone();
        add(&mut sum, &[(key(41), socket(4)), (key(0), plain(1))].into());
        let expected = [
            (key(41), socket(7)),
            (key(39), plain(5)),
            (key(0), plain(1)),
        ];
        assert_eq!(sum, expected.into());
    }
}
