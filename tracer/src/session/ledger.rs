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

/// Names that are kept of those who left.
const LEFT_MAX: usize = 64;

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

/// A call that was made, for the first time, or for the first time with these arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The call, and whether it was made under a filter.
    pub key: FactKey,
    /// The tracked arguments, by position. A call of which some are tracked is told once without, too.
    pub arguments: Vec<(u8, u64)>,
    /// Who, when.
    pub first: Sighting,
}

/// What those who want to hear at once are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A call was refused.
    Refused(Refusal),
    /// A call was made.
    Made(Made),
}

/// Collects a session's facts.
#[derive(Debug, Default)]
pub struct Ledger {
    start_ns: u64,
    last_new_ns: u64,
    /// By slot, and the first to start by itself.
    rights: BTreeMap<u32, Rights>,
    first_started: Option<u32>,
    /// Whether the window has begun, so that no start of a target begins it.
    is_begun: bool,
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

    /// Adds who left in another window of the same target.
    pub fn resume_left(&mut self, left: &BTreeMap<String, u64>) {
        for (name, count) in left {
            self.note_left(name.clone(), *count);
        }
    }

    /// Goes on with an earlier window of the same target, which this one is a part of from then on.
    pub fn join(&mut self, earlier: Self) {
        self.resume_left(&earlier.left);
        let new_calls = self.calls.iter();
        let new_calls = new_calls.filter(|(key, _)| !earlier.calls.contains_key(key));
        let new_tuples = self.tuples.iter();
        let new_tuples = new_tuples.filter(|(key, _)| !earlier.tuples.contains_key(key));
        let times = new_calls.map(|(_, origin)| origin.time_ns);
        let times = times.chain(new_tuples.map(|(_, origin)| origin.time_ns));
        self.last_new_ns = times.fold(earlier.last_new_ns, u64::max);
        self.start_ns = earlier.start_ns;
        self.first_started = earlier.first_started.or(self.first_started);
        for (slot, rights) in earlier.rights {
            self.rights.entry(slot).or_insert(rights);
        }
        self.clients.extend(earlier.clients);
        self.is_begun = true;
        for (key, origin) in earlier.calls {
            keep_earliest(self.calls.entry(key), origin);
        }
        for (key, origin) in earlier.tuples {
            keep_earliest(self.tuples.entry(key), origin);
        }
        // As they were read then: whether something has changed is for all windows together.
        self.counts = earlier.counts;
        self.changed_ns = earlier.changed_ns;
    }

    /// Takes a window as begun, whatever starts in it: the target runs already.
    pub fn begin(&mut self) {
        self.is_begun = true;
    }

    /// Adds what is left of what was refused.
    pub fn resume_denials(&mut self, denials: &BTreeMap<DenialKey, DenialFacts>) {
        let start_ns = self.start_ns;
        let origin = |sighting: &Sighting| Origin {
            time_ns: start_ns.saturating_add(sighting.at_ms.saturating_mul(1_000_000)),
            pid: sighting.pid,
            program: sighting.program.clone(),
        };
        for (&key, facts) in denials {
            if let Some(first) = &facts.first {
                self.denials.insert(key, origin(first));
            }
            let tuples = facts.tuples.iter().flat_map(|tuples| &tuples.seen);
            for (values, tuple) in tuples {
                if let Some(first) = &tuple.first {
                    let key = (key, values.clone());
                    self.denied_tuples.insert(key, origin(first));
                }
            }
        }
    }

    /// Enters a first sighting. The earliest counts: each CPU reports its own. What is new is told, for those who
    /// want to hear at once.
    pub fn enter(&mut self, event: Event) -> Option<News> {
        let Event { slot, what, origin } = event;
        self.note_program(&origin.program);
        match what {
            What::Denied(key, values) => {
                return Some(News::Refused(self.refuse(key, values, origin)));
            }
            What::Armed {
                capabilities,
                filtered,
                no_new_privs,
            } => {
                // A container's later lives do not start its window again.
                if !self.is_begun {
                    self.start_ns = origin.time_ns;
                    self.last_new_ns = origin.time_ns;
                }
                self.is_begun = true;
                self.first_started.get_or_insert(slot);
                self.rights.entry(slot).or_insert(Rights {
                    capabilities,
                    filtered,
                    no_new_privs,
                    pid: origin.pid,
                });
            }
            What::Scope { cgroup_id } => self.cgroup_ids.push(cgroup_id),
            What::Left => self.note_left(origin.program, 1),
            What::Call(key) => {
                let first = self.sighting(&origin);
                if keep_earliest(self.calls.entry(key), origin.clone()) {
                    self.last_new_ns = self.last_new_ns.max(origin.time_ns);
                    return Some(News::Made(made(key, &[], first)));
                }
            }
            What::Tuple(key, values) => {
                let first = self.sighting(&origin);
                if keep_earliest(self.tuples.entry((key, values)), origin.clone()) {
                    self.last_new_ns = self.last_new_ns.max(origin.time_ns);
                    return Some(News::Made(made(key, &values, first)));
                }
            }
        }
        None
    }

    /// A hostile scope may have as many names as it likes, so of very many the first are kept.
    fn note_left(&mut self, name: String, count: u64) {
        if self.left.len() < LEFT_MAX || self.left.contains_key(&name) {
            let left = self.left.entry(name).or_default();
            *left = left.saturating_add(count);
        }
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

    /// How often calls had been made when that was last read.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.counts
            .values()
            .fold(0, |sum, &count| sum.saturating_add(count))
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

/// A call with as many of these values as it has tracked arguments.
fn made(key: FactKey, values: &[u64], first: Sighting) -> Made {
    let tracked = key.call.name().map_or(&[][..], catalog::tracked);
    let indexes = tracked.iter().map(|argument| argument.index);
    Made {
        key,
        arguments: indexes.zip(values.iter().copied()).collect(),
        first,
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
mod tests;
