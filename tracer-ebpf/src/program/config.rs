//! Constants that the loader sets before the program is verified.
//!
//! They live in read-only data, so the verifier knows their values and removes the branches that they
//! close. Reads are volatile because the compiler must not use the zeros it sees here.

use core::ptr;
use seccomp_tracer_ebpf::{Config, Offsets, submitted};

#[unsafe(no_mangle)]
static CONFIG: Config = Config {
    scope_id: 0,
    scope_level: 0,
    scopes: 0,
    arming: 0,
    tuples_per_call: 0,
    engine_mount_namespaces: [0; 2],
    events: [0; submitted::COUNT],
    looks: 0,
};

#[unsafe(no_mangle)]
static OFFSETS: Offsets = Offsets {
    task_cgroups: 0,
    css_set_dfl_cgrp: 0,
    cgroup_level: 0,
    cgroup_kn: 0,
    kernfs_node_id: 0,
    task_status: 0,
    task_seccomp_mode: 0,
    task_cred: 0,
    task_nsproxy: 0,
    task_atomic_flags: 0,
    cred_cap_bset: 0,
    nsproxy_mnt_ns: 0,
    mnt_ns_inum: 0,
    nsproxy_pid_ns: 0,
    pid_ns_parent: 0,
    pid_ns_child_reaper: 0,
    cgroup_ancestors: 0,
    ancestors_are_ids: 0,
    task_tgid: 0,
    task_comm: 0,
    task_signal: 0,
    signal_live: 0,
    call_event_type: 0,
    new_task_pid: 0,
    new_task_flags: 0,
    cgroup_root: 0,
    root_hierarchy_id: 0,
    task_mm: 0,
    mm_exe_file: 0,
    file_dentry: 0,
    dentry_name: 0,
};

/// Reads one constant.
macro_rules! constants {
    ($($name:ident: $type:ty = $place:expr;)+) => {
        $(
            #[inline(always)]
            pub(crate) fn $name() -> $type {
                // SAFETY: a valid, aligned static; see the module on why the read is volatile.
                unsafe { ptr::read_volatile(&raw const $place) }
            }
        )+
    };
}

constants! {
    scope_id: u64 = CONFIG.scope_id;
    scope_level: u32 = CONFIG.scope_level;
    scopes: u32 = CONFIG.scopes;
    arming: u32 = CONFIG.arming;
    tuples_per_call: u32 = CONFIG.tuples_per_call;
    engine_mount_namespace: u32 = CONFIG.engine_mount_namespaces[0];
    other_mount_namespace: u32 = CONFIG.engine_mount_namespaces[1];
    enter_event: u32 = CONFIG.events[submitted::ENTER];
    exit_event: u32 = CONFIG.events[submitted::EXIT];
    new_task_event: u32 = CONFIG.events[submitted::NEW_TASK];
    task_exit_event: u32 = CONFIG.events[submitted::TASK_EXIT];
    exec_event: u32 = CONFIG.events[submitted::EXEC];
    looks: u32 = CONFIG.looks;
    task_cgroups: u32 = OFFSETS.task_cgroups;
    css_set_dfl_cgrp: u32 = OFFSETS.css_set_dfl_cgrp;
    cgroup_level: u32 = OFFSETS.cgroup_level;
    cgroup_kn: u32 = OFFSETS.cgroup_kn;
    kernfs_node_id: u32 = OFFSETS.kernfs_node_id;
    task_status: u32 = OFFSETS.task_status;
    task_seccomp_mode: u32 = OFFSETS.task_seccomp_mode;
    task_cred: u32 = OFFSETS.task_cred;
    task_nsproxy: u32 = OFFSETS.task_nsproxy;
    task_atomic_flags: u32 = OFFSETS.task_atomic_flags;
    cred_cap_bset: u32 = OFFSETS.cred_cap_bset;
    nsproxy_mnt_ns: u32 = OFFSETS.nsproxy_mnt_ns;
    mnt_ns_inum: u32 = OFFSETS.mnt_ns_inum;
    nsproxy_pid_ns: u32 = OFFSETS.nsproxy_pid_ns;
    pid_ns_parent: u32 = OFFSETS.pid_ns_parent;
    pid_ns_child_reaper: u32 = OFFSETS.pid_ns_child_reaper;
    cgroup_ancestors: u32 = OFFSETS.cgroup_ancestors;
    ancestors_are_ids: u32 = OFFSETS.ancestors_are_ids;
    task_tgid: u32 = OFFSETS.task_tgid;
    task_comm: u32 = OFFSETS.task_comm;
    task_signal: u32 = OFFSETS.task_signal;
    signal_live: u32 = OFFSETS.signal_live;
    call_event_type: u32 = OFFSETS.call_event_type;
    new_task_pid: u32 = OFFSETS.new_task_pid;
    new_task_flags: u32 = OFFSETS.new_task_flags;
    cgroup_root: u32 = OFFSETS.cgroup_root;
    root_hierarchy_id: u32 = OFFSETS.root_hierarchy_id;
    task_mm: u32 = OFFSETS.task_mm;
    mm_exe_file: u32 = OFFSETS.mm_exe_file;
    file_dentry: u32 = OFFSETS.file_dentry;
    dentry_name: u32 = OFFSETS.dentry_name;
}
