//! Constants that the loader sets before the program is verified.
//!
//! They live in read-only data, so the verifier knows their values and removes the branches that they
//! close. Reads are volatile because the compiler must not use the zeros it sees here.

use core::ptr;
use seccomp_tracer_ebpf::{Config, Offsets};

#[unsafe(no_mangle)]
static CONFIG: Config = Config {
    scope_id: 0,
    scope_level: 0,
    scopes: 0,
    arming: 0,
    tuples_per_call: 0,
    host_mount_namespaces: [0; 2],
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
    host_mount_namespace: u32 = CONFIG.host_mount_namespaces[0];
    engine_mount_namespace: u32 = CONFIG.host_mount_namespaces[1];
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
}
