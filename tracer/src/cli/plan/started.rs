//! Containers that a command starts, while it does.

use crate::target::cgroup::Cgroup;
use crate::target::engine::{Engine, Inspected, id_in_cgroup_name};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError};

/// A container that the command started.
pub(crate) struct Started {
    /// Id of its cgroup.
    pub(crate) cgroup_id: u64,
    /// Its id.
    pub(crate) id: String,
    /// What the engine said about it, if it still knew it.
    pub(crate) inspected: Option<Inspected>,
}

/// The containers whose cgroups are found below a parent. Which container a cgroup is of is looked up at once, for it
/// may be gone soon; then the engine is asked, as it has time.
pub(super) fn all(engine: &Engine, parent: &Cgroup, found: &Receiver<u64>) -> Vec<Started> {
    let mut all = Vec::new();
    let mut waiting: VecDeque<Started> = VecDeque::new();
    loop {
        let next = if waiting.is_empty() {
            found.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            found.try_recv()
        };
        if let Ok(cgroup_id) = next {
            waiting.extend(container(parent, cgroup_id));
            continue;
        }
        let Some(mut started) = waiting.pop_front() else {
            return all;
        };
        started.inspected = engine.inspect(&started.id).ok();
        all.push(started);
    }
}

/// The container that a cgroup is of. Helpers of an engine may be there as well.
fn container(parent: &Cgroup, cgroup_id: u64) -> Option<Started> {
    let children = parent.children();
    let child = children.iter().find(|child| child.id == cgroup_id)?;
    Some(Started {
        cgroup_id,
        id: id_in_cgroup_name(&child.name())?.to_owned(),
        inspected: None,
    })
}
