//! Container runtimes and their versions.

use super::data::{Entry, RUNTIMES};
use super::{Options, Portability};
use crate::profile::release::is_since;
use crate::recording::{Run, Runs, WindowStart};

/// A release of a runtime that will start the container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuntimeRelease {
    /// `runc`, `crun`.
    pub name: String,
    /// Its version, if known.
    pub version: Option<String>,
}

/// The runtimes that there are baselines for.
pub fn known_runtimes() -> impl Iterator<Item = &'static str> {
    RUNTIMES
        .runtimes
        .iter()
        .map(|runtime| runtime.name.as_str())
}

/// Which part of a runtime's baseline is needed.
pub(super) struct Wanted<'a> {
    runtime: &'a RuntimeRelease,
    /// The recordings have what the runtime did, as far as it was no chance.
    recorded: bool,
    /// Only this version is meant.
    exact: bool,
    late: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(runtime: &'a RuntimeRelease, runs: &Runs, options: &Options) -> Self {
        let exact = options.portability == Portability::Exact;
        let counting = runs.counting();
        let recorded = (0u32..)
            .zip(runs.runs())
            .all(|(at, run)| counting.under_filter(at) && has_baseline(run, &runtime.name));
        Self {
            runtime,
            recorded: exact && recorded && !options.start.any,
            exact,
            late: options.start.late,
        }
    }

    pub(super) fn takes(&self, entry: &Entry) -> bool {
        use super::Phase::{Early, Exec, Late};
        let in_time = match entry.phase {
            Late => true,
            Early => !self.late,
            // Nobody sees in a recording whether commands will be executed.
            Exec => return self.is_of_version(entry),
        };
        in_time && (!self.recorded || entry.chance) && self.is_of_version(entry)
    }

    fn is_of_version(&self, entry: &Entry) -> bool {
        let version = self.runtime.version.as_deref().filter(|_| self.exact);
        version.is_none_or(|version| is_since(version, &entry.since))
    }
}

/// Whether a run, if it was made under a filter, shows what this runtime does there: it then began before the
/// exec.
fn has_baseline(run: &Run, name: &str) -> bool {
    let container = run.target.container.as_ref();
    let same = container.is_some_and(|container| container.runtime.as_deref() == Some(name));
    same && run.window.from == WindowStart::Exec
}
