//! What is known so far: first sightings as they come, counts as they are read. Pure: times come in.
//! What was refused is no fact, and kept apart.

use crate::probe::{Event, Origin, Refused, Snapshot, What};
use crate::recording::{
    self, Arguments, CallFacts, DenialFacts, DenialKey, FactKey, Refusal, Sighting, TupleFacts,
    Tuples,
};
use crate::syscall::catalog;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// With which rights a target started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Bounding capability set.
    pub capabilities: u64,
    /// Whether it had a seccomp filter.
    pub filtered: bool,
    /// Whether it had no_new_privs set.
    pub no_new_privs: bool,
    /// The process whose exec it was.
    pub pid: u32,
}

/// Collects a session's facts.
#[derive(Debug, Default)]
pub struct Ledger {
    start_ns: u64,
    last_new_ns: u64,
    /// By slot, and the first to start by itself.
    rights: BTreeMap<u32, Rights>,
    first_started: Option<u32>,
    cgroup_ids: Vec<u64>,
    left: BTreeMap<String, u64>,
    calls: BTreeMap<FactKey, Origin>,
    tuples: BTreeMap<(FactKey, [u64; 3]), Origin>,
    denials: BTreeMap<DenialKey, Origin>,
    denied_tuples: BTreeMap<(DenialKey, Vec<u64>), Origin>,
    counts: BTreeMap<FactKey, u64>,
    changed_ns: BTreeMap<FactKey, u64>,
    clients: BTreeSet<&'static str>,
}

impl Ledger {
    /// A ledger for a window that starts now (`CLOCK_MONOTONIC`), or at the first exec, if one is awaited.
    #[must_use]
    pub fn new(now_ns: u64) -> Self {
        Self {
            start_ns: now_ns,
            last_new_ns: now_ns,
            ..Self::default()
        }
    }

    /// A ledger for a window that another began, with what is left of it.
    #[must_use]
    pub fn resumed(start_ns: u64, last_new_ms: u64, facts: &BTreeMap<FactKey, CallFacts>) -> Self {
        let at = |ms: u64| start_ns.saturating_add(ms.saturating_mul(1_000_000));
        let origin = |sighting: &Sighting| Origin {
            time_ns: at(sighting.at_ms),
            pid: sighting.pid,
            program: sighting.program.clone(),
        };
        let mut ledger = Self {
            last_new_ns: at(last_new_ms),
            ..Self::new(start_ns)
        };
        for (&key, call) in facts {
            call.programs()
                .for_each(|program| ledger.note_program(program));
            ledger.counts.insert(key, call.count);
            ledger.changed_ns.insert(key, at(call.last_ms));
            if let Some(first) = &call.first {
                ledger.calls.insert(key, origin(first));
            }
            let (Arguments::Exact(tuples) | Arguments::Unbounded(tuples)) = &call.arguments else {
                continue;
            };
            for (values, tuple) in &tuples.seen {
                let mut wide = [0; 3];
                if let (Some(place), Some(first)) = (wide.get_mut(..values.len()), &tuple.first) {
                    place.copy_from_slice(values);
                    ledger.tuples.insert((key, wide), origin(first));
                }
            }
        }
        ledger
    }

    /// Who left the scope, by name, as far as it was told.
    #[must_use]
    pub fn left(&self) -> &BTreeMap<String, u64> {
        &self.left
    }

    /// Enters a first sighting. The earliest counts: each CPU reports its own. What was refused is told, for
    /// those who want to hear at once.
    pub fn enter(&mut self, event: Event) -> Option<Refusal> {
        let Event { slot, what, origin } = event;
        self.note_program(&origin.program);
        match what {
            What::Denied(key, values) => return Some(self.refuse(key, values, origin)),
            What::Armed {
                capabilities,
                filtered,
                no_new_privs,
            } => {
                if self.first_started.is_none() {
                    self.start_ns = origin.time_ns;
                    self.last_new_ns = origin.time_ns;
                    self.first_started = Some(slot);
                }
                self.rights.entry(slot).or_insert(Rights {
                    capabilities,
                    filtered,
                    no_new_privs,
                    pid: origin.pid,
                });
            }
            What::Scope { cgroup_id } => self.cgroup_ids.push(cgroup_id),
            What::Left => *self.left.entry(origin.program).or_default() += 1,
            What::Call(key) => {
                let time_ns = origin.time_ns;
                if keep_earliest(self.calls.entry(key), origin) {
                    self.last_new_ns = self.last_new_ns.max(time_ns);
                }
            }
            What::Tuple(key, values) => {
                let time_ns = origin.time_ns;
                if keep_earliest(self.tuples.entry((key, values)), origin) {
                    self.last_new_ns = self.last_new_ns.max(time_ns);
                }
            }
        }
        None
    }

