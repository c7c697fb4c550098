//! What engines say of the containers that are recorded: who they are, and whether they are wanted.

use super::core::Daemon;
use super::error::DaemonError;
use super::inspector::{Answer, Known, Question, Said, suspected};
use super::names;
use crate::recording::{Target, TargetKind};
use crate::report::escape;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

impl Daemon {
    /// Has engines asked about a scope that may be a container. One that is none is not wanted, if there is a filter.
    pub(super) fn inquire(&mut self, slot: u32) {
        let Some(scope) = self.scopes.get_mut(&slot) else {
            return;
        };
        let path = scope.passport.cgroup.as_ref().map(PathBuf::from);
        match path.filter(|path| suspected(path).is_some()) {
            Some(path) => {
                let question = Question {
                    run_id: scope.passport.run_id.clone(),
                    cgroup_id: scope.passport.cgroup_id,
                    path,
                };
                scope.asked = self.inspector.ask(question).then(Instant::now);
            }
            None => self.does_not_want(slot),
        }
    }

    /// A scope that is no container.
    fn does_not_want(&mut self, slot: u32) {
        if !self.settings.filter.is_empty() {
            self.unwanted.insert(slot);
        }
    }

    /// Takes in what engines have said, and lets go what is not wanted. What has ended before the engine could be
    /// asked is kept: what it did cannot be had again.
    pub(super) fn take_in_details(&mut self) -> Result<(), DaemonError> {
        while let Some(Answer { run_id, said }) = self.inspector.answer() {
            let mut scopes = self.scopes.iter_mut();
            let found = scopes.find(|(_, scope)| scope.passport.run_id == run_id);
            let Some((&slot, scope)) = found else {
                continue;
            };
            scope.asked = None;
            match said {
                Said::Container(known) => self.learn(slot, *known)?,
                Said::Elsewhere => {
                    log::warn!(
                        "`{}` is called like a container that is elsewhere; it is taken for what it is, a cgroup",
                        escape::text(&scope.passport.name)
                    );
                    self.does_not_want(slot);
                }
                Said::Nothing => {}
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
            configured,
            no_new_privs,
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
        let id = container.id.clone();
        let Some(scope) = self.scopes.get_mut(&slot) else {
            return Ok(());
        };
        // A file that is there keeps its name.
        if let Some(name) = container.name.as_deref().filter(|_| !scope.is_written()) {
            scope.passport.stem = names::stem(name, &scope.passport.run_id);
        }
        scope.passport.kind = TargetKind::Container;
        scope.configured = configured;
        let target = std::mem::take(&mut scope.target);
        scope.target = Target {
            kind: TargetKind::Container,
            container: Some(container),
            seccomp: Some(seccomp),
            no_new_privs: target.no_new_privs.or(no_new_privs),
            ..target
        };
        self.recognise(slot, &id)
    }

    /// Whether a scope was found below a parent, and not asked for by itself.
    fn is_child(&self, slot: u32) -> bool {
        let scope = self.scopes.get(&slot);
        let path = scope.and_then(|scope| scope.passport.cgroup.as_deref());
        path.is_some_and(|path| self.parents.want_all_beside(Path::new(path)))
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
