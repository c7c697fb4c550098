//! What runs show together, as far as it counts.

use super::value::Values;
use crate::recording::{
    Appearance, Appearances, CallRuns, Counting, FactKey, First, Runs, Sighting,
};
use crate::syscall::Call;
use std::collections::BTreeMap;

/// The counting facts of runs, united.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What was seen of each call.
    pub calls: BTreeMap<Call, Observation>,
    /// How many facts may be missing, in all runs together.
    pub missing: u64,
}

/// What was seen of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// How often it was made.
    pub count: u64,
    /// In how many runs.
    pub runs: usize,
    /// The values with which it was made. Unknown values are here when a run has none for this call.
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
    /// In how many runs.
    pub runs: usize,
    /// The earliest sighting, if one is known.
    pub first: Option<Sighting>,
}

/// The facts of each call: without a filter and under one.
pub(super) fn calls(runs: &Runs) -> BTreeMap<Call, Vec<(FactKey, &CallRuns)>> {
    let mut calls: BTreeMap<Call, Vec<_>> = BTreeMap::new();
    for (key, facts) in runs.facts() {
        calls.entry(key.call).or_default().push((key, facts));
    }
    calls
}

/// Unites the counting facts of runs.
#[must_use]
pub fn observe(runs: &Runs) -> Observed {
    let mut eye = Eye {
        counting: runs.counting(),
        marked: vec![0; runs.runs().len()],
        serial: 0,
        runs,
    };
    let mut observed = Observed {
        missing: runs.missing(),
        ..Observed::default()
    };
    for (call, columns) in calls(runs) {
        let observation = eye.observe(&columns);
        // What was seen only where it does not count was seen in no run.
        if observation.runs > 0 {
            observed.calls.insert(call, observation);
        }
    }
    observed
}

/// Sees what counts.
struct Eye<'a> {
    runs: &'a Runs,
    counting: Counting,
    /// For each run the last thing that it was counted for: it may show it with and without a filter.
    marked: Vec<u64>,
    serial: u64,
}

impl Eye<'_> {
    fn observe(&mut self, columns: &[(FactKey, &CallRuns)]) -> Observation {
        let made = columns
            .iter()
            .map(|&(key, facts)| (key, facts.appearances.iter()));
        let all = self.tally(made.flat_map(|(key, all)| all.map(move |one| (key, one))));
        let mut observation = Observation {
            count: all.count,
            runs: all.runs,
            first: all.first,
            ..Observation::default()
        };
        if all.runs == 0 {
            return observation;
        }
        let untracked = self.tally(
            columns
                .iter()
                .flat_map(|&(key, facts)| untracked(key, facts)),
        );
        if untracked.runs > 0 {
            observation.values.insert(Values::unknown(), untracked);
        }
        let mut with_values: BTreeMap<Values, Vec<(FactKey, &Appearances)>> = BTreeMap::new();
        for &(key, facts) in columns {
            for (indexes, tuples) in &facts.arguments {
                let mut unbounded = tuples.unbounded.iter();
                observation.unbounded |= unbounded.any(|run| self.counting.counts(key, run));
                for (tuple, appearances) in &tuples.seen {
                    let pairs = indexes.iter().copied().zip(tuple.iter().copied());
                    let same = with_values.entry(pairs.collect()).or_default();
                    same.push((key, appearances));
                }
            }
        }
        for (values, same) in with_values {
            let all = same
                .iter()
                .map(|&(key, appearances)| (key, appearances.iter()));
            let seen = self.tally(all.flat_map(|(key, all)| all.map(move |one| (key, one))));
            if seen.runs > 0 {
                observation.values.insert(values, seen);
            }
        }
        observation
    }

    /// How often, in how many runs, and the earliest sighting, as far as it counts.
    fn tally(&mut self, all: impl Iterator<Item = (FactKey, Appearance)>) -> Sightings {
        self.serial += 1;
        let mut tally = Sightings::default();
        let mut earliest: Option<First> = None;
        let rank = |first: First| (first.at_ms, self.runs.program(first), first.pid);
        for (_, one) in all.filter(|(key, one)| self.counting.counts(*key, one.run)) {
            tally.count = tally.count.saturating_add(one.count);
            let marked = &mut self.marked[one.run as usize];
            tally.runs += usize::from(*marked != self.serial);
            *marked = self.serial;
            if let Some(first) = one.first
                && earliest.is_none_or(|known| rank(first) < rank(known))
            {
                earliest = Some(first);
            }
        }
        tally.first = earliest.map(|first| self.runs.sighting(first));
        tally
    }
}

