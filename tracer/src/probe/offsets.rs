//! The offsets that the program needs, looked up by name.

use super::btf::{Btf, BtfError};
use seccomp_tracer_ebpf::Offsets;

/// Looks them up.
pub(crate) fn find(btf: &[u8]) -> Result<Offsets, BtfError> {
    let btf = Btf::parse(btf)?;
    Ok(Offsets {
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
    })
}
