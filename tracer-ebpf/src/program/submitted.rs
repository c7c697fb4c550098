//! The hook that loses nothing where programs on tracepoints can be preempted: the function through which perf
//! submits events.
//!
//! From Linux 7.2 on a task may lose its CPU in a program on a tracepoint, and whoever runs there meanwhile is
//! skipped, because the guard against recursion is one per CPU. Perf disables preemption before it calls this
//! function, so nobody is preempted in a program on it. It is only called for events that somebody wants: a program
//! that does nothing stands on each tracepoint for that.
//!
//! What the event says of the call is not looked at; task and registers say it.

use super::access::{Typed, load, read};
use super::{config, denial, entry, executed, members};
use core::ffi::c_void;
use seccomp_tracer_ebpf::looks;

/// Perf submits an event of this kind (`struct trace_event_call`), with these bytes.
#[inline(always)]
pub(crate) fn submit(kind: *const c_void, bytes: *const c_void) {
    let id: u32 = load(kind, config::call_event_type());
    if id == config::enter_event() {
        enter();
    } else if id == config::exit_event() {
        if config::looks() & looks::DENIALS != 0 {
            denial::exit::<Typed>(&denial::OfTask);
        }
    } else if id == config::new_task_event() {
        if config::looks() & looks::LEAVING != 0 {
            new_task(bytes);
        }
    } else if id == config::exec_event() {
        if config::looks() & looks::CALLS != 0 {
            executed::executed();
        }
    } else if id == config::task_exit_event() {
        if config::looks() & looks::DENIALS != 0 {
            denial::task_exit::<Typed>();
        }
        if config::looks() & looks::LEAVING != 0 {
            members::ended();
        }
    }
}

#[inline(always)]
fn enter() {
    if config::looks() & looks::CALLS != 0 {
        entry::entry::<Typed>(&entry::OfTask);
    }
    if config::looks() & looks::DENIALS != 0 {
        denial::enter();
    }
}

#[inline(always)]
fn new_task(bytes: *const c_void) {
    let pid = read(bytes, config::new_task_pid());
    let flags = read(bytes, config::new_task_flags());
    if let (Some(pid), Some(flags)) = (pid, flags) {
        members::born_with_id(pid, flags);
    }
}
