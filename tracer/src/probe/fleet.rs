//! The kernel side for many scopes at once: one program, and a list of cgroups that says which are scopes.
//!
//! What it keeps may be pinned. Then program and maps outlive their user space, and the next one picks them
//! up. It refuses to know what a scope is called, and which of them are worth keeping.

mod clear;

use super::attach::{
    self, Attachment, BTF_PATH, Looking, Maps, OBJECT, ProbeError, TUPLES_PER_CALL, map_error,
};
use super::counts::{self, Shared, Snapshot, Wire};
use super::hook::{self, Held};
use super::paths::{PATHS_MAX, Paths};
use super::pins::Pins;
use super::programs::{Choice, Programs};
use super::sighting::Event;
use super::{event, offsets};
use crate::recording::{Loss, Losses};
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, PerCpuValues, Queue, RingBuf};
use aya::{Btf, Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use rustix::process::Pid;
use rustix::thread::{MembarrierCommand, membarrier};
use seccomp_tracer_ebpf as wire;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The most scopes at once.
pub const SCOPES_MAX: u32 = 1000;

/// Levels below the root at which a cgroup can be listed.
pub const LEVELS_MAX: u32 = wire::listed::LEVELS;

/// Listed cgroups that are no scopes: parents, and those to be left alone. More are refused.
pub(super) const OTHERS_MAX: u32 = 4096;

/// `BPF_NOEXIST`.
const NOT_THERE: u64 = 1;

/// Long enough for any program that was running, on kernels that do not offer to wait for it.
const GRACE: Duration = Duration::from_millis(50);

/// How many scopes, and what the program takes for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Scopes at once, at most [`SCOPES_MAX`].
    pub scopes: u32,
    /// Mount namespaces (inode numbers) from which an exec does not start a container, beside the host's; 0 for
    /// none.
    pub host_mount_namespaces: [u32; 2],
}

/// From when on the children of a parent are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildStart {
    /// At once.
    Now,
    /// From their first exec on.
    FirstExec,
    /// As [`Start::ContainerExec`](super::Start::ContainerExec).
    ContainerExec,
}

/// What the list says of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// It is a scope, with this slot.
    Scope(u32),
    /// Each of its children is a scope.
    Parent,
    /// It is left alone, with everything below it.
    Ignored,
}

/// How full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Argument tuples that have a place of their own, when they were last read …
    pub tuples: u32,
    /// … and how many could have.
    pub tuples_max: u32,
    /// Calls whose number no table has, when they were last read …
    pub odd_calls: u32,
    /// … and how many could be kept.
    pub odd_calls_max: u32,
    /// How many scopes there is room for.
    pub scopes_max: u32,
}

