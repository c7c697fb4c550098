//! Calls that a filter refuses, found by what is missing: seccomp is asked before `sys_enter`, so a refused
//! call has a `sys_exit` and no `sys_enter` before it.
//!
//! Each task has a place, noted at every entry and every return. All tasks of the host are noted, not only
//! those of the scope: that is cheaper than to ask who they are, and a task that is moved into the scope is
//! already known. Only when a return comes without an entry is it asked whose it was.
//!
//! Some returns have no entry of their own and are no refusals:
//! - A new child returns from the call that made it. Its thread id may have belonged to another task before,
//!   so its place says nothing, but it always returns 0 from that call.
//! - A thread that is not the first of its process and executes a program gets the thread id of the first. It
//!   returns 0 from `execve`, under the id, and so from the place, of another.
//! - Whatever a task was in when the hooks were attached. Nothing is known of its place then, and its first
//!   return is not judged.
//!
//! The entry is hooked before the return and let go after it, so no entry is missed while returns are seen.
//!
//! A task that the filter ends is marked by the kernel (`SECCOMP_MODE_DEAD`), which needs no judgement. It
//! returns on its way to the signal if its whole process ends, and not at all if it ends alone; that one is
//! seen at its exit.

use super::access::{self, Access};
use super::config;
use super::entry::{NOT_THERE, SECCOMP_MODE_FILTER, TS_COMPAT, identify, watched};
use super::maps::{DENIALS, DENIED_TUPLES, NEAR, PLACES, TRACKED};
use super::report::{self, Call};
use super::{scope, tuple};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::maps::PerCpuHashMap;
use core::ffi::c_void;
use seccomp_tracer_ebpf::{
    DenialKey, DeniedTupleKey, PLACES_LEN, TABLE_LEN, TUPLE_LEN, abi, answer, counter, place,
};

/// `SECCOMP_MODE_DEAD`, since Linux 5.16. Before, a task that is ended looks as if it were trapped.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/seccomp.c#L36>
const SECCOMP_MODE_DEAD: u32 = SECCOMP_MODE_FILTER + 1;

/// The current task enters a call.
#[inline(always)]
pub(crate) fn enter() {
    if let Some(place) = current_place() {
        // SAFETY: a byte of a map, which only this task writes: thread ids are unique among the living.
        unsafe { place.write_volatile(place::INSIDE) };
    }
}

/// What a hook knows of a return.
pub(crate) trait Returned {
    /// The registers that the task gets back.
    fn registers(&self, task: *const c_void) -> *const c_void;

    /// What it gets.
    fn result<A: Access>(&self, registers: *const c_void) -> Option<i64>;
}

/// A hook on the tracepoint is given both.
pub(crate) struct Given {
    pub(crate) registers: *const c_void,
    pub(crate) result: i64,
}

impl Returned for Given {
    #[inline(always)]
    fn registers(&self, _task: *const c_void) -> *const c_void {
        self.registers
    }

    #[inline(always)]
    fn result<A: Access>(&self, _registers: *const c_void) -> Option<i64> {
        Some(self.result)
    }
}

/// Elsewhere the task has them.
pub(crate) struct OfTask;

impl Returned for OfTask {
    #[inline(always)]
    fn registers(&self, task: *const c_void) -> *const c_void {
        access::registers_of(task)
    }

    #[inline(always)]
    fn result<A: Access>(&self, registers: *const c_void) -> Option<i64> {
        A::result(registers)
    }
}

/// The current task returns from a call.
#[inline(always)]
pub(crate) fn exit<A: Access>(returned: &impl Returned) {
    let Some(place) = current_place() else {
        return;
    };
    // SAFETY: as in `enter`.
    let before = unsafe { place.read_volatile() };
    // SAFETY: as in `enter`.
    unsafe { place.write_volatile(place::OUTSIDE) };
    if before == place::INSIDE {
        return;
    }
    // Without a filter nothing can be refused by one.
    let task = A::task();
    let mode = A::task_u32(task, config::task_seccomp_mode());
    if mode != Some(SECCOMP_MODE_FILTER) && mode != Some(SECCOMP_MODE_DEAD) {
        return;
    }
    let registers = returned.registers(task);
    match mode {
        Some(SECCOMP_MODE_FILTER) => {
            if let Some(result) = returned.result::<A>(registers) {
                without_entry::<A>(registers, result, before == place::OUTSIDE);
            }
        }
        Some(SECCOMP_MODE_DEAD) => {
            // SAFETY: as in `enter`.
            unsafe { place.write_volatile(place::DYING) };
            killed::<A>(registers);
        }
        _ => {}
    }
}

/// The current task ends.
#[inline(always)]
pub(crate) fn task_exit<A: Access>() {
    if A::task_u32(A::task(), config::task_seccomp_mode()) != Some(SECCOMP_MODE_DEAD) {
        return;
    }
    // SAFETY: as in `enter`.
    if current_place().is_some_and(|place| unsafe { place.read_volatile() } != place::DYING) {
        killed::<A>(access::registers_of(access::typed_task()));
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the thread's id is the lower half"
)]
fn current_place() -> Option<*mut u8> {
    let thread = bpf_get_current_pid_tgid() as u32;
    let places = PLACES.get_ptr_mut(thread / PLACES_LEN)?;
    let index = thread % PLACES_LEN;
    Some(places.cast::<u8>().wrapping_add(index as usize))
}

