//! The boundary between what a runtime does to set a container up and what the container does itself.
//!
//! A container that has a filter has it when it starts, so whatever is done without one in its cgroup is the
//! runtime's: its own set-up, or that of a process executed in the container later. A target that starts
//! without a filter has no such boundary: one that it installs itself, for itself or for a child, says nothing
//! about who made the calls outside it. Where the start is not known, everything may be the target's.

use super::{SeccompState, Target, TargetKind, WindowStart};

impl Target {
    /// Whether it is known to have had its filter when it started.
    pub(super) fn starts_confined(&self, from: WindowStart) -> bool {
        let known = self.filtered_at_start;
        known.unwrap_or_else(|| self.was_confined(from))
    }

    /// The same for recordings that do not say, as those of earlier versions. They have the filter's origin as
    /// the engine told it; a filter of unknown origin is that of the exec only if the window begins there.
    fn was_confined(&self, from: WindowStart) -> bool {
        // Several containers may have been in another cgroup, and only the first was looked at.
        let is_one_target = match self.kind {
            TargetKind::Command | TargetKind::Container => true,
            TargetKind::Process | TargetKind::Cgroup => false,
        };
        let is_confined = match self.seccomp {
            None | Some(SeccompState::Unconfined) => false,
            Some(SeccompState::EngineDefault | SeccompState::Custom) => true,
            Some(SeccompState::Filtered) => from == WindowStart::Exec,
        };
        is_one_target && is_confined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_the_start_decides_and_else_what_the_engine_said() {
        use SeccompState::{Custom, EngineDefault, Filtered, Unconfined};
        use TargetKind::{Cgroup, Command, Container, Process};
        use WindowStart::{Attach, Exec};
        let table = [
            // A recording that says it.
            (Container, Some(Unconfined), Attach, Some(true), true),
            (Command, Some(Filtered), Exec, Some(false), false),
            (Cgroup, None, Exec, Some(true), true),
            // Those that do not: from the exec on the state is that of the exec.
            (Command, Some(Filtered), Exec, None, true),
            (Command, Some(Unconfined), Exec, None, false),
            (Container, Some(EngineDefault), Exec, None, true),
            (Container, Some(Custom), Attach, None, true),
            // A program may have installed it itself before it was looked at.
            (Container, Some(Filtered), Attach, None, false),
            (Process, Some(Filtered), Attach, None, false),
            (Container, None, Attach, None, false),
            // Whose filter it was is not known.
            (Cgroup, Some(Filtered), Exec, None, false),
        ];
        for (kind, seccomp, from, filtered_at_start, expected) in table {
            let target = Target {
                kind,
                seccomp,
                filtered_at_start,
                ..Target::default()
            };
            assert_eq!(
                target.starts_confined(from),
                expected,
                "{target:?} {from:?}"
            );
        }
    }
}
