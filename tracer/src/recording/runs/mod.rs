//! Many runs, and what each of them did, as one value.
//!
//! Nothing about any run is given up: this is a set of recordings, turned from rows into columns, so that
//! what nearly every run did is stored once and thousands of runs fit. A single recording is the case of
//! one run. It refuses to know what the runs should have in common.

mod appearances;
mod merge;
mod select;
mod set;
pub(super) mod varint;

#[cfg(test)]
mod laws;

pub use appearances::{Appearance, Appearances, First};
pub use merge::{MergeError, Merger, RUNS_MAX};
pub use set::RunSet;

use super::{
    Arguments, CallFacts, Denials, FactKey, Host, Losses, Recording, Sighting, Target, TupleFacts,
    Tuples, Window,
};
use std::collections::{BTreeMap, BTreeSet};

/// Runs, and what they did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// In order of start, then id.
    pub(super) runs: Vec<Run>,
    /// Names of programs in first sightings, in order. Hostile.
    pub(super) programs: Vec<String>,
    pub(super) facts: BTreeMap<FactKey, CallRuns>,
}

/// One run, without what it did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Names the run: recordings of the same run carry the same id, and no other run does.
    pub id: String,
    /// Version of the program that recorded it.
    pub tool_version: String,
    /// The machine.
    pub host: Host,
    /// What was watched.
    pub target: Target,
    /// When.
    pub window: Window,
    /// What could not be kept.
    pub losses: Losses,
    /// What its filter refused; `None` if that was not watched.
    pub denials: Option<Denials>,
}

/// What is known about one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRuns {
    /// The runs that made it.
    pub appearances: Appearances,
    /// Their argument values, by the positions that were tracked. Runs that are in none of these tracked
    /// no argument of this call.
    pub arguments: BTreeMap<Vec<u8>, TupleRuns>,
}

/// The argument values of a call at some positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TupleRuns {
    /// The runs that tracked these positions.
    pub tracked: RunSet,
    /// Those of them that had more tuples than they kept.
    pub unbounded: RunSet,
    /// The tuples, each value cut to the width of its C type.
    pub seen: BTreeMap<Vec<u64>, Appearances>,
}

impl Runs {
    /// The runs, in order of start, then id.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The facts, in order.
    pub fn facts(&self) -> impl Iterator<Item = (FactKey, &CallRuns)> {
        self.facts.iter().map(|(&key, facts)| (key, facts))
    }

    /// One fact.
    #[must_use]
    pub fn fact(&self, key: FactKey) -> Option<&CallRuns> {
        self.facts.get(&key)
    }

    /// The name of a program in a first sighting. Hostile.
    #[must_use]
    pub fn program(&self, first: First) -> &str {
        &self.programs[first.program as usize]
    }

    /// A first sighting in full.
    #[must_use]
    pub fn sighting(&self, first: First) -> Sighting {
        Sighting {
            at_ms: first.at_ms,
            pid: first.pid,
            program: self.program(first).to_owned(),
        }
    }

    /// How many facts may be missing, in all runs together.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let missing = self.runs.iter().map(|run| run.losses.missing());
        missing.fold(0, u64::saturating_add)
    }

    /// The facts that count: of a run whose target had its filter when it started, only those under a filter,
    /// as the rest is the runtime's own set-up; of other runs, all. A run of which nothing was seen under a filter
    /// had none, whatever was said of it.
    #[must_use]
    pub fn counting(&self) -> Counting {
        let confined = self.runs.iter();
        let confined = confined.map(|run| run.target.starts_confined(run.window.from));
        let confined: Vec<bool> = confined.collect();
        let mut left = confined.iter().filter(|&&confined| confined).count();
        let mut under_filter = vec![false; self.runs.len()];
        for (_, facts) in self.facts.iter().filter(|(key, _)| key.filtered) {
            // Nearly every run makes nearly every call, so this ends soon.
            if left == 0 {
                break;
            }
            for one in &facts.appearances {
                let run = one.run as usize;
                let is_new = confined[run] && !under_filter[run];
                left -= usize::from(is_new);
                under_filter[run] |= is_new;
            }
        }
        Counting { under_filter }
    }

    /// The runs one by one, each with everything that it did. Takes as much memory as the recordings did.
    #[must_use]
    pub fn recordings(&self) -> Vec<Recording> {
        let mut all: Vec<Recording> = self.runs.iter().map(Run::empty_recording).collect();
        let sighting = |first: Option<First>| first.map(|first| self.sighting(first));
        for (&key, facts) in &self.facts {
            for one in &facts.appearances {
                let value = CallFacts {
                    count: one.count,
                    first: sighting(one.first),
                    last_ms: one.last_ms.unwrap_or_default(),
                    arguments: Arguments::Untracked,
                };
                all[one.run as usize].facts.insert(key, value);
            }
            for (indexes, tuples) in &facts.arguments {
                self.spread_tuples(&mut all, key, indexes, tuples);
            }
        }
        all
    }

    fn spread_tuples(
        &self,
        all: &mut [Recording],
        key: FactKey,
        indexes: &[u8],
        tuples: &TupleRuns,
    ) {
        let mut of_run: BTreeMap<u32, Tuples> = BTreeMap::new();
        for run in tuples.tracked.iter() {
            let indexes = indexes.to_vec();
            let seen = BTreeMap::new();
            of_run.insert(run, Tuples { indexes, seen });
        }
        for (values, appearances) in &tuples.seen {
            for one in appearances {
                let facts = TupleFacts {
                    count: one.count,
                    first: one.first.map(|first| self.sighting(first)),
                };
                if let Some(known) = of_run.get_mut(&one.run) {
                    known.seen.insert(values.clone(), facts);
                }
            }
        }
        for (run, known) in of_run {
            if let Some(facts) = all[run as usize].facts.get_mut(&key) {
                facts.arguments = if tuples.unbounded.contains(run) {
                    Arguments::Unbounded(known)
                } else {
                    Arguments::Exact(known)
                };
            }
        }
    }
}

