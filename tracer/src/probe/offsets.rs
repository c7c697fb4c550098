//! What the running kernel's types say: the offsets that the program needs, and which hook loses nothing.

use super::btf::{Btf, BtfError};
use super::submitted;
use seccomp_tracer_ebpf::Offsets;

/// What the program and its loader have to know of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Types {
    pub(super) offsets: Offsets,
    /// Whether a task may lose its CPU in a program on a tracepoint, so that others are skipped.
    pub(super) is_preemptible: bool,
    /// Whether perf submits its events as the program expects it.
    pub(super) can_submit: bool,
    /// Whether the paths of cgroups can be kept.
    pub(super) keeps_paths: bool,
}

/// With this function came programs on tracepoints that can be preempted (Linux 7.2).
const PREEMPTIBLE: &str = "trace_call_bpf_faultable";

/// Looks everything up.
pub(crate) fn find(btf: &[u8]) -> Result<Types, BtfError> {
    let btf = Btf::parse(btf)?;
    let ids = btf.offset("cgroup.ancestor_ids").ok();
    let ancestors = ids.map_or_else(|| btf.offset("cgroup.ancestors"), Ok)?;
    let submits = (
        btf.offset("trace_event_call.event.type"),
        btf.offset("trace_event_raw_task_newtask.pid"),
        btf.offset("trace_event_raw_task_newtask.clone_flags"),
    );
    let root = (
        btf.offset("cgroup.root"),
        btf.offset("cgroup_root.hierarchy_id"),
    );
    let offsets = Offsets {
        task_cgroups: btf.offset("task_struct.cgroups")?,
        css_set_dfl_cgrp: btf.offset("css_set.dfl_cgrp")?,
        cgroup_level: btf.offset("cgroup.level")?,
        cgroup_kn: btf.offset("cgroup.kn")?,
        kernfs_node_id: btf.offset("kernfs_node.id")?,
        task_status: btf.offset("task_struct.thread_info.status")?,
        task_seccomp_mode: btf.offset("task_struct.seccomp.mode")?,
        task_cred: btf.offset("task_struct.cred")?,
        task_nsproxy: btf.offset("task_struct.nsproxy")?,
        task_atomic_flags: btf.offset("task_struct.atomic_flags")?,
        cred_cap_bset: btf.offset("cred.cap_bset")?,
        nsproxy_mnt_ns: btf.offset("nsproxy.mnt_ns")?,
        mnt_ns_inum: btf.offset("mnt_namespace.ns.inum")?,
        nsproxy_pid_ns: btf.offset("nsproxy.pid_ns_for_children")?,
        pid_ns_parent: btf.offset("pid_namespace.parent")?,
        pid_ns_child_reaper: btf.offset("pid_namespace.child_reaper")?,
        cgroup_ancestors: ancestors,
        ancestors_are_ids: u32::from(ids.is_some()),
        task_tgid: btf.offset("task_struct.tgid")?,
        task_comm: btf.offset("task_struct.comm")?,
        task_signal: btf.offset("task_struct.signal")?,
        signal_live: btf.offset("signal_struct.live")?,
        call_event_type: submits.0.as_ref().copied().unwrap_or(0),
        new_task_pid: submits.1.as_ref().copied().unwrap_or(0),
        new_task_flags: submits.2.as_ref().copied().unwrap_or(0),
        cgroup_root: root.0.as_ref().copied().unwrap_or(0),
        root_hierarchy_id: root.1.as_ref().copied().unwrap_or(0),
        // Where one is missing, what is read is no name that is looked for.
        task_mm: btf.offset("task_struct.mm").unwrap_or(0),
        mm_exe_file: btf.offset("mm_struct.exe_file").unwrap_or(0),
        file_dentry: btf.offset("file.f_path.dentry").unwrap_or(0),
        dentry_name: btf.offset("dentry.d_name.name").unwrap_or(0),
    };
    let is_preemptible = btf.has_function(PREEMPTIBLE);
    let has_all = matches!(submits, (Ok(_), Ok(_), Ok(_)));
    Ok(Types {
        offsets,
        is_preemptible,
        keeps_paths: matches!(root, (Ok(_), Ok(_))),
        can_submit: is_preemptible && has_all && submits_as_expected(&btf),
    })
}

/// The function is no interface, so it may change.
fn submits_as_expected(btf: &Btf<'_>) -> bool {
    const PARAMETERS: usize = 8;
    const KIND: usize = 3;
    btf.parameters(submitted::FUNCTION).is_ok_and(|found| {
        found.len() == PARAMETERS && found[KIND] == Some(b"trace_event_call".as_slice())
    })
}
