//! Some of the runs, as a value of its own.

use super::{Appearance, Appearances, CallRuns, First, RunSet, Runs, TupleRuns};
use std::collections::BTreeSet;

impl Runs {
    /// Those runs, by position, with everything that they did.
    #[must_use]
    pub fn select(&self, wanted: impl Fn(u32) -> bool) -> Self {
        let mut next = 0;
        let positions = (0..).zip(&self.runs).map(|(at, _)| {
            wanted(at).then(|| {
                next += 1;
                next - 1
            })
        });
        let positions: Vec<Option<u32>> = positions.collect();
        let chosen = Chosen {
            programs: self.programs_of(&positions),
            positions,
        };
        let facts = self.facts.iter().filter_map(|(&key, facts)| {
            let facts = chosen.facts(facts);
            (!facts.appearances.is_empty()).then_some((key, facts))
        });
        let runs = self.runs.iter().zip(&chosen.positions);
        let runs = runs.filter_map(|(run, position)| position.map(|_| run.clone()));
        let programs = self.programs.iter().zip(&chosen.programs);
        let programs = programs.filter_map(|(name, place)| place.map(|_| name.clone()));
        Self {
            runs: runs.collect(),
            programs: programs.collect(),
            facts: facts.collect(),
        }
    }

    /// Where each program goes, if one of these runs names it.
    fn programs_of(&self, positions: &[Option<u32>]) -> Vec<Option<u32>> {
        let mut used = BTreeSet::new();
        let mut add = |all: &Appearances| {
            let wanted = all
                .iter()
                .filter(|one| positions[one.run as usize].is_some());
            used.extend(wanted.filter_map(|one| Some(one.first?.program)));
        };
        for facts in self.facts.values() {
            add(&facts.appearances);
            let tuples = facts.arguments.values();
            tuples.flat_map(|one| one.seen.values()).for_each(&mut add);
        }
        let mut next = 0;
        let place = |(at, _)| {
            used.contains(&at).then(|| {
                next += 1;
                next - 1
            })
        };
        (0..).zip(&self.programs).map(place).collect()
    }
}

/// Where runs and programs go, if they are wanted.
struct Chosen {
    positions: Vec<Option<u32>>,
    programs: Vec<Option<u32>>,
}

impl Chosen {
    fn facts(&self, facts: &CallRuns) -> CallRuns {
        let arguments = facts.arguments.iter().filter_map(|(indexes, tuples)| {
            let tracked = self.set(&tuples.tracked);
            let seen = tuples.seen.iter().filter_map(|(values, all)| {
                let all = self.appearances(all);
                (!all.is_empty()).then(|| (values.clone(), all))
            });
            let is_wanted = !tracked.is_empty();
            let tuples = TupleRuns {
                tracked,
                unbounded: self.set(&tuples.unbounded),
                seen: seen.collect(),
            };
            is_wanted.then(|| (indexes.clone(), tuples))
        });
        CallRuns {
            appearances: self.appearances(&facts.appearances),
            arguments: arguments.collect(),
        }
    }

    fn set(&self, runs: &RunSet) -> RunSet {
        let places = runs.iter().filter_map(|run| self.positions[run as usize]);
        places.collect()
    }

    fn appearances(&self, all: &Appearances) -> Appearances {
        let wanted = all.iter().filter_map(|one| {
            let first = one.first.map(|first| First {
                program: self.programs[first.program as usize].unwrap_or_default(),
                ..first
            });
            Some(Appearance {
                run: self.positions[one.run as usize]?,
                first,
                ..one
            })
        });
        wanted.collect()
    }
}