/// Appearances in runs that tracked no argument of the call.
fn untracked(key: FactKey, facts: &CallRuns) -> impl Iterator<Item = (FactKey, Appearance)> {
    let tracked = |run| {
        let mut all = facts.arguments.values();
        all.any(|one| one.tracked.contains(run))
    };
    let all = facts.appearances.iter();
    all.filter(move |one| !tracked(one.run))
        .map(move |one| (key, one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Recorded;
    use crate::audit::testing::{confined, recording, tracked, unbounded, untracked};
    use crate::audit::types::{Counted, RecordingSummary};
    use crate::recording::{Loss, Recording};
    use crate::syscall::Abi;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    fn recorded<'a>(recordings: impl IntoIterator<Item = &'a Recording>) -> Recorded {
        let named = recordings
            .into_iter()
            .map(|one| ("web.rec".to_owned(), one.clone()));
        Recorded::of(named).unwrap()
    }

    fn values(known: &[(u8, u64)]) -> Values {
        known.iter().copied().collect()
    }

    #[test]
    fn only_facts_under_a_filter_count_of_who_started_under_one() {
        let runtime = ("mount", false, untracked(3));
        let program = ("read", true, untracked(5));
        let both = vec![runtime.clone(), program.clone()];
        let table = [
            (both.clone(), Some(true), Counted::UnderFilter, vec!["read"]),
            (
                both.clone(),
                Some(false),
                Counted::All,
                vec!["read", "mount"],
            ),
            (both, None, Counted::All, vec!["read", "mount"]),
            // It had none, whatever was said.
            (vec![runtime], Some(true), Counted::All, vec!["mount"]),
            (
                vec![program],
                Some(true),
                Counted::UnderFilter,
                vec!["read"],
            ),
            (vec![], Some(true), Counted::All, vec![]),
        ];
        for (facts, filtered_at_start, which, names) in table {
            let mut recording = recording("r", facts);
            recording.target.filtered_at_start = filtered_at_start;
            let recorded = recorded([&recording]);
            assert_eq!(recorded.summaries()[0].counted, which);
            let expected: Vec<Call> = names.into_iter().map(call).collect();
            let seen: Vec<Call> = observe(&recorded.runs).calls.into_keys().collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_run_that_made_a_call_in_both_ways_counts_once() {
        let socket = |filtered, times| ("socket", filtered, tracked(&[0], &[(&[2], times)]));
        let facts = vec![socket(false, 3), socket(true, 4)];
        let observed = observe(&recorded([&recording("r", facts)]).runs);
        let socket = &observed.calls[&call("socket")];
        assert_eq!((socket.runs, socket.count), (1, 7));
        let seen = &socket.values[&values(&[(0, 2)])];
        assert_eq!((seen.runs, seen.count), (1, 7));
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
        let all = observe(&recorded([&one, &two]).runs);
        assert_eq!(all, observe(&recorded([&two, &one, &two]).runs));
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
    fn the_summary_counts_what_counts() {
        let mut recording = confined(
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
            recorded([&recording]).summaries(),
            [RecordingSummary {
                name: "web.rec".to_owned(),
                run_id: Some("run-7".to_owned()),
                runs: 1,
                counted: Counted::UnderFilter,
                calls: 2,
                tuples: 2,
                from_start: true,
                missing: 0,
            }]
        );
    }

    #[test]
    fn an_input_of_many_runs_is_summed_up() {
        let facts = |name| vec![(name, true, tracked(&[0], &[(&[2], 1)]))];
        let one = confined("one", facts("socket"));
        let mut two = confined("two", facts("socket"));
        two.facts.extend(recording("two", facts("bpf")).facts);
        two.losses.set(Loss::MapError, u64::MAX);
        let mut three = recording("three", vec![("mount", false, untracked(1))]);
        three.window.from = crate::recording::WindowStart::Attach;
        three.losses.set(Loss::MapError, 1);
        let mut taking = crate::audit::Taking::default();
        taking.begin("runs/".to_owned());
        for run in [&one, &two, &three] {
            taking.take(run.clone().into()).unwrap();
        }
        taking.begin("again".to_owned());
        taking.take(one.into()).unwrap();
        let all = RecordingSummary {
            name: "runs/".to_owned(),
            run_id: None,
            runs: 3,
            counted: Counted::Mixed,
            calls: 3,
            tuples: 2,
            from_start: false,
            missing: u64::MAX,
        };
        let again = RecordingSummary {
            name: "again".to_owned(),
            run_id: Some("one".to_owned()),
            runs: 1,
            counted: Counted::UnderFilter,
            calls: 1,
            tuples: 1,
            from_start: true,
            missing: 0,
        };
        assert_eq!(taking.finish().summaries(), [all, again]);
    }
}
