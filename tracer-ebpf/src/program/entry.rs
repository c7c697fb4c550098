//! The way of one call through the program, cheapest test first.

use super::access::Access;
use super::config;
use super::maps::{CALLS, ODD_CALLS};
use super::report::{self, Call};
use super::{scope, tuple};
use aya_ebpf::EbpfContext;
use aya_log_ebpf::warn;
use core::ffi::c_void;
use seccomp_tracer_ebpf::{OddKey, SLOT_LEN, abi, counter, table_index};

/// Set in `thread_info.status` while a task is in a 32-bit system call, `int 0x80` included.
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/asm/thread_info.h#L211>
const TS_COMPAT: u32 = 0x2;

/// `SECCOMP_MODE_FILTER`
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/seccomp.h#L12>
const SECCOMP_MODE_FILTER: u32 = 2;

/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/uapi/asm/unistd.h#L16>
const X32_BIT: i32 = 0x4000_0000;

/// `E2BIG`: a map that is full says this.
pub(crate) const MAP_FULL: i32 = -7;

/// Insert only if the key is not there.
pub(crate) const NOT_THERE: u64 = 1;

/// Looks at one call.
#[inline(always)]
pub(crate) fn entry<A: Access>(ctx: &impl EbpfContext, registers: *const c_void, id: i64) {
    let Some(slot) = scope::slot() else {
        return;
    };
    let task = A::task();
    let status = A::task_u32(task, config::task_status());
    let mode = A::task_u32(task, config::task_seccomp_mode());
    let (Some(status), Some(mode)) = (status, mode) else {
        if report::count(counter::UNKNOWN_ABI) {
            warn!(
                ctx,
                "cannot read the task of call {}, its ABI is unknown", id
            );
        }
        return;
    };
    let call = identify(
        slot,
        id,
        status & TS_COMPAT != 0,
        mode == SECCOMP_MODE_FILTER,
    );
    if !scope::is_armed(&call, task) {
        report::count(counter::UNARMED);
        return;
    }
    match table_index(call.abi, call.filtered, call.number) {
        Some(index) => {
            table_call(ctx, &call, index);
            tuple::record::<A>(ctx, &call, index, registers);
        }
        None => odd_call(ctx, &call),
    }
}

/// Gives a number its ABI. A negative number has bit 30 set too, but is no x32 call.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the kernel looks at 32 bits of the number"
)]
fn identify(slot: u32, id: i64, compat: bool, filtered: bool) -> Call {
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
fn table_call(ctx: &impl EbpfContext, call: &Call, index: u32) {
    let Some(count) = CALLS.get_ptr_mut(call.slot * SLOT_LEN + index) else {
        map_error(ctx, call);
        return;
    };
    if report::increment(count) == 0 {
        report::first_call(call);
    }
}

/// Counts a call whose number no table has.
#[inline(never)]
fn odd_call(ctx: &impl EbpfContext, call: &Call) {
    let key = OddKey {
        slot: call.slot,
        abi: call.abi,
        filtered: call.filtered as u32,
        number: call.number,
    };
    if let Some(count) = ODD_CALLS.get_ptr_mut(key) {
        report::increment(count);
        return;
    }
    match ODD_CALLS.insert(key, 1, NOT_THERE) {
        Ok(()) => report::first_call(call),
        Err(MAP_FULL) => {
            if report::count(counter::ODD_FULL) {
                warn!(
                    ctx,
                    "no room for another odd number, {} is lost", call.number
                );
            }
        }
        Err(_) => match ODD_CALLS.get_ptr_mut(key) {
            // Another CPU was faster.
            Some(count) => {
                report::increment(count);
            }
            None => map_error(ctx, call),
        },
    }
}

#[inline(always)]
fn map_error(ctx: &impl EbpfContext, call: &Call) {
    if report::count(counter::MAP_ERROR) {
        warn!(
            ctx,
            "a map refused call {} of abi {}", call.number, call.abi
        );
    }
}