/// The kernel side.
pub struct Fleet {
    maps: Maps,
    armed: Array<MapData, u64>,
    seen: PerCpuArray<MapData, Wire<wire::Seen>>,
    free: Queue<MapData, u32>,
    events: RingBuf<MapData>,
    messages: Option<EbpfLogger<&'static dyn log::Log>>,
    program: OwnedFd,
    cpus: NonZero<u32>,
    fill: Fill,
    attachment: Attachment,
    /// Whether what the kernel skipped may have been a scope's.
    may_skip: bool,
    /// What scopes lost that have gone.
    lost: wire::Counters,
    /// The paths of cgroups that may be gone already, where the kernel lets us have them.
    paths: Option<Paths>,
    /// What is not pinned lives as long as this.
    own: Option<(Ebpf, Vec<(&'static str, Held)>)>,
}

impl Fleet {
    /// Loads the program with an empty list, attaches it, and pins everything, if that is asked for.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if the kernel refuses.
    pub fn start(room: Room, pins: Option<&Pins>) -> Result<Self, ProbeError> {
        let types = std::fs::read(BTF_PATH).map_err(ProbeError::NoBtf)?;
        let found = offsets::find(&types).map_err(ProbeError::Btf)?;
        drop(types);
        let choice = Choice::make(found, Looking::AtCalls, false);
        let mut config = config(room);
        choice.tell(&mut config);
        let btf = Btf::from_sys_fs().map_err(ProbeError::KernelBtf)?;
        attach::raise_memory_limit();
        let scopes = room.scopes;
        let mut ebpf = EbpfLoader::new()
            .btf(&btf)
            .override_global("CONFIG", &Wire(config), true)
            .override_global("OFFSETS", &Wire(found.offsets), true)
            .map_max_entries("CALLS", scopes)
            .map_max_entries("NEAR", scopes)
            .map_max_entries("TUPLE_COUNTS", scopes * wire::SLOT_LEN)
            .map_max_entries("TUPLES", attach::tuples_max(scopes))
            .map_max_entries("ARMED", scopes)
            .map_max_entries("COUNTERS", scopes)
            .map_max_entries("EXECUTED", scopes)
            .map_max_entries("PATHS", PATHS_MAX)
            .map_max_entries("SLOTS", scopes + OTHERS_MAX)
            .map_max_entries("FREE_SLOTS", scopes)
            .load(OBJECT)
            .map_err(ProbeError::Load)?;
        let mut programs = Programs::load(&mut ebpf, &btf, &choice)?;
        let program = programs.counting(&ebpf)?;
        if let Some(pins) = pins {
            pins.make(&ebpf)?;
            pins.pin(|path| event::pin(program.as_fd(), path))?;
        }
        attach::track_arguments(&mut ebpf)?;
        attach::look_for_clients(&mut ebpf)?;
        let messages = EbpfLogger::init(&mut ebpf).ok();
        let attachment = programs.attachment();
        let mut fleet = Self::of(program, attachment, messages, |name| {
            Ok(ebpf.take_map(name).expect("in the object"))
        })?;
        fleet.may_skip = programs.may_skip();
        for slot in 0..scopes {
            fleet.free(slot)?;
        }
        fleet.paths = programs.keep_paths(&mut ebpf, &btf, &choice)?;
        let held = programs.hold(&mut ebpf)?;
        match pins {
            // The last one last, so that a link that is there says that everything is.
            Some(pins) => pins.hold(held)?,
            None => fleet.own = Some((ebpf, held)),
        }
        Ok(fleet)
    }

    /// Picks up what another user space left behind. It went on counting all the time.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if what is pinned cannot be used.
    pub fn pick_up(pins: &Pins) -> Result<Self, ProbeError> {
        let program = pins.program()?;
        let types = std::fs::read(BTF_PATH).map_err(ProbeError::NoBtf)?;
        let types = offsets::find(&types).map_err(ProbeError::Btf)?;
        // Needs more rights than recording does; it is for the log only.
        let messages = pins
            .program_id()
            .and_then(|id| EbpfLogger::init_from_id(id).ok());
        let attachment = pins.attachment();
        let mut fleet = Self::of(program, attachment, messages, |name| pins.map(name))?;
        fleet.may_skip = types.is_preemptible && attachment != Attachment::PerfSubmit;
        if pins.holds(hook::MADE.name(Attachment::RawTracepoint)) {
            fleet.paths = Some(Paths::of_map(pins.map("PATHS")?)?);
        }
        Ok(fleet)
    }

    fn of(
        program: OwnedFd,
        attachment: Attachment,
        messages: Option<EbpfLogger<&'static dyn log::Log>>,
        mut map: impl FnMut(&'static str) -> Result<Map, ProbeError>,
    ) -> Result<Self, ProbeError> {
        let maps = Maps {
            calls: typed(&mut map, "CALLS")?,
            near: typed(&mut map, "NEAR")?,
            tuples: typed(&mut map, "TUPLES")?,
            tuple_counts: typed(&mut map, "TUPLE_COUNTS")?,
            odd_calls: typed(&mut map, "ODD_CALLS")?,
            counters: typed(&mut map, "COUNTERS")?,
            members: typed(&mut map, "MEMBERS")?,
            executed: typed(&mut map, "EXECUTED")?,
            slots: typed(&mut map, "SLOTS")?,
        };
        let free: Queue<MapData, u32> = typed(&mut map, "FREE_SLOTS")?;
        let cpus = aya::util::nr_cpus();
        let cpus = cpus.map_err(|(_, source)| map_error("SEEN")(MapError::IoError(source)))?;
        let scopes_max = free.capacity();
        Ok(Self {
            armed: typed(&mut map, "ARMED")?,
            seen: typed(&mut map, "SEEN")?,
            events: typed(&mut map, "EVENTS")?,
            messages,
            program,
            cpus,
            fill: Fill {
                tuples_max: attach::tuples_max(scopes_max),
                odd_calls_max: ODD_CALLS_MAX,
                scopes_max,
                ..Fill::default()
            },
            maps,
            free,
            attachment,
            may_skip: false,
            lost: wire::Counters::default(),
            paths: None,
            own: None,
        })
    }

    /// The list of another kernel side that is loaded and not yet taken apart, over the same maps.
    pub(super) fn beside(ebpf: &Ebpf, programs: &Programs) -> Result<Self, ProbeError> {
        let program = programs.counting(ebpf)?;
        Self::of(program, programs.attachment(), None, |name| {
            let failed = |source| map_error(name)(MapError::IoError(source));
            let map = ebpf.map(name).expect("in the object");
            let data = match map {
                Map::Array(data)
                | Map::HashMap(data)
                | Map::PerCpuArray(data)
                | Map::PerCpuHashMap(data)
                | Map::Queue(data)
                | Map::RingBuf(data) => data,
                _ => return Err(map_error(name)(MapError::InvalidMapType { map_type: 0 })),
            };
            let fd = data.fd().as_fd().try_clone_to_owned().map_err(failed)?;
            let map = MapData::from_fd(fd).and_then(Map::from_map_data);
            map.map_err(map_error(name))
        })
    }

    /// The next first sighting that waits, if any. Entries that are none of ours are skipped.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let item = self.events.next()?;
            if let Some(event) = Event::from_bytes(&item) {
                return Some(event);
            }
        }
    }

    /// Becomes readable when there is a first sighting.
    #[must_use]
    pub fn events_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// Passes the kernel side's messages on to the program's log.
    pub fn flush_messages(&mut self) {
        if let Some(messages) = &mut self.messages {
            messages.flush();
        }
    }

    /// The list, by cgroup id.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if it cannot be read.
    pub fn listed(&self) -> Result<BTreeMap<u64, Listed>, ProbeError> {
        let entries = self.maps.slots.iter();
        let entries = entries.map(|entry| entry.map(|(id, word)| (id, listed(word))));
        entries
            .collect::<Result<_, _>>()
            .map_err(map_error("SLOTS"))
    }

    /// Makes a cgroup a scope that records at once; its slot, or `None` if there is no room. One that is a
    /// scope already stays what it is. Takes effect with [`Self::settle`].
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the list cannot be written.
    pub fn add(&mut self, cgroup_id: u64) -> Result<Option<u32>, ProbeError> {
        let slot = match self.free.pop(0) {
            Ok(slot) => slot,
            Err(MapError::ElementNotFound) => return Ok(None),
            Err(error) => return Err(map_error("FREE_SLOTS")(error)),
        };
        self.arm(slot)?;
        if self.word(cgroup_id)? == Some(Listed::Ignored) {
            self.remove(cgroup_id)?;
        }
        if self.maps.slots.insert(&cgroup_id, &slot, NOT_THERE).is_ok() {
            return Ok(Some(slot));
        }
        // A child that the program found first, or no room in the list.
        self.free(slot)?;
        match self.word(cgroup_id)? {
            Some(Listed::Scope(slot)) => self.arm(slot).map(|()| Some(slot)),
            _ => Ok(None),
        }
    }

    /// What the list says of a cgroup.
    fn word(&self, cgroup_id: u64) -> Result<Option<Listed>, ProbeError> {
        match self.maps.slots.get(&cgroup_id, 0) {
            Ok(word) => Ok(Some(listed(word))),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(map_error("SLOTS")(error)),
        }
    }

    /// Lets a scope record, whatever it waits for.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if that cannot be written.
    pub fn arm(&mut self, slot: u32) -> Result<(), ProbeError> {
        let all = wire::armed::ALL;
        self.armed.set(slot, &all, 0).map_err(map_error("ARMED"))
    }

    /// Whether a scope records by now.
    #[must_use]
    pub fn is_armed(&self, slot: u32) -> bool {
        let state = self.armed.get(&slot, 0);
        state.is_ok_and(|state| ![wire::armed::NOT_YET, wire::armed::AT_EXEC].contains(&state))
    }

    /// Makes each child of a cgroup a scope, from its first call on. Takes effect for cgroups that already
    /// exist with [`Self::settle`].
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if there is no room in the list.
    pub fn add_parent(&mut self, cgroup_id: u64, start: ChildStart) -> Result<(), ProbeError> {
        let word = match start {
            ChildStart::Now => wire::listed::PARENT_AT_ONCE,
            ChildStart::FirstExec => wire::listed::PARENT_AT_EXEC,
            ChildStart::ContainerExec => wire::listed::PARENT,
        };
        let inserted = self.maps.slots.insert(&cgroup_id, &word, 0);
        inserted.map_err(map_error("SLOTS"))
    }

    /// Leaves a cgroup alone. Takes effect with [`Self::settle`].
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if there is no room in the list.
    pub fn ignore(&mut self, cgroup_id: u64) -> Result<(), ProbeError> {
        let word = wire::listed::IGNORED;
        let inserted = self.maps.slots.insert(&cgroup_id, &word, 0);
        inserted.map_err(map_error("SLOTS"))
    }

    /// Takes a cgroup off the list. Takes effect with [`Self::settle`].
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the list cannot be written.
    pub fn remove(&mut self, cgroup_id: u64) -> Result<(), ProbeError> {
        if self.word(cgroup_id)?.is_none() {
            return Ok(());
        }
        // Nobody else takes anything off the list.
        let removed = self.maps.slots.remove(&cgroup_id);
        removed.map_err(map_error("SLOTS"))
    }

    /// When this returns, the list as it is now is what every CPU goes by, and no program that went by another
    /// one is still running: scopes that were taken off do not change any more.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the CPUs' memory of the list cannot be cleared.
    pub fn settle(&mut self) -> Result<(), ProbeError> {
        // Who looked before the change may only now write down what it found.
        wait_for_running_programs();
        let nothing = Wire(wire::Seen {
            cgroup_id: 0,
            slot: wire::LOOK_AGAIN,
        });
        let nothing = self.on_every_cpu(nothing, "SEEN")?;
        self.seen.set(0, nothing, 0).map_err(map_error("SEEN"))?;
        wait_for_running_programs();
        Ok(())
    }

    /// Everything kept for some scopes.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    pub fn snapshots(
        &mut self,
        slots: &BTreeSet<u32>,
    ) -> Result<BTreeMap<u32, Snapshot>, ProbeError> {
        let (snapshots, Shared { tuples, odd_calls }) = counts::snapshots(&self.maps, slots)?;
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        self.fill.tuples = count(tuples);
        self.fill.odd_calls = count(odd_calls);
        Ok(snapshots)
    }

