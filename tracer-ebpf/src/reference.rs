//! What the cost of the kernel side is measured against: programs on the same hook that do nothing, or do what
//! recorders usually do. The product does not use them.

#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the macros make public functions without documentation of the entries"
)]

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::{btf_tracepoint, map, raw_tracepoint};
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};

/// Does nothing: what any program on this hook costs at the least.
#[btf_tracepoint(function = "sys_enter")]
pub fn empty_btf(_ctx: BtfTracePointContext) -> i32 {
    0
}

/// Does nothing when a call returns: beside the first, what any pair of programs on both hooks costs.
#[btf_tracepoint(function = "sys_exit")]
pub fn empty_return_btf(_ctx: BtfTracePointContext) -> i32 {
    0
}

/// The same as a raw tracepoint.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn empty_raw(_ctx: RawTracePointContext) -> i32 {
    0
}

/// Events on their way to user space.
#[map]
static REFERENCE_EVENTS: RingBuf = RingBuf::with_byte_size(1 << 22, 0);

/// Events for which there was no room.
#[map]
static REFERENCE_LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Sends an event per call, with who made it and which it was: the least that a recorder does that leaves the
/// rest to user space. It sends every task's.
#[btf_tracepoint(function = "sys_enter")]
pub fn event_per_call(ctx: BtfTracePointContext) -> i32 {
    let id: u64 = ctx.arg(1);
    let event = [bpf_get_current_pid_tgid(), id];
    if REFERENCE_EVENTS.output::<[u64; 2]>(&event, 0).is_err()
        && let Some(lost) = REFERENCE_LOST.get_ptr_mut(0)
    {
        // SAFETY: the map gives a valid pointer, and nothing else runs on this CPU meanwhile.
        unsafe { *lost += 1 };
    }
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Never reached: the verifier refuses the endless loop if anything can get here.
    loop {}
}

/// Helpers that read kernel memory are only for programs under a licence compatible with the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
