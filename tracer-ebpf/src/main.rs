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

use aya_ebpf::macros::{btf_tracepoint, fentry, raw_tracepoint, tracepoint};
use aya_ebpf::programs::{
    BtfTracePointContext, FEntryContext, RawTracePointContext, TracePointContext,
};
use core::ffi::c_void;
use program::access::{Copied, Typed};
use program::{denial, entry, executed, members, paths, submitted};

/// `void (*)(struct pt_regs *regs, long id)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h#L18>
#[btf_tracepoint(function = "sys_enter")]
pub fn sys_enter_btf(ctx: BtfTracePointContext) -> i32 {
    let (registers, id) = (ctx.arg(0), ctx.arg(1));
    entry::entry::<Typed>(&entry::Given { registers, id });
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter_raw(ctx: RawTracePointContext) -> i32 {
    let (registers, id) = (ctx.arg(0), ctx.arg(1));
    entry::entry::<Copied>(&entry::Given { registers, id });
    0
}

/// Notes that the task is in a call.
#[btf_tracepoint(function = "sys_enter")]
pub fn inside_btf(_ctx: BtfTracePointContext) -> i32 {
    denial::enter();
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn inside_raw(_ctx: RawTracePointContext) -> i32 {
    denial::enter();
    0
}

/// `void (*)(struct pt_regs *regs, long ret)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h#L44>
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit_btf(ctx: BtfTracePointContext) -> i32 {
    let (registers, result) = (ctx.arg(0), ctx.arg(1));
    denial::exit::<Typed>(&denial::Given { registers, result });
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit_raw(ctx: RawTracePointContext) -> i32 {
    let (registers, result) = (ctx.arg(0), ctx.arg(1));
    denial::exit::<Copied>(&denial::Given { registers, result });
    0
}

/// `void (*)(struct task_struct *p, …)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h#L336>
#[btf_tracepoint(function = "sched_process_exit")]
pub fn task_exit_btf(_ctx: BtfTracePointContext) -> i32 {
    denial::task_exit::<Typed>();
    0
}

/// The same for kernels that refuse the other.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn task_exit_raw(_ctx: RawTracePointContext) -> i32 {
    denial::task_exit::<Copied>();
    0
}

/// `void (*)(struct task_struct *task, u64 clone_flags)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/task.h#L9>
#[raw_tracepoint(tracepoint = "task_newtask")]
pub fn born(ctx: RawTracePointContext) -> i32 {
    let (child, flags): (*const c_void, u64) = (ctx.arg(0), ctx.arg(1));
    members::born(child, flags);
    0
}

/// The same beside the hook on perf.
#[raw_tracepoint(tracepoint = "task_newtask")]
pub fn born_elsewhere(ctx: RawTracePointContext) -> i32 {
    let (child, flags): (*const c_void, u64) = (ctx.arg(0), ctx.arg(1));
    members::born_elsewhere(child, flags);
    0
}

/// `void (*)(struct cgroup *dst_cgrp, const char *path, struct task_struct *task, bool threadgroup)`, called under a
/// lock that keeps the CPU.
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/cgroup.h#L117>
#[raw_tracepoint(tracepoint = "cgroup_attach_task")]
pub fn moved(ctx: RawTracePointContext) -> i32 {
    let (task, is_process): (*const c_void, u64) = (ctx.arg(2), ctx.arg(3));
    members::moved(task, is_process & 0xFF != 0);
    0
}

/// `void (*)(struct task_struct *p, …)`
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn ended(_ctx: RawTracePointContext) -> i32 {
    members::ended();
    0
}

/// `void (*)(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h#L396>
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn executes(_ctx: RawTracePointContext) -> i32 {
    executed::executed();
    0
}

/// `void (*)(struct cgroup *cgrp, const char *path)`
/// <https://github.com/torvalds/linux/blob/v6.12/include/trace/events/cgroup.h#L56>
#[raw_tracepoint(tracepoint = "cgroup_mkdir")]
pub fn made(ctx: RawTracePointContext) -> i32 {
    let (cgroup, path): (*const c_void, *const u8) = (ctx.arg(0), ctx.arg(1));
    paths::made(cgroup, path);
    0
}

/// `void (*)(void *raw_data, int size, int rctx, struct trace_event_call *call, …)`
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c#L10358>
#[fentry(function = "perf_trace_run_bpf_submit")]
pub fn submit(ctx: FEntryContext) -> i32 {
    let (bytes, kind): (*const c_void, *const c_void) = (ctx.arg(0), ctx.arg(3));
    submitted::submit(kind, bytes);
    0
}

/// Makes perf submit the event that it stands on. With 0 all others who want it would not get it.
#[tracepoint]
pub fn pass(_ctx: TracePointContext) -> u32 {
    1
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
