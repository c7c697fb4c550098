//! Cgroups for which there was no room: which they were, and what that means for those that get room later.
//!
//! The kernel side counts their calls, of all of them together; who they are is looked for whenever that count has
//! grown.

use super::answers::failed;
use super::arrivals;
use super::core::Daemon;
use super::error::DaemonError;
use super::policy::ROOT;
use super::protocol::{self, Answer, Refusal};
use crate::probe::Listed;
use crate::recording::Loss;
use crate::report::escape;
use crate::session::rfc3339;
use crate::target::cgroup::Cgroup;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// How many are remembered; the oldest are forgotten first. Ids of cgroups grow.
const REMEMBERED_MAX: usize = 1000;

/// How many are remembered of those that had room, the newest.
const ADMITTED_MAX: usize = 16_384;

/// Those that are known.
#[derive(Default)]
pub(super) struct TurnedAway {
    by_id: BTreeMap<u64, Away>,
    /// Calls of all that were turned away, when it was last looked who they are.
    calls: u64,
    /// The newest cgroup that was made by then.
    last_id: u64,
    /// Those that had room lately.
    admitted: BTreeSet<u64>,
}

/// One of them.
struct Away {
    cgroup: String,
    owner: u32,
    since: String,
    /// Calls of all that had been turned away before this one can have been.
    calls_before: u64,
}

impl TurnedAway {
    /// Starts from what was counted and made before there was anybody to look.
    pub(super) fn since(calls: u64, last_id: u64) -> Self {
        Self {
            calls,
            last_id,
            ..Self::default()
        }
    }

    /// At most how many calls of a cgroup that has room now were turned away.
    pub(super) fn missed(&mut self, id: u64, calls: u64) -> u64 {
        self.admitted.insert(id);
        while self.admitted.len() > ADMITTED_MAX {
            self.admitted.pop_first();
        }
        let known = self.by_id.remove(&id);
        let before = known.map_or(self.calls, |away| away.calls_before);
        calls.saturating_sub(before)
    }

    /// Remembers one; says whether it was not known.
    fn remember(&mut self, id: u64, away: Away) -> bool {
        let is_new = !self.by_id.contains_key(&id);
        self.by_id.entry(id).or_insert(away);
        while self.by_id.len() > REMEMBERED_MAX {
            self.by_id.pop_first();
        }
        is_new
    }
}

impl Daemon {
    /// Looks who was turned away since this was last done.
    pub(super) fn look_at_the_turned_away(&mut self) -> Result<(), DaemonError> {
        let calls = self.calls_turned_away()?;
        if calls == self.turned_away.calls {
            return Ok(());
        }
        self.discover()?;
        let listed = self.fleet.listed()?;
        let children = self.parents.children();
        let away = children.values().filter(|child| {
            !listed.contains_key(&child.id) && child.is_populated().unwrap_or(false)
        });
        let mut is_one_known = self.turn_away_the_gone(&listed);
        for child in away {
            is_one_known = true;
            self.turn_away(child);
        }
        if !is_one_known {
            log::warn!(
                "no room for cgroups that were gone before they could be named: {} of their calls were not recorded",
                calls - self.turned_away.calls
            );
        }
        self.turned_away.calls = calls;
        Ok(())
    }

    /// Those that are gone again, of whom the kernel has kept the path. Says whether there are any.
    fn turn_away_the_gone(&mut self, listed: &BTreeMap<u64, Listed>) -> bool {
        let last = self.turned_away.last_id;
        let made = self.paths.as_ref().map(|paths| paths.since(last));
        let parents = self.parents.present();
        let parents: Vec<PathBuf> = parents
            .map(|parent| PathBuf::from(&parent.relative))
            .collect();
        let mut is_one_known = false;
        for (id, path) in made.unwrap_or_default() {
            self.turned_away.last_id = id;
            let is_child = parents
                .iter()
                .any(|parent| Some(parent.as_path()) == path.parent());
            let has_room = listed.contains_key(&id) || self.turned_away.admitted.contains(&id);
            let point = self.hierarchy.point();
            let is_there = || point.join(path.strip_prefix("/").unwrap_or(&path)).exists();
            if is_child && !has_room && !is_there() {
                is_one_known = true;
                self.note_away(id, path.display().to_string(), ROOT);
            }
        }
        is_one_known
    }

    /// Says and remembers that there is no room for a cgroup.
    pub(super) fn turn_away(&mut self, cgroup: &Cgroup) {
        let owner = arrivals::owner(cgroup);
        self.note_away(cgroup.id, cgroup.relative.clone(), owner);
    }

    fn note_away(&mut self, id: u64, cgroup: String, owner: u32) {
        let said = escape::text(&cgroup);
        let away = Away {
            cgroup,
            owner,
            since: rfc3339(jiff::Timestamp::now().as_nanosecond()),
            calls_before: self.turned_away.calls,
        };
        if self.turned_away.remember(id, away) {
            self.tally.refused += 1;
            log::warn!(
                "no room to record `{said}`: {} targets are recorded already, and no more at once",
                self.fleet.fill().scopes_max
            );
        }
    }

    /// Calls of all that were turned away.
    pub(super) fn calls_turned_away(&self) -> Result<u64, DaemonError> {
        Ok(self.fleet.losses()?.get(Loss::ScopesFull))
    }

    /// Who was turned away, for a client.
    pub(super) fn list_turned_away(&mut self, user: u32) -> Result<Answer, Refusal> {
        self.look_at_the_turned_away().map_err(failed)?;
        let policy = &self.settings.policy;
        let away = self.turned_away.by_id.values();
        let away = away.filter(|away| policy.allows(user, away.owner));
        let away = away.map(|away| protocol::TurnedAway {
            cgroup: away.cgroup.clone(),
            since: away.since.clone(),
        });
        Ok(Answer::TurnedAway(away.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_never_too_little() {
        let mut away = TurnedAway::since(5, 0);
        assert_eq!(away.missed(7, 5), 0, "nobody was turned away since");
        assert_eq!(away.missed(7, 9), 4, "it may have been this one");
        let one = |calls_before| Away {
            cgroup: "/a".to_owned(),
            owner: 0,
            since: String::new(),
            calls_before,
        };
        assert!(away.remember(8, one(5)) && !away.remember(8, one(6)));
        away.calls = 20;
        assert_eq!(away.missed(9, 20), 0);
        assert_eq!(away.missed(8, 21), 16);
        assert_eq!(away.missed(8, 21), 1, "it has room since");
        for id in 0..2000 {
            away.remember(id, one(0));
        }
        assert_eq!(away.by_id.len(), REMEMBERED_MAX);
        assert!(away.by_id.contains_key(&1999) && !away.by_id.contains_key(&999));
    }
}
