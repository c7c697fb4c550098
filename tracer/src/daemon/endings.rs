//! How recordings are written, while their targets run and when they have ended.

use super::core::Daemon;
use super::error::DaemonError;
use super::passport::Passport;
use super::scope::Now;
use crate::probe::{Listed, Snapshot};
use crate::recording::{WindowEnd, to_json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// Ended recordings that clients can still ask for by their run; older ones are only files.
const ENDED_MAX: usize = 1000;

/// A recording that has ended.
pub(super) struct Ended {
    pub(super) run_id: String,
    pub(super) stem: String,
    pub(super) owner: u32,
}

impl Daemon {
    /// Writes all recordings that have changed.
    pub(super) fn write_all(&mut self) -> Result<(), DaemonError> {
        self.last_written = Instant::now();
        self.drain()?;
        let slots = self.scopes.keys().copied().collect();
        let snapshots = self.fleet.snapshots(&slots)?;
        let now = self.now()?;
        for (slot, snapshot) in snapshots {
            // First sightings do not wait for ever while many are written.
            self.drain()?;
            let Some(scope) = self.scopes.get_mut(&slot) else {
                continue;
            };
            if scope.is_to_be_named() {
                continue;
            }
            if scope.note_counts(now.monotonic_ns, &snapshot) {
                let recording = scope.recording(&snapshot, &now, WindowEnd::Interrupted);
                let stem = &scope.passport.stem;
                self.store.write(stem, &to_json(&recording))?;
                scope.note_written(&snapshot);
            }
        }
        Ok(())
    }

    /// Ends recordings: what is in the maps by then is all that will ever be. The order is such that whoever
    /// comes after a sudden death can go on: papers go only when the recording is there for good, and slots are
    /// free only when the papers are gone.
    pub(super) fn retire(
        &mut self,
        slots: &BTreeSet<u32>,
        end: WindowEnd,
    ) -> Result<(), DaemonError> {
        for slot in slots {
            if let Some(scope) = self.scopes.get(slot) {
                self.take_off(&scope.passport.clone(), end)?;
            }
        }
        self.fleet.settle()?;
        self.drain()?;
        let snapshots = self.fleet.snapshots(slots)?;
        let now = self.now()?;
        for (slot, snapshot) in &snapshots {
            self.write_last(*slot, snapshot, &now, end)?;
        }
        self.store.sync()?;
        for slot in slots {
            self.forget(*slot, end)?;
        }
        self.fleet.clear(slots)?;
        for &slot in slots {
            self.fleet.free(slot)?;
        }
        Ok(())
    }

    /// Takes a scope off the list. A parent's child that goes on would be found again at its next call.
    fn take_off(&mut self, passport: &Passport, end: WindowEnd) -> Result<(), DaemonError> {
        let id = passport.cgroup_id;
        let path = passport.cgroup.as_deref().map(Path::new);
        let above = path.and_then(Path::parent);
        let mut parents = self.parents.present();
        let is_child = parents.any(|parent| Some(Path::new(&parent.relative)) == above);
        match end {
            WindowEnd::Interrupted if is_child => self.fleet.ignore(id)?,
            _ => self.fleet.remove(id)?,
        }
        Ok(())
    }

    /// Takes those off the list that were to be left alone and have gone.
    pub(super) fn forget_ignored(&mut self) -> Result<(), DaemonError> {
        let listed = self.fleet.listed()?.into_iter();
        let ignored = listed.filter(|(_, listed)| *listed == Listed::Ignored);
        let ignored: Vec<u64> = ignored.map(|(id, _)| id).collect();
        if ignored.is_empty() {
            return Ok(());
        }
        let children = self.parents.children();
        for id in ignored {
            if !children.contains_key(&id) {
                self.fleet.remove(id)?;
            }
        }
        Ok(())
    }

    /// Writes a scope's last recording, if there is anything to write.
    fn write_last(
        &mut self,
        slot: u32,
        snapshot: &Snapshot,
        now: &Now,
        end: WindowEnd,
    ) -> Result<(), DaemonError> {
        let Some(scope) = self.scopes.get_mut(&slot) else {
            return Ok(());
        };
        if snapshot.is_empty() && !scope.has_past() {
            return Ok(());
        }
        scope.note_counts(now.monotonic_ns, snapshot);
        let recording = scope.recording(snapshot, now, end);
        self.store
            .write(&scope.passport.stem, &to_json(&recording))?;
        scope.note_written(snapshot);
        Ok(())
    }

    /// Forgets a scope whose last recording is written. A container may live again, unless somebody has ended its
    /// recording.
    fn forget(&mut self, slot: u32, end: WindowEnd) -> Result<(), DaemonError> {
        let Some(scope) = self.scopes.get(&slot) else {
            return Ok(());
        };
        let (passport, is_written) = (scope.passport.clone(), scope.is_written());
        if end == WindowEnd::Empty {
            let is_idle = !is_written;
            self.rest(Passport {
                is_idle,
                ..passport.clone()
            })?;
        }
        self.store.remove(&passport)?;
        self.store.forget_past(&passport)?;
        if is_written {
            self.tally.ended += 1;
            if self.ended.len() == ENDED_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back(Ended {
                run_id: passport.run_id,
                stem: passport.stem,
                owner: passport.owner,
            });
        }
        self.scopes.remove(&slot);
        Ok(())
    }

    /// The end of the daemon: writes everything. What is pinned goes on; what is not, ends.
    pub(super) fn close(&mut self) -> Result<(), DaemonError> {
        if self.settings.pins.is_some() {
            return self.write_all();
        }
        self.drain()?;
        let slots = self.scopes.keys().copied().collect();
        self.retire(&slots, WindowEnd::Interrupted)
    }
}
