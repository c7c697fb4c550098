//! What runs show of one call: who made it, when, how often, with which values, and what becomes of it.

use super::outcome::{Outcome, outcome};
use super::surface::presence;
use super::types::Presence;
use super::value::Values;
use crate::profile::{Action, Meaning};
use crate::recording::{
    Appearance, Appearances, CallRuns, Counting, FactKey, First, Run, Runs, WindowStart,
};
use crate::syscall::Call;
use std::collections::BTreeMap;

/// Until when after its start a run starts up, in milliseconds. Counts are read about once a second, so a
/// smaller bound would be a guess.
pub const START_UP_MS: u64 = 5000;

/// How container runtimes call themselves between their filter and the program.
const RUNTIMES: &[&str] = &["runc:[", "crun", "youki"];

/// What runs show of the calls of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The name that was asked for.
    pub name: String,
    /// How many runs there are.
    pub runs: usize,
    /// How many facts may be missing from them.
    pub missing: u64,
    /// On each ABI, before a filter and under one; only what was made.
    pub made: Vec<Made>,
    /// Why `generate` would allow it; empty when it would not.
    pub reasons: Vec<String>,
    /// What a profile does with it on the ABIs where it was made, if one was given.
    pub profile: Vec<(Call, Presence)>,
}

/// What runs show of one call, before a filter or under one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The call.
    pub call: Call,
    /// Whether it was made under a filter.
    pub filtered: bool,
    /// How often.
    pub count: u64,
    /// In how many runs.
    pub runs: usize,
    /// In how many of them it counts: what a runtime did before its filter does not.
    pub counting: usize,
    /// When in these runs.
    pub phases: Phases,
    /// Who made it first in a run, and in how many runs, the most frequent first. Hostile.
    pub programs: Vec<(String, usize)>,
    /// In how many runs it is not known who made it first.
    pub programs_lost: usize,
    /// In the first run that has it, when, and who.
    pub first: Option<Moment>,
    /// In the last run that has it, when it was last made.
    pub last: Option<Moment>,
    /// With which values, the most frequent first.
    pub values: Vec<MadeWith>,
    /// In how many runs there were more values than are kept.
    pub unbounded: usize,
}

/// In how many runs a call was made when. Each run is in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// First by the container runtime, between its filter and the program.
    pub runtime: usize,
    /// Only within [`START_UP_MS`] after the start.
    pub start_up: usize,
    /// Then, and later too.
    pub throughout: usize,
    /// Only later.
    pub later: usize,
    /// Not known: the first sighting was lost, or the start of the run was not seen.
    pub unknown: usize,
}

/// A point in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The run's id. Hostile.
    pub run_id: String,
    /// When it started. Hostile.
    pub start: String,
    /// Milliseconds after that.
    pub at_ms: u64,
    /// Who, and by which process id, if known. Hostile.
    pub by: Option<(String, u32)>,
}

/// A call with certain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeWith {
    /// The values.
    pub values: Values,
    /// How often.
    pub count: u64,
    /// In how many runs.
    pub runs: usize,
    /// What the profile does with it, if there is one.
    pub treatment: Option<Treatment>,
}

/// What becomes of a call with certain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is allowed.
    Allowed,
    /// It is denied, like this.
    Denied(Action),
    /// It depends on values that were not recorded.
    Depends,
}

/// What runs show of the calls of a name, and what a profile does with them.
#[must_use]
pub fn history(
    name: &str,
    runs: &Runs,
    profile: Option<&Meaning>,
    reasons: Vec<String>,
) -> History {
    let teller = Teller {
        runs,
        counting: runs.counting(),
        profile,
    };
    let of_name = runs
        .facts()
        .filter(|(key, _)| key.call.name() == Some(name));
    let made: Vec<Made> = of_name
        .map(|(key, facts)| teller.made(key, facts))
        .collect();
    let mut calls: Vec<Call> = made.iter().map(|one| one.call).collect();
    calls.dedup();
    let treated = profile.into_iter().flat_map(|meaning| {
        let calls = calls.iter();
        calls.map(|&call| (call, presence(meaning, call)))
    });
    History {
        name: name.to_owned(),
        runs: runs.runs().len(),
        missing: runs.missing(),
        profile: treated.collect(),
        reasons,
        made,
    }
}

struct Teller<'a> {
    runs: &'a Runs,
    counting: Counting,
    profile: Option<&'a Meaning>,
}

