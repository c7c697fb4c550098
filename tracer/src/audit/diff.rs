//! How two profiles, or two recordings, differ in meaning.

use super::observed::{Observation, observe};
use super::value::Values;
use crate::profile::Action;
use crate::recording::Recording;
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;

/// How two profiles differ in what they mean to a runtime. Empty when they mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileDiff {
    /// ABIs that only one of them lists: through the other, every call is killed.
    pub abis: Vec<AbiDifference>,
    /// Per call of the ABIs that both list, in order of call, then kind.
    pub calls: Vec<CallDifference>,
}

/// An ABI that only one of two profiles lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbiDifference {
    /// The ABI.
    pub abi: Abi,
    /// Who lists it.
    pub side: Side,
    /// How many calls through it are allowed there.
    pub allowed: usize,
}

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// In what way two profiles treat a call differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// Only this one permits it.
    Permits(Side),
    /// Both permit it, or both deny it, but not in the same way.
    Answer,
}

/// A call that two profiles treat differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallDifference {
    /// The call.
    pub call: Call,
    /// In what way.
    pub kind: DifferenceKind,
    /// Arguments for which it is so.
    pub witness: [u64; 6],
    /// Whether it is so for all arguments.
    pub whole: bool,
    /// What the first does with the witness.
    pub a: Action,
    /// What the second does with the witness.
    pub b: Action,
}

/// How the counting facts of two recordings differ. How often and when does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingDiff {
    /// Calls that only the first shows.
    pub only_a: BTreeSet<Call>,
    /// Calls that only the second shows.
    pub only_b: BTreeSet<Call>,
    /// Calls that both show with different values, in order of call.
    pub values: Vec<ValueDifference>,
    /// How many facts may be missing in the first and in the second.
    pub missing: (u64, u64),
}

/// A call that two recordings show with different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueDifference {
    /// The call.
    pub call: Call,
    /// Values that only the first shows.
    pub only_a: BTreeSet<Values>,
    /// Values that only the second shows.
    pub only_b: BTreeSet<Values>,
    /// Whether the first had more values than it keeps, and whether the second had.
    pub unbounded: (bool, bool),
}

impl ProfileDiff {
    /// Whether the two mean the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.abis.is_empty() && self.calls.is_empty()
    }
}

impl RecordingDiff {
    /// Whether the two show the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only_a.is_empty() && self.only_b.is_empty() && self.values.is_empty()
    }
}

/// Compares the counting facts of two recordings.
#[must_use]
pub fn recordings(a: &Recording, b: &Recording) -> RecordingDiff {
    let (a, b) = (observe([a]), observe([b]));
    let calls_a: BTreeSet<Call> = a.calls.keys().copied().collect();
    let calls_b: BTreeSet<Call> = b.calls.keys().copied().collect();
    let both = calls_a.intersection(&calls_b);
    RecordingDiff {
        only_a: calls_a.difference(&calls_b).copied().collect(),
        only_b: calls_b.difference(&calls_a).copied().collect(),
        values: both
            .filter_map(|call| values(*call, &a.calls[call], &b.calls[call]))
            .collect(),
        missing: (a.missing, b.missing),
    }
}

fn values(call: Call, a: &Observation, b: &Observation) -> Option<ValueDifference> {
    let only = |these: &Observation, others: &Observation| -> BTreeSet<Values> {
        let new = these.values.keys();
        new.filter(|values| !others.values.contains_key(values))
            .cloned()
            .collect()
    };
    let difference = ValueDifference {
        call,
        only_a: only(a, b),
        only_b: only(b, a),
        unbounded: (a.unbounded, b.unbounded),
    };
    // What two unbounded recordings happened to keep says nothing.
    let differs = match difference.unbounded {
        (true, true) => false,
        (false, false) => !difference.only_a.is_empty() || !difference.only_b.is_empty(),
        _ => true,
    };
    differs.then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{recording, tracked, unbounded, untracked};

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    #[test]
    fn recordings_differ_in_what_they_show_not_in_how_often() {
        let a = recording(
            "a",
            vec![
                ("read", true, untracked(1)),
                ("mount", false, untracked(1)),
                ("bpf", true, tracked(&[0], &[(&[5], 1)])),
                ("socket", true, tracked(&[0], &[(&[2], 1), (&[10], 1)])),
                ("ioctl", true, unbounded(&[1], &[(&[7], 1)])),
                ("fcntl", true, unbounded(&[1], &[(&[3], 1)])),
            ],
        );
        let b = recording(
            "b",
            vec![
                ("read", true, untracked(500)),
                ("write", true, untracked(1)),
                ("socket", true, tracked(&[0], &[(&[2], 80), (&[1], 1)])),
                ("ioctl", true, unbounded(&[1], &[(&[8], 1)])),
                ("fcntl", true, tracked(&[1], &[(&[3], 1)])),
            ],
        );
        let one = |value: u64| BTreeSet::from([[(0, value)].into_iter().collect()]);
        assert_eq!(
            recordings(&a, &b),
            RecordingDiff {
                only_a: [call("bpf")].into(),
                only_b: [call("write")].into(),
                values: vec![
                    ValueDifference {
                        call: call("socket"),
                        only_a: one(10),
                        only_b: one(1),
                        unbounded: (false, false),
                    },
                    ValueDifference {
                        call: call("fcntl"),
                        only_a: BTreeSet::new(),
                        only_b: BTreeSet::new(),
                        unbounded: (true, false),
                    },
                ],
                missing: (0, 0),
            }
        );
        assert!(recordings(&a, &a).is_empty());
    }
}
