//! First sightings, and counters of losses.

use super::maps::{COUNTERS, EVENTS};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid};
use seccomp_tracer_ebpf::{COMM_LEN, DenialKey, Event, TUPLE_LEN, counter, event};

/// What a call is, once its ABI is known.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) slot: u32,
    pub(crate) abi: u32,
    pub(crate) filtered: bool,
    pub(crate) number: i32,
}

/// Adds one to a counter of a scope and says whether it was zero: then it is worth a message.
#[inline(always)]
pub(crate) fn count(slot: u32, which: u32) -> bool {
    let Some(counters) = COUNTERS.get_ptr_mut(slot) else {
        return false;
    };
    increment(counters.cast::<u64>().wrapping_add(which as usize)) == 0
}

/// Adds one to a value of a per-CPU map, and gives what it was.
#[inline(always)]
pub(crate) fn increment(value: *mut u64) -> u64 {
    // SAFETY: maps give valid pointers, and nothing else runs on this CPU meanwhile.
    let before = unsafe { value.read() };
    // SAFETY: as above.
    unsafe { value.write(before.wrapping_add(1)) };
    before
}

/// Tells user space about something that happened for the first time.
#[inline(never)]
pub(crate) fn event(kind: u32, call: &Call, values: &[u64; TUPLE_LEN]) {
    let event = Event {
        kind,
        slot: call.slot,
        // SAFETY: the helper has no preconditions.
        time_ns: unsafe { bpf_ktime_get_ns() },
        pid: (bpf_get_current_pid_tgid() >> 32) as u32,
        abi: call.abi,
        filtered: call.filtered as u32,
        number: call.number,
        answer: 0,
        len: 0,
        values: *values,
        comm: bpf_get_current_comm().unwrap_or_default(),
    };
    if EVENTS.output::<Event>(&event, 0).is_err() {
        count(call.slot, counter::EVENT);
    }
}

/// A first refusal; `values` as many as there are.
#[inline(never)]
pub(crate) fn denied(key: &DenialKey, values: &[u64; TUPLE_LEN], len: u32) {
    let event = Event {
        kind: event::DENIED,
        slot: key.slot,
        // SAFETY: the helper has no preconditions.
        time_ns: unsafe { bpf_ktime_get_ns() },
        pid: (bpf_get_current_pid_tgid() >> 32) as u32,
        abi: key.abi,
        filtered: 1,
        number: key.number,
        answer: key.answer,
        len,
        values: *values,
        comm: bpf_get_current_comm().unwrap_or_default(),
    };
    if EVENTS.output::<Event>(&event, 0).is_err() {
        count(key.slot, counter::EVENT);
    }
}

/// A task that left a scope: its process, and its name.
#[inline(never)]
pub(crate) fn left(slot: u32, pid: u32, comm: &[u8; COMM_LEN], how: u64) {
    count(slot, counter::LEFT);
    let event = Event {
        kind: event::LEFT,
        slot,
        // SAFETY: the helper has no preconditions.
        time_ns: unsafe { bpf_ktime_get_ns() },
        pid,
        abi: 0,
        filtered: 0,
        number: 0,
        answer: 0,
        len: 0,
        values: [how, 0, 0],
        comm: *comm,
    };
    if EVENTS.output::<Event>(&event, 0).is_err() {
        count(slot, counter::EVENT);
    }
}

/// A first call.
#[inline(always)]
pub(crate) fn first_call(call: &Call) {
    event(event::CALL, call, &[0; TUPLE_LEN]);
}
