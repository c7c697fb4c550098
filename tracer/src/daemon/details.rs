//! What engines say of the containers that are recorded: who they are, and whether they are wanted.

use super::core::Daemon;
use super::error::DaemonError;
use super::inspector::{Answer, Known, engine_of};
use super::names;
use crate::recording::{Container, Target};
use crate::target::engine::id_in_cgroup_name;
use std::collections::BTreeSet;

impl Daemon {
    /// Has the engine asked about a scope that is a container. One that is none is not wanted, if there is a
    /// filter.
    pub(super) fn inquire(&mut self, slot: u32) {
        let Some(scope) = self.scopes.get_mut(&slot) else {
            return;
        };
        let name = &scope.passport.name;
        if let Some(id) = id_in_cgroup_name(name) {
            let kind = engine_of(name);
            self.inspector.ask(&scope.passport.run_id, id, kind);
            let container = scope.target.container.take();
            let known = container.unwrap_or_else(|| Container {
                id: id.to_owned(),
                engine: Some(kind.name().to_owned()),
                ..Container::default()
            });
            scope.target.container = Some(known);
        } else if !self.settings.filter.is_empty() {
            self.unwanted.insert(slot);
        }
    }

    /// Takes in what engines have said, and lets go what is not wanted. What has ended before the engine could be
    /// asked is kept: what it did cannot be had again.
    pub(super) fn take_in_details(&mut self) -> Result<(), DaemonError> {
        while let Some(Answer { run_id, known }) = self.inspector.answer() {
            let mut scopes = self.scopes.iter();
            let found = scopes.find(|(_, scope)| scope.passport.run_id == run_id);
            if let (Some((&slot, _)), Some(known)) = (found, known) {
                self.learn(slot, known)?;
            }
        }
        let unwanted = std::mem::take(&mut self.unwanted);
        let unwanted = unwanted.into_iter().filter(|slot| self.is_child(*slot));
        let unwanted: BTreeSet<u32> = unwanted.collect();
        match unwanted.is_empty() {
            true => Ok(()),
            false => self.discard(&unwanted),
        }
    }

    fn learn(&mut self, slot: u32, known: Known) -> Result<(), DaemonError> {
        let Known {
            container,
            seccomp,
            labels,
        } = known;
        if !self
            .settings
            .filter
            .wants(container.image.as_deref(), &labels)
        {
            self.unwanted.insert(slot);
            return Ok(());
        }
        let Some(scope) = self.scopes.get_mut(&slot) else {
            return Ok(());
        };
        // A file that is there keeps its name.
        if let Some(name) = container.name.as_deref().filter(|_| !scope.is_written()) {
            scope.passport.stem = names::stem(name, &scope.passport.run_id);
            self.store.keep(&scope.passport)?;
        }
        scope.target = Target {
            container: Some(container),
            seccomp: Some(seccomp),
            ..std::mem::take(&mut scope.target)
        };
        Ok(())
    }

    /// Whether a scope was found below a parent, and not asked for by itself.
    fn is_child(&self, slot: u32) -> bool {
        let scope = self.scopes.get(&slot);
        let path = scope.and_then(|scope| scope.passport.cgroup.as_deref());
        let above = path.and_then(|path| std::path::Path::new(path).parent());
        let mut parents = self.parents.present();
        parents.any(|parent| Some(std::path::Path::new(&parent.relative)) == above)
    }

    /// Ends recordings that nobody wants, and leaves nothing of them.
    fn discard(&mut self, slots: &BTreeSet<u32>) -> Result<(), DaemonError> {
        for slot in slots {
            if let Some(scope) = self.scopes.get(slot) {
                self.fleet.ignore(scope.passport.cgroup_id)?;
            }
        }
        self.fleet.settle()?;
        self.drain()?;
        for slot in slots {
            if let Some(scope) = self.scopes.remove(slot) {
                self.store.erase(&scope.passport.stem)?;
                self.store.remove(&scope.passport)?;
            }
        }
        self.fleet.clear(slots)?;
        for &slot in slots {
            self.fleet.free(slot)?;
        }
        Ok(())
    }
}
