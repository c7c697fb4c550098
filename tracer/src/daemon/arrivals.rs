//! How scopes come to be recorded: found by the kernel side, there already when their parent is, or asked for.

use super::answers::{failed, failed_probe};
use super::core::Daemon;
use super::error::DaemonError;
use super::names;
use super::passport::Passport;
use super::protocol::{Refusal, RefusalKind};
use super::scope::Scope;
use super::store;
use crate::probe::{LEVELS_MAX, Listed};
use crate::recording::{Loss, TargetKind, WindowStart};
use crate::session::now_ns;
use crate::target::cgroup::Cgroup;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

impl Daemon {
    /// Takes in scopes that the kernel side found and that are not known yet.
    pub(super) fn discover(&mut self) -> Result<(), DaemonError> {
        let listed = self.fleet.listed()?;
        let new = listed.into_iter().filter_map(|(id, listed)| match listed {
            Listed::Scope(slot) if !self.scopes.contains_key(&slot) => Some((id, slot)),
            _ => None,
        });
        let new: Vec<(u64, u32)> = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        let children = self.parents.children();
        let mut strangers = BTreeMap::new();
        for (id, slot) in new {
            let cgroup = children.get(&id);
            match self.parents.are_selective() && !self.is_wanted(id, cgroup) {
                true => drop(strangers.insert(slot, id)),
                false => self.adopt(id, slot, cgroup, WindowStart::Exec)?,
            }
        }
        self.dismiss(&strangers)
    }

    /// Whether a scope that was found beside a container is one of its lives.
    fn is_wanted(&self, id: u64, cgroup: Option<&Cgroup>) -> bool {
        let there = cgroup.map(|cgroup| PathBuf::from(&cgroup.relative));
        let gone = || self.paths.as_ref()?.of(id);
        let path = there.or_else(gone);
        path.is_some_and(|path| self.parents.want(&path))
    }

    /// Lets scopes go that are nobody's who was asked for.
    fn dismiss(&mut self, strangers: &BTreeMap<u32, u64>) -> Result<(), DaemonError> {
        if strangers.is_empty() {
            return Ok(());
        }
        for &id in strangers.values() {
            self.leave_alone(id)?;
        }
        self.fleet.settle()?;
        self.fleet.clear(&strangers.keys().copied().collect())?;
        for &slot in strangers.keys() {
            self.fleet.free(slot)?;
        }
        Ok(())
    }

    /// Keeps a cgroup from being found. The list is only so long; those that have gone need not be on it.
    fn leave_alone(&mut self, id: u64) -> Result<(), DaemonError> {
        if self.fleet.ignore(id).is_err() {
            self.forget_ignored()?;
            self.fleet.ignore(id)?;
        }
        Ok(())
    }

    /// Gives a scope its papers.
    pub(super) fn adopt(
        &mut self,
        id: u64,
        slot: u32,
        cgroup: Option<&Cgroup>,
        from: WindowStart,
    ) -> Result<(), DaemonError> {
        let gone = || Some(self.paths.as_ref()?.of(id)?.display().to_string());
        let path = cgroup.map(|cgroup| cgroup.relative.clone()).or_else(gone);
        let name = path.as_deref().and_then(|path| path.rsplit('/').next());
        let name = name.map_or_else(|| format!("cgroup {id}"), str::to_owned);
        let run_id = store::new_run_id()?;
        let missed = self.fleet.losses()?.get(Loss::ScopesFull);
        let missed = self.turned_away.missed(id, missed);
        let missed = match from {
            // What it did before, nobody was asked for.
            WindowStart::Attach => 0,
            WindowStart::Exec => missed,
        };
        if missed > 0 {
            // Its start may be among what was missed, and would be waited for in vain.
            self.fleet.arm(slot)?;
        }
        let passport = Passport {
            cgroup_id: id,
            slot,
            stem: names::stem(&name, &run_id),
            run_id,
            name,
            kind: TargetKind::Cgroup,
            cgroup: path,
            owner: cgroup.map_or(0, owner),
            from,
            start_ns: now_ns(),
            // A slot is clear when a scope gets it; only what the kernel skips is counted for all together.
            lost_before: self.fleet.skipped_before(),
            missed,
            container_id: None,
            lives: 1,
            is_idle: false,
        };
        self.store.keep(&passport)?;
        log::debug!(
            "recording `{}`",
            crate::report::escape::text(&passport.name)
        );
        let mut scope = Scope::new(passport, cgroup);
        if from == WindowStart::Exec {
            // Somebody's call is how it was found.
            scope.note_activity();
        }
        self.scopes.insert(slot, scope);
        self.inquire(slot);
        Ok(())
    }

