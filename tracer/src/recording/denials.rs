//! Calls that the target's filter refused while it was watched. They never happened, so they are no facts;
//! they are kept apart.

use super::{Sighting, Tuples};
use crate::syscall::Call;
use std::collections::BTreeMap;
use std::fmt;

/// What was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Denials {
    /// The calls, by what the task was answered.
    pub seen: BTreeMap<DenialKey, DenialFacts>,
    /// What could not be kept.
    pub losses: DenialLosses,
}

/// A call, and what came instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DenialKey {
    /// The call.
    pub call: Call,
    /// What the task got.
    pub answer: Answer,
}

/// What a task gets instead of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// An errno, above 0: of the filter (`ERRNO`, or `TRACE` without a tracer), or of a supervisor that the
    /// filter asked. They cannot be told apart.
    Errno(u16),
    /// `SIGSYS`: the filter said `TRAP`; before Linux 5.16 perhaps one of `KILL`.
    Signal,
    /// Its end: the filter said one of `KILL`.
    Killed,
    /// A value that is no error. A supervisor or tracer did the work, or the filter said `ERRNO` with 0.
    Value,
}

/// What is known about one refusal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DenialFacts {
    /// How often.
    pub count: u64,
    /// Who was first; `None` if that sighting was lost.
    pub first: Option<Sighting>,
    /// The values of the call's tracked arguments, if it has any.
    pub tuples: Option<Tuples>,
}

/// A call that was refused for the first time with these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The call, and what the task got.
    pub key: DenialKey,
    /// The tracked arguments, by position; empty if none are.
    pub arguments: Vec<(u8, u64)>,
    /// Who, when.
    pub first: Sighting,
}

/// What could not be kept about refusals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DenialLosses {
    /// Refusals that were not kept, or that may be none.
    pub calls: u64,
    /// Refusals whose argument values were not kept.
    pub arguments: u64,
    /// Returns that could have been refusals, of tasks that may have been in a call when watching began.
    pub unjudged: u64,
}

impl Answer {
    /// Whether the call was refused, and not done by somebody else.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::Value)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Errno(errno) => match errno_name(errno) {
                Some(name) => f.write_str(name),
                None => write!(f, "errno {errno}"),
            },
            Self::Signal => f.write_str("SIGSYS"),
            Self::Killed => f.write_str("killed"),
            Self::Value => f.write_str("answered"),
        }
    }
}

/// Names of the errnos that filters use. They are the same on all ABIs that are watched.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/errno-base.h>
const fn errno_name(errno: u16) -> Option<&'static str> {
    Some(match errno {
        1 => "EPERM",
        2 => "ENOENT",
        4 => "EINTR",
        5 => "EIO",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        14 => "EFAULT",
        22 => "EINVAL",
        38 => "ENOSYS",
        95 => "EOPNOTSUPP",
        97 => "EAFNOSUPPORT",
        _ => return None,
    })
}

impl Denials {
    /// The calls that were refused, and not done by somebody else.
    pub fn refusals(&self) -> impl Iterator<Item = (DenialKey, &DenialFacts)> {
        let refusals = self.seen.iter().filter(|(key, _)| key.answer.is_refusal());
        refusals.map(|(&key, facts)| (key, facts))
    }

    /// Whether nothing is missing that was refused.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.losses.calls == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_called_as_programmers_know_them() {
        let names = [
            (Answer::Errno(1), "EPERM"),
            (Answer::Errno(38), "ENOSYS"),
            (Answer::Errno(523), "errno 523"),
            (Answer::Signal, "SIGSYS"),
            (Answer::Killed, "killed"),
            (Answer::Value, "answered"),
        ];
        for (answer, name) in names {
            assert_eq!(answer.to_string(), name);
        }
    }
}
