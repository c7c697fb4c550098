//! Loading, attaching, detaching.

use super::btf::BtfError;
use super::counts::{self, Snapshot, Wire};
use super::fleet::{ChildStart, Fleet, OTHERS_MAX};
use super::hook::{self, Size};
use super::kept::Kept;
use super::offsets;
use super::paths::{PATHS_MAX, Paths};
use super::programs::{Choice, Programs};
use super::refused::{self, Refused};
use super::sighting::Event;
use crate::recording::{self, DenialLosses, Losses};
use crate::syscall::{self, Abi, catalog};
use aya::maps::{
    Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuHashMap, Queue, RingBuf,
};
use aya::programs::ProgramError;
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};
use aya_log::EbpfLogger;
use seccomp_tracer_ebpf as wire;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

/// The compiled kernel side; `cargo xtask ebpf --check` proves that it is what its source gives.
pub(super) static OBJECT: &[u8] =
    aya::include_bytes_aligned!("../../../tracer-ebpf/seccomp-tracer.bpf.o");

/// Where kernels show their BTF.
pub(super) const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// Distinct tuples kept for one call; ioctl-heavy programs use about a hundred.
pub(super) const TUPLES_PER_CALL: u32 = 256;

/// Distinct tuples that there is room for: programs use a few dozen to a few hundred.
const TUPLES_MIN: u32 = 1 << 14;
const TUPLES_PER_SCOPE: u32 = 128;

/// What to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which tasks.
    pub scope: Scope,
    /// From when on. What a filter refuses is seen at once.
    pub start: Start,
    /// What is looked at.
    pub what: Looking,
    /// Leaves the typed hook aside, to try what older kernels get.
    pub raw_tracepoint: bool,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looking {
    /// Calls that are made.
    AtCalls,
    /// Calls that a filter refuses.
    AtDenials,
    /// Both.
    AtBoth,
}

/// Which tasks are watched: those in a cgroup or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Id of the cgroup: the inode number of its directory in the v2 hierarchy.
    pub cgroup_id: u64,
    /// Its depth below the root cgroup.
    pub level: u32,
    /// If above zero, each of that many children is a scope of its own, and the cgroup itself is none.
    pub children_max: u32,
    /// A cgroup above it whose other children that come later are scopes as well, until they are dismissed.
    pub beside: Option<u64>,
}

/// Scopes at once, of lives and of strangers that are not dismissed yet.
const BESIDE_MAX: u32 = 64;

/// From when on a scope is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once.
    Now,
    /// From its first exec on.
    FirstExec,
    /// From the first exec outside of these mount namespaces (inode numbers) on, and whatever is done under
    /// a seccomp filter before.
    ContainerExec([u32; 2]),
}

/// Which kind of hook is in use, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attachment {
    /// `tp_btf`.
    BtfTracepoint,
    /// `raw_tp`.
    RawTracepoint,
    /// `fentry` on the function through which perf submits the event of the tracepoint.
    PerfSubmit,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BtfTracepoint => "tp_btf",
            Self::RawTracepoint => "raw_tp",
            Self::PerfSubmit => "perf_submit",
        })
    }
}