    /// Notes that a program of that name was seen; clients of engines are remembered.
    pub fn note_program(&mut self, name: &str) {
        self.clients.extend(recording::client(name));
    }

    /// The clients of engines that were seen.
    #[must_use]
    pub fn clients(&self) -> &BTreeSet<&'static str> {
        &self.clients
    }

    fn refuse(&mut self, key: DenialKey, values: Vec<u64>, origin: Origin) -> Refusal {
        self.last_new_ns = self.last_new_ns.max(origin.time_ns);
        let tracked = key.call.name().map_or(&[][..], catalog::tracked);
        let indexes = tracked.iter().map(|argument| argument.index);
        let refusal = Refusal {
            key,
            arguments: indexes.zip(values.iter().copied()).collect(),
            first: self.sighting(&origin),
        };
        keep_earliest(self.denials.entry(key), origin.clone());
        if !values.is_empty() {
            keep_earliest(self.denied_tuples.entry((key, values)), origin);
        }
        refusal
    }

    /// Notes which counts changed since they were last read.
    pub fn note_counts(&mut self, now_ns: u64, snapshot: &Snapshot) {
        for (&key, call) in snapshot {
            let before = self.counts.insert(key, call.count);
            if before != Some(call.count) {
                self.changed_ns.insert(key, now_ns);
            }
        }
    }

    /// How many calls and argument tuples are known.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.calls.len(), self.tuples.len())
    }

    /// When the window started, `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Milliseconds from the window's start to the last new fact.
    #[must_use]
    pub fn last_new_ms(&self) -> u64 {
        self.since_start_ms(self.last_new_ns)
    }

    /// When the last new fact was seen, `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn last_new_ns(&self) -> u64 {
        self.last_new_ns
    }

    /// The rights with which the target started, once it did; of several scopes, those of the first.
    #[must_use]
    pub fn rights(&self) -> Option<Rights> {
        self.rights.get(&self.first_started?).copied()
    }

    /// Whether some scopes started under a filter, and others without one.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        let filtered = |filtered| self.rights.values().any(|one| one.filtered == filtered);
        filtered(true) && filtered(false)
    }

    /// Leaves of a scope's counts what is its target's, where scopes that started under a filter are put together
    /// with others, which have no such boundary.
    pub fn keep_own(&self, slot: u32, snapshot: &mut Snapshot) {
        let rights = self.rights.get(&slot);
        if self.is_mixed() && rights.is_some_and(|rights| rights.filtered) {
            snapshot.retain(|key, _| key.filtered);
        }
    }

    /// Ids of the cgroups of the scopes that were found, when children are watched.
    #[must_use]
    pub fn cgroup_ids(&self) -> &[u64] {
        &self.cgroup_ids
    }

    /// Milliseconds from the window's start.
    #[must_use]
    pub fn since_start_ms(&self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.start_ns) / 1_000_000
    }

    /// The facts, from the last counts.
    #[must_use]
    pub fn facts(&self, end_ns: u64, snapshot: &Snapshot) -> BTreeMap<FactKey, CallFacts> {
        let last_ms = |key, count| {
            let unchanged = self.counts.get(key) == Some(&count);
            let changed = self.changed_ns.get(key).copied().filter(|_| unchanged);
            self.since_start_ms(changed.unwrap_or(end_ns))
        };
        let facts = snapshot.iter().map(|(key, call)| {
            let tuples = || Tuples {
                indexes: call.indexes.clone(),
                seen: call
                    .tuples
                    .iter()
                    .map(|(values, &count)| {
                        (
                            values.clone(),
                            TupleFacts {
                                count,
                                first: self.tuple_sighting(*key, values),
                            },
                        )
                    })
                    .collect(),
            };
            let arguments = match (call.indexes.is_empty(), call.unbounded) {
                (true, _) => Arguments::Untracked,
                (false, false) => Arguments::Exact(tuples()),
                (false, true) => Arguments::Unbounded(tuples()),
            };
            let first = self.calls.get(key).map(|origin| self.sighting(origin));
            let last_ms = last_ms(key, call.count);
            (
                *key,
                CallFacts {
                    count: call.count,
                    first,
                    last_ms,
                    arguments,
                },
            )
        });
        facts.collect()
    }

    /// What was refused, from the last counts.
    #[must_use]
    pub fn denials(&self, refused: &Refused) -> BTreeMap<DenialKey, DenialFacts> {
        let sighting = |origin: Option<&Origin>| origin.map(|origin| self.sighting(origin));
        let denials = refused.iter().map(|(&key, kept)| {
            let tuple = |(values, &count): (&Vec<u64>, &u64)| {
                let first = sighting(self.denied_tuples.get(&(key, values.clone())));
                (values.clone(), TupleFacts { count, first })
            };
            let tuples = (!kept.indexes.is_empty()).then(|| Tuples {
                indexes: kept.indexes.clone(),
                seen: kept.tuples.iter().map(tuple).collect(),
            });
            let facts = DenialFacts {
                count: kept.count,
                first: sighting(self.denials.get(&key)),
                tuples,
            };
            (key, facts)
        });
        denials.collect()
    }

    /// How many refused calls are known.
    #[must_use]
    pub fn denials_len(&self) -> usize {
        self.denials.len()
    }

    fn tuple_sighting(&self, key: FactKey, values: &[u64]) -> Option<Sighting> {
        let mut wide = [0; 3];
        wide[..values.len()].copy_from_slice(values);
        self.tuples
            .get(&(key, wide))
            .map(|origin| self.sighting(origin))
    }

    fn sighting(&self, origin: &Origin) -> Sighting {
        Sighting {
            at_ms: self.since_start_ms(origin.time_ns),
            pid: origin.pid,
            program: origin.program.clone(),
        }
    }
}

