//! The kernel side: watches `raw_syscalls:sys_enter` and counts what the scope does.
//!
//! It observes and counts; it never decides. What was done is kept as a set in maps, so that nothing is
//! lost when user space is slow; the ring buffer only says who was first. Every way to lose something has a
//! counter.
//!
//! Two entries for one and the same tracepoint: the BTF one reads registers and task through typed
//! pointers, the raw one copies them. Only one is attached.

#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the macros make public functions without documentation of the two entries"
)]

mod program;

use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use program::access::{Copied, Typed};

/// `void (*)(struct pt_regs *regs, long id)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h#L18>
#[btf_tracepoint(function = "sys_enter")]
pub fn sys_enter_btf(ctx: BtfTracePointContext) -> i32 {
    let (registers, id) = (ctx.arg(0), ctx.arg(1));
    program::entry::<Typed>(registers, id);
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter_raw(ctx: RawTracePointContext) -> i32 {
    let (registers, id) = (ctx.arg(0), ctx.arg(1));
    program::entry::<Copied>(registers, id);
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
