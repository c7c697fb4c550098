//! Recordings as they were given: any number of runs, and who brought which.

use super::observed;
use super::types::{Counted, RecordingSummary};
use crate::recording::{
    Counting, FactKey, MergeError, Merger, Recording, RunSet, Runs, WindowStart,
};
use std::collections::{BTreeMap, HashMap};

/// Runs, each once, and what was given: several inputs may bring the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// All runs.
    pub runs: Runs,
    /// What was given, in that order.
    pub inputs: Vec<Input>,
}

/// Something that was given: a file, a directory, or a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// How the user named it. Hostile.
    pub name: String,
    /// The runs that it brought.
    pub runs: RunSet,
}

/// Takes runs in, one file after the other.
#[derive(Default)]
pub struct Taking {
    merger: Merger,
    inputs: Vec<(String, Vec<String>)>,
}

impl Taking {
    /// Begins with an input; the runs that follow are its own.
    pub fn begin(&mut self, name: String) {
        self.inputs.push((name, Vec::new()));
    }

    /// Takes runs of the input that was begun last.
    ///
    /// # Errors
    ///
    /// [`MergeError`] if they do not belong to those that are there.
    pub fn take(&mut self, runs: Runs) -> Result<(), MergeError> {
        if let Some((_, ids)) = self.inputs.last_mut() {
            ids.extend(runs.runs().iter().map(|run| run.id.clone()));
        }
        self.merger.add(runs)
    }

    /// Everything that was taken.
    #[must_use]
    pub fn finish(self) -> Recorded {
        let runs = self.merger.finish();
        let ids = runs.runs().iter().map(|run| run.id.as_str());
        let positions: HashMap<&str, u32> = ids.zip(0..).collect();
        let inputs = self.inputs.into_iter().map(|(name, ids)| Input {
            name,
            runs: ids
                .iter()
                .filter_map(|id| positions.get(id.as_str()).copied())
                .collect(),
        });
        Recorded {
            inputs: inputs.collect(),
            runs,
        }
    }
}

impl Recorded {
    /// Recordings of one run each, with the names that the user gave them.
    ///
    /// # Errors
    ///
    /// [`MergeError`] if they do not belong together.
    pub fn of(named: impl IntoIterator<Item = (String, Recording)>) -> Result<Self, MergeError> {
        let mut taking = Taking::default();
        for (name, recording) in named {
            taking.begin(name);
            taking.take(recording.into())?;
        }
        Ok(taking.finish())
    }

    /// What an audit says about each input itself.
    #[must_use]
    pub fn summaries(&self) -> Vec<RecordingSummary> {
        let counting = self.runs.counting();
        let sizes = Sizes::of(self, &counting);
        let each = self.inputs.iter().zip(sizes.calls).zip(sizes.tuples);
        each.map(|((input, calls), tuples)| self.summary(input, &counting, calls, tuples))
            .collect()
    }

    fn summary(
        &self,
        input: &Input,
        counting: &Counting,
        calls: usize,
        tuples: usize,
    ) -> RecordingSummary {
        let runs = || input.runs.iter().map(|run| &self.runs.runs()[run as usize]);
        let filtered = input.runs.iter().filter(|&run| counting.under_filter(run));
        let counted = match (filtered.count(), input.runs.len()) {
            (0, _) => Counted::All,
            (some, all) if some == all => Counted::UnderFilter,
            _ => Counted::Mixed,
        };
        let only = match input.runs.len() {
            1 => runs().next().map(|run| run.id.clone()),
            _ => None,
        };
        RecordingSummary {
            name: input.name.clone(),
            run_id: only,
            runs: input.runs.len(),
            counted,
            calls,
            tuples,
            from_start: runs().all(|run| run.window.from == WindowStart::Exec),
            missing: runs()
                .map(|run| run.losses.missing())
                .fold(0, u64::saturating_add),
        }
    }
}

/// How many calls and tuples each input shows, found in one pass over all of them.
struct Sizes {
    calls: Vec<usize>,
    tuples: Vec<usize>,
}

impl Sizes {
    fn of(recorded: &Recorded, counting: &Counting) -> Self {
        let mut inputs_of_run = vec![Vec::new(); recorded.runs.runs().len()];
        for (at, input) in recorded.inputs.iter().enumerate() {
            for run in input.runs.iter() {
                inputs_of_run[run as usize].push(at);
            }
        }
        let mut tally = Tally {
            inputs_of_run,
            counting,
            serial: 0,
            marked: vec![0; recorded.inputs.len()],
        };
        let mut sizes = Self {
            calls: vec![0; recorded.inputs.len()],
            tuples: vec![0; recorded.inputs.len()],
        };
        for columns in observed::calls(&recorded.runs).values() {
            let made = columns
                .iter()
                .map(|&(key, facts)| (key, &facts.appearances));
            tally.count(made, &mut sizes.calls);
            let mut by_values: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for &(key, facts) in columns {
                for (indexes, tuples) in &facts.arguments {
                    for (values, appearances) in &tuples.seen {
                        let same: &mut Vec<_> = by_values.entry((indexes, values)).or_default();
                        same.push((key, appearances));
                    }
                }
            }
            for same in by_values.into_values() {
                tally.count(same, &mut sizes.tuples);
            }
        }
        sizes
    }
}

/// Counts something once for every input that shows it.
struct Tally<'a> {
    inputs_of_run: Vec<Vec<usize>>,
    counting: &'a Counting,
    serial: u64,
    marked: Vec<u64>,
}

impl Tally<'_> {
    fn count<'a>(
        &mut self,
        columns: impl IntoIterator<Item = (FactKey, &'a crate::recording::Appearances)>,
        sizes: &mut [usize],
    ) {
        self.serial += 1;
        for (key, appearances) in columns {
            for run in appearances.runs() {
                if !self.counting.counts(key, run) {
                    continue;
                }
                for &input in &self.inputs_of_run[run as usize] {
                    if self.marked[input] != self.serial {
                        self.marked[input] = self.serial;
                        sizes[input] += 1;
                    }
                }
            }
        }
    }
}
