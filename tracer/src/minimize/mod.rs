//! From what was seen to the smallest profile that permits it again.
//!
//! facts → + floor, runtime, fallbacks (each with its reason) → argument rules → ∩ base → profile.
//! Pure: the same evidence gives the same profile, whatever its order, and more evidence never takes a
//! permission away.

mod complain;
mod cover;
mod cube;
mod data;
mod demand;
mod evidence;
mod kept;
mod level;
mod making;
mod needs;
mod outcome;
mod presumes;
mod proven;
mod reason;
mod rules;
mod runtime;
mod start;
mod values;

#[cfg(test)]
pub(crate) mod laws;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use complain::{Complaint, complaining};
pub use data::Phase;
pub use evidence::{Evidence, Seen};
pub use level::{Portability, Precision};
pub use outcome::{Cause, Denied, Outcome};
pub use presumes::{Given, NoNewPrivs, PresumedInit, Presumes};
pub use proven::{Unsound, proven};
pub use reason::Reason;
pub use runtime::{RuntimeRelease, known_runtimes};
pub use start::{Init, Start};
pub use values::{Kept, Narrowing};

use crate::profile::Profile;
use crate::recording::Runs;
use crate::syscall::Abi;
use making::{Making, Steps};
use std::collections::{BTreeMap, BTreeSet};

/// What a profile is made for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The profile that must not be exceeded, resolved; `None` for no bound.
    pub base: Option<Profile>,
    /// Native ABI of the host.
    pub native: Abi,
    /// Runtimes that will start the container; empty when none will.
    pub runtimes: BTreeSet<RuntimeRelease>,
    /// How the container is started.
    pub start: Start,
    /// How far argument values are narrowed.
    pub precision: Precision,
    /// Where the profile must hold.
    pub portability: Portability,
    /// Whether room is made for what comes by chance, at least where the profile must hold elsewhere, too; only
    /// measuring has a reason to say no.
    pub chance: bool,
    /// Runs, by id, in which nothing was seen: they stand for what is wanted for these reasons.
    pub stand_ins: BTreeMap<String, Reason>,
    /// A profile to begin with: all that it permits, and the base does, stays permitted.
    pub kept: Option<Profile>,
}

impl Options {
    /// Whether room is made for what comes by chance.
    fn makes_room_for_chance(&self) -> bool {
        self.chance && self.portability >= Portability::Kernel
    }
}

/// Makes the profile. What libseccomp makes of it is not known here; see [`proven()`].
#[must_use]
pub fn minimize(runs: &Runs, options: &Options) -> Outcome {
    Making::of(runs, options).outcome(&Steps::default())
}
