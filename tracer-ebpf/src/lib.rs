//! The wire types: everything that the kernel side and user space agree on.
//!
//! `repr(C)`, integers only, without padding, sizes asserted at compile time. No logic: what a value means is
//! said here, what is done with it is said elsewhere.
//!
//! This is the library of the crate; its binary is the eBPF program.

#![no_std]

/// ABIs that the kernel side tells apart, as an index into its tables.
pub mod abi {
    /// 64-bit x86.
    pub const X86_64: u32 = 0;
    /// 32-bit x86, `int 0x80` from 64-bit programs included.
    pub const I386: u32 = 1;
    /// x32; its numbers are kept without bit 30.
    pub const X32: u32 = 2;
    /// How many.
    pub const COUNT: u32 = 3;
}

/// Numbers from 0 to below this have a place in the tables; others go to a hash map. x32 reaches 547, all
/// other ABIs 471 (Linux 7.1).
pub const TABLE_LEN: u32 = 576;

/// Table entries of one scope: ABI, then filtered or not, then number.
pub const SLOT_LEN: u32 = abi::COUNT * 2 * TABLE_LEN;

/// Values in an argument tuple.
pub const TUPLE_LEN: usize = 3;

/// Length of a thread's name with its terminating zero.
pub const COMM_LEN: usize = 16;

/// Where a call is in the table of its scope. `None` if its number has no place there.
#[must_use]
pub const fn table_index(abi: u32, filtered: bool, number: i32) -> Option<u32> {
    if number < 0 || number.cast_unsigned() >= TABLE_LEN || abi >= abi::COUNT {
        return None;
    }
    Some((abi * 2 + filtered as u32) * TABLE_LEN + number.cast_unsigned())
}

/// The call at an index, as (ABI, filtered, number): the inverse of [`table_index`].
#[must_use]
pub const fn table_call(index: u32) -> (u32, bool, i32) {
    let number = (index % TABLE_LEN).cast_signed();
    (index / TABLE_LEN / 2, index / TABLE_LEN % 2 == 1, number)
}

/// When a scope starts to record.
pub mod arming {
    /// At once.
    pub const AT_ONCE: u32 = 0;
    /// At its first exec.
    pub const FIRST_EXEC: u32 = 1;
    /// At the first exec from a mount namespace that is not the engine's; calls under a filter count even
    /// before, because a runtime may install the filter early.
    pub const CONTAINER_EXEC: u32 = 2;
}

/// Whether a scope records yet, by its slot. Any other value is the address of the task whose exec starts the
/// scope and has not returned yet; no task is at such a low address.
pub mod armed {
    /// It waits for what [`Config::arming`](super::Config::arming) says.
    pub const NOT_YET: u64 = 0;
    /// It records.
    pub const ALL: u64 = 1;
    /// It waits for its first exec, whatever the others wait for.
    pub const AT_EXEC: u64 = 2;
}

/// Which cgroups are scopes.
pub mod scopes {
    /// The watched cgroup.
    pub const ONE: u32 = 0;
    /// Every child of the watched cgroup.
    pub const CHILDREN: u32 = 1;
    /// Those in the list, and children of those in the list; see [`listed`](super::listed).
    pub const LISTED: u32 = 2;
}

/// What the list of cgroups says of one of them. Every other word is the slot of a scope.
pub mod listed {
    /// It is in no scope, with everything below it.
    pub const IGNORED: u32 = u32::MAX;
    /// Each child is a scope that records at once.
    pub const PARENT_AT_ONCE: u32 = u32::MAX - 1;
    /// Each child is a scope that records from its first exec on.
    pub const PARENT_AT_EXEC: u32 = u32::MAX - 2;
    /// Each child is a scope that records from where [`Config::arming`](super::Config::arming) says.
    pub const PARENT: u32 = u32::MAX - 3;
    /// The lowest of these words.
    pub const FIRST: u32 = PARENT;
    /// Levels below the root at which a listed cgroup is found.
    pub const LEVELS: u32 = 32;
}

/// What the program is to do, set once by the loader and constant for the verifier.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// Id of the watched cgroup.
    pub scope_id: u64,
    /// Its level below the root cgroup.
    pub scope_level: u32,
    /// One of [`scopes`].
    pub scopes: u32,
    /// One of [`arming`].
    pub arming: u32,
    /// Distinct tuples kept for one call of one scope; one more makes the call unbounded.
    pub tuples_per_call: u32,
    /// Mount namespaces (inode numbers) from which an exec does not start a container, beside the host's; 0 for
    /// none.
    pub engine_mount_namespaces: [u32; 2],
    /// Ids of the events that are looked at where perf submits them, by [`submitted`]; 0 for none.
    pub events: [u32; submitted::COUNT],
    /// Bits of [`looks`], where perf submits.
    pub looks: u32,
}

