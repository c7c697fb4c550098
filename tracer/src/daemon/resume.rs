//! Going on where another daemon left off, however it ended.
//!
//! What the kernel side kept is complete; papers say whose it is. Between any two of their steps the other may
//! have been killed, and each state that this leaves is told from the others here:
//!
//! - listed, with papers: it goes on;
//! - listed, without papers: it was found when nobody was there, or just before the end: it gets papers;
//! - papers, not listed: it was being ended: its last recording is written (again);
//! - neither, and not free: it was being cleared: it is cleared (again).

use super::core::Daemon;
use super::error::DaemonError;
use super::scope::Scope;
use crate::probe::Listed;
use crate::recording::{WindowEnd, WindowStart, from_json};
use crate::target::cgroup::Cgroup;
use std::collections::{BTreeMap, BTreeSet};

impl Daemon {
    /// Picks everything up. What has no papers may be one of these cgroups, or a parent's child.
    pub(super) fn resume(&mut self, cgroups: &[Cgroup]) -> Result<(), DaemonError> {
        // The other may have changed the list without having told the CPUs.
        self.fleet.settle()?;
        let listed = self.listed_scopes()?;
        // First of all, so that whoever is found meanwhile is found with a name.
        let (parents, _) = self.parents.look(&self.hierarchy);
        let mut known = self.parents.children();
        known.extend(cgroups.iter().map(|cgroup| (cgroup.id, cgroup.clone())));
        let mut abandoned = BTreeSet::new();
        for passport in self.store.passports()? {
            let slot = passport.slot;
            if listed.get(&passport.cgroup_id) != Some(&slot) {
                abandoned.insert(slot);
            }
            let last = self.store.read(&passport.stem).ok();
            let last = last.and_then(|text| from_json(&text).ok());
            let named = passport.cgroup.as_deref().map(std::path::Path::new);
            let cgroup = named.and_then(|path| self.hierarchy.named(path).ok());
            let cgroup = cgroup.filter(|cgroup| cgroup.id == passport.cgroup_id);
            let has_lived = passport.lives > 1;
            let past = has_lived.then(|| self.store.past(&passport)).flatten();
            let past = past.and_then(|text| from_json(&text).ok());
            let mut scope = Scope::resumed(passport, last, cgroup.as_ref());
            if has_lived {
                scope.live_on(past);
            }
            self.scopes.insert(slot, scope);
            self.inquire(slot);
        }
        for (&id, &slot) in &listed {
            if !self.scopes.contains_key(&slot) {
                self.adopt(id, slot, known.get(&id), WindowStart::Exec)?;
            }
        }
        if !abandoned.is_empty() {
            self.retire(&abandoned, WindowEnd::Empty)?;
        }
        self.clear_rest()?;
        self.forget_other_parents()?;
        for parent in parents {
            self.add_parent(&parent)?;
        }
        log::debug!("picked up {} targets", self.scopes.len());
        Ok(())
    }

    fn listed_scopes(&self) -> Result<BTreeMap<u64, u32>, DaemonError> {
        let listed = self.fleet.listed()?.into_iter();
        let scopes = listed.filter_map(|(id, listed)| match listed {
            Listed::Scope(slot) => Some((id, slot)),
            Listed::Parent | Listed::Ignored => None,
        });
        Ok(scopes.collect())
    }

    /// Slots that are neither used nor free. The kernel side takes free ones all the time, so they are looked at
    /// before, and the list after, with no program in between that has taken one and not listed it yet.
    fn clear_rest(&mut self) -> Result<(), DaemonError> {
        let unused = self.fleet.unused()?;
        self.fleet.settle()?;
        let used: BTreeSet<u32> = self.listed_scopes()?.into_values().collect();
        let all = 0..self.fleet.fill().scopes_max;
        let rest = all.filter(|slot| !unused.contains(slot) && !used.contains(slot));
        let rest: BTreeSet<u32> = rest.collect();
        self.fleet.clear(&rest)?;
        for slot in rest {
            self.fleet.free(slot)?;
        }
        Ok(())
    }

    /// Parents that the other was asked for and we are not.
    fn forget_other_parents(&mut self) -> Result<(), DaemonError> {
        let ours: BTreeSet<u64> = self.parents.present().map(|parent| parent.id).collect();
        for (id, listed) in self.fleet.listed()? {
            if listed == Listed::Parent && !ours.contains(&id) {
                self.fleet.remove(id)?;
            }
        }
        Ok(())
    }
}
