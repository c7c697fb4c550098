//! The kernel side: watches `raw_syscalls:sys_enter` and counts what the scope does.
//!
//! It observes and counts; it never decides. What was done is kept as a set in maps, so that nothing is
//! lost when user space is slow; the ring buffer only says who was first. Every way to lose something has a
//! counter.
//!
//! Two entries for one and the same tracepoint: the BTF one reads registers and task through typed
//! pointers, the raw one copies them. Only one is attached.
//!
//! What a filter refuses never gets to `sys_enter`; a second pair of programs, attached only when asked for,
//! finds it at `sys_exit`.

#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the macros make public functions without documentation of the entries"
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

/// Notes that the task is in a call.
#[btf_tracepoint(function = "sys_enter")]
pub fn inside_btf(_ctx: BtfTracePointContext) -> i32 {
    program::denial::enter();
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn inside_raw(_ctx: RawTracePointContext) -> i32 {
    program::denial::enter();
    0
}

/// `void (*)(struct pt_regs *regs, long ret)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h#L44>
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit_btf(ctx: BtfTracePointContext) -> i32 {
    let (registers, result) = (ctx.arg(0), ctx.arg(1));
    program::denial::exit::<Typed>(registers, result);
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit_raw(ctx: RawTracePointContext) -> i32 {
    let (registers, result) = (ctx.arg(0), ctx.arg(1));
    program::denial::exit::<Copied>(registers, result);
    0
}

/// `void (*)(struct task_struct *p, …)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h#L336>
#[btf_tracepoint(function = "sched_process_exit")]
pub fn task_exit_btf(_ctx: BtfTracePointContext) -> i32 {
    program::denial::task_exit::<Typed>();
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn task_exit_raw(_ctx: RawTracePointContext) -> i32 {
    program::denial::task_exit::<Copied>();
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