impl Teller<'_> {
    fn made(&self, key: FactKey, facts: &CallRuns) -> Made {
        let all = || facts.appearances.iter();
        let mut programs: BTreeMap<&str, usize> = BTreeMap::new();
        for first in all().filter_map(|one| one.first) {
            *programs.entry(self.runs.program(first)).or_default() += 1;
        }
        let known: usize = programs.values().sum();
        let mut programs: Vec<(String, usize)> = programs
            .into_iter()
            .map(|(name, runs)| (name.to_owned(), runs))
            .collect();
        programs.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut phases = Phases::default();
        for one in all() {
            *self.phase(&mut phases, one) += 1;
        }
        let unbounded = facts
            .arguments
            .values()
            .map(|tuples| tuples.unbounded.len());
        Made {
            call: key.call,
            filtered: key.filtered,
            count: count(&facts.appearances),
            runs: facts.appearances.len(),
            counting: all()
                .filter(|one| self.counting.counts(key, one.run))
                .count(),
            phases,
            programs,
            programs_lost: facts.appearances.len() - known,
            first: all().next().map(|one| {
                let at_ms = one.first.map_or(0, |first| first.at_ms);
                self.moment(one.run, at_ms, one.first)
            }),
            last: all()
                .last()
                .map(|one| self.moment(one.run, one.last_ms.unwrap_or_default(), None)),
            values: self.values(key, facts),
            unbounded: unbounded.sum(),
        }
    }

    fn run(&self, run: u32) -> &Run {
        &self.runs.runs()[run as usize]
    }

    fn phase<'p>(&self, phases: &'p mut Phases, one: Appearance) -> &'p mut usize {
        let Some(first) = one.first else {
            return &mut phases.unknown;
        };
        let program = self.runs.program(first);
        if RUNTIMES.iter().any(|name| program.starts_with(name)) {
            return &mut phases.runtime;
        }
        if self.run(one.run).window.from == WindowStart::Attach {
            return &mut phases.unknown;
        }
        let early = |at_ms| at_ms <= START_UP_MS;
        match (early(first.at_ms), one.last_ms.is_some_and(early)) {
            (true, true) => &mut phases.start_up,
            (true, false) => &mut phases.throughout,
            (false, _) => &mut phases.later,
        }
    }

    fn moment(&self, run: u32, at_ms: u64, first: Option<First>) -> Moment {
        let run = self.run(run);
        Moment {
            run_id: run.id.clone(),
            start: run.window.start.clone(),
            at_ms,
            by: first.map(|first| (self.runs.program(first).to_owned(), first.pid)),
        }
    }

    fn values(&self, key: FactKey, facts: &CallRuns) -> Vec<MadeWith> {
        let mut all = Vec::new();
        for (indexes, tuples) in &facts.arguments {
            for (tuple, appearances) in &tuples.seen {
                let pairs = indexes.iter().copied().zip(tuple.iter().copied());
                let values: Values = pairs.collect();
                let treat = |meaning| match outcome(meaning, key.call, &values) {
                    Outcome::Permitted | Outcome::Logged => Treatment::Allowed,
                    Outcome::Denied(action) => Treatment::Denied(action),
                    Outcome::Depends { .. } => Treatment::Depends,
                };
                all.push(MadeWith {
                    treatment: self.profile.map(treat),
                    count: count(appearances),
                    runs: appearances.len(),
                    values,
                });
            }
        }
        all.sort_by(|a, b| (b.runs, b.count, &a.values).cmp(&(a.runs, a.count, &b.values)));
        all
    }
}

fn count(appearances: &Appearances) -> u64 {
    let counts = appearances.iter().map(|one| one.count);
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{confined, recording, tracked, untracked};
    use crate::recording::{CallFacts, Recording, Sighting};
    use crate::syscall::Abi;

    fn seen(program: &str, at_ms: u64, last_ms: u64) -> CallFacts {
        CallFacts {
            first: Some(Sighting {
                at_ms,
                pid: 7,
                program: program.to_owned(),
            }),
            last_ms,
            ..untracked(2)
        }
    }

    fn told(name: &str, recordings: Vec<Recording>) -> Vec<Made> {
        let groups: Vec<Runs> = recordings.into_iter().map(Runs::from).collect();
        history(name, &Runs::merged(&groups).unwrap(), None, Vec::new()).made
    }

    #[test]
    fn when_a_call_was_made_is_told_by_run() {
        let lost = CallFacts {
            first: None,
            ..untracked(2)
        };
        let table = [
            ("a", seen("runc:[2:INIT]", 1, 90_000)),
            ("b", seen("sh", 1, START_UP_MS)),
            ("c", seen("sh", START_UP_MS, START_UP_MS + 1)),
            ("d", seen("nginx", START_UP_MS + 1, 90_000)),
            ("e", lost),
            ("f", seen("sh", 1, 2)),
        ];
        let recordings = table.map(|(id, facts)| {
            let mut recording = recording(id, vec![("read", true, facts)]);
            if id == "f" {
                recording.window.from = WindowStart::Attach;
            }
            recording
        });
        let made = told("read", recordings.to_vec());
        let phases = Phases {
            runtime: 1,
            start_up: 1,
            throughout: 1,
            later: 1,
            unknown: 2,
        };
        assert_eq!(made[0].phases, phases);
        assert_eq!((made[0].count, made[0].runs, made[0].counting), (12, 6, 6));
        let programs = [("sh", 3), ("nginx", 1), ("runc:[2:INIT]", 1)];
        let programs = programs.map(|(name, runs)| (name.to_owned(), runs));
        assert_eq!(
            (&made[0].programs[..], made[0].programs_lost),
            (&programs[..], 1)
        );
        let moment = |id: &str, at_ms, by: Option<&str>| Moment {
            run_id: id.to_owned(),
            start: "2026-01-01T00:00:00Z".to_owned(),
            at_ms,
            by: by.map(|name| (name.to_owned(), 7)),
        };
        assert_eq!(made[0].first, Some(moment("a", 1, Some("runc:[2:INIT]"))));
        assert_eq!(made[0].last, Some(moment("f", 2, None)));
    }

    #[test]
    fn what_a_runtime_did_before_its_filter_is_told_and_does_not_count() {
        let facts = vec![
            ("mount", false, untracked(3)),
            ("mount", true, tracked(&[3], &[(&[1], 1), (&[4096], 5)])),
        ];
        let made = told("mount", vec![confined("r", facts)]);
        let parts: Vec<_> = made
            .iter()
            .map(|one| (one.filtered, one.counting))
            .collect();
        assert_eq!(parts, [(false, 0), (true, 1)]);
        let values: Vec<_> = made[1]
            .values
            .iter()
            .map(|one| (one.values.at(3), one.count))
            .collect();
        assert_eq!(values, [(Some(4096), 5), (Some(1), 1)]);
        assert_eq!(told("bpf", vec![recording("r", vec![])]), []);
        assert_eq!(made[1].call, Call::named(Abi::X86_64, "mount").unwrap());
    }
}