    /// Gives a slot to whoever comes next. It must be clear.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if that cannot be written.
    pub fn free(&mut self, slot: u32) -> Result<(), ProbeError> {
        self.free.push(&slot, 0).map_err(map_error("FREE_SLOTS"))
    }

    /// The slots that nobody has. Each is taken and put back at once, because there is no other way to look;
    /// one that the program takes meanwhile is not among them.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if they cannot be read.
    pub fn unused(&mut self) -> Result<BTreeSet<u32>, ProbeError> {
        let mut unused = BTreeSet::new();
        for _ in 0..self.fill.scopes_max {
            let slot = match self.free.pop(0) {
                Ok(slot) => slot,
                Err(MapError::ElementNotFound) => break,
                Err(error) => return Err(map_error("FREE_SLOTS")(error)),
            };
            self.free(slot)?;
            if !unused.insert(slot) {
                break;
            }
        }
        Ok(unused)
    }

    /// What could not be kept so far, of all scopes together.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the counters cannot be read.
    pub fn losses(&self) -> Result<Losses, ProbeError> {
        let mut counters = counts::all_counters(&self.maps)?;
        counts::add_counters(&mut counters, &self.lost);
        let mut losses = counts::named(&counters);
        losses.set(Loss::Recursion, self.skipped());
        Ok(losses)
    }