/// Why the kernel cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The kernel does not show its types.
    #[error("cannot read `{BTF_PATH}`")]
    NoBtf(#[source] std::io::Error),
    /// Its types lack something that we need.
    #[error("cannot use `{BTF_PATH}`")]
    Btf(#[source] BtfError),
    /// aya cannot read them.
    #[error("cannot use `{BTF_PATH}`")]
    KernelBtf(#[source] aya::BtfError),
    /// The kernel refuses the maps or the program.
    #[error("cannot load the eBPF program")]
    Load(#[source] EbpfError),
    /// The kernel refuses to attach.
    #[error("cannot attach to `{hook}`")]
    Attach {
        /// The tracepoint, or the function.
        hook: &'static str,
        /// Why.
        source: ProgramError,
    },
    /// The kernel has no event of perf, or refuses it.
    #[error("cannot open the event of tracepoint `{tracepoint}`")]
    Event {
        /// Its name.
        tracepoint: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// What is to outlive us cannot be pinned, or what did cannot be picked up.
    #[error(transparent)]
    Pin(#[from] super::pins::PinError),
    /// A map cannot be read or written.
    #[error("cannot use eBPF map `{name}`")]
    Map {
        /// Its name.
        name: &'static str,
        /// Why.
        source: MapError,
    },
}

/// The maps that are read or written after loading.
pub(super) struct Maps {
    pub(super) calls: PerCpuArray<MapData, Wire<wire::CallTable>>,
    pub(super) near: PerCpuArray<MapData, Wire<wire::Near>>,
    pub(super) tuples: PerCpuHashMap<MapData, Wire<wire::TupleKey>, u64>,
    pub(super) tuple_counts: Array<MapData, Wire<wire::TupleCount>>,
    pub(super) odd_calls: PerCpuHashMap<MapData, Wire<wire::OddKey>, u64>,
    pub(super) counters: PerCpuArray<MapData, Wire<wire::Counters>>,
    pub(super) members: HashMap<MapData, u32, u32>,
    pub(super) executed: Array<MapData, Wire<wire::Executed>>,
    pub(super) slots: HashMap<MapData, u64, u32>,
}

/// The loaded kernel side. Dropping it detaches and frees everything.
pub struct Probe {
    ebpf: Ebpf,
    programs: Programs,
    maps: Maps,
    refused: refused::Maps,
    events: RingBuf<MapData>,
    messages: EbpfLogger<&'static dyn log::Log>,
    /// The list of cgroups, where there is one.
    list: Option<Fleet>,
    /// The paths of cgroups, where there is a list.
    paths: Option<Paths>,
    /// Whether calls are all that is kept of a scope.
    keeps_calls_only: bool,
    /// What keeps it alive without us.
    kept: Option<Kept>,
}

impl Probe {
    /// Loads the program and attaches it; from here on nothing of the scope is missed.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if the kernel has no BTF or refuses the program.
    pub fn attach(watch: &Watch) -> Result<Self, ProbeError> {
        let mut probe = Self::load(watch)?;
        probe.start()?;
        Ok(probe)
    }

    /// Loads the program and leaves it to [`Probe::start`] to attach it.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if the kernel has no BTF or refuses the program.
    pub fn load(watch: &Watch) -> Result<Self, ProbeError> {
        let types = std::fs::read(BTF_PATH).map_err(ProbeError::NoBtf)?;
        let found = offsets::find(&types).map_err(ProbeError::Btf)?;
        drop(types);
        let choice = Choice::make(found, watch.what, watch.raw_tracepoint);
        let mut config = config(watch);
        choice.tell(&mut config);
        let (config, found) = (Wire(config), Wire(found.offsets));
        let (slots, listed) = match watch.scope.beside {
            None => (watch.scope.children_max.max(1), 0),
            Some(_) => (BESIDE_MAX, OTHERS_MAX),
        };
        let btf = Btf::from_sys_fs().map_err(ProbeError::KernelBtf)?;
        raise_memory_limit();
        let mut loader = EbpfLoader::new();
        loader
            .btf(&btf)
            .override_global("CONFIG", &config, true)
            .override_global("OFFSETS", &found, true)
            .map_max_entries("CALLS", slots)
            .map_max_entries("NEAR", slots)
            .map_max_entries("TUPLE_COUNTS", slots * wire::SLOT_LEN)
            .map_max_entries("TUPLES", tuples_max(slots))
            .map_max_entries("ARMED", slots)
            .map_max_entries("COUNTERS", slots)
            .map_max_entries("EXECUTED", slots)
            .map_max_entries("PATHS", if listed > 0 { PATHS_MAX } else { 1 })
            .map_max_entries("SLOTS", slots + listed)
            .map_max_entries("FREE_SLOTS", slots);
        if watch.what != Looking::AtCalls {
            refused::make_room(&mut loader);
        }
        let mut ebpf = loader.load(OBJECT).map_err(ProbeError::Load)?;
        // Maps are taken after the programs are loaded: loading needs them all.
        let mut programs = Programs::load(&mut ebpf, &btf, &choice)?;
        let (list, paths) = match watch.scope.beside {
            Some(_) => (
                Some(Fleet::beside(&ebpf, &programs)?),
                programs.keep_paths(&mut ebpf, &btf, &choice)?,
            ),
            None => (None, None),
        };
        track_arguments(&mut ebpf)?;
        look_for_clients(&mut ebpf)?;
        free_slots(&mut ebpf, slots)?;
        let maps = Maps {
            calls: take(&mut ebpf, "CALLS")?,
            near: take(&mut ebpf, "NEAR")?,
            tuples: take(&mut ebpf, "TUPLES")?,
            tuple_counts: take(&mut ebpf, "TUPLE_COUNTS")?,
            odd_calls: take(&mut ebpf, "ODD_CALLS")?,
            counters: take(&mut ebpf, "COUNTERS")?,
            members: take(&mut ebpf, "MEMBERS")?,
            executed: take(&mut ebpf, "EXECUTED")?,
            slots: take(&mut ebpf, "SLOTS")?,
        };
        let refused = refused::Maps::take(&mut ebpf)?;
        let events = take(&mut ebpf, "EVENTS")?;
        let messages = EbpfLogger::init(&mut ebpf).map_err(|_| ProbeError::Map {
            name: "AYA_LOGS",
            source: MapError::InvalidName {
                name: "AYA_LOGS".to_owned(),
            },
        })?;
        Ok(Self {
            ebpf,
            programs,
            maps,
            refused,
            events,
            messages,
            list,
            paths,
            keeps_calls_only: watch.what == Looking::AtCalls,
            kept: None,
        })
    }

    /// Leaves cgroups alone that are there before what is watched, makes that a scope that records at once, and each
    /// other child of the cgroup above it that comes later a scope. Before [`Probe::start`].
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if there are too many.
    pub fn list(&mut self, scope: &Scope, strangers: &[u64]) -> Result<(), ProbeError> {
        if let (Some(list), Some(above)) = (&mut self.list, scope.beside) {
            strangers.iter().try_for_each(|&id| list.ignore(id))?;
            list.add(scope.cgroup_id)?;
            list.add_parent(above, ChildStart::ContainerExec)?;
        }
        Ok(())
    }

    /// Forgets a scope that was found and is none.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the list is full.
    pub fn dismiss(&mut self, cgroup_id: u64, slot: u32) -> Result<(), ProbeError> {
        let Some(list) = &mut self.list else {
            return Ok(());
        };
        list.ignore(cgroup_id)?;
        list.settle()?;
        list.clear(&[slot].into())?;
        match self.keeps_calls_only {
            true => list.free(slot),
            // What was refused there stays there.
            false => Ok(()),
        }
    }

    /// The paths of cgroups that may be gone already, for whoever wants them, where there is a list of cgroups and the
    /// kernel lets us have them.
    pub fn take_paths(&mut self) -> Option<Paths> {
        self.paths.take()
    }

    /// Lets pins keep it alive without us, until it is detached.
    pub fn keep(&mut self, kept: Kept) {
        self.kept = Some(kept);
    }

    /// Attaches the programs. What the maps hold is kept.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Attach`] if the kernel refuses.
    pub fn start(&mut self) -> Result<(), ProbeError> {
        self.start_with(Vec::new)
    }

    /// The same, for a scope that has processes already: by their ids, as the first pid namespace has them. They are
    /// asked for when everybody is seen who comes or goes, and before any call is.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if the kernel refuses.
    pub fn start_with(&mut self, members: impl FnOnce() -> Vec<u32>) -> Result<(), ProbeError> {
        self.programs.attach_to_tasks(&mut self.ebpf)?;
        for pid in members() {
            counts::follow(&mut self.maps, pid, 0)?;
        }
        self.programs.attach_to_calls(&mut self.ebpf)
    }

    /// Detaches; maps and counters stay readable and no longer change.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Attach`] if the kernel does not let go.
    pub fn detach(&mut self) -> Result<(), ProbeError> {
        if let Some(kept) = &self.kept {
            kept.detach();
        }
        self.programs.detach(&mut self.ebpf)
    }

    /// Which kind of hook is in use.
    #[must_use]
    pub fn attachment(&self) -> Attachment {
        self.programs.attachment()
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
        self.messages.flush();
    }

    /// Everything kept for a scope.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    pub fn snapshot(&self, slot: u32) -> Result<Snapshot, ProbeError> {
        counts::snapshot(&self.maps, slot)
    }

    /// Calls and how often they were made, without arguments: cheap enough for every second.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    pub fn call_counts(&self, slot: u32) -> Result<Snapshot, ProbeError> {
        counts::calls(&self.maps, slot)
    }

    /// Slots in use, with the ids of their cgroups; empty unless children are watched.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the map cannot be read.
    pub fn slots(&self) -> Result<Vec<(u32, u64)>, ProbeError> {
        let entries = self
            .maps
            .slots
            .iter()
            .map(|entry| entry.map(|(id, slot)| (slot, id)));
        let mut slots = entries
            .collect::<Result<Vec<_>, _>>()
            .map_err(map_error("SLOTS"))?;
        // The list has others as well.
        slots.retain(|&(slot, _)| slot < wire::listed::FIRST);
        slots.sort_unstable();
        Ok(slots)
    }

    /// The clients of engines that were executed in a scope since it records.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the map cannot be read.
    pub fn clients(&self, slot: u32) -> Result<Vec<&'static str>, ProbeError> {
        counts::clients(&self.maps, slot)
    }

    /// What could not be kept so far.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the counters cannot be read.
    pub fn losses(&self) -> Result<Losses, ProbeError> {
        let skipped = self.programs.skipped(&self.ebpf, &hook::RECORDING);
        counts::losses(&self.maps, skipped)
    }

    /// Everything refused that was kept for a scope.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    pub fn refused(&self, slot: u32) -> Result<Refused, ProbeError> {
        self.refused.read(slot)
    }

    /// What could not be kept so far of what was refused.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the counters cannot be read.
    pub fn denial_losses(&self) -> Result<DenialLosses, ProbeError> {
        // A skipped program may have missed an entry, and its return then looked refused.
        let skipped = self.programs.skipped(&self.ebpf, &hook::REFUSING);
        counts::denial_losses(&self.maps, skipped)
    }

    /// How large the program that counts calls is to this kernel; `None` where it does not say (before Linux 5.16).
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        self.programs.size(&self.ebpf)
    }
}

