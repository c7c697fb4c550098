//! Cgroups of the v2 hierarchy: on the way of every call by plain loads, elsewhere by copying, which takes no
//! helper that Linux 5.10 lacks and works for every task.

use super::access::{load, read};
use super::config;
use core::ffi::c_void;

/// Bytes of an id or a pointer.
const WORD: u32 = 8;

/// A `struct cgroup` that may be read through typed pointers.
#[derive(Clone, Copy)]
pub(crate) struct Cgroup(*const c_void);

impl Cgroup {
    /// That of a task.
    #[inline(always)]
    pub(crate) fn of(task: *const c_void) -> Self {
        let set: *const c_void = load(task, config::task_cgroups());
        Self(load(set, config::css_set_dfl_cgrp()))
    }

    /// Its depth below the root.
    #[inline(always)]
    pub(crate) fn level(self) -> u32 {
        load(self.0, config::cgroup_level())
    }

    /// Its id; none is ever used twice.
    #[inline(always)]
    pub(crate) fn id(self) -> u64 {
        let node: *const c_void = load(self.0, config::cgroup_kn());
        load(node, config::kernfs_node_id())
    }
}

/// A cgroup with all that it is in.
#[derive(Clone, Copy)]
pub(crate) struct Ancestry {
    cgroup: *const c_void,
    level: u32,
}

impl Ancestry {
    /// Of a task's cgroup.
    #[inline(always)]
    pub(crate) fn of(task: *const c_void) -> Option<Self> {
        let set: *const c_void = read(task, config::task_cgroups())?;
        let cgroup: *const c_void = read(set, config::css_set_dfl_cgrp())?;
        let level = read(cgroup, config::cgroup_level())?;
        Some(Self { cgroup, level })
    }

    /// The id of the one that is so deep; 0 if it is not itself so deep.
    #[inline(always)]
    pub(crate) fn at(self, level: u32) -> u64 {
        // SAFETY: a variable of our own; the compiler must not end a caller's loop by it, or the kernel would not see
        // that the loop ends.
        let own = unsafe { (&raw const self.level).read_volatile() };
        if level > own {
            return 0;
        }
        let place = config::cgroup_ancestors() + level * WORD;
        if config::ancestors_are_ids() != 0 {
            return read(self.cgroup, place).unwrap_or(0);
        }
        let ancestor: Option<*const c_void> = read(self.cgroup, place);
        let node: Option<*const c_void> = ancestor.and_then(|it| read(it, config::cgroup_kn()));
        node.and_then(|node| read(node, config::kernfs_node_id()))
            .unwrap_or(0)
    }
}