    /// What could not be kept so far of one scope.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the counters cannot be read.
    pub fn losses_of(&self, slot: u32) -> Result<Losses, ProbeError> {
        let mut losses = counts::losses_of(&self.maps, slot)?;
        losses.set(Loss::Recursion, self.skipped());
        Ok(losses)
    }

    fn skipped(&self) -> u64 {
        if self.may_skip {
            hook::skipped(self.program.as_fd())
        } else {
            0
        }
    }

    /// What of [`Self::losses_of`] is no scope's own and was there before.
    #[must_use]
    pub fn skipped_before(&self) -> Losses {
        let mut losses = Losses::default();
        losses.set(Loss::Recursion, self.skipped());
        losses
    }

    /// The clients of engines that were executed in a scope since it records.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the map cannot be read.
    pub fn clients(&self, slot: u32) -> Result<Vec<&'static str>, ProbeError> {
        counts::clients(&self.maps, slot)
    }

    /// The paths of cgroups that may be gone already, for whoever wants them, where the kernel lets us have them.
    pub fn take_paths(&mut self) -> Option<Paths> {
        self.paths.take()
    }

    /// Which kind of hook is in use.
    #[must_use]
    pub fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// Keeps in mind which processes are in a scope that was there before it was recorded, by their ids in the
    /// first pid namespace.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if there is no room for them.
    pub fn follow(&mut self, slot: u32, pids: &[Pid]) -> Result<(), ProbeError> {
        let mut pids = pids
            .iter()
            .map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
        pids.try_for_each(|pid| counts::follow(&mut self.maps, pid, slot))
    }

    /// How full it is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        self.fill
    }

    fn on_every_cpu<T: Copy>(
        &self,
        value: Wire<T>,
        map: &'static str,
    ) -> Result<PerCpuValues<Wire<T>>, ProbeError>
    where
        Wire<T>: aya::Pod,
    {
        PerCpuValues::try_from(vec![value; self.cpus.get() as usize])
            .map_err(|source| map_error(map)(MapError::IoError(source)))
    }
}

/// As the program has it (`tracer-ebpf`).
const ODD_CALLS_MAX: u32 = 1 << 12;

fn config(room: Room) -> wire::Config {
    wire::Config {
        scopes: wire::scopes::LISTED,
        arming: wire::arming::CONTAINER_EXEC,
        tuples_per_call: TUPLES_PER_CALL,
        engine_mount_namespaces: room.host_mount_namespaces,
        ..wire::Config::default()
    }
}

fn listed(word: u32) -> Listed {
    match word {
        wire::listed::IGNORED => Listed::Ignored,
        wire::listed::FIRST.. => Listed::Parent,
        slot => Listed::Scope(slot),
    }
}

fn typed<M: TryFrom<Map, Error = MapError>>(
    map: &mut impl FnMut(&'static str) -> Result<Map, ProbeError>,
    name: &'static str,
) -> Result<M, ProbeError> {
    map(name)?.try_into().map_err(map_error(name))
}

/// Waits until every program that runs now has ended. They run with RCU's read lock, and this waits for it.
fn wait_for_running_programs() {
    // Not offered where CPUs are kept free of ticks.
    if membarrier(MembarrierCommand::Global).is_err() {
        std::thread::sleep(GRACE);
    }
}
