//! The paths of cgroups, kept as they are made: one that lives for a few milliseconds is gone before anybody could look
//! for its name.

use super::access::read;
use super::config;
use super::maps::{PATH, PATHS};
use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;
use core::ffi::c_void;

/// A cgroup is made, with this path from the root of its hierarchy, whatever namespaces there are.
///
/// The kernel makes one at a time, so nobody else puts a path together meanwhile.
#[inline(always)]
pub(crate) fn made(cgroup: *const c_void, path: *const u8) {
    let Some(id) = id_of(cgroup) else {
        return;
    };
    let Some(room) = PATH.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: a value of a per-CPU map, which nobody else uses meanwhile.
    let room = unsafe { &mut *room };
    // SAFETY: the helper checks the address, and writes no more than there is room for.
    if unsafe { bpf_probe_read_kernel_str_bytes(path, room) }.is_ok() {
        // Without it, the path is looked for as before.
        let _ = PATHS.insert(&id, &*room, 0);
    }
}

/// The id of a cgroup of the second version. Hierarchies of the first have ids of their own, which say nothing here.
#[inline(always)]
fn id_of(cgroup: *const c_void) -> Option<u64> {
    let root: *const c_void = read(cgroup, config::cgroup_root())?;
    let hierarchy: u32 = read(root, config::root_hierarchy_id())?;
    if hierarchy != 0 {
        return None;
    }
    let node: *const c_void = read(cgroup, config::cgroup_kn())?;
    read(node, config::kernfs_node_id())
}
