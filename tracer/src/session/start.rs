//! Whether a target had its filter when it started: the kernel's word and the engine's. Pure.

use super::ledger::Ledger;
use crate::recording::TargetKind;

/// What an engine says of how it starts a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// Whether under a filter, if that is known.
    pub filter: Option<bool>,
    /// The container's first process, if that is known.
    pub first: Option<u32>,
}

/// Whether the target had its filter when it started, if that is known.
///
/// The kernel's word on the exec goes before the engine's, unless the exec was not the target's: what a runtime
/// executes inside the container before that, as hooks are, starts without the filter.
pub(super) fn filtered_at_start(
    kind: TargetKind,
    ledger: &Ledger,
    configured: Configured,
) -> Option<bool> {
    if ledger.is_mixed() {
        return Some(false);
    }
    let Some(rights) = ledger.rights() else {
        return configured.filter;
    };
    let is_other = configured.first.is_some_and(|first| first != rights.pid);
    match (kind, rights.filtered) {
        // Others may start there later, and without one.
        (TargetKind::Cgroup | TargetKind::Process, true) => configured.filter,
        (_, false) if is_other && configured.filter == Some(true) => Some(true),
        (_, filtered) => Some(filtered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Event, Origin, What};
    use TargetKind::{Cgroup, Command, Container};

    fn ledger(starts: &[(u32, bool)]) -> Ledger {
        let mut ledger = Ledger::new(0);
        for &(slot, filtered) in starts {
            ledger.enter(Event {
                slot,
                what: What::Armed {
                    capabilities: 0,
                    filtered,
                    no_new_privs: false,
                },
                origin: Origin {
                    time_ns: 1,
                    pid: 40 + slot,
                    program: String::new(),
                },
            });
        }
        ledger
    }

    #[test]
    fn the_kernel_is_believed_of_the_targets_own_exec_and_the_engine_of_the_rest() {
        let engine = |filter, first| Configured { filter, first };
        let unknown = Configured::default();
        let confined = engine(Some(true), None);
        let open = engine(Some(false), None);
        let table = [
            (Command, &[(0, false)][..], unknown, Some(false)),
            (Command, &[(0, true)], unknown, Some(true)),
            (Container, &[(0, true)], open, Some(true)),
            (Container, &[(0, false)], confined, Some(false)),
            // The exec was a hook's.
            (
                Container,
                &[(0, false)],
                engine(Some(true), Some(7)),
                Some(true),
            ),
            (
                Container,
                &[(0, false)],
                engine(Some(true), Some(40)),
                Some(false),
            ),
            (Container, &[(0, false)], engine(None, Some(7)), Some(false)),
            // Nobody saw it start.
            (Container, &[], confined, Some(true)),
            (Container, &[], open, Some(false)),
            (Container, &[], unknown, None),
            // The first container of a cgroup says nothing about the next.
            (Cgroup, &[(0, true)], unknown, None),
            (Cgroup, &[(0, false)], unknown, Some(false)),
            // Several at once.
            (Container, &[(0, true), (1, true)], unknown, Some(true)),
            (Container, &[(0, true), (1, false)], confined, Some(false)),
        ];
        for (kind, starts, configured, expected) in table {
            let found = filtered_at_start(kind, &ledger(starts), configured);
            assert_eq!(found, expected, "{kind:?} {starts:?} {configured:?}");
        }
    }
}
