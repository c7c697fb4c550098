//! What runs show together, as far as it counts.

use super::value::Values;
use crate::recording::{Appearance, CallRuns, Counting, FactKey, First, Runs, Sighting, TupleRuns};
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
    let eye = Eye {
        counting: runs.counting(),
        runs,
    };
    let mut observed = Observed {
        missing: runs.missing(),
        ..Observed::default()
    };
    for (call, columns) in calls(runs) {
        let mut observation = Observation::default();
        for (key, facts) in columns {
            eye.add(key, facts, &mut observation);
        }
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
}

impl Eye<'_> {
    fn add(&self, key: FactKey, facts: &CallRuns, observation: &mut Observation) {
        let counts = |one: &Appearance| self.counting.counts(key, one.run);
        let mut all = Tally::default();
        let mut untracked = Tally::default();
        let tracked = |run| {
            facts
                .arguments
                .values()
                .any(|one| one.tracked.contains(run))
        };
        for one in facts.appearances.iter().filter(counts) {
            self.tally(&mut all, one);
            if !tracked(one.run) {
                self.tally(&mut untracked, one);
            }
        }
        observation.count = observation.count.saturating_add(all.count);
        observation.runs += all.runs;
        earlier(
            &mut observation.first,
            all.first.map(|first| self.runs.sighting(first)),
        );
        if untracked.runs > 0 {
            self.enter(observation, Values::unknown(), &untracked);
        }
        for (indexes, tuples) in &facts.arguments {
            self.add_tuples(key, indexes, tuples, observation);
        }
    }

    fn add_tuples(
        &self,
        key: FactKey,
        indexes: &[u8],
        tuples: &TupleRuns,
        observation: &mut Observation,
    ) {
        let mut unbounded = tuples.unbounded.iter();
        observation.unbounded |= unbounded.any(|run| self.counting.counts(key, run));
        for (tuple, appearances) in &tuples.seen {
            let mut tally = Tally::default();
            for one in appearances {
                if self.counting.counts(key, one.run) {
                    self.tally(&mut tally, one);
                }
            }
            if tally.runs > 0 {
                let pairs = indexes.iter().copied().zip(tuple.iter().copied());
                self.enter(observation, pairs.collect(), &tally);
            }
        }
    }

    fn enter(&self, observation: &mut Observation, values: Values, tally: &Tally) {
        let seen = observation.values.entry(values).or_default();
        seen.count = seen.count.saturating_add(tally.count);
        seen.runs += tally.runs;
        earlier(
            &mut seen.first,
            tally.first.map(|first| self.runs.sighting(first)),
        );
    }

    fn tally(&self, tally: &mut Tally, one: Appearance) {
        tally.count = tally.count.saturating_add(one.count);
        tally.runs += 1;
        let rank = |first: First| (first.at_ms, self.runs.program(first), first.pid);
        if let Some(first) = one.first
            && tally.first.is_none_or(|known| rank(first) < rank(known))
        {
            tally.first = Some(first);
        }
    }
}

/// How often, in how many runs, and the earliest sighting. A run is in one tally of a fact only, so that
/// tallies of several columns add up.
#[derive(Default)]
struct Tally {
    count: u64,
    runs: usize,
    first: Option<First>,
}

/// Keeps the earlier of two sightings; among equally early ones always the same.
fn earlier(known: &mut Option<Sighting>, other: Option<Sighting>) {
    fn rank(sighting: &Sighting) -> (u64, &str, u32) {
        (sighting.at_ms, &sighting.program, sighting.pid)
    }
    let Some(other) = other else { return };
    if known
        .as_ref()
        .is_none_or(|known| rank(&other) < rank(known))
    {
        *known = Some(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Recorded;
    use crate::audit::testing::{recording, tracked, unbounded, untracked};
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
            let recorded = recorded([&recording]);
            assert_eq!(recorded.summaries()[0].counted, which);
            let expected: Vec<Call> = names.into_iter().map(call).collect();
            let seen: Vec<Call> = observe(&recorded.runs).calls.into_keys().collect();
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
        let one = recording("one", facts("socket"));
        let mut two = recording("two", facts("socket"));
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