/// Says whether the key was new.
fn keep_earliest<K: Ord>(entry: Entry<'_, K, Origin>, origin: Origin) -> bool {
    match entry {
        Entry::Vacant(vacant) => {
            vacant.insert(origin);
            true
        }
        Entry::Occupied(mut occupied) => {
            if origin.time_ns < occupied.get().time_ns {
                occupied.insert(origin);
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{CallCount, RefusedCount};
    use crate::recording::Answer;
    use crate::syscall::{Abi, Call};

    fn key(number: i32) -> FactKey {
        FactKey {
            call: Call::new(Abi::X86_64, number),
            filtered: false,
        }
    }

    fn event(time_ms: u64, what: What) -> Event {
        let origin = Origin {
            time_ns: time_ms * 1_000_000,
            pid: 7,
            program: format!("p{time_ms}"),
        };
        Event {
            slot: 0,
            what,
            origin,
        }
    }

    #[test]
    fn what_was_refused_is_told_at_once_and_kept_with_its_counts() {
        let socket = DenialKey {
            call: Call::new(Abi::X86_64, 41),
            answer: Answer::Errno(97),
        };
        let mount = DenialKey {
            call: Call::new(Abi::X86_64, 165),
            answer: Answer::Signal,
        };
        let mut ledger = Ledger::new(0);
        let first = |at_ms| Sighting {
            at_ms,
            pid: 7,
            program: format!("p{at_ms}"),
        };
        let told = ledger.enter(event(5, What::Denied(socket, vec![38, 5, 0])));
        let refusal = Refusal {
            key: socket,
            arguments: vec![(0, 38), (1, 5), (2, 0)],
            first: first(5),
        };
        assert_eq!(told, Some(refusal));
        ledger.enter(event(9, What::Denied(socket, vec![40, 1, 0])));
        ledger.enter(event(12, What::Denied(mount, vec![])));
        assert_eq!(ledger.enter(event(13, What::Call(key(39)))), None);
        assert_eq!((ledger.denials_len(), ledger.last_new_ms()), (2, 13));

        let sockets = RefusedCount {
            count: 7,
            indexes: vec![0, 1, 2],
            tuples: [(vec![38, 5, 0], 4), (vec![40, 1, 0], 3)].into(),
        };
        let mounts = RefusedCount {
            count: 2,
            ..RefusedCount::default()
        };
        let tuple = |count, at_ms| TupleFacts {
            count,
            first: Some(first(at_ms)),
        };
        let tuples = Tuples {
            indexes: vec![0, 1, 2],
            seen: [(vec![38, 5, 0], tuple(4, 5)), (vec![40, 1, 0], tuple(3, 9))].into(),
        };
        let facts = |count, at_ms, tuples| DenialFacts {
            count,
            first: Some(first(at_ms)),
            tuples,
        };
        assert_eq!(
            ledger.denials(&[(socket, sockets), (mount, mounts)].into()),
            [
                (socket, facts(7, 5, Some(tuples))),
                (mount, facts(2, 12, None)),
            ]
            .into()
        );
    }

    #[test]
    fn the_earliest_sighting_of_all_cpus_counts() {
        let mut ledger = Ledger::new(0);
        let armed = What::Armed {
            capabilities: 1,
            filtered: false,
            no_new_privs: true,
        };
        ledger.enter(event(10, armed));
        ledger.enter(event(30, What::Call(key(39))));
        ledger.enter(event(20, What::Call(key(39))));
        ledger.enter(event(25, What::Tuple(key(41), [2, 1, 0])));
        assert_eq!(ledger.size(), (1, 1));
        assert_eq!(ledger.last_new_ms(), 20);

        let getpid = CallCount {
            count: 5,
            ..CallCount::default()
        };
        let socket = CallCount {
            count: 1,
            indexes: vec![0, 1, 2],
            tuples: [(vec![2, 1, 0], 1)].into(),
            unbounded: false,
        };
        ledger.note_counts(40_000_000, &[(key(39), getpid.clone())].into());
        ledger.note_counts(50_000_000, &[(key(39), getpid.clone())].into());
        let facts = ledger.facts(60_000_000, &[(key(39), getpid), (key(41), socket)].into());
        let first = Sighting {
            at_ms: 10,
            pid: 7,
            program: "p20".to_owned(),
        };
        assert_eq!(
            facts[&key(39)],
            CallFacts {
                count: 5,
                first: Some(first),
                last_ms: 30,
                arguments: Arguments::Untracked
            }
        );
        let first = Some(Sighting {
            at_ms: 15,
            pid: 7,
            program: "p25".to_owned(),
        });
        let seen = [(vec![2, 1, 0], TupleFacts { count: 1, first })].into();
        assert_eq!(
            facts[&key(41)].arguments,
            Arguments::Exact(Tuples {
                indexes: vec![0, 1, 2],
                seen
            })
        );
        assert_eq!(
            facts[&key(41)].last_ms,
            50,
            "changed since the last reading: at the end"
        );
    }

    #[test]
    fn a_window_goes_on_where_another_left_it() {
        let mut first = Ledger::new(5_000_000);
        first.enter(event(20, What::Call(key(39))));
        first.enter(event(25, What::Tuple(key(41), [2, 1, 0])));
        let counted = |count| CallCount {
            count,
            indexes: vec![0, 1, 2],
            tuples: [(vec![2, 1, 0], count)].into(),
            unbounded: false,
        };
        let getpid = CallCount {
            count: 5,
            ..CallCount::default()
        };
        let snapshot = |count| [(key(39), getpid.clone()), (key(41), counted(count))].into();
        first.note_counts(30_000_000, &snapshot(1));
        let before = first.facts(40_000_000, &snapshot(1));
        let mut second = Ledger::resumed(first.start_ns(), first.last_new_ms(), &before);
        assert_eq!(second.facts(50_000_000, &snapshot(1)), before);
        assert_eq!(second.last_new_ms(), first.last_new_ms());
        second.note_counts(60_000_000, &snapshot(2));
        let after = second.facts(70_000_000, &snapshot(2));
        assert_eq!(after[&key(39)], before[&key(39)]);
        assert_eq!((after[&key(41)].count, after[&key(41)].last_ms), (2, 55));
    }
}
