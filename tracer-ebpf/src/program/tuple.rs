//! Argument values of tracked calls.

use super::access::Access;
use super::config;
use super::entry::{MAP_FULL, NOT_THERE};
use super::maps::{TRACKED, TUPLE_COUNTS, TUPLES};
use super::report::{self, Call};
use aya_ebpf::EbpfContext;
use aya_log_ebpf::warn;
use core::ffi::c_void;
use seccomp_tracer_ebpf::{
    SLOT_LEN, TABLE_LEN, TUPLE_LEN, Tracked, TupleCount, TupleKey, counter, event,
};

/// Keeps the values of the call's tracked arguments, if it has any.
#[inline(always)]
pub(crate) fn record<A: Access>(
    ctx: &impl EbpfContext,
    call: &Call,
    index: u32,
    registers: *const c_void,
) {
    let Some(tracked) = TRACKED.get(call.abi * TABLE_LEN + call.number.cast_unsigned()) else {
        return;
    };
    if tracked.len == 0 {
        return;
    }
    let compat = call.abi == seccomp_tracer_ebpf::abi::I386;
    let Some(arguments) = A::arguments(registers, compat) else {
        unbounded(call, index);
        return;
    };
    let key = TupleKey {
        slot: call.slot,
        index,
        values: cut(&arguments, tracked),
    };
    match TUPLES.get_ptr_mut(key) {
        Some(count) => {
            report::increment(count);
        }
        None => new_tuple(ctx, call, &key),
    }
}

/// Picks the tracked arguments and drops the bits that the kernel does not look at.
#[inline(always)]
fn cut(arguments: &[u64; 6], tracked: &Tracked) -> [u64; TUPLE_LEN] {
    let mut values = [0; TUPLE_LEN];
    let mut place = 0;
    while place < TUPLE_LEN {
        values[place] = pick(arguments, tracked.indexes[place]) & tracked.masks[place];
        place += 1;
    }
    values
}

/// `arguments[index]`, as comparisons: the verifier follows them where it would lose an index.
#[inline(always)]
fn pick(arguments: &[u64; 6], index: u8) -> u64 {
    match index {
        0 => arguments[0],
        1 => arguments[1],
        2 => arguments[2],
        3 => arguments[3],
        4 => arguments[4],
        _ => arguments[5],
    }
}

/// Adds a tuple, or marks the call as unbounded when it has too many.
#[inline(always)]
fn new_tuple(ctx: &impl EbpfContext, call: &Call, key: &TupleKey) {
    let Some(count) = TUPLE_COUNTS.get_ptr_mut(key.slot * SLOT_LEN + key.index) else {
        return;
    };
    // SAFETY: a pointer into a map; the fields are aligned words.
    let TupleCount { kept, unbounded } = unsafe { count.read_volatile() };
    if unbounded != 0 {
        return;
    }
    if kept >= config::tuples_per_call() {
        give_up(count);
        return;
    }
    match TUPLES.insert(key, 1, NOT_THERE) {
        Ok(()) => {
            // SAFETY: as above. Not atomic: CPUs that add at the same time may count one for two, and
            // the call then keeps a few tuples more than it should.
            let place = unsafe { &raw mut (*count).kept };
            // SAFETY: as above.
            unsafe { place.write_volatile(kept + 1) };
            report::event(event::TUPLE, call, &key.values);
        }
        Err(error) => {
            if let Some(count) = TUPLES.get_ptr_mut(key) {
                // Another CPU was faster.
                report::increment(count);
                return;
            }
            give_up(count);
            if report::count(counter::TUPLES_FULL) && error == MAP_FULL {
                warn!(
                    ctx,
                    "no room for another argument tuple, call {} is unbounded", call.number
                );
            }
        }
    }
}

/// Marks a call as unbounded.
#[inline(always)]
fn unbounded(call: &Call, index: u32) {
    if let Some(count) = TUPLE_COUNTS.get_ptr_mut(call.slot * SLOT_LEN + index) {
        give_up(count);
    }
}

/// From now on any value counts as seen. Nothing is cut off in silence.
#[inline(always)]
fn give_up(count: *mut TupleCount) {
    // SAFETY: a pointer into a map; the word only ever goes from 0 to 1.
    let place = unsafe { &raw mut (*count).unbounded };
    // SAFETY: as above.
    unsafe { place.write_volatile(1) };
}
