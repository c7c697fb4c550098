//! Argument values of tracked calls.

use super::access::Access;
use super::config;
use super::entry::{MAP_FULL, NOT_THERE};
use super::maps::{NEAR, TRACKED, TUPLE_COUNTS, TUPLES};
use super::messages;
use super::report::{self, Call};
use core::ffi::c_void;
use seccomp_tracer_ebpf::{
    Near, NearTuple, SLOT_LEN, TABLE_LEN, TUPLE_LEN, Tracked, TupleCount, TupleKey, counter, event,
    near_place,
};

/// Keeps the values of the call's tracked arguments, if it has any.
#[inline(always)]
pub(crate) fn record<A: Access>(call: &Call, index: u32, registers: *const c_void) {
    let Some(tracked) = TRACKED.get(call.abi * TABLE_LEN + call.number.cast_unsigned()) else {
        return;
    };
    if tracked.len == 0 {
        return;
    }
    let compat = call.abi == seccomp_tracer_ebpf::abi::I386;
    let values = NEAR.get_ptr_mut(call.slot).and_then(|near| {
        let values = cut::<A>(near, registers, compat, tracked)?;
        Some((near, values))
    });
    let Some((near, values)) = values else {
        unbounded(call, index);
        return;
    };
    let call_after = u64::from(index) + 1;
    let place = place(near, call_after, &values);
    // SAFETY: a place in a per-CPU value; nothing else runs on this CPU meanwhile.
    let NearTuple {
        call: taken_by,
        values: [first, second, third],
        ..
    } = unsafe { place.read() };
    // Spelled out, because the compiler makes a call of comparing arrays.
    if taken_by == call_after && first == values[0] && second == values[1] && third == values[2] {
        // SAFETY: as above.
        report::increment(unsafe { &raw mut (*place).count });
        return;
    }
    let key = TupleKey {
        slot: call.slot,
        index,
        values,
    };
    let is_kept = far(call, &key);
    if is_kept && taken_by == 0 {
        // It is in the hash, where it was counted this time.
        let tuple = NearTuple {
            call: call_after,
            values,
            count: 0,
        };
        // SAFETY: as above.
        unsafe { place.write(tuple) };
    }
}

/// The place at hand that a tuple of this call may have.
#[inline(always)]
fn place(near: *mut Near, call_after: u64, values: &[u64; TUPLE_LEN]) -> *mut NearTuple {
    // SAFETY: a pointer into a map.
    let tuples = unsafe { &raw mut (*near).tuples };
    let place = near_place(call_after, values);
    tuples.cast::<NearTuple>().wrapping_add(place)
}

/// Counts a tuple that has no place at hand. Says whether it is kept.
#[inline(never)]
fn far(call: &Call, key: &TupleKey) -> bool {
    match TUPLES.get_ptr_mut(key) {
        Some(count) => {
            report::increment(count);
            true
        }
        None => new_tuple(call, key),
    }
}

/// Picks the tracked arguments and drops the bits that the kernel does not look at.
///
/// They are picked out of a map, where any index of three bits is in bounds. Picked by comparisons, each would
/// multiply the ways through the program, and with them the time that the verifier takes.
#[inline(always)]
pub(crate) fn cut<A: Access>(
    near: *mut Near,
    registers: *const c_void,
    compat: bool,
    tracked: &Tracked,
) -> Option<[u64; TUPLE_LEN]> {
    // SAFETY: a pointer into a map.
    let all = unsafe { &raw mut (*near).arguments }.cast::<u64>();
    // The first six of eight; nothing else runs on this CPU meanwhile.
    if !A::arguments(registers, compat, all.cast()) {
        return None;
    }
    let mut values = [0; TUPLE_LEN];
    let mut place = 0;
    while place < TUPLE_LEN {
        let index = usize::from(tracked.indexes[place] & 7);
        // SAFETY: one of eight.
        values[place] = unsafe { all.wrapping_add(index).read() } & tracked.masks[place];
        place += 1;
    }
    Some(values)
}

/// Adds a tuple, or marks the call as unbounded when it has too many. Says whether the tuple is kept.
#[inline(always)]
fn new_tuple(call: &Call, key: &TupleKey) -> bool {
    let Some(count) = TUPLE_COUNTS.get_ptr_mut(key.slot * SLOT_LEN + key.index) else {
        return false;
    };
    // SAFETY: a pointer into a map; the fields are aligned words.
    let TupleCount { kept, unbounded } = unsafe { count.read_volatile() };
    if unbounded != 0 {
        return false;
    }
    if kept >= config::tuples_per_call() {
        give_up(count);
        return false;
    }
    match TUPLES.insert(key, &1, NOT_THERE) {
        Ok(()) => {
            // SAFETY: as above. Not atomic: CPUs that add at the same time may count one for two, and
            // the call then keeps a few tuples more than it should.
            let place = unsafe { &raw mut (*count).kept };
            // SAFETY: as above.
            unsafe { place.write_volatile(kept + 1) };
            report::event(event::TUPLE, call, &key.values);
            true
        }
        Err(error) => {
            if let Some(count) = TUPLES.get_ptr_mut(key) {
                // Another CPU was faster.
                report::increment(count);
                return true;
            }
            give_up(count);
            if report::count(call.slot, counter::TUPLES_FULL) && error == MAP_FULL {
                messages::say_tuples_full(call.number);
            }
            false
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
