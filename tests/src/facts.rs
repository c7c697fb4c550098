//! What recordings say, in the form in which tests compare it.

use seccomp_tracer::recording::{self, Arguments, FactKey, Recording};
use seccomp_tracer::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Calls and how often each was made.
pub type Counts = BTreeMap<Call, u64>;

/// Reads a recording.
#[must_use]
pub fn read(path: impl AsRef<Path>) -> Recording {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    recording::from_json(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
}

/// Every call of a recording, filtered or not.
#[must_use]
pub fn counts(recording: &Recording) -> Counts {
    select(recording, |_| true)
}

/// The calls made under a seccomp filter, or those made without.
#[must_use]
pub fn counts_where(recording: &Recording, filtered: bool) -> Counts {
    select(recording, |key| key.filtered == filtered)
}

fn select(recording: &Recording, choose: impl Fn(FactKey) -> bool) -> Counts {
    let mut counts = Counts::new();
    for (&key, facts) in recording.facts.iter().filter(|&(&key, _)| choose(key)) {
        *counts.entry(key.call).or_default() += facts.count;
    }
    counts
}

/// The calls without how often.
#[must_use]
pub fn set(counts: &Counts) -> BTreeSet<Call> {
    counts.keys().copied().collect()
}

/// The x86_64 call of that name.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn named(name: &str) -> Call {
    on(Abi::X86_64, name)
}

/// The call of that name on an ABI.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn on(abi: Abi, name: &str) -> Call {
    Call::named(abi, name).unwrap_or_else(|| panic!("no call {name} on {abi}"))
}

/// The argument tuples of a call without a filter, with their counts, and whether they are all.
#[must_use]
pub fn tuples(recording: &Recording, call: Call) -> Option<(BTreeMap<Vec<u64>, u64>, bool)> {
    let key = FactKey {
        call,
        filtered: false,
    };
    let (tuples, exact) = match &recording.facts.get(&key)?.arguments {
        Arguments::Untracked => return None,
        Arguments::Exact(tuples) => (tuples, true),
        Arguments::Unbounded(tuples) => (tuples, false),
    };
    let seen = tuples.seen.iter();
    let counts = seen.map(|(values, facts)| (values.clone(), facts.count));
    Some((counts.collect(), exact))
}

/// What two sets of counts disagree in, one line each; empty when they agree.
#[must_use]
pub fn differences(left: (&str, &Counts), right: (&str, &Counts)) -> Vec<String> {
    let calls: BTreeSet<Call> = left.1.keys().chain(right.1.keys()).copied().collect();
    let times = |counts: &Counts, call| counts.get(&call).copied().unwrap_or(0);
    let mut lines = Vec::new();
    for call in calls {
        let (one, other) = (times(left.1, call), times(right.1, call));
        if one != other {
            lines.push(format!(
                "{call}: {} {one} times, {} {other} times",
                left.0, right.0
            ));
        }
    }
    lines
}
