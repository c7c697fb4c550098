//! Putting runs together: a union of sets of runs by id, and nothing else, so that order, grouping and
//! repetition cannot matter.

use super::{Appearance, Appearances, First, Run, RunSet, Runs, TupleRuns};
use std::collections::HashMap;
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
    /// Runs and programs in order of arrival, which is the final order as long as there is one group.
    known: Runs,
    groups: usize,
    ids: HashMap<String, u32>,
    program_ids: HashMap<String, u32>,
    /// What each run is and did, as one number, so that a run that comes again can be told from another of
    /// its id. Kept from the first time on that one comes again, as that takes time.
    digests: Option<Vec<u64>>,
}

impl Merger {
    /// Adds runs; those that are there already change nothing.
    ///
    /// # Errors
    ///
    /// [`MergeError`] if they do not belong together; nothing has been added then.
    pub fn add(&mut self, group: Runs) -> Result<(), MergeError> {
        let mut positions = Vec::with_capacity(group.runs.len());
        let mut next = self.known.runs.len();
        for run in &group.runs {
            self.belongs(run, &group)?;
            if self.ids.contains_key(&run.id) {
                positions.push(None);
            } else if next < RUNS_MAX {
                positions.push(u32::try_from(next).ok());
                next += 1;
            } else {
                return Err(MergeError::TooMany);
            }
        }
        self.compare(&group, &positions)?;
        if positions.iter().all(Option::is_none) {
            return Ok(());
        }
        for (run, &position) in group.runs.iter().zip(&positions) {
            if let Some(position) = position {
                self.ids.insert(run.id.clone(), position);
            }
        }
        self.groups += 1;
        if self.groups == 1 {
            self.program_ids = group.programs.iter().cloned().zip(0..).collect();
            self.known = group;
        } else {
            self.append(group, &positions);
        }
        Ok(())
    }

    /// Whether a run fits to those that are there, or else to the first one of its own group.
    fn belongs(&self, run: &Run, group: &Runs) -> Result<(), MergeError> {
        let other = &run.host.architecture;
        match self.known.runs.first().or(group.runs.first()) {
            Some(first) if first.host.architecture != *other => Err(MergeError::Architectures {
                one: first.host.architecture.clone(),
                other: other.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the runs that are there already, which are those without a position, are the same.
    fn compare(&mut self, group: &Runs, positions: &[Option<u32>]) -> Result<(), MergeError> {
        let again = positions.iter().any(Option::is_none);
        if self.digests.is_none() && again {
            self.digests = Some(digests(&self.known));
        }
        let Some(known) = &mut self.digests else {
            return Ok(());
        };
        let new = digests(group);
        for ((run, position), digest) in group.runs.iter().zip(positions).zip(&new) {
            let before = self.ids.get(&run.id).filter(|_| position.is_none());
            if before.is_some_and(|&before| known[before as usize] != *digest) {
                return Err(MergeError::Conflict { id: run.id.clone() });
            }
        }
        let added = positions
            .iter()
            .zip(new)
            .filter(|(position, _)| position.is_some());
        known.extend(added.map(|(_, digest)| digest));
        Ok(())
    }

    /// Adds what runs are and did. Those with a position are new, and their positions ascend.
    fn append(&mut self, group: Runs, positions: &[Option<u32>]) {
        let programs = group.programs.into_iter().map(|name| {
            let next = u32::try_from(self.known.programs.len()).unwrap_or(u32::MAX);
            *self.program_ids.entry(name).or_insert_with_key(|name| {
                self.known.programs.push(name.clone());
                next
            })
        });
        let programs: Vec<u32> = programs.collect();
        let moved = Moved {
            positions,
            programs: &programs,
        };
        let runs = group.runs.into_iter().zip(positions);
        let new = runs.filter_map(|(run, position)| position.map(|_| run));
        self.known.runs.extend(new);
        for (key, facts) in group.facts {
            let known = self.known.facts.entry(key).or_default();
            moved.append(&mut known.appearances, &facts.appearances);
            for (indexes, tuples) in facts.arguments {
                let known = known.arguments.entry(indexes).or_default();
                moved.append_set(&mut known.tracked, &tuples.tracked);
                moved.append_set(&mut known.unbounded, &tuples.unbounded);
                for (values, appearances) in tuples.seen {
                    let known = known.seen.entry(values).or_default();
                    moved.append(known, &appearances);
                }
            }
        }
    }

    /// The runs, in the one order that they have.
    #[must_use]
    pub fn finish(self) -> Runs {
        if self.groups <= 1 {
            return self.known;
        }
        let Runs {
            runs,
            programs,
            mut facts,
        } = self.known;
        let positions = order(&runs, |run| (&run.window.start, &run.id));
        let program_positions = order(&programs, |name| name);
        let final_order = Reordered {
            positions: &positions,
            programs: &program_positions,
        };
        for facts in facts.values_mut() {
            final_order.appearances(&mut facts.appearances);
            for tuples in facts.arguments.values_mut() {
                final_order.tuples(tuples);
            }
        }
        Runs {
            runs: permuted(runs, &positions),
            programs: permuted(programs, &program_positions),
            facts,
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
            merger.add(group.clone())?;
        }
        Ok(merger.finish())
    }
}
