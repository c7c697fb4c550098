//! Whether the current task is watched, and from when on.

use super::access::read;
use super::cgroup::{Ancestry, Cgroup};
use super::config;
use super::entry::NOT_THERE;
use super::maps::{ARMED, FREE_SLOTS, SEEN, SLOTS};
use super::report::{self, Call};
use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_task};
use core::ffi::c_void;
use seccomp_tracer_ebpf::{LOOK_AGAIN, Seen, abi, armed, arming, counter, event, listed, scopes};

/// The slot of the scope that the task's cgroup is in; `None` for bystanders.
///
/// The ancestor at the scope's level counts, not the task's own cgroup, so nested cgroups are included.
#[inline(always)]
pub(crate) fn slot_of(cgroup: Cgroup) -> Option<u32> {
    if config::scopes() == scopes::LISTED {
        return seen(cgroup.id());
    }
    // A cgroup that is no deeper than the scope is the scope or has nothing to do with it.
    let level = cgroup.level();
    if level > config::scope_level() {
        return seen(cgroup.id());
    }
    let is_scope = level == config::scope_level() && config::scopes() == scopes::ONE;
    (is_scope && cgroup.id() == config::scope_id()).then_some(0)
}

/// The same for the current task where its pointers have no types.
#[inline(always)]
pub(crate) fn slot_of_current() -> Option<u32> {
    // SAFETY: the helper has no preconditions.
    seen(unsafe { bpf_get_current_cgroup_id() })
}

/// The slot of the scope that the cgroup with this id, the current task's, is in. The last answer is kept,
/// so that only a change of cgroup on this CPU makes it look.
#[inline(always)]
fn seen(id: u64) -> Option<u32> {
    let last = SEEN.get_ptr_mut(0)?;
    // SAFETY: a per-CPU value; nothing else runs on this CPU meanwhile.
    let Seen { cgroup_id, slot } = unsafe { last.read() };
    let may_change = config::scopes() == scopes::LISTED;
    if cgroup_id == id && !(may_change && slot == LOOK_AGAIN) {
        return found(slot);
    }
    let slot = of_current();
    if slot == NO_ROOM {
        return None;
    }
    let now = Seen {
        cgroup_id: id,
        slot,
    };
    // SAFETY: as above.
    unsafe { last.write(now) };
    found(slot)
}

/// No slot, because the task is in no scope.
const NO_SCOPE: i64 = -1;

/// No slot, because all are taken.
const NO_ROOM: i64 = -2;

fn found(slot: i64) -> Option<u32> {
    u32::try_from(slot).ok()
}

/// The slot of the current task's scope, or why there is none. Not an `Option`, because the kernel wants
/// functions that return one number.
#[inline(never)]
fn of_current() -> i64 {
    // SAFETY: the helper has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    Ancestry::of(task as *const c_void).map_or(NO_SCOPE, of)
}

/// The slot of the scope that a cgroup is in, or why there is none.
#[inline(always)]
pub(crate) fn of(ancestry: Ancestry) -> i64 {
    if config::scopes() == scopes::LISTED {
        return by_list(ancestry);
    }
    let level = config::scope_level();
    if ancestry.at(level) != config::scope_id() {
        return NO_SCOPE;
    }
    if config::scopes() == scopes::ONE {
        0
    } else {
        child_slot(ancestry.at(level + 1))
    }
}

/// The same by the list of cgroups: the first ancestor that is a scope, or the first child of a listed parent.
#[inline(always)]
fn by_list(ancestry: Ancestry) -> i64 {
    let mut parent = 0;
    let mut level = 0;
    while level <= listed::LEVELS {
        let id = ancestry.at(level);
        if id == 0 {
            break;
        }
        match known(id) {
            Some(listed::IGNORED) => break,
            Some(slot) if slot < listed::FIRST => return i64::from(slot),
            Some(word) => parent = word,
            None if parent != 0 => return new_slot(id, parent),
            None => {}
        }
        level += 1;
    }
    NO_SCOPE
}

/// The slot of a child of the watched cgroup, given out at its first call.
#[inline(always)]
fn child_slot(id: u64) -> i64 {
    if id == 0 {
        return NO_SCOPE;
    }
    match known(id) {
        Some(slot) => i64::from(slot),
        None => new_slot(id, listed::PARENT),
    }
}

#[inline(always)]
fn known(id: u64) -> Option<u32> {
    // SAFETY: a word, copied at once; what is removed is only reused for another word.
    unsafe { SLOTS.get(&id) }.copied()
}

/// Takes the next free slot for a child of such a parent.
#[inline(never)]
fn new_slot(id: u64, parent: u32) -> i64 {
    let Ok(Some(slot)) = FREE_SLOTS.pop() else {
        report::count(0, counter::SCOPES_FULL);
        return NO_ROOM;
    };
    let state = match parent {
        listed::PARENT_AT_ONCE => armed::ALL,
        listed::PARENT_AT_EXEC => armed::AT_EXEC,
        _ => armed::NOT_YET,
    };
    if let Some(armed) = ARMED.get_ptr_mut(slot) {
        // SAFETY: a pointer into a map; nobody knows of the slot yet.
        unsafe { armed.write_volatile(state) };
    }
    if SLOTS.insert(&id, &slot, NOT_THERE).is_err() {
        // Another CPU was faster.
        let returned = FREE_SLOTS.push(&slot, 0);
        return match known(id) {
            Some(theirs) if returned.is_ok() => i64::from(theirs),
            _ => {
                report::count(0, counter::SCOPES_FULL);
                NO_ROOM
            }
        };
    }
    let nobody = Call {
        slot,
        abi: 0,
        filtered: false,
        number: 0,
    };
    report::event(event::SCOPE, &nobody, &[id, 0, 0]);
    i64::from(slot)
}

