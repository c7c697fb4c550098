//! Which of the programs that are looked for are executed in a scope, for however short a time.
//!
//! The kernel tells of an exec when it is done. Then the task has the name by which the program was executed, which
//! nobody can have changed yet; where that is a link's, the program's file has its own. A script has the one, its
//! interpreter the other. What is looked for is given by the loader; nothing is decided here.

use super::access::read;
use super::config;
use super::maps::{EXECUTED, NAMES};
use super::members::{NOWHERE, current, number, slot_of};
use super::scope;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_probe_read_kernel_str_bytes};
use core::ffi::c_void;
use seccomp_tracer_ebpf::{NAMES_MAX, Name};

/// The current task has executed a program.
#[inline(always)]
pub(crate) fn executed() {
    note(&bpf_get_current_comm().unwrap_or_default());
    let mut name = Name::default();
    if read_file_name(&mut name) {
        note(&name);
    }
}

/// The name of the file that the current task executes. Says whether there is one.
#[inline(always)]
fn read_file_name(into: &mut Name) -> bool {
    let space: Option<*const c_void> = read(current(), config::task_mm());
    let file: Option<*const c_void> = space.and_then(|mm| read(mm, config::mm_exe_file()));
    let entry: Option<*const c_void> = file.and_then(|file| read(file, config::file_dentry()));
    let Some(name) = entry.and_then(|entry| read(entry, config::dentry_name())) else {
        return false;
    };
    // SAFETY: the helper checks the address, and writes no more than there is room for.
    unsafe { bpf_probe_read_kernel_str_bytes(name, into) }.is_ok()
}

#[inline(always)]
fn note(name: &Name) {
    // SAFETY: a word, copied at once; nothing is ever removed.
    let Some(&place) = (unsafe { NAMES.get(name) }) else {
        return;
    };
    let slot = slot_of(current());
    if slot == NOWHERE || !scope::has_begun(number(slot)) {
        return;
    }
    if let Some(executed) = EXECUTED.get_ptr_mut(number(slot)) {
        let place = place as usize & (NAMES_MAX - 1);
        // SAFETY: a byte of a map, which only ever goes from 0 to 1.
        unsafe { executed.cast::<u8>().wrapping_add(place).write_volatile(1) };
    }
}
