//! Why a call is permitted, as people read it.

use super::Phase;
use std::fmt;

/// Why a call is permitted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was seen.
    Observed,
    /// The user asked for it.
    Asked,
    /// The profile that was there before permits it.
    Kept,
    /// A profile without it refused it.
    Refused {
        /// In which round of hardening, from 1.
        round: u32,
    },
    /// Every profile needs it.
    Floor(&'static str),
    /// This runtime makes it under the filter.
    Runtime {
        /// Name of the runtime.
        name: &'static str,
        /// When.
        phase: Phase,
        /// How that was found.
        how: &'static str,
    },
    /// An init makes it that engines put before a container's program.
    Init {
        /// Name of the init.
        name: &'static str,
        /// How that was found.
        how: &'static str,
    },
    /// What was seen turns into it elsewhere.
    Fallback {
        /// The call that turns into it.
        of: &'static str,
        /// When it does.
        reason: &'static str,
    },
    /// Another C library or architecture makes it instead of what was seen.
    Sibling {
        /// The call instead of which it is made.
        of: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Who makes one makes the other sooner or later.
    Chance {
        /// The call with which it comes.
        of: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// It gives no more power than another call.
    Equal {
        /// The other call.
        of: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Options of sockets that only tune.
    Tuning(&'static str),
    /// It was seen, with values for which others may stand in.
    Twins(&'static str),
    /// Answered by the vDSO, mostly.
    Vdso(&'static str),
    /// The start-up of other C libraries makes it.
    Startup(&'static str),
}

impl Reason {
    /// The reason with which it stands for another call, in words that come before and after the call's name.
    #[must_use]
    pub const fn of_another(&self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::Fallback { of, reason } => Some(("fallback of ", of, reason)),
            Self::Sibling { of, reason } => Some(("sibling of ", of, reason)),
            Self::Chance { of, reason } => Some(("by chance with ", of, reason)),
            Self::Equal { of, reason } => Some(("gives no more than ", of, reason)),
            Self::Observed
            | Self::Asked
            | Self::Kept
            | Self::Refused { .. }
            | Self::Floor(_)
            | Self::Runtime { .. }
            | Self::Init { .. }
            | Self::Tuning(_)
            | Self::Twins(_)
            | Self::Vdso(_)
            | Self::Startup(_) => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((what, of, reason)) = self.of_another() {
            return write!(f, "{what}{of}: {reason}");
        }
        match self {
            Self::Observed => f.write_str("observed"),
            Self::Asked => f.write_str("asked for"),
            Self::Kept => f.write_str("permitted by the profile that it began with"),
            Self::Refused { round } => write!(f, "refused in round {round}"),
            Self::Floor(reason) => write!(f, "always needed: {reason}"),
            Self::Runtime {
                name,
                phase: Phase::Exec,
                how,
            } => {
                write!(
                    f,
                    "needed by {name} to execute a command in the container ({how})"
                )
            }
            Self::Runtime { name, how, .. } => {
                write!(f, "needed by {name} between filter and exec ({how})")
            }
            Self::Init { name, how } => write!(f, "needed by {name}, an init of engines ({how})"),
            Self::Tuning(reason) => write!(f, "only tunes: {reason}"),
            Self::Twins(reason) => write!(f, "with more values: {reason}"),
            Self::Vdso(reason) | Self::Startup(reason) => f.write_str(reason),
            // Said above.
            Self::Fallback { .. }
            | Self::Sibling { .. }
            | Self::Chance { .. }
            | Self::Equal { .. } => Ok(()),
        }
    }
}
