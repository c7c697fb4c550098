//! Putting runs together: a union of sets of runs by id, and nothing else, so that order, grouping and
//! repetition cannot matter.

use super::{Appearance, Appearances, CallRuns, First, Run, RunSet, Runs, TupleRuns};
use crate::recording::FactKey;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The most runs that one file holds. More are refused: a million runs take gigabytes.
pub const RUNS_MAX: usize = 1_000_000;

/// Why runs cannot be put together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Call numbers of one architecture mean something else on another.
    #[error("runs on `{one}` and on `{other}` cannot be put together")]
    Architectures {
        /// The architecture of the runs so far. Hostile.
        one: String,
        /// The other one. Hostile.
        other: String,
    },
    /// An id names one run; two runs with the same id are no set.
    #[error("run `{id}` is there already, with other content")]
    Conflict {
        /// The id. Hostile.
        id: String,
    },
    /// More than [`RUNS_MAX`].
    #[error("more than {RUNS_MAX} runs")]
    TooMany,
}

/// Puts runs together, one group after the other, without keeping the groups.
#[derive(Default)]
pub struct Merger {
    /// In order of arrival, as are the positions in `facts`.
    runs: Vec<Run>,
    /// What each run did, as one number, so that a run that comes again can be told from another of its id.
    digests: Vec<u64>,
    ids: HashMap<String, u32>,
    programs: Vec<String>,
    program_ids: HashMap<String, u32>,
    facts: BTreeMap<FactKey, CallRuns>,
}

impl Merger {
    /// Adds runs; those that are there already change nothing.
    ///
    /// # Errors
    ///
    /// [`MergeError`] if they do not belong together; nothing has been added then.
    pub fn add(&mut self, group: &Runs) -> Result<(), MergeError> {
        let digests = digests(group);
        let mut positions = Vec::with_capacity(group.runs.len());
        let mut next = self.runs.len();
        for (run, digest) in group.runs.iter().zip(&digests) {
            self.belongs(run, group)?;
            match self.ids.get(&run.id) {
                Some(&known) if self.digests[known as usize] == *digest => positions.push(None),
                Some(_) => return Err(MergeError::Conflict { id: run.id.clone() }),
                None if next >= RUNS_MAX => return Err(MergeError::TooMany),
                None => {
                    positions.push(u32::try_from(next).ok());
                    next += 1;
                }
            }
        }
        for ((run, digest), position) in group.runs.iter().zip(digests).zip(&positions) {
            if let &Some(position) = position {
                self.ids.insert(run.id.clone(), position);
                self.runs.push(run.clone());
                self.digests.push(digest);
            }
        }
        self.add_facts(group, &positions);
        Ok(())
    }

