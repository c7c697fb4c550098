//! Runs that say nothing of their target: it never started, did nothing, or its command failed.

use super::{FactKey, Recording, Run, Runs, TargetKind, WindowStart};
use std::collections::BTreeMap;
use std::fmt;

/// Why a run says nothing of what its target does when all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Void {
    /// The target was not executed.
    NeverStarted,
    /// Nothing was seen.
    Empty,
    /// The command ended by itself with this exit code.
    Failed(u8),
}

/// Exit codes of who was ended from outside, as servers usually are: by SIGHUP, SIGINT, SIGKILL or SIGTERM.
const ENDED: [u8; 4] = [129, 130, 137, 143];

impl Void {
    /// Whether nothing at all is known of the target.
    #[must_use]
    pub fn is_blank(self) -> bool {
        match self {
            Self::NeverStarted | Self::Empty => true,
            Self::Failed(_) => false,
        }
    }
}

impl fmt::Display for Void {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverStarted => f.write_str("it never started"),
            Self::Empty => f.write_str("it did nothing that was seen"),
            Self::Failed(code) => write!(f, "its command failed with exit code {code}"),
        }
    }
}

impl Recording {
    /// Why it says nothing of its target, if so.
    #[must_use]
    pub fn void(&self) -> Option<Void> {
        Runs::from(self.clone()).voids().into_values().next()
    }
}

impl Runs {
    /// The runs that say nothing of their targets, by position.
    #[must_use]
    pub fn voids(&self) -> BTreeMap<u32, Void> {
        let mut made = vec![false; self.runs().len()];
        let mut left = made.len();
        for (_, facts) in self.facts() {
            // Nearly every run makes nearly every call, so this ends soon.
            if left == 0 {
                break;
            }
            for run in facts.appearances.runs() {
                left -= usize::from(!made[run as usize]);
                made[run as usize] = true;
            }
        }
        let void = |(at, run): (u32, &Run)| {
            let code = run.target.exit_code;
            let failed = code.filter(|code| *code != 0 && !ENDED.contains(code));
            let void = if run.may_not_have_started() && !self.shows_an_exec(at) {
                Some(Void::NeverStarted)
            } else if !made[at as usize] {
                Some(Void::Empty)
            } else {
                failed.map(Void::Failed)
            };
            Some((at, void?))
        };
        (0..).zip(self.runs()).filter_map(void).collect()
    }

    fn shows_an_exec(&self, run: u32) -> bool {
        let is_exec = |key: FactKey| matches!(key.call.name(), Some("execve" | "execveat"));
        let mut execs = self.facts().filter(|(key, _)| is_exec(*key));
        execs.any(|(_, facts)| facts.appearances.runs().any(|one| one == run))
    }
}

impl Run {
    /// The rights of a target are known from its exec on. What a runtime does before that may be there.
    fn may_not_have_started(&self) -> bool {
        let by_runtime = match self.target.kind {
            TargetKind::Container | TargetKind::Cgroup => true,
            TargetKind::Command | TargetKind::Process => false,
        };
        by_runtime && self.window.from == WindowStart::Exec && self.target.capabilities.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::testing::recording;

    #[test]
    fn runs_that_never_started_did_nothing_or_failed_are_told_from_the_others() {
        let of = |kind, names, code| {
            let mut one = recording(names);
            one.target.kind = kind;
            one.target.exit_code = code;
            Runs::from(one).voids().into_values().next()
        };
        use TargetKind::{Cgroup, Command, Container};
        let table: [(_, &[&str], _, _); 10] = [
            (Command, &["read"], None, None),
            (Command, &["read"], Some(0), None),
            (Command, &["read"], Some(3), Some(Void::Failed(3))),
            (Command, &["read"], Some(139), Some(Void::Failed(139))),
            // Somebody ended it.
            (Command, &["read"], Some(143), None),
            (Command, &[], Some(0), Some(Void::Empty)),
            // All of it may be the runtime's.
            (Container, &["read"], None, Some(Void::NeverStarted)),
            (Container, &["execve"], None, None),
            (Container, &[], Some(125), Some(Void::NeverStarted)),
            (Cgroup, &[], None, Some(Void::NeverStarted)),
        ];
        for (kind, names, code, expected) in table {
            assert_eq!(
                of(kind, names, code),
                expected,
                "{kind:?} {names:?} {code:?}"
            );
        }
    }
}
