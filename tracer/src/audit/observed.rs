//! What several recordings show together, as far as it counts.

use super::types::{Counted, RecordingSummary};
use super::value::Values;
use crate::recording::{Arguments, CallFacts, Recording, Sighting, Tuples, WindowStart};
use crate::syscall::Call;
use std::collections::BTreeMap;

/// The counting facts of recordings, united.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What was seen of each call.
    pub calls: BTreeMap<Call, Observation>,
    /// How many facts may be missing, in all recordings together.
    pub missing: u64,
}

/// What was seen of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// How often it was made.
    pub count: u64,
    /// The values with which it was made. Unknown values are here when a recording has none for this call.
    pub values: BTreeMap<Values, Sightings>,
    /// Whether there were more values than are here.
    pub unbounded: bool,
    /// The earliest sighting, if one is known.
    pub first: Option<Sighting>,
}

/// How often something was seen, and of whom first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// How often.
    pub count: u64,
    /// The earliest sighting, if one is known.
    pub first: Option<Sighting>,
}

/// Which facts of a recording count.
#[must_use]
pub fn counted(recording: &Recording) -> Counted {
    if recording.has_filtered_facts() {
        Counted::UnderFilter
    } else {
        Counted::All
    }
}

/// The counting facts of one recording. A call has at most one of them: with and without filter never both
/// count.
fn counting(recording: &Recording) -> impl Iterator<Item = (Call, &CallFacts)> {
    let under_filter = counted(recording) == Counted::UnderFilter;
    let counts = recording
        .facts
        .iter()
        .filter(move |(key, _)| key.filtered == under_filter);
    counts.map(|(key, facts)| (key.call, facts))
}

/// Unites the counting facts of recordings. A recording that is given twice counts once.
pub fn observe<'a>(recordings: impl IntoIterator<Item = &'a Recording>) -> Observed {
    let mut observed = Observed::default();
    let mut done: Vec<&Recording> = Vec::new();
    for recording in recordings {
        if done.contains(&recording) {
            continue;
        }
        done.push(recording);
        observed.missing = observed.missing.saturating_add(recording.losses.missing());
        for (call, facts) in counting(recording) {
            add(observed.calls.entry(call).or_default(), facts);
        }
    }
    observed
}

fn add(observation: &mut Observation, facts: &CallFacts) {
    observation.count = observation.count.saturating_add(facts.count);
    earlier(&mut observation.first, facts.first.as_ref());
    match &facts.arguments {
        Arguments::Untracked => {
            let seen = observation.values.entry(Values::unknown()).or_default();
            seen.count = seen.count.saturating_add(facts.count);
            earlier(&mut seen.first, facts.first.as_ref());
        }
        Arguments::Exact(tuples) => add_tuples(observation, tuples),
        Arguments::Unbounded(tuples) => {
            observation.unbounded = true;
            add_tuples(observation, tuples);
        }
    }
}

fn add_tuples(observation: &mut Observation, tuples: &Tuples) {
    for (tuple, facts) in &tuples.seen {
        let values: Values = tuples
            .indexes
            .iter()
            .copied()
            .zip(tuple.iter().copied())
            .collect();
        let seen = observation.values.entry(values).or_default();
        seen.count = seen.count.saturating_add(facts.count);
        earlier(&mut seen.first, facts.first.as_ref());
    }
}

/// Keeps the earlier of two sightings; among equally early ones always the same.
fn earlier(known: &mut Option<Sighting>, other: Option<&Sighting>) {
    let rank = |sighting: &Sighting| (sighting.at_ms, sighting.program.clone(), sighting.pid);
    let Some(other) = other else { return };
    if known.as_ref().is_none_or(|known| rank(other) < rank(known)) {
        *known = Some(other.clone());
    }
}

/// What an audit says about a recording itself.
#[must_use]
pub fn summary(name: &str, recording: &Recording) -> RecordingSummary {
    let observed = observe([recording]);
    let tuples = observed.calls.values().map(|seen| {
        seen.values
            .keys()
            .filter(|values| !values.is_unknown())
            .count()
    });
    RecordingSummary {
        name: name.to_owned(),
        run_id: recording.run_id.clone(),
        counted: counted(recording),
        calls: observed.calls.len(),
        tuples: tuples.sum(),
        from_start: recording.window.from == WindowStart::Exec,
        missing: recording.losses.missing(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{recording, tracked, unbounded, untracked};
    use crate::recording::Loss;
    use crate::syscall::Abi;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    fn values(known: &[(u8, u64)]) -> Values {
        known.iter().copied().collect()
    }

    #[test]
    fn only_facts_under_a_filter_count_where_there_are_any() {
        let runtime = ("mount", false, untracked(3));
        let program = ("read", true, untracked(5));
        let table = [
            (
                vec![runtime.clone(), program.clone()],
                Counted::UnderFilter,
                vec!["read"],
            ),
            (vec![runtime.clone()], Counted::All, vec!["mount"]),
            (vec![program], Counted::UnderFilter, vec!["read"]),
            (vec![], Counted::All, vec![]),
        ];
        for (facts, which, names) in table {
            let recording = recording("r", facts);
            assert_eq!(counted(&recording), which);
            let expected: Vec<Call> = names.into_iter().map(call).collect();
            let seen: Vec<Call> = observe([&recording]).calls.into_keys().collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn recordings_unite_and_the_order_of_counts_does_not_matter() {
        let one = recording(
            "one",
            vec![("socket", true, tracked(&[0, 1, 2], &[(&[2, 1, 0], 4)]))],
        );
        let mut two = recording(
            "two",
            vec![
                (
                    "socket",
                    true,
                    tracked(&[0, 1, 2], &[(&[2, 1, 0], 1), (&[10, 1, 0], 2)]),
                ),
                ("ioctl", true, unbounded(&[1], &[(&[0x5401], 7)])),
            ],
        );
        two.losses.set(Loss::Recursion, 3);
        let all = observe([&one, &two]);
        assert_eq!(all, observe([&two, &one]));
        assert_eq!(all.missing, 3);
        let socket = &all.calls[&call("socket")];
        assert_eq!(socket.count, 7);
        let counts: Vec<(Values, u64)> = socket
            .values
            .iter()
            .map(|(values, seen)| (values.clone(), seen.count))
            .collect();
        assert_eq!(
            counts,
            [
                (values(&[(0, 2), (1, 1), (2, 0)]), 5),
                (values(&[(0, 10), (1, 1), (2, 0)]), 2),
            ]
        );
        assert!(!socket.unbounded);
        assert!(all.calls[&call("ioctl")].unbounded);
    }

    #[test]
    fn a_recording_given_twice_counts_once() {
        let one = recording("one", vec![("read", true, untracked(5))]);
        assert_eq!(observe([&one, &one.clone()]), observe([&one]));
    }

    #[test]
    fn the_summary_counts_what_counts() {
        let mut recording = recording(
            "run-7",
            vec![
                ("mount", false, untracked(1)),
                ("read", true, untracked(5)),
                (
                    "socket",
                    true,
                    tracked(&[0, 1, 2], &[(&[2, 1, 0], 4), (&[10, 1, 0], 1)]),
                ),
            ],
        );
        recording.losses.set(Loss::Sighting, 9);
        assert_eq!(
            summary("web.rec", &recording),
            RecordingSummary {
                name: "web.rec".to_owned(),
                run_id: "run-7".to_owned(),
                counted: Counted::UnderFilter,
                calls: 2,
                tuples: 2,
                from_start: true,
                missing: 0,
            }
        );
    }
}