/// Which facts of runs count.
#[derive(Clone, Debug)]
pub struct Counting {
    /// For each run, whether only what was made under a filter counts.
    under_filter: Vec<bool>,
}

impl Counting {
    /// Whether a fact of a run counts.
    #[must_use]
    pub fn counts(&self, key: FactKey, run: u32) -> bool {
        key.filtered || !self.under_filter[run as usize]
    }

    /// Whether only facts under a filter count of a run.
    #[must_use]
    pub fn under_filter(&self, run: u32) -> bool {
        self.under_filter[run as usize]
    }
}

impl Run {
    /// A recording of it in which nothing happened.
    fn empty_recording(&self) -> Recording {
        let run = self.clone();
        Recording {
            tool_version: run.tool_version,
            run_id: run.id,
            host: run.host,
            target: run.target,
            window: run.window,
            facts: BTreeMap::new(),
            losses: run.losses,
            denials: run.denials,
        }
    }
}

impl From<Recording> for Runs {
    fn from(recording: Recording) -> Self {
        let programs: BTreeSet<&str> = recording
            .facts
            .values()
            .flat_map(CallFacts::programs)
            .collect();
        let programs: Vec<String> = programs.into_iter().map(ToOwned::to_owned).collect();
        let first = |sighting: Option<&Sighting>| {
            sighting.map(|sighting| First {
                at_ms: sighting.at_ms,
                pid: sighting.pid,
                program: position(&programs, &sighting.program),
            })
        };
        let facts = recording.facts.iter().map(|(&key, facts)| {
            let appearance = Appearance {
                run: 0,
                count: facts.count,
                last_ms: Some(facts.last_ms),
                first: first(facts.first.as_ref()),
            };
            let tuple = |(values, facts): (&Vec<u64>, &TupleFacts)| {
                let one = Appearance {
                    run: 0,
                    count: facts.count,
                    last_ms: None,
                    first: first(facts.first.as_ref()),
                };
                (values.clone(), Appearances::from_iter([one]))
            };
            let only = |yes: bool| yes.then_some(0).into_iter().collect();
            let tuples = |tuples: &Tuples, unbounded: bool| {
                let group = TupleRuns {
                    tracked: only(true),
                    unbounded: only(unbounded),
                    seen: tuples.seen.iter().map(tuple).collect(),
                };
                BTreeMap::from([(tuples.indexes.clone(), group)])
            };
            let arguments = match &facts.arguments {
                Arguments::Untracked => BTreeMap::new(),
                Arguments::Exact(known) => tuples(known, false),
                Arguments::Unbounded(known) => tuples(known, true),
            };
            let appearances = Appearances::from_iter([appearance]);
            (
                key,
                CallRuns {
                    appearances,
                    arguments,
                },
            )
        });
        Self {
            facts: facts.collect(),
            runs: vec![Run {
                id: recording.run_id,
                tool_version: recording.tool_version,
                host: recording.host,
                target: recording.target,
                window: recording.window,
                losses: recording.losses,
                denials: recording.denials,
            }],
            programs,
        }
    }
}

/// Where a name is in a sorted table that has it.
fn position(sorted: &[String], name: &str) -> u32 {
    let at = sorted.partition_point(|known| known.as_str() < name);
    u32::try_from(at).unwrap_or(u32::MAX)
}