impl Looking {
    /// The programs that see it, in the order in which they are attached: entries first, so that no return is
    /// seen whose entry could not have been.
    pub(super) fn hooks(self) -> &'static [&'static hook::Hook] {
        match self {
            Self::AtCalls => &[&hook::COUNT],
            Self::AtDenials => &[&hook::INSIDE, &hook::RETURN, &hook::TASK_EXIT],
            Self::AtBoth => &[&hook::COUNT, &hook::INSIDE, &hook::RETURN, &hook::TASK_EXIT],
        }
    }
}

fn config(watch: &Watch) -> wire::Config {
    let (arming, engine_mount_namespaces) = match watch.start {
        Start::Now => (wire::arming::AT_ONCE, [0; 2]),
        Start::FirstExec => (wire::arming::FIRST_EXEC, [0; 2]),
        Start::ContainerExec(namespaces) => (wire::arming::CONTAINER_EXEC, namespaces),
    };
    wire::Config {
        scope_id: watch.scope.cgroup_id,
        scope_level: watch.scope.level,
        scopes: match watch.scope {
            Scope {
                beside: Some(_), ..
            } => wire::scopes::LISTED,
            Scope {
                children_max: 1.., ..
            } => wire::scopes::CHILDREN,
            Scope { .. } => wire::scopes::ONE,
        },
        arming,
        tuples_per_call: TUPLES_PER_CALL,
        engine_mount_namespaces,
        ..wire::Config::default()
    }
}