/// Whether the call is to be recorded; the exec that starts a scope is.
///
/// Runtimes have several threads. Until the exec has ended those that do not make it, they go on with the
/// runtime's business, which is none of the target's. Its first call after the exec shows that it is alone.
#[inline(always)]
pub(crate) fn is_armed(call: &Call, task: *const c_void) -> bool {
    let mode = config::arming();
    if mode == arming::AT_ONCE {
        return true;
    }
    let Some(armed) = ARMED.get_ptr_mut(call.slot) else {
        return false;
    };
    // SAFETY: an aligned word that goes from a state of waiting to a task to `ALL`.
    let state = unsafe { armed.read_volatile() };
    state == armed::ALL || starts(call, task, armed, state)
}

/// The rare half of [`is_armed`]: the scope does not record yet.
#[inline(never)]
fn starts(call: &Call, task: *const c_void, armed: *mut u64, state: u64) -> bool {
    // SAFETY: the helper has no preconditions. The address is compared, never followed, and stays the same
    // when an exec gives another thread the leader's id.
    let current = unsafe { bpf_get_current_task() };
    let waits = state == armed::NOT_YET || state == armed::AT_EXEC;
    let next = if state == current {
        armed::ALL
    } else if waits && is_exec(call) && is_start(state, task) {
        report_start(call, task);
        current
    } else {
        // A runtime may install the container's filter long before it starts the program; what it does in
        // between, the profile must allow.
        return config::arming() == arming::CONTAINER_EXEC && call.filtered;
    };
    // SAFETY: as in `is_armed`.
    unsafe { armed.write_volatile(next) };
    true
}

/// Whether a scope has begun to record.
#[inline(always)]
pub(crate) fn records(slot: u32) -> bool {
    if config::arming() == arming::AT_ONCE {
        return true;
    }
    // SAFETY: as in `is_armed`.
    let state = ARMED
        .get_ptr_mut(slot)
        .map(|armed| unsafe { armed.read_volatile() });
    state == Some(armed::ALL)
}

/// Whether a scope waits for its start no longer; the exec that starts it may still be going on.
#[inline(always)]
pub(crate) fn has_begun(slot: u32) -> bool {
    if config::arming() == arming::AT_ONCE {
        return true;
    }
    // SAFETY: as in `is_armed`.
    let state = ARMED
        .get_ptr_mut(slot)
        .map(|armed| unsafe { armed.read_volatile() });
    state.is_some_and(|state| state != armed::NOT_YET && state != armed::AT_EXEC)
}

/// Whether an exec starts the target.
#[inline(always)]
fn is_start(state: u64, task: *const c_void) -> bool {
    state == armed::AT_EXEC || config::arming() == arming::FIRST_EXEC || is_in_container(task)
}

/// `execve` or `execveat`.
#[inline(always)]
pub(crate) fn is_exec(call: &Call) -> bool {
    match call.abi {
        abi::X86_64 => matches!(call.number, 59 | 322),
        abi::I386 => matches!(call.number, 11 | 358),
        _ => matches!(call.number, 520 | 545),
    }
}

/// Whether the task has left the host's and the engine's mount namespace. A runtime may execute itself again
/// before it sets up the container; that is not the container's start.
#[inline(always)]
fn is_in_container(task: *const c_void) -> bool {
    let inode = mount_namespace(task);
    inode.is_some()
        && inode != mount_namespace_of_host(task)
        && inode != Some(config::engine_mount_namespace())
        && inode != Some(config::other_mount_namespace())
}

#[inline(always)]
fn mount_namespace(task: *const c_void) -> Option<u32> {
    let nsproxy: *const c_void = read(task, config::task_nsproxy())?;
    let namespace: *const c_void = read(nsproxy, config::nsproxy_mnt_ns())?;
    read(namespace, config::mnt_ns_inum())
}

/// That of the host's first process, whoever of it we may see.
#[inline(always)]
fn mount_namespace_of_host(task: *const c_void) -> Option<u32> {
    /// `MAX_PID_NS_LEVEL`
    /// <https://github.com/torvalds/linux/blob/v6.12/include/linux/pid_namespace.h#L16>
    const LEVELS_MAX: u32 = 32;
    let nsproxy: *const c_void = read(task, config::task_nsproxy())?;
    let mut namespace: *const c_void = read(nsproxy, config::nsproxy_pid_ns())?;
    let mut level = 0;
    while level < LEVELS_MAX {
        let parent: *const c_void = read(namespace, config::pid_ns_parent())?;
        if parent.is_null() {
            break;
        }
        namespace = parent;
        level += 1;
    }
    mount_namespace(read(namespace, config::pid_ns_child_reaper())?)
}

/// Tells user space with which rights the target starts.
#[inline(always)]
fn report_start(call: &Call, task: *const c_void) {
    const NO_NEW_PRIVS: u64 = 1;
    let cred: Option<*const c_void> = read(task, config::task_cred());
    let bounding: Option<u64> = cred.and_then(|cred| read(cred, config::cred_cap_bset()));
    let mode: Option<u32> = read(task, config::task_seccomp_mode());
    let flags: Option<u64> = read(task, config::task_atomic_flags());
    let values = [
        bounding.unwrap_or(0),
        u64::from(mode.unwrap_or(0)),
        flags.unwrap_or(0) & NO_NEW_PRIVS,
    ];
    report::event(event::ARMED, call, &values);
}
