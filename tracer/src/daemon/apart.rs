//! What runtimes do for confined containers, told apart while a cgroup above them is recorded whole.
//!
//! That recording counts everything below the cgroup. Beside it each child is counted by itself: what was counted
//! outside of a filter in a container that its engine starts under one is the runtime's. A call is left out only as
//! far as it is explained so. Whatever was not told apart stays: of a child that nobody knows or that found no room,
//! what was done before this began or after it was read, and of processes in the cgroup itself.

use super::inspector::{self, Answer, Inspector, Question, Said};
use crate::probe::{ChildStart, Fleet, Listed, ProbeError, Room, Snapshot, What};
use crate::recording::Below;
use crate::session;
use crate::target::cgroup::{Cgroup, Hierarchy};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Children at once. What is done in one that finds no room counts.
const CHILDREN_MAX: u32 = 64;

/// How often it is looked for new children, so that those of a moment still have a path.
const PAUSE: Duration = Duration::from_millis(10);

/// How long engines are waited for when everything has been read.
const ANSWERS_MAX: Duration = Duration::from_secs(5);

/// Counts children by themselves, until it is told to end.
pub struct Apart {
    /// Ends the counting when it goes.
    stop: Option<SyncSender<()>>,
    is_read: Receiver<()>,
    thread: JoinHandle<Option<Told>>,
}

/// What was told apart.
#[derive(Debug, Default)]
pub struct Told {
    /// The containers that were there.
    pub below: Below,
    /// What was done outside of a filter for the confined ones.
    pub theirs: Snapshot,
}

impl Apart {
    /// Begins, after the recording has; `None` if that is not possible, so that everything counts.
    #[must_use]
    pub fn start(hierarchy: Hierarchy, parent: Cgroup) -> Option<Self> {
        let (ready, is_ready) = sync_channel(1);
        let (stop, stopped) = sync_channel(1);
        let (read, is_read) = sync_channel(1);
        let work = move || {
            let children = Children::start(hierarchy, parent);
            let children = children.inspect_err(|error| log::warn!("{error}")).ok()?;
            ready.send(()).ok()?;
            let told = children.until(&stopped, &read);
            told.inspect_err(|error| log::warn!("{error}")).ok()
        };
        let thread = thread::Builder::new().spawn(work).ok()?;
        is_ready.recv().ok()?;
        Some(Self {
            stop: Some(stop),
            is_read,
            thread,
        })
    }

    /// Reads what was counted. From then on nothing more is explained, so this comes before the recording is read.
    pub fn read(&mut self) {
        if self.stop.take().is_some() {
            // Nobody who could say so has nothing to say either.
            let _ = self.is_read.recv();
        }
    }

    /// What was told apart by then.
    #[must_use]
    pub fn end(mut self) -> Option<Told> {
        self.read();
        self.thread.join().ok().flatten()
    }
}

impl Told {
    /// Leaves of what was counted in all what is the target's.
    pub fn leave_own(&self, all: &mut Snapshot) {
        all.retain(|key, call| {
            let Some(theirs) = self.theirs.get(key) else {
                return true;
            };
            if theirs.count >= call.count {
                return false;
            }
            call.count -= theirs.count;
            if !call.unbounded && !theirs.unbounded {
                call.tuples.retain(|values, count| {
                    let explained = theirs.tuples.get(values).copied().unwrap_or_default();
                    *count = count.saturating_sub(explained);
                    *count > 0
                });
            }
            true
        });
    }
}

/// How an engine starts a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Confined,
    Unconfined,
    Unknown,
}

/// The children of a cgroup.
struct Children {
    parent: Cgroup,
    fleet: Fleet,
    inspector: Inspector,
    /// Found, and not asked about yet.
    new: BTreeSet<u64>,
    /// Asked about.
    asked: BTreeSet<u64>,
    /// Containers by the ids of their cgroups.
    starts: BTreeMap<u64, Start>,
}

impl Children {
    fn start(hierarchy: Hierarchy, parent: Cgroup) -> Result<Self, ProbeError> {
        let room = Room {
            scopes: CHILDREN_MAX,
            host_mount_namespaces: [0; 2],
        };
        let mut fleet = Fleet::start(room, None)?;
        fleet.add_parent(parent.id, ChildStart::Now)?;
        let present: BTreeSet<u64> = parent.children().iter().map(|child| child.id).collect();
        for &id in &present {
            fleet.add(id)?;
        }
        fleet.settle()?;
        let mut children = Self {
            inspector: Inspector::start(hierarchy),
            parent,
            fleet,
            new: present,
            asked: BTreeSet::new(),
            starts: BTreeMap::new(),
        };
        children.ask();
        Ok(children)
    }

    fn until(mut self, stopped: &Receiver<()>, read: &SyncSender<()>) -> Result<Told, ProbeError> {
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
        self.look();
        let counted = self.counted();
        // Whoever waits for it may have gone.
        let _ = read.send(());
        let deadline = Instant::now() + ANSWERS_MAX;
        while !self.asked.is_empty() && Instant::now() < deadline {
            thread::sleep(PAUSE);
            self.listen();
        }
        Ok(told(&self.starts, &counted?))
    }

    /// Looks for new children, and for answers about those that are known.
    fn look(&mut self) {
        while let Some(event) = self.fleet.next_event() {
            if let What::Scope { cgroup_id } = event.what {
                self.new.insert(cgroup_id);
            }
        }
        self.fleet.flush_messages();
        self.ask();
        self.listen();
    }