    /// Follows parents that came or went.
    pub(super) fn look_at_parents(&mut self) -> Result<(), DaemonError> {
        let (new, gone) = self.parents.look(&self.hierarchy);
        for id in gone {
            self.fleet.remove(id)?;
        }
        for parent in new {
            self.add_parent(&parent)?;
        }
        Ok(())
    }

    /// Children that are there already are recorded from now on; each that comes, from its start.
    pub(super) fn add_parent(&mut self, parent: &Cgroup) -> Result<(), DaemonError> {
        let start = self.settings.child_start;
        if self.fleet.listed()?.get(&parent.id) == Some(&Listed::Parent) {
            // Another daemon's, which may have been told another start.
            return Ok(self.fleet.add_parent(parent.id, start)?);
        }
        for child in parent.children() {
            self.attach_child(&child)?;
        }
        self.fleet.add_parent(parent.id, start)?;
        self.fleet.settle()?;
        // One that came in between may have started before it was looked at.
        for child in parent.children() {
            self.attach_child(&child)?;
        }
        Ok(())
    }

    fn attach_child(&mut self, child: &Cgroup) -> Result<(), DaemonError> {
        let is_known = self
            .scopes
            .values()
            .any(|scope| scope.passport.cgroup_id == child.id);
        if is_known || !child.is_populated().unwrap_or(false) {
            return Ok(());
        }
        if !self.parents.want(Path::new(&child.relative)) {
            return self.leave_alone(child.id);
        }
        match self.fleet.add(child.id)? {
            Some(slot) => {
                self.fleet.follow(slot, &child.members())?;
                self.adopt(child.id, slot, Some(child), WindowStart::Attach)
            }
            None => {
                self.turn_away(child);
                Ok(())
            }
        }
    }

    /// Records a cgroup from now on; gives its slot.
    pub(super) fn add(&mut self, cgroup: &Cgroup) -> Result<u32, Refusal> {
        self.drain().map_err(failed)?;
        let same = |scope: &Scope| scope.passport.cgroup_id == cgroup.id;
        if let Some((&slot, _)) = self.scopes.iter().find(|(_, scope)| same(scope)) {
            return Ok(slot);
        }
        self.check_place(cgroup)?;
        let slot = self.fleet.add(cgroup.id).map_err(failed_probe)?;
        let Some(slot) = slot else {
            self.turn_away(cgroup);
            let most = self.fleet.fill().scopes_max;
            let message = format!("{most} targets are recorded already, and no more at once");
            return Err(Refusal::new(RefusalKind::Full, message));
        };
        let members = cgroup.members();
        self.fleet.follow(slot, &members).map_err(failed_probe)?;
        self.fleet.settle().map_err(failed_probe)?;
        let adopted = self.adopt(cgroup.id, slot, Some(cgroup), WindowStart::Attach);
        adopted.map_err(failed)?;
        Ok(slot)
    }

    /// A task is in one scope, so no scope can be in another.
    fn check_place(&self, cgroup: &Cgroup) -> Result<(), Refusal> {
        let invalid = |message: String| Err(Refusal::new(RefusalKind::Invalid, message));
        if cgroup.level > LEVELS_MAX {
            return invalid(format!(
                "it is more than {LEVELS_MAX} levels below the root"
            ));
        }
        let listed = self.fleet.listed().map_err(failed_probe)?;
        if listed.get(&cgroup.id) == Some(&Listed::Parent) {
            return invalid("its children are recorded, each by itself".to_owned());
        }
        for above in cgroup.path.ancestors().skip(1) {
            let id = above.metadata().map(|metadata| metadata.ino());
            let inside = id.ok().and_then(|id| listed.get(&id));
            if matches!(inside, Some(Listed::Scope(_) | Listed::Ignored)) {
                return invalid("a cgroup above it is recorded, or is not to be".to_owned());
            }
            if above == self.hierarchy.point() {
                break;
            }
        }
        let below = |path: &str| {
            let rest = path.strip_prefix(&cgroup.relative);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let mut scopes = self.scopes.values();
        let is_above = scopes.any(|scope| scope.passport.cgroup.as_deref().is_some_and(below))
            || self.parents.present().any(|parent| below(&parent.relative));
        if is_above {
            return invalid("something below it is recorded by itself".to_owned());
        }
        Ok(())
    }
}

/// The user id of a cgroup's owner; root's, if it is gone.
pub(super) fn owner(cgroup: &Cgroup) -> u32 {
    cgroup.path.metadata().map_or(0, |metadata| metadata.uid())
}
