//! The way of one call through the program, cheapest test first.

use super::access::{Access, registers_of};
use super::cgroup::Cgroup;
use super::config;
use super::maps::{CALLS, ODD_CALLS};
use super::report::{self, Call};
use super::{messages, scope, tuple};
use core::ffi::c_void;
use seccomp_tracer_ebpf::{CallTable, OddKey, SLOT_LEN, abi, counter, table_index};

/// Set in `thread_info.status` while a task is in a 32-bit system call, `int 0x80` included.
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/asm/thread_info.h#L211>
pub(crate) const TS_COMPAT: u32 = 0x2;

/// `SECCOMP_MODE_FILTER`
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/seccomp.h#L12>
pub(crate) const SECCOMP_MODE_FILTER: u32 = 2;

/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/uapi/asm/unistd.h#L16>
const X32_BIT: i32 = 0x4000_0000;

/// `E2BIG`: a map that is full says this.
pub(crate) const MAP_FULL: i32 = -7;

/// Insert only if the key is not there.
pub(crate) const NOT_THERE: u64 = 1;

/// What a hook knows of a call. It is only asked about those of a scope.
pub(crate) trait Made {
    /// The registers with which the task came into the kernel.
    fn registers(&self, task: *const c_void) -> *const c_void;

    /// The number, as the task gave it.
    fn id<A: Access>(&self, registers: *const c_void) -> Option<i64>;
}

/// A hook on the tracepoint is given both.
pub(crate) struct Given {
    pub(crate) registers: *const c_void,
    pub(crate) id: i64,
}

impl Made for Given {
    #[inline(always)]
    fn registers(&self, _task: *const c_void) -> *const c_void {
        self.registers
    }

    #[inline(always)]
    fn id<A: Access>(&self, _registers: *const c_void) -> Option<i64> {
        Some(self.id)
    }
}

/// Elsewhere the task has them.
pub(crate) struct OfTask;

impl Made for OfTask {
    #[inline(always)]
    fn registers(&self, task: *const c_void) -> *const c_void {
        registers_of(task)
    }

    #[inline(always)]
    fn id<A: Access>(&self, registers: *const c_void) -> Option<i64> {
        A::number(registers)
    }
}

/// Looks at one call. What is rare is in functions of its own, so that the way of most calls is short and keeps
/// its values in registers.
#[inline(always)]
pub(crate) fn entry<A: Access>(made: &impl Made) {
    let Some((slot, task)) = watched::<A>() else {
        return;
    };
    let registers = made.registers(task);
    let Some(id) = made.id::<A>(registers) else {
        unknown_abi(slot, 0);
        return;
    };
    let status = A::task_u32(task, config::task_status());
    let mode = A::task_u32(task, config::task_seccomp_mode());
    let (Some(status), Some(mode)) = (status, mode) else {
        unknown_abi(slot, id);
        return;
    };
    let call = identify(
        slot,
        id,
        status & TS_COMPAT != 0,
        mode == SECCOMP_MODE_FILTER,
    );
    if !scope::is_armed(&call, task) {
        report::count(slot, counter::UNARMED);
        return;
    }
    match table_index(call.abi, call.filtered, call.number) {
        Some(index) => {
            table_call(&call, index);
            tuple::record::<A>(&call, index, registers);
        }
        None => odd_call(&call),
    }
}

/// The current task, and the slot of its scope if it has one.
#[inline(always)]
pub(crate) fn watched<A: Access>() -> Option<(u32, *const c_void)> {
    if A::LOADS {
        let task = A::task();
        Some((scope::slot_of(Cgroup::of(task))?, task))
    } else {
        Some((scope::slot_of_current()?, A::task()))
    }
}

#[inline(never)]
fn unknown_abi(slot: u32, id: i64) {
    if report::count(slot, counter::UNKNOWN_ABI) {
        messages::say_unknown_abi(id);
    }
}

/// Gives a number its ABI. A negative number has bit 30 set too, but is no x32 call.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the kernel looks at 32 bits of the number"
)]
pub(crate) fn identify(slot: u32, id: i64, compat: bool, filtered: bool) -> Call {
    let number = id as i32;
    if compat {
        Call {
            slot,
            abi: abi::I386,
            filtered,
            number,
        }
    } else if number > 0 && number & X32_BIT != 0 {
        Call {
            slot,
            abi: abi::X32,
            filtered,
            number: number & !X32_BIT,
        }
    } else {
        Call {
            slot,
            abi: abi::X86_64,
            filtered,
            number,
        }
    }
}

/// Counts a call that has a place in the tables.
#[inline(always)]
fn table_call(call: &Call, index: u32) {
    let Some(table) = CALLS.get_ptr_mut(call.slot) else {
        map_error(call);
        return;
    };
    let Some(count) = within(table, index) else {
        map_error(call);
        return;
    };
    if report::increment(count) == 0 {
        report::first_call(call);
    }
}

/// The place of a call in a table. The index is in bounds, but the verifier only believes what it sees.
#[inline(always)]
fn within(table: *mut CallTable, index: u32) -> Option<*mut u64> {
    // SAFETY: a variable of our own; the compiler must forget what it knows, or it would leave the test out.
    let index = unsafe { (&raw const index).read_volatile() };
    (index < SLOT_LEN).then(|| table.cast::<u64>().wrapping_add(index as usize))
}

/// Counts a call whose number no table has.
#[inline(never)]
fn odd_call(call: &Call) {
    let key = OddKey {
        slot: call.slot,
        abi: call.abi,
        filtered: call.filtered as u32,
        number: call.number,
    };
    if let Some(count) = ODD_CALLS.get_ptr_mut(&key) {
        report::increment(count);
        return;
    }
    match ODD_CALLS.insert(&key, &1, NOT_THERE) {
        Ok(()) => report::first_call(call),
        Err(MAP_FULL) => {
            if report::count(call.slot, counter::ODD_FULL) {
                messages::say_odd_full(call.number);
            }
        }
        Err(_) => match ODD_CALLS.get_ptr_mut(&key) {
            // Another CPU was faster.
            Some(count) => {
                report::increment(count);
            }
            None => map_error(call),
        },
    }
}

#[inline(never)]
fn map_error(call: &Call) {
    if report::count(call.slot, counter::MAP_ERROR) {
        messages::say_map_error(call.abi, call.number);
    }
}