/// Events that are looked at where perf submits them, as an index.
pub mod submitted {
    /// `raw_syscalls:sys_enter`
    pub const ENTER: usize = 0;
    /// `raw_syscalls:sys_exit`
    pub const EXIT: usize = 1;
    /// `task:task_newtask`
    pub const NEW_TASK: usize = 2;
    /// `sched:sched_process_exit`
    pub const TASK_EXIT: usize = 3;
    /// `sched:sched_process_exec`
    pub const EXEC: usize = 4;
    /// How many.
    pub const COUNT: usize = 5;
}

/// What is looked at, where one program sees all events.
pub mod looks {
    /// Calls that are made.
    pub const CALLS: u32 = 1;
    /// Calls that a filter refuses.
    pub const DENIALS: u32 = 2;
    /// Who leaves a scope.
    pub const LEAVING: u32 = 4;
}

/// Offsets in the running kernel's structures, in bytes, looked up in its BTF by the loader: Rust emits no
/// CO-RE relocations.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Offsets {
    /// `task_struct.cgroups`.
    pub task_cgroups: u32,
    /// `css_set.dfl_cgrp`.
    pub css_set_dfl_cgrp: u32,
    /// `cgroup.level`.
    pub cgroup_level: u32,
    /// `cgroup.kn`.
    pub cgroup_kn: u32,
    /// `kernfs_node.id`.
    pub kernfs_node_id: u32,
    /// `task_struct.thread_info.status`.
    pub task_status: u32,
    /// `task_struct.seccomp.mode`.
    pub task_seccomp_mode: u32,
    /// `task_struct.cred`.
    pub task_cred: u32,
    /// `task_struct.nsproxy`.
    pub task_nsproxy: u32,
    /// `task_struct.atomic_flags`.
    pub task_atomic_flags: u32,
    /// `cred.cap_bset`.
    pub cred_cap_bset: u32,
    /// `nsproxy.mnt_ns`.
    pub nsproxy_mnt_ns: u32,
    /// `mnt_namespace.ns.inum`.
    pub mnt_ns_inum: u32,
    /// `nsproxy.pid_ns_for_children`.
    pub nsproxy_pid_ns: u32,
    /// `pid_namespace.parent`.
    pub pid_ns_parent: u32,
    /// `pid_namespace.child_reaper`.
    pub pid_ns_child_reaper: u32,
    /// `cgroup.ancestors`, or `cgroup.ancestor_ids` before Linux 6.1.
    pub cgroup_ancestors: u32,
    /// 1 if those are ids.
    pub ancestors_are_ids: u32,
    /// `task_struct.tgid`.
    pub task_tgid: u32,
    /// `task_struct.comm`.
    pub task_comm: u32,
    /// `task_struct.signal`.
    pub task_signal: u32,
    /// `signal_struct.live`.
    pub signal_live: u32,
    /// `trace_event_call.event.type`.
    pub call_event_type: u32,
    /// `trace_event_raw_task_newtask.pid`.
    pub new_task_pid: u32,
    /// `trace_event_raw_task_newtask.clone_flags`.
    pub new_task_flags: u32,
    /// `cgroup.root`.
    pub cgroup_root: u32,
    /// `cgroup_root.hierarchy_id`.
    pub root_hierarchy_id: u32,
    /// `task_struct.mm`.
    pub task_mm: u32,
    /// `mm_struct.exe_file`.
    pub mm_exe_file: u32,
    /// `file.f_path.dentry`.
    pub file_dentry: u32,
    /// `dentry.d_name.name`.
    pub dentry_name: u32,
}

/// The most programs that are looked for by name.
pub const NAMES_MAX: usize = 64;

/// The name of a program's file, cut off as the kernel cuts off names of threads, filled up with zeros.
pub type Name = [u8; COMM_LEN];

/// Which of the programs that are looked for were executed in one scope, by their places: 1 for one that was. A byte
/// each, because every kernel can store one.
pub type Executed = [u8; NAMES_MAX];

/// The most bytes of a cgroup's path, with its terminating zero. Those of Kubernetes have some 250.
pub const PATH_LEN: usize = 448;

/// The path of a cgroup, ended by a zero; what comes after that means nothing.
pub type Path = [u8; PATH_LEN];

/// Which arguments of a call are tracked, and which of their bits count.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracked {
    /// Bits that the kernel looks at; 0 in an unused place.
    pub masks: [u64; TUPLE_LEN],
    /// Argument positions, 0 to 5.
    pub indexes: [u8; TUPLE_LEN],
    /// How many are tracked.
    pub len: u8,
    /// Zero.
    pub reserved: u32,
}

/// Names an argument tuple.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TupleKey {
    /// Scope.
    pub slot: u32,
    /// Call, by [`table_index`].
    pub index: u32,
    /// The masked values; 0 in an unused place.
    pub values: [u64; TUPLE_LEN],
}

