//! Which programs run in the scope, to find clients of engines among them: what those have started is elsewhere.
//!
//! First sightings carry the name of a thread, which is that of the file it executes until somebody changes it. So
//! the file is asked for, too: once for each process and name that is sighted, and from time to time of whoever is
//! there. It is no proof that nobody was missed, and nothing is concluded from finding nobody.

use super::ledger::Ledger;
use super::watch::Target;
use crate::probe::Origin;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The most processes whose file is asked for because they were sighted; later ones are known by their names only.
const SIGHTED_MAX: usize = 4096;

/// For each time that it takes to look at all that there are, so many times as long nothing is done.
const PAUSE_FACTOR: u32 = 20;

/// What has been looked at.
#[derive(Debug, Default)]
pub(super) struct Programs {
    sighted: BTreeSet<(u32, String)>,
    next: Option<Instant>,
}

impl Programs {
    /// Looks at who was sighted.
    pub(super) fn look_at(&mut self, origin: &Origin, target: &dyn Target, ledger: &mut Ledger) {
        if self.sighted.len() >= SIGHTED_MAX {
            return;
        }
        if self.sighted.insert((origin.pid, origin.program.clone())) {
            let programs = target.programs(Some(origin.pid));
            programs.iter().for_each(|name| ledger.note_program(name));
        }
    }

    /// Looks at all that there are, if it is time to.
    pub(super) fn look_around(&mut self, target: &dyn Target, ledger: &mut Ledger) {
        let now = Instant::now();
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        let programs = target.programs(None);
        programs.iter().for_each(|name| ledger.note_program(name));
        let cost: Duration = now.elapsed();
        self.next = Some(now + cost * PAUSE_FACTOR);
    }
}