/// Room for the distinct tuples of all scopes together.
pub(super) fn tuples_max(slots: u32) -> u32 {
    TUPLES_MIN.max(slots.saturating_mul(TUPLES_PER_SCOPE))
}

/// Offers the program every slot.
fn free_slots(ebpf: &mut Ebpf, slots: u32) -> Result<(), ProbeError> {
    let mut free: Queue<_, u32> = take(ebpf, "FREE_SLOTS")?;
    (0..slots).try_for_each(|slot| free.push(&slot, 0).map_err(map_error("FREE_SLOTS")))
}

/// Kernels before 5.11 charge maps to the limit on locked memory. Where it cannot be raised, loading says
/// what is wrong, if anything is.
pub(super) fn raise_memory_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(
        Resource::Memlock,
        Rlimit {
            current: None,
            maximum: None,
        },
    );
}

/// Tells the program which arguments to keep.
pub(super) fn track_arguments(ebpf: &mut Ebpf) -> Result<(), ProbeError> {
    let mut map: Array<_, Wire<wire::Tracked>> = take(ebpf, "TRACKED")?;
    let abis = [
        (wire::abi::X86_64, Abi::X86_64),
        (wire::abi::I386, Abi::I386),
        (wire::abi::X32, Abi::X32),
    ];
    for (index, abi) in abis {
        for call in syscall::calls(abi) {
            let arguments = catalog::of(call);
            let number = u32::try_from(call.number)
                .ok()
                .filter(|&number| number < wire::TABLE_LEN);
            if let (Some(number), false) = (number, arguments.is_empty()) {
                let at = index * wire::TABLE_LEN + number;
                map.set(at, &Wire(tracked(arguments)), 0)
                    .map_err(map_error("TRACKED"))?;
            }
        }
    }
    Ok(())
}

