//! Cgroups whose children are scopes: which they are now, and who their children are.

use crate::target::cgroup::{Cgroup, Hierarchy};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The parents that were asked for. One that is not there may come, and one that goes may come again as another.
pub(super) struct Parents {
    wanted: Vec<(PathBuf, Option<Cgroup>)>,
    /// Those of which only some children are wanted: containers that were asked for by themselves, for all their lives.
    only: BTreeMap<PathBuf, BTreeSet<OsString>>,
}

impl Parents {
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            wanted: paths.into_iter().map(|path| (path, None)).collect(),
            only: BTreeMap::new(),
        }
    }

    /// Wants a container's cgroup, and those that come in its place. Says whether that is possible: beside a cgroup
    /// that is directly below the root is the whole host.
    pub(super) fn follow(&mut self, cgroup: &Path, hierarchy: &Hierarchy) -> bool {
        let (Some(above), Some(name)) = (cgroup.parent(), cgroup.file_name()) else {
            return false;
        };
        let Ok(parent) = hierarchy.named(above) else {
            return false;
        };
        let mut wanted = self.wanted.iter();
        let is_wanted_whole = wanted.any(|(path, _)| {
            let found = hierarchy.named(path);
            found.is_ok_and(|found| found.id == parent.id) && !self.only.contains_key(path)
        });
        if !is_wanted_whole {
            let names = self.only.entry(above.to_owned()).or_default();
            if names.is_empty() {
                self.wanted.push((above.to_owned(), None));
            }
            names.insert(name.to_owned());
        }
        true
    }

    /// Whether only some children of a parent are wanted.
    pub(super) fn are_selective(&self) -> bool {
        !self.only.is_empty()
    }

    /// Whether a child of a parent, by its path, is wanted.
    pub(super) fn want(&self, child: &Path) -> bool {
        let names = child.parent().and_then(|above| self.only.get(above));
        let name = child.file_name().unwrap_or_default();
        names.is_none_or(|names| names.contains(name))
    }

    /// Whether every child of a parent is wanted, whoever it is.
    pub(super) fn want_all_beside(&self, child: &Path) -> bool {
        let above = child.parent();
        let mut present = self.present();
        present.any(|parent| Some(Path::new(&parent.relative)) == above)
            && !above.is_some_and(|above| self.only.contains_key(above))
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