    /// Whether a run fits to those that are there, or else to the first one of its own group.
    fn belongs(&self, run: &Run, group: &Runs) -> Result<(), MergeError> {
        let other = &run.host.architecture;
        match self.runs.first().or(group.runs.first()) {
            Some(first) if first.host.architecture != *other => Err(MergeError::Architectures {
                one: first.host.architecture.clone(),
                other: other.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Adds what runs did. Those with a position are new, and their positions ascend.
    fn add_facts(&mut self, group: &Runs, positions: &[Option<u32>]) {
        let programs = group.programs.iter().map(|name| {
            let known = self.program_ids.get(name).copied();
            known.unwrap_or_else(|| {
                let id = u32::try_from(self.programs.len()).unwrap_or(u32::MAX);
                self.programs.push(name.clone());
                self.program_ids.insert(name.clone(), id);
                id
            })
        });
        let programs: Vec<u32> = programs.collect();
        let moved = Moved {
            positions,
            programs: &programs,
        };
        for (&key, facts) in &group.facts {
            let known = self.facts.entry(key).or_default();
            moved.append(&mut known.appearances, &facts.appearances);
            for (indexes, tuples) in &facts.arguments {
                let known = match known.arguments.get_mut(indexes) {
                    Some(known) => known,
                    None => known.arguments.entry(indexes.clone()).or_default(),
                };
                moved.append_set(&mut known.tracked, &tuples.tracked);
                moved.append_set(&mut known.unbounded, &tuples.unbounded);
                for (values, appearances) in &tuples.seen {
                    let known = match known.seen.get_mut(values) {
                        Some(known) => known,
                        None => known.seen.entry(values.clone()).or_default(),
                    };
                    moved.append(known, appearances);
                }
            }
        }
    }

    /// The runs, in the one order that they have.
    #[must_use]
    pub fn finish(self) -> Runs {
        let positions = order(&self.runs, |run| (&run.window.start, &run.id));
        let programs = order(&self.programs, |name| name);
        let final_order = Reordered {
            positions: &positions,
            programs: &programs,
        };
        let facts = self.facts.into_iter().map(|(key, mut facts)| {
            final_order.appearances(&mut facts.appearances);
            for tuples in facts.arguments.values_mut() {
                final_order.tuples(tuples);
            }
            (key, facts)
        });
        Runs {
            facts: facts.collect(),
            runs: permuted(self.runs, &positions),
            programs: permuted(self.programs, &programs),
        }
    }
}

/// Where runs and programs of a group went.
struct Moved<'a> {
    positions: &'a [Option<u32>],
    programs: &'a [u32],
}

impl Moved<'_> {
    fn append(&self, known: &mut Appearances, new: &Appearances) {
        for one in new {
            let Some(run) = self.positions[one.run as usize] else {
                continue;
            };
            let first = one.first.map(|first| First {
                program: self.programs[first.program as usize],
                ..first
            });
            known.push(&Appearance { run, first, ..one });
        }
    }

    fn append_set(&self, known: &mut RunSet, new: &RunSet) {
        for run in new.iter().filter_map(|run| self.positions[run as usize]) {
            known.push(run);
        }
    }
}

/// The final position of each element, by its present one.
fn order<'a, T, K: Ord>(all: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<u32> {
    let mut sorted: Vec<usize> = (0..all.len()).collect();
    sorted.sort_by_key(|&at| key(&all[at]));
    let mut positions = vec![0; all.len()];
    for (position, at) in (0..).zip(sorted) {
        positions[at] = position;
    }
    positions
}

fn permuted<T>(all: Vec<T>, positions: &[u32]) -> Vec<T> {
    let mut pairs: Vec<(u32, T)> = positions.iter().copied().zip(all).collect();
    pairs.sort_by_key(|&(position, _)| position);
    pairs.into_iter().map(|(_, one)| one).collect()
}

/// The final positions of runs and programs.
struct Reordered<'a> {
    positions: &'a [u32],
    programs: &'a [u32],
}

impl Reordered<'_> {
    fn appearances(&self, all: &mut Appearances) {
        let moved = all.iter().map(|one| Appearance {
            run: self.positions[one.run as usize],
            first: one.first.map(|first| First {
                program: self.programs[first.program as usize],
                ..first
            }),
            ..one
        });
        let mut moved: Vec<Appearance> = moved.collect();
        moved.sort_unstable_by_key(|one| one.run);
        *all = moved.into_iter().collect();
        all.shrink();
    }

    fn tuples(&self, tuples: &mut TupleRuns) {
        for set in [&mut tuples.tracked, &mut tuples.unbounded] {
            *set = set.iter().map(|run| self.positions[run as usize]).collect();
        }
        for appearances in tuples.seen.values_mut() {
            self.appearances(appearances);
        }
    }
}

/// For each run, everything that it is and did as one number. The hashes of its facts are added up, so
/// one pass over the columns serves all runs.
fn digests(group: &Runs) -> Vec<u64> {
    let mut digests: Vec<u64> = group.runs.iter().map(hash).collect();
    let mut add = |run: u32, part: u64| {
        let digest = &mut digests[run as usize];
        *digest = digest.wrapping_add(part);
    };
    for (key, facts) in &group.facts {
        let place = hash(key);
        for one in &facts.appearances {
            add(one.run, appearance_hash(group, place, &one));
        }
        for (indexes, tuples) in &facts.arguments {
            let place = hash(&(place, indexes));
            for run in tuples.tracked.iter() {
                add(run, hash(&(place, tuples.unbounded.contains(run))));
            }
            for (values, appearances) in &tuples.seen {
                let place = hash(&(place, values));
                for one in appearances {
                    add(one.run, appearance_hash(group, place, &one));
                }
            }
        }
    }
    digests
}

fn appearance_hash(group: &Runs, place: u64, one: &Appearance) -> u64 {
    let first = one
        .first
        .map(|first| (first.at_ms, first.pid, group.program(first)));
    hash(&(place, one.count, one.last_ms, first))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Runs {
    /// These groups of runs, put together.
    ///
    /// # Errors
    ///
    /// [`MergeError`] if they do not belong together.
    pub fn merged<'a>(groups: impl IntoIterator<Item = &'a Self>) -> Result<Self, MergeError> {
        let mut merger = Merger::default();
        for group in groups {
            merger.add(group)?;
        }
        Ok(merger.finish())
    }
}
