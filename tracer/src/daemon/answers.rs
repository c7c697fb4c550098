//! What the daemon answers to clients, and to whom.

use super::arrivals::owner;
use super::core::Daemon;
use super::error::DaemonError;
use super::policy::ROOT;
use super::protocol::{Answer, Refusal, RefusalKind, Request};
use crate::probe::ProbeError;
use crate::recording::{Recording, WindowEnd, from_json, to_json};
use std::path::Path;

/// What a client gets.
pub(super) enum Reply {
    /// This.
    Now(Answer),
    /// What the profile for this recording is, which takes a while.
    Profile(Box<Recording>),
}

impl Daemon {
    /// Answers a client.
    pub(super) fn answer(&mut self, user: u32, request: Request) -> Reply {
        let answer = match request {
            Request::List => self.list(user),
            Request::TurnedAway => self.list_turned_away(user),
            Request::Start { cgroup } => self.start_one(user, Path::new(&cgroup)),
            Request::Stop { run } => self.stop_one(user, &run),
            Request::Snapshot { run } => {
                let found = self.recording(user, &run);
                found.map(|(text, ended)| Answer::Recording { ended, text })
            }
            Request::Generate { run } => match self.for_profile(user, &run) {
                Ok(recording) => return Reply::Profile(Box::new(recording)),
                Err(refusal) => Err(refusal),
            },
        };
        Reply::Now(answer.unwrap_or_else(Answer::Error))
    }

    fn list(&mut self, user: u32) -> Result<Answer, Refusal> {
        self.drain().map_err(failed)?;
        let now = self.now().map_err(failed)?;
        let policy = &self.settings.policy;
        let scopes = self.scopes.values();
        let scopes = scopes.filter(|scope| policy.allows(user, scope.passport.owner));
        let mut targets: Vec<_> = scopes.map(|scope| scope.summary(&now)).collect();
        targets.sort_by(|one, other| (&one.since, &one.run).cmp(&(&other.since, &other.run)));
        Ok(Answer::Targets(targets))
    }

    fn start_one(&mut self, user: u32, path: &Path) -> Result<Answer, Refusal> {
        let found = self.hierarchy.named(path);
        let cgroup =
            found.map_err(|error| Refusal::new(RefusalKind::NotFound, error.to_string()))?;
        if !self.settings.policy.allows(user, owner(&cgroup)) {
            return Err(denied());
        }
        let slot = self.add(&cgroup)?;
        let now = self.now().map_err(failed)?;
        Ok(Answer::Started(self.scopes[&slot].summary(&now)))
    }

    fn stop_one(&mut self, user: u32, run: &str) -> Result<Answer, Refusal> {
        if let Some(slot) = self.slot_of(user, run)? {
            let retired = self.retire(&[slot].into(), WindowEnd::Interrupted);
            retired.map_err(failed)?;
        }
        let (text, ended) = self.recording(user, run)?;
        Ok(Answer::Recording { ended, text })
    }

    /// A recording that the user may see, and whether it has ended.
    fn recording(&mut self, user: u32, run: &str) -> Result<(String, bool), Refusal> {
        if let Some(slot) = self.slot_of(user, run)? {
            let recording = self.current(slot).map_err(failed)?;
            return Ok((to_json(&recording), false));
        }
        let ended = self.ended.iter().find(|ended| ended.run_id == run);
        // Whose it was, another daemon knew.
        let found = || Some((self.store.find(run)?, ROOT));
        let known = ended.map(|ended| (ended.stem.clone(), ended.owner));
        let (stem, owner) = known.or_else(found).ok_or_else(not_found)?;
        if !self.settings.policy.allows(user, owner) {
            return Err(not_found());
        }
        let text = self.store.read(&stem);
        let text = text.map_err(|error| {
            let path = self.store.recording_path(&stem);
            failed(DaemonError::files(&path)(error))
        })?;
        Ok((text, true))
    }

    fn for_profile(&mut self, user: u32, run: &str) -> Result<Recording, Refusal> {
        if let Some(slot) = self.slot_of(user, run)? {
            return self.current(slot).map_err(failed);
        }
        let (text, _) = self.recording(user, run)?;
        from_json(&text).map_err(|error| Refusal::new(RefusalKind::Failed, error.to_string()))
    }

    /// The slot of a run that the user may see. What they may not see is not there for them.
    fn slot_of(&self, user: u32, run: &str) -> Result<Option<u32>, Refusal> {
        let mut scopes = self.scopes.iter();
        let found = scopes.find(|(_, scope)| scope.passport.run_id == run);
        match found {
            Some((_, scope)) if !self.settings.policy.allows(user, scope.passport.owner) => {
                Err(not_found())
            }
            found => Ok(found.map(|(&slot, _)| slot)),
        }
    }

    /// A recording as it stands.
    fn current(&mut self, slot: u32) -> Result<Recording, DaemonError> {
        self.drain()?;
        let mut snapshots = self.fleet.snapshots(&[slot].into())?;
        let snapshot = snapshots.remove(&slot).unwrap_or_default();
        let now = self.now()?;
        let scope = self.scopes.get_mut(&slot).expect("its slot is known");
        scope.note_counts(now.monotonic_ns, &snapshot);
        Ok(scope.recording(&snapshot, &now, WindowEnd::Interrupted))
    }
}

fn denied() -> Refusal {
    Refusal::new(RefusalKind::Denied, "the cgroup belongs to somebody else")
}

fn not_found() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "there is no such run")
}

pub(super) fn failed(error: DaemonError) -> Refusal {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    Refusal::new(RefusalKind::Failed, message)
}

pub(super) fn failed_probe(error: ProbeError) -> Refusal {
    failed(error.into())
}