/// Calls of one scope on one CPU, by [`table_index`]: how often each was made.
pub type CallTable = [u64; SLOT_LEN as usize];

/// Tuples of one scope that one CPU counts in place, without asking the hash of all tuples.
pub const NEAR_LEN: usize = 128;

/// What one CPU keeps at hand of the tuples of one scope.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Near {
    /// The arguments of the call at hand, two more than there are: here a variable index is allowed, which needs
    /// no proof but its three bits. Means nothing to user space.
    pub arguments: [u64; 8],
    /// The tuples, by [`near_place`].
    pub tuples: [NearTuple; NEAR_LEN],
}

/// A tuple whose repetitions one CPU counts in place. Once taken it belongs to its tuple for good, so nothing
/// has to be moved, and every repetition is counted either here or in the hash.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NearTuple {
    /// [`table_index`] of the call plus one; 0 while the place is free.
    pub call: u64,
    /// As in [`TupleKey`].
    pub values: [u64; TUPLE_LEN],
    /// How often it was seen since it got this place.
    pub count: u64,
}

/// Where a tuple may be among the near ones; `call` as in [`NearTuple`]. It only has to spread well.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "no more bits are left than `NEAR_LEN` has"
)]
pub const fn near_place(call: u64, values: &[u64; TUPLE_LEN]) -> usize {
    // Odd constants without a pattern. The upper bits of a product depend on all bits of its factors.
    let mixed = call
        .wrapping_add(values[0].wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_add(values[1].wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
        .wrapping_add(values[2].wrapping_mul(0x1656_67B1_9E37_79F9));
    (mixed.wrapping_mul(0xFF51_AFD7_ED55_8CCD) >> (u64::BITS - NEAR_LEN.ilog2())) as usize
}

/// The cgroup that a CPU saw last, and what was found out about it. Ids of cgroups are never used again, and
/// no cgroup ever gets other ancestors, so this stays true until the list of cgroups changes, if there is one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Id of the cgroup; 0 for none yet.
    pub cgroup_id: u64,
    /// Slot of its scope; negative if it is in none, and [`LOOK_AGAIN`] if that may have changed.
    pub slot: i64,
}

/// No slot, because the list of cgroups has changed.
pub const LOOK_AGAIN: i64 = -3;

/// Names a call whose number has no place in the tables.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OddKey {
    /// Scope.
    pub slot: u32,
    /// One of [`abi`].
    pub abi: u32,
    /// 1 if the task had a seccomp filter.
    pub filtered: u32,
    /// The number, without bit 30 for x32.
    pub number: i32,
}

/// Thread ids are below this, whatever is configured (`PID_MAX_LIMIT`).
/// <https://github.com/torvalds/linux/blob/v6.12/include/linux/threads.h#L34>
pub const TASKS_MAX: u32 = 4 << 20;

/// How many tasks have their [`place`] in one value of the map.
pub const PLACES_LEN: u32 = 4096;

/// Where a group of tasks is, by the lower bits of the thread id.
pub type Places = [u8; PLACES_LEN as usize];

/// Where a task is.
pub mod place {
    /// Not known: nothing was seen of it yet.
    pub const UNKNOWN: u8 = 0;
    /// In its program.
    pub const OUTSIDE: u8 = 1;
    /// In a call that it entered.
    pub const INSIDE: u8 = 2;
    /// In a call for which it dies, and that was kept.
    pub const DYING: u8 = 3;
}

/// Names a refused call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenialKey {
    /// Scope.
    pub slot: u32,
    /// One of [`abi`].
    pub abi: u32,
    /// The number, without bit 30 for x32.
    pub number: i32,
    /// One of [`answer`], or a negative errno.
    pub answer: i32,
}

/// Names an argument tuple of a refused call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeniedTupleKey {
    /// The call.
    pub denial: DenialKey,
    /// The masked values; 0 in an unused place.
    pub values: [u64; TUPLE_LEN],
}

/// What an [`Event`] says.
pub mod event {
    /// A call was made for the first time on this CPU.
    pub const CALL: u32 = 1;
    /// A tuple was seen for the first time.
    pub const TUPLE: u32 = 2;
    /// A scope started to record. `values`: bounding capabilities, seccomp mode, 1 for no_new_privs.
    pub const ARMED: u32 = 3;
    /// A new scope was found. `values[0]`: its cgroup id.
    pub const SCOPE: u32 = 4;
    /// A call was refused for the first time with this answer, and, if arguments of it are tracked, with these
    /// values.
    pub const DENIED: u32 = 5;
    /// A task left the scope. `values[0]`: one of `departure`. Process and name are the task's.
    pub const LEFT: u32 = 6;
}

/// How a task came to be outside of its scope.
pub mod departure {
    /// It was moved into another cgroup, by itself or by others.
    pub const MOVED: u64 = 0;
    /// It was born there.
    pub const BORN: u64 = 1;
}

