//! A container's lives, one recording for all of them: when its engine starts it again, what it does is added to what it
//! did before, however long that was ago.
//!
//! Between its lives only files know of it. What it did in earlier lives is kept apart while it lives, so that whoever
//! goes on after a sudden death adds the present life exactly once.

use super::core::Daemon;
use super::error::DaemonError;
use super::passport::Passport;
use crate::recording::{Recording, WindowEnd, from_json, to_json};
use std::collections::BTreeMap;

/// Containers that have ended and may live again; more, and those whose last life began first are forgotten.
const RESTING_MAX: usize = 1000;

/// Those that have ended, by id.
#[derive(Default)]
pub(super) struct Resting(BTreeMap<String, Passport>);

impl Resting {
    /// From the papers that there are.
    pub(super) fn of(papers: Vec<Passport>) -> Self {
        let by_id = papers.into_iter().filter_map(|passport| {
            let id = passport.container_id.clone()?;
            Some((id, passport))
        });
        Self(by_id.collect())
    }

    /// The one whose last life began first, if there are too many.
    fn surplus(&mut self) -> Option<Passport> {
        if self.0.len() <= RESTING_MAX {
            return None;
        }
        let oldest = self.0.values().min_by_key(|passport| passport.start_ns);
        let id = oldest.and_then(|passport| passport.container_id.clone())?;
        self.0.remove(&id)
    }
}

impl Daemon {
    /// A scope turns out to be this container. If it lived before, its recording goes on.
    pub(super) fn recognise(&mut self, slot: u32, container_id: &str) -> Result<(), DaemonError> {
        let before = self.scopes.iter_mut().find_map(|(&other, scope)| {
            let is_same = scope.passport.container_id.as_deref() == Some(container_id);
            (other != slot && is_same && scope.has_ended()).then_some(other)
        });
        if let Some(before) = before {
            self.retire(&[before].into(), WindowEnd::Empty)?;
        }
        let before = self.resting.0.remove(container_id);
        let Some(scope) = self.scopes.get_mut(&slot) else {
            return Ok(());
        };
        scope.passport.container_id = Some(container_id.to_owned());
        let now = scope.passport.clone();
        let Some(before) = before else {
            return self.store.keep(&now);
        };
        let past = self.past(&before);
        match &past {
            Some(past) => self.store.set_aside(&before, &to_json(past))?,
            None if before.is_idle => {}
            // What it did is gone; what it does now is a recording of its own.
            None => {
                self.store.keep(&now)?;
                return self.store.wake(&before);
            }
        }
        let passport = Passport {
            cgroup_id: now.cgroup_id,
            slot,
            cgroup: now.cgroup.clone(),
            owner: now.owner,
            kind: now.kind,
            lost_before: now.lost_before.clone(),
            missed: now.missed,
            lives: before.lives.saturating_add(1),
            is_idle: false,
            ..before.clone()
        };
        self.store.keep(&passport)?;
        // From here on this is the scope, whoever reads the papers.
        self.store.remove(&now)?;
        self.store.erase(&now.stem)?;
        self.store.wake(&before)?;
        self.ended.retain(|ended| ended.run_id != before.run_id);
        if let Some(scope) = self.scopes.get_mut(&slot) {
            scope.go_on(passport, past);
        }
        Ok(())
    }

    /// What was recorded of a container that rests. It may have been removed, or not be kept any longer.
    fn past(&self, passport: &Passport) -> Option<Recording> {
        from_json(&self.store.read(&passport.stem).ok()?).ok()
    }

    /// Remembers a container whose life has ended, and whose recording is written, if it did anything.
    pub(super) fn rest(&mut self, passport: Passport) -> Result<(), DaemonError> {
        let Some(id) = passport.container_id.clone() else {
            return Ok(());
        };
        self.store.rest(&passport)?;
        self.resting.0.insert(id, passport);
        match self.resting.surplus() {
            Some(forgotten) => self.store.wake(&forgotten),
            None => Ok(()),
        }
    }
}