    /// Asks whose the new ones are; of one that is gone, nobody knows.
    fn ask(&mut self) {
        if self.new.is_empty() {
            return;
        }
        let children = self.parent.children();
        for id in std::mem::take(&mut self.new) {
            let Some(child) = children.iter().find(|child| child.id == id) else {
                self.starts.entry(id).or_insert(Start::Unknown);
                continue;
            };
            let path = PathBuf::from(&child.relative);
            // What is not called like a container is none.
            if self.starts.contains_key(&id) || inspector::suspected(&path).is_none() {
                continue;
            }
            self.starts.insert(id, Start::Unknown);
            let question = Question {
                run_id: id.to_string(),
                cgroup_id: id,
                path,
            };
            if self.inspector.ask(question) {
                self.asked.insert(id);
            }
        }
    }

    fn listen(&mut self) {
        while let Some(Answer { run_id, said }) = self.inspector.answer() {
            let Ok(id) = run_id.parse() else { continue };
            self.asked.remove(&id);
            let start = match said {
                Said::Container(known) => match known.configured.filter {
                    Some(true) => Start::Confined,
                    Some(false) => Start::Unconfined,
                    None => Start::Unknown,
                },
                Said::Elsewhere | Said::Nothing => Start::Unknown,
            };
            self.starts.insert(id, start);
        }
    }

    /// What was counted, by the ids of cgroups.
    fn counted(&mut self) -> Result<BTreeMap<u64, Snapshot>, ProbeError> {
        let listed = self.fleet.listed()?;
        let slots = listed.into_iter().filter_map(|(id, word)| match word {
            Listed::Scope(slot) => Some((id, slot)),
            Listed::Parent | Listed::Ignored => None,
        });
        let slots: BTreeMap<u64, u32> = slots.collect();
        let mut snapshots = self.fleet.snapshots(&slots.values().copied().collect())?;
        let counted = slots.into_iter();
        let counted = counted.filter_map(|(id, slot)| Some((id, snapshots.remove(&slot)?)));
        Ok(counted.collect())
    }
}

/// What is known of containers, and what was counted in each child.
fn told(starts: &BTreeMap<u64, Start>, counted: &BTreeMap<u64, Snapshot>) -> Told {
    let mut told = Told::default();
    for (id, start) in starts {
        let below = &mut told.below;
        let many = match start {
            Start::Confined => &mut below.confined,
            Start::Unconfined => &mut below.unconfined,
            Start::Unknown => &mut below.unknown,
        };
        *many = many.saturating_add(1);
        if let (Start::Confined, Some(counted)) = (start, counted.get(id)) {
            let outside = counted.iter().filter(|(key, _)| !key.filtered);
            let outside = outside.map(|(key, call)| (*key, call.clone()));
            session::add_counts(&mut told.theirs, &outside.collect());
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::CallCount;
    use crate::recording::FactKey;
    use crate::syscall::{Abi, Call};

    fn key(number: i32, filtered: bool) -> FactKey {
        FactKey {
            call: Call::new(Abi::X86_64, number),
            filtered,
        }
    }

    fn plain(count: u64) -> CallCount {
        CallCount {
            count,
            ..CallCount::default()
        }
    }

    fn tracked(tuples: &[(u64, u64)]) -> CallCount {
        CallCount {
            count: tuples.iter().map(|(_, count)| count).sum(),
            indexes: vec![0],
            tuples: tuples
                .iter()
                .map(|&(value, count)| (vec![value], count))
                .collect(),
            unbounded: false,
        }
    }

    #[test]
    fn what_is_explained_by_a_confined_container_is_left_out_and_nothing_else() {
        let starts = [
            (1, Start::Confined),
            (2, Start::Unconfined),
            (3, Start::Unknown),
        ];
        let set_up: Snapshot = [
            (key(165, false), plain(4)),
            (key(157, false), tracked(&[(38, 1), (15, 1)])),
            (key(0, false), plain(2)),
            (key(0, true), plain(9)),
        ]
        .into();
        let counted: BTreeMap<u64, Snapshot> = [1, 2, 3].map(|id| (id, set_up.clone())).into();
        let told = told(&starts.into(), &counted);
        let one = Below {
            confined: 1,
            unconfined: 1,
            unknown: 1,
        };
        assert_eq!(told.below, one);
        let mut all: Snapshot = [
            // Made once more than by the runtime: by another.
            (key(165, false), plain(5)),
            (key(157, false), tracked(&[(38, 1), (15, 2), (22, 1)])),
            (key(0, false), plain(2)),
            (key(0, true), plain(9)),
            (key(1, false), plain(1)),
        ]
        .into();
        told.leave_own(&mut all);
        let expected: Snapshot = [
            (key(165, false), plain(1)),
            (key(157, false), tracked(&[(15, 1), (22, 1)])),
            (key(0, true), plain(9)),
            (key(1, false), plain(1)),
        ]
        .into();
        assert_eq!(all, expected);
    }

    #[test]
    fn values_that_were_not_all_kept_stay() {
        let told = Told {
            theirs: [(key(157, false), tracked(&[(38, 1)]))].into(),
            below: Below::default(),
        };
        let lossy = CallCount {
            unbounded: true,
            ..tracked(&[(38, 1), (15, 1)])
        };
        let mut all: Snapshot = [(key(157, false), lossy.clone())].into();
        told.leave_own(&mut all);
        let expected = CallCount { count: 1, ..lossy };
        assert_eq!(all, [(key(157, false), expected)].into());
    }
}