/// Processes in scopes at once that can be followed. A scope with more counts [`counter::MEMBERS_FULL`].
pub const MEMBERS_MAX: u32 = 1 << 15;

/// In place of a slot: a process that was born outside of all scopes.
pub const NO_MEMBER: u32 = u32::MAX;

/// What a filter gave instead of the call, as a number; a negative one is a negative errno.
pub mod answer {
    /// A value that is no error: of a supervisor, a tracer, or of `ERRNO` with 0.
    pub const VALUE: i32 = 0;
    /// The registers are as before the call: it ended in `SIGSYS`.
    pub const SIGNAL: i32 = 1;
    /// The kernel ends the task.
    pub const KILLED: i32 = 2;
    /// The largest errno.
    pub const ERRNO_MAX: i32 = 4095;
}

/// Something that happened for the first time.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// One of [`event`].
    pub kind: u32,
    /// Scope.
    pub slot: u32,
    /// `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// One of [`abi`].
    pub abi: u32,
    /// 1 if the task had a seccomp filter.
    pub filtered: u32,
    /// The number.
    pub number: i32,
    /// For [`event::DENIED`]: one of [`answer`], or a negative errno.
    pub answer: i32,
    /// For [`event::DENIED`]: how many values there are.
    pub len: u32,
    /// The tuple, for [`event::TUPLE`] and [`event::DENIED`].
    pub values: [u64; TUPLE_LEN],
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
}

/// Counters of what was lost or left out, as an index into a per-CPU array.
pub mod counter {
    /// The ABI could not be determined.
    pub const UNKNOWN_ABI: u32 = 0;
    /// No room for another odd number.
    pub const ODD_FULL: u32 = 1;
    /// A map refused for another reason.
    pub const MAP_ERROR: u32 = 2;
    /// No room for another scope.
    pub const SCOPES_FULL: u32 = 3;
    /// No room for an event in the ring buffer.
    pub const EVENT: u32 = 4;
    /// No room for another tuple; the call was marked unbounded, so nothing is lost.
    pub const TUPLES_FULL: u32 = 5;
    /// Calls in a scope that had not started to record; left out by design.
    pub const UNARMED: u32 = 6;
    /// No room for another refused call.
    pub const DENIALS_FULL: u32 = 7;
    /// No room for another argument tuple of a refused call; the call itself was kept.
    pub const DENIED_TUPLES_FULL: u32 = 8;
    /// A task's first return after attaching that would have been a refusal had its entry been seen; left out
    /// by design.
    pub const UNJUDGED: u32 = 9;
    /// A task left a scope that records.
    pub const LEFT: u32 = 10;
    /// A process in a scope cannot be followed, so it may leave without being seen.
    pub const MEMBERS_FULL: u32 = 11;
    /// How many.
    pub const COUNT: u32 = 12;
}

/// What one scope has lost on one CPU, by [`counter`]. What belongs to no scope is the first's.
pub type Counters = [u64; counter::COUNT as usize];

/// How many tuples a call has.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TupleCount {
    /// Tuples kept; may be a little low when CPUs add at the same time.
    pub kept: u32,
    /// 1 when there were more than are kept. A word of its own, so that counting cannot undo it.
    pub unbounded: u32,
}

const _: () = {
    assert!(size_of::<Config>() == 56);
    assert!(size_of::<Offsets>() == 124);
    assert!(size_of::<Tracked>() == 32);
    assert!(size_of::<TupleKey>() == 32);
    assert!(size_of::<NearTuple>() == 40);
    assert!(size_of::<Near>() == 64 + 40 * NEAR_LEN);
    assert!(size_of::<Seen>() == 16);
    assert!(NEAR_LEN.is_power_of_two());
    // The most that Linux allows for a value of a per-CPU map (`PCPU_MIN_UNIT_SIZE`).
    assert!(size_of::<CallTable>() <= 32 << 10);
    assert!(size_of::<Near>() <= 32 << 10);
    assert!(size_of::<OddKey>() == 16);
    assert!(size_of::<TupleCount>() == 8);
    assert!(size_of::<Event>() == 80);
    assert!(size_of::<DenialKey>() == 16);
    assert!(size_of::<DeniedTupleKey>() == 40);
    assert!(PLACES_LEN.is_power_of_two());
    assert!(NAMES_MAX.is_power_of_two());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_index_names_one_call() {
        for index in 0..SLOT_LEN {
            let (abi, filtered, number) = table_call(index);
            assert_eq!(table_index(abi, filtered, number), Some(index));
        }
        assert_eq!(table_index(abi::X86_64, false, -1), None);
        assert_eq!(
            table_index(abi::X86_64, false, TABLE_LEN.cast_signed()),
            None
        );
    }
}
