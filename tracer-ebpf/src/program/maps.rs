//! The maps. Sizes written here are for one scope; the loader sets the real ones. Each line that sets a
//! bound has a counter for what happens when it is reached.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, PerCpuHashMap, Queue, RingBuf};
use seccomp_tracer_ebpf::{
    CallTable, Counters, DenialKey, DeniedTupleKey, Executed, MEMBERS_MAX, NAMES_MAX, Name, Near,
    OddKey, Path, Places, SLOT_LEN, Seen, TABLE_LEN, Tracked, TupleCount, TupleKey, abi,
};

/// The cgroup that this CPU saw last.
#[map]
pub(crate) static SEEN: PerCpuArray<Seen> = PerCpuArray::with_max_entries(1, 0);

/// How often each call was made, by slot. Cannot be full. A whole table is one value, because a value of a
/// per-CPU map is found through a pointer of its own, and one pointer stays in the cache.
#[map]
pub(crate) static CALLS: PerCpuArray<CallTable> = PerCpuArray::with_max_entries(1, 0);

/// What to track, by ABI and number; filled by the loader. Cannot be full.
#[map]
pub(crate) static TRACKED: Array<Tracked> = Array::with_max_entries(abi::COUNT * TABLE_LEN, 0);

/// Tuples that are counted in place, by slot. One that finds its place taken is counted in `TUPLES`.
#[map]
pub(crate) static NEAR: PerCpuArray<Near> = PerCpuArray::with_max_entries(1, 0);

/// All tuples, and how often those were seen that are not counted in place. When it is full the call is marked unbounded and `TUPLES_FULL` counts.
#[map]
pub(crate) static TUPLES: PerCpuHashMap<TupleKey, u64> =
    PerCpuHashMap::with_max_entries(1 << 14, 0);

/// How many tuples each call has, by slot and `table_index`. Cannot be full.
#[map]
pub(crate) static TUPLE_COUNTS: Array<TupleCount> = Array::with_max_entries(SLOT_LEN, 0);

/// How often numbers without a place in the tables were used. When it is full `ODD_FULL` counts.
#[map]
pub(crate) static ODD_CALLS: PerCpuHashMap<OddKey, u64> =
    PerCpuHashMap::with_max_entries(1 << 12, 0);

/// Whether a scope records yet, by slot; see `scope::is_armed`. Cannot be full.
#[map]
pub(crate) static ARMED: Array<u64> = Array::with_max_entries(1, 0);

/// Slot by cgroup id, when every child is a scope; what is listed, when there is a list. No smaller than there are
/// slots; when it is full nevertheless `SCOPES_FULL` counts.
#[map]
pub(crate) static SLOTS: HashMap<u64, u32> = HashMap::with_max_entries(1, 0);

/// Slots that nobody has yet; filled by the loader. When it is empty `SCOPES_FULL` counts.
#[map]
pub(crate) static FREE_SLOTS: Queue<u32> = Queue::with_max_entries(1, 0);

/// Where each task is, in groups, by thread id. As large as ids can get, so it cannot be full.
#[map]
pub(crate) static PLACES: Array<Places> = Array::with_max_entries(1, 0);

/// How often each call was refused. When it is full `DENIALS_FULL` counts.
#[map]
pub(crate) static DENIALS: PerCpuHashMap<DenialKey, u64> = PerCpuHashMap::with_max_entries(1, 0);

/// How often each argument tuple of a tracked call was refused. When it is full `DENIED_TUPLES_FULL` counts.
#[map]
pub(crate) static DENIED_TUPLES: PerCpuHashMap<DeniedTupleKey, u64> =
    PerCpuHashMap::with_max_entries(1, 0);

/// First sightings. When it is full `EVENT` counts.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// The slot of the scope that a process is in, by its id, of all processes that are in one. When it is full
/// `MEMBERS_FULL` counts.
#[map]
pub(crate) static MEMBERS: HashMap<u32, u32> = HashMap::with_max_entries(MEMBERS_MAX, 0);

/// The programs that are looked for, by name, with their places; filled by the loader. It has room for all.
#[map]
#[expect(clippy::cast_possible_truncation, reason = "some dozens")]
pub(crate) static NAMES: HashMap<Name, u32> = HashMap::with_max_entries(NAMES_MAX as u32, 0);

/// Which of those were executed, by slot. Cannot be full.
#[map]
pub(crate) static EXECUTED: Array<Executed> = Array::with_max_entries(1, 0);

/// Paths of cgroups, by id. When it is full, those go that were not asked for the longest.
#[map]
pub(crate) static PATHS: LruHashMap<u64, Path> = LruHashMap::with_max_entries(1, 0);

/// Where a path is put together.
#[map]
pub(crate) static PATH: PerCpuArray<Path> = PerCpuArray::with_max_entries(1, 0);

/// What was lost, by slot. Cannot be full.
#[map]
pub(crate) static COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(1, 0);