/// A return without an entry. Whether it can be judged is whether the task's place was known.
#[inline(always)]
fn without_entry<A: Access>(registers: *const c_void, result: i64, can_be_judged: bool) {
    let Some((call, number)) = call::<A>(registers) else {
        return;
    };
    if result == 0 && (is_fork(&call) || scope::is_exec(&call)) {
        return;
    }
    let key = key(&call, answer(number, result));
    if can_be_judged {
        record::<A>(&key, registers);
    } else if key.answer != answer::VALUE {
        report::count(call.slot, counter::UNJUDGED);
    }
}

/// The filter ends the current task.
#[inline(always)]
fn killed<A: Access>(registers: *const c_void) {
    if let Some((call, _)) = call::<A>(registers) {
        record::<A>(&key(&call, answer::KILLED), registers);
    }
}

/// The call that these registers were for, and its number as it was given; none if the current task is in no
/// scope.
#[inline(always)]
fn call<A: Access>(registers: *const c_void) -> Option<(Call, i64)> {
    let (slot, task) = watched::<A>()?;
    let status = A::task_u32(task, config::task_status());
    let (Some(status), Some(number)) = (status, A::number(registers)) else {
        report::count(slot, counter::UNKNOWN_ABI);
        return None;
    };
    let call = identify(slot, number, status & TS_COMPAT != 0, true);
    Some((call, number))
}

#[inline(always)]
fn key(call: &Call, answer: i32) -> DenialKey {
    DenialKey {
        slot: call.slot,
        abi: call.abi,
        number: call.number,
        answer,
    }
}

/// What the task got. A supervisor's values are as many as it likes, so they are all one.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "an errno is small, and the kernel looks at 32 bits of the number"
)]
fn answer(number: i64, result: i64) -> i32 {
    let errno_max = i64::from(answer::ERRNO_MAX);
    if (-errno_max..0).contains(&result) {
        result as i32
    } else if result as i32 == number as i32 {
        answer::SIGNAL
    } else {
        answer::VALUE
    }
}

/// Keeps a refused call.
#[inline(always)]
fn record<A: Access>(key: &DenialKey, registers: *const c_void) {
    let added = add(&DENIALS, key);
    if let Added::No = added {
        report::count(key.slot, counter::DENIALS_FULL);
        return;
    }
    let Some((values, len)) = values::<A>(key, registers) else {
        if let Added::New = added {
            report::denied(key, &[0; TUPLE_LEN], 0);
        }
        return;
    };
    let tuple = DeniedTupleKey {
        denial: *key,
        values,
    };
    match (add(&DENIED_TUPLES, &tuple), added) {
        (Added::New, _) => report::denied(key, &values, len),
        (Added::Known, _) => {}
        (Added::No, added) => {
            report::count(key.slot, counter::DENIED_TUPLES_FULL);
            if let Added::New = added {
                report::denied(key, &[0; TUPLE_LEN], 0);
            }
        }
    }
}

/// The values of the tracked arguments, and how many. The registers still hold what the task gave, because
/// nothing ran that could have changed them.
#[inline(always)]
fn values<A: Access>(key: &DenialKey, registers: *const c_void) -> Option<([u64; TUPLE_LEN], u32)> {
    let number = key.number.cast_unsigned();
    if number >= TABLE_LEN {
        return None;
    }
    let tracked = TRACKED.get(key.abi * TABLE_LEN + number)?;
    if tracked.len == 0 {
        return None;
    }
    let near = NEAR.get_ptr_mut(key.slot)?;
    let values = tuple::cut::<A>(near, registers, key.abi == abi::I386, tracked)?;
    Some((values, u32::from(tracked.len)))
}

/// How a count went.
enum Added {
    /// It is the first.
    New,
    /// There were others.
    Known,
    /// There is no room.
    No,
}

/// Adds one to the count of a key.
#[inline(always)]
fn add<K>(counts: &PerCpuHashMap<K, u64>, key: &K) -> Added {
    if let Some(count) = counts.get_ptr_mut(key) {
        report::increment(count);
        return Added::Known;
    }
    if counts.insert(key, &1, NOT_THERE).is_ok() {
        return Added::New;
    }
    match counts.get_ptr_mut(key) {
        // Another CPU was faster.
        Some(count) => {
            report::increment(count);
            Added::Known
        }
        None => Added::No,
    }
}

/// Calls that return in a new task as well.
#[inline(always)]
fn is_fork(call: &Call) -> bool {
    match call.abi {
        abi::I386 => matches!(call.number, 2 | 120 | 190 | 435),
        _ => matches!(call.number, 56 | 57 | 58 | 435),
    }
}
