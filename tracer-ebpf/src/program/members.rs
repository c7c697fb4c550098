//! Who leaves a scope and goes on outside: what it does there is missing, so it is counted, and named.
//!
//! The kernel tells of a move when it is done, so who was inside must be known before: the processes of all scopes
//! are kept by id. They come in by being born inside, by being moved, or because they were there before us, which
//! user space tells. A thread goes where its process goes; one that is moved alone has left if its process was in
//! the scope.
//!
//! What a runtime moves before its scope records is its set-up, and no loss.
//!
//! All this happens when tasks are born, moved and ended, never when calls are made.

use super::access::read;
use super::cgroup::Ancestry;
use super::maps::MEMBERS;
use super::{config, report, scope};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_current_task;
use core::ffi::c_void;
use seccomp_tracer_ebpf::{COMM_LEN, NO_MEMBER, counter, departure};

/// `CLONE_THREAD`, `CLONE_INTO_CGROUP`
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/sched.h#L20>
const CLONE_THREAD: u64 = 0x1_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// No slot. Not an `Option`: the compiler compares the number of one that has none, which the kernel refuses.
pub(crate) const NOWHERE: i64 = -1;

/// A task is born of the current one.
#[inline(always)]
pub(crate) fn born(child: *const c_void, flags: u64) {
    let here = slot_of(current());
    let Some(pid) = read::<u32>(child, config::task_tgid()) else {
        return;
    };
    let there = if flags & CLONE_INTO_CGROUP == 0 {
        here
    } else {
        slot_of(child)
    };
    if flags & CLONE_THREAD == 0 {
        keep(pid, there);
    }
    departed(here, there, child, departure::BORN);
}

/// The same where no more is known of the child than its id. The tracepoint itself may miss one there, but if it
/// did not, it was first.
#[inline(always)]
pub(crate) fn born_with_id(pid: u32, flags: u64) {
    let here = slot_of(current());
    if flags & CLONE_INTO_CGROUP == 0 {
        if flags & CLONE_THREAD == 0 {
            keep(pid, here);
        }
        return;
    }
    // SAFETY: only whether it is there matters.
    let is_known = unsafe { MEMBERS.get(&pid) }.is_some();
    if !is_known {
        // Whether it was born outside nobody knows any more.
        departed(here, NOWHERE, current(), departure::BORN);
    }
}

/// The half of [`born`] that is needed beside [`born_with_id`]: a child that is born elsewhere.
#[inline(always)]
pub(crate) fn born_elsewhere(child: *const c_void, flags: u64) {
    if flags & CLONE_INTO_CGROUP == 0 {
        return;
    }
    let Some(pid) = read::<u32>(child, config::task_tgid()) else {
        return;
    };
    let (here, there) = (slot_of(current()), slot_of(child));
    if flags & CLONE_THREAD == 0 {
        // That it was seen has to be known, too.
        let word = if there == NOWHERE {
            NO_MEMBER
        } else {
            number(there)
        };
        insert(pid, word);
    }
    departed(here, there, child, departure::BORN);
}

/// A process or a single thread was moved into another cgroup, perhaps of another hierarchy.
#[inline(always)]
pub(crate) fn moved(task: *const c_void, is_process: bool) {
    let Some(pid) = read::<u32>(task, config::task_tgid()) else {
        return;
    };
    let (before, now) = (member(pid), slot_of(task));
    if is_process {
        keep(pid, now);
    }
    departed(before, now, task, departure::MOVED);
}

/// The current task ends.
#[inline(always)]
pub(crate) fn ended() {
    let signal: Option<*const c_void> = read(current(), config::task_signal());
    let live: Option<u32> = signal.and_then(|signal| read(signal, config::signal_live()));
    if live == Some(0) {
        forget((bpf_get_current_pid_tgid() >> 32) as u32);
    }
}

/// The current task.
#[inline(always)]
pub(crate) fn current() -> *const c_void {
    // SAFETY: the helper has no preconditions.
    let task = unsafe { bpf_get_current_task() };
    task as *const c_void
}

/// The slot of the scope that a task is in.
#[inline(always)]
pub(crate) fn slot_of(task: *const c_void) -> i64 {
    match Ancestry::of(task) {
        Some(ancestry) => scope::of(ancestry).max(NOWHERE),
        None => NOWHERE,
    }
}

/// The number of a slot that is not [`NOWHERE`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it came of a number of 32 bits"
)]
#[inline(always)]
pub(crate) const fn number(slot: i64) -> u32 {
    slot as u32
}

/// The slot of the scope that a process was in when it was last looked at.
#[inline(always)]
fn member(pid: u32) -> i64 {
    // SAFETY: a word, copied at once.
    match unsafe { MEMBERS.get(&pid) } {
        Some(&slot) if slot != NO_MEMBER => i64::from(slot),
        _ => NOWHERE,
    }
}

#[inline(always)]
fn keep(pid: u32, slot: i64) {
    if slot == NOWHERE {
        // Whoever had this id before.
        forget(pid);
    } else {
        insert(pid, number(slot));
    }
}

#[inline(always)]
fn insert(pid: u32, slot: u32) {
    if MEMBERS.insert(&pid, &slot, 0).is_err() && slot != NO_MEMBER {
        report::count(slot, counter::MEMBERS_FULL);
    }
}

#[inline(always)]
fn forget(pid: u32) {
    // Most are not there.
    let _ = MEMBERS.remove(&pid);
}

#[inline(always)]
fn departed(before: i64, now: i64, task: *const c_void, how: u64) {
    if before == NOWHERE || now == before {
        return;
    }
    let slot = number(before);
    if !scope::records(slot) {
        return;
    }
    let pid = read(task, config::task_tgid()).unwrap_or(0);
    let comm = read(task, config::task_comm()).unwrap_or([0; COMM_LEN]);
    report::left(slot, pid, &comm, how);
}