/// Tells the program which programs to look for.
pub(super) fn look_for_clients(ebpf: &mut Ebpf) -> Result<(), ProbeError> {
    let mut map: HashMap<_, wire::Name, u32> = take(ebpf, "NAMES")?;
    for (place, client) in (0..).zip(recording::CLIENTS) {
        let mut name = wire::Name::default();
        name[..client.len()].copy_from_slice(client.as_bytes());
        map.insert(&name, &place, 0).map_err(map_error("NAMES"))?;
    }
    Ok(())
}

fn tracked(arguments: &[catalog::Argument]) -> wire::Tracked {
    let mut tracked = wire::Tracked::default();
    for (place, argument) in arguments.iter().take(wire::TUPLE_LEN).enumerate() {
        tracked.masks[place] = argument.mask();
        tracked.indexes[place] = argument.index;
        tracked.len += 1;
    }
    tracked
}

pub(super) fn take<M: TryFrom<Map, Error = MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<M, ProbeError> {
    let map = ebpf.take_map(name).expect("in the object");
    map.try_into().map_err(map_error(name))
}

pub(super) fn map_error(name: &'static str) -> impl Fn(MapError) -> ProbeError {
    move |source| ProbeError::Map { name, source }
}

const _: () = assert!(catalog::TRACKED_MAX == wire::TUPLE_LEN);

const _: () = assert!(recording::CLIENTS.len() <= wire::NAMES_MAX);
