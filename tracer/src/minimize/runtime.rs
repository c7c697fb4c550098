//! Container runtimes and their versions.

use super::data::{Entry, RUNTIMES};
use super::{Options, Portability};
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

/// Whether a version has what came with these first versions of several branches. What cannot be read as a
/// version has everything.
fn is_since(version: &str, since: &[String]) -> bool {
    let Some(version) = number(version) else {
        return true;
    };
    let mut firsts: Vec<[u64; 3]> = since.iter().filter_map(|first| number(first)).collect();
    firsts.sort_unstable();
    let Some(newest) = firsts.last() else {
        return true;
    };
    let same_branch = |first: &&[u64; 3]| first[..2] == version[..2];
    match firsts.iter().find(same_branch) {
        Some(first) => version >= *first,
        None => version > *newest,
    }
}

/// `1.2.8` from `1.2.8`, `v1.2.8-rc.1` or `1.2.8+ds1`; a missing part is 0.
fn number(version: &str) -> Option<[u64; 3]> {
    let plain = version.strip_prefix('v').unwrap_or(version);
    let end = plain
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(plain.len());
    let mut parts = plain[..end].split('.').map(|part| part.parse().ok());
    let first = parts.next()??;
    let mut next = || parts.next().flatten().unwrap_or(0);
    Some([first, next(), next()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_within_their_branches() {
        let since = ["1.2.8", "1.3.3", "1.4.0"].map(str::to_owned);
        let table = [
            ("1.1.5", false),
            ("1.1.99", false),
            ("1.2.7", false),
            ("1.2.8+ds1", true),
            ("v1.3.2", false),
            ("1.3.3-rc.1", true),
            ("1.4.0", true),
            ("1.5", true),
            ("2.0.0", true),
            ("unknown", true),
        ];
        for (version, expected) in table {
            assert_eq!(is_since(version, &since), expected, "{version}");
        }
        assert!(is_since("1.0", &[]));
    }
}
