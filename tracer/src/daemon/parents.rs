//! Cgroups whose children are scopes: which they are now, and who their children are.

use crate::target::cgroup::{Cgroup, Hierarchy};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The parents that were asked for. One that is not there may come, and one that goes may come again as another.
pub(super) struct Parents {
    wanted: Vec<(PathBuf, Option<Cgroup>)>,
}

impl Parents {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            wanted: paths.into_iter().map(|path| (path, None)).collect(),
        }
    }

    /// Looks again. Gives those that are new, and the ids of those that have gone.
    pub(super) fn look(&mut self, hierarchy: &Hierarchy) -> (Vec<Cgroup>, Vec<u64>) {
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        for (path, known) in &mut self.wanted {
            let found = hierarchy.named(path).ok();
            if found.as_ref().map(|cgroup| cgroup.id) == known.as_ref().map(|cgroup| cgroup.id) {
                continue;
            }
            gone.extend(known.take().map(|cgroup| cgroup.id));
            new.extend(found.clone());
            *known = found;
        }
        (new, gone)
    }

    /// Those that are not there.
    pub(super) fn missing(&self) -> impl Iterator<Item = &PathBuf> {
        let missing = self.wanted.iter().filter(|(_, known)| known.is_none());
        missing.map(|(path, _)| path)
    }

    /// Those that are there.
    pub(super) fn present(&self) -> impl Iterator<Item = &Cgroup> {
        self.wanted.iter().filter_map(|(_, known)| known.as_ref())
    }

    /// Their children, by id.
    pub(super) fn children(&self) -> BTreeMap<u64, Cgroup> {
        let children = self.present().flat_map(Cgroup::children);
        children.map(|child| (child.id, child)).collect()
    }
}
