//! What the code of a workload can do that no recording shows: what to exercise next, before a profile is
//! made that would deny it.
//!
//! A hint only. That code is there does not mean that it ever runs, and nothing is allowed because of it.

use super::exploits;
use crate::profile::{Meaning, blocked};
use crate::reach::{Reach, Site};
use crate::recording::{Runs, WindowStart};
use crate::syscall::{Abi, Call};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What there is to say about a workload's files and its recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The files that were looked at. Hostile.
    pub files: Vec<String>,
    /// Those that were not, and why. Hostile.
    pub skipped: BTreeMap<String, String>,
    /// How many runs there are.
    pub runs: usize,
    /// How many calls the code can make.
    pub reachable: usize,
    /// How many of them were recorded.
    pub recorded: usize,
    /// The others, those that unlock the most first.
    pub unseen: Vec<Unseen>,
    /// Calls that were recorded and that no code was found for: a measure of how much is not found.
    pub unexplained: BTreeSet<Call>,
    /// Places that make calls whose number cannot be told. Hostile.
    pub unresolved: BTreeSet<Site>,
    /// Files that load others by name while they run. Hostile.
    pub loading: BTreeSet<String>,
}

/// A call that code can make and that no recording shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The call.
    pub call: Call,
    /// Whether the base permits it, for some arguments at least; so a recording of it would unlock it.
    pub permitted: bool,
    /// How many of the known kernel exploits need it, by CVE.
    pub cves: usize,
    /// Why default profiles refuse or restrict it, if they do.
    pub restriction: Option<&'static str>,
    /// The places that make it. Hostile.
    pub sites: BTreeSet<Site>,
}

/// Compares what code can do with what was recorded. Only facts that count do: what a runtime did before its
/// filter is not the workload's.
#[must_use]
pub fn hint(
    files: Vec<String>,
    skipped: BTreeMap<String, String>,
    reach: Reach,
    runs: &Runs,
    base: Option<&Meaning>,
) -> Hint {
    let recorded = recorded(runs);
    let starts = starts(runs);
    let reachable: BTreeSet<Call> = reach.calls.keys().copied().collect();
    let cves = cves();
    let unseen = reach
        .calls
        .into_iter()
        .filter(|(call, _)| !recorded.contains(call));
    let mut unseen: Vec<Unseen> = unseen
        .map(|(call, sites)| Unseen {
            call,
            permitted: base.is_none_or(|base| !base.permitted(call).is_none()),
            cves: call
                .name()
                .and_then(|name| cves.get(name))
                .copied()
                .unwrap_or(0),
            restriction: call.name().and_then(blocked::reason),
            sites,
        })
        .collect();
    // What cannot be unlocked comes last; of the rest, what attacks need comes first.
    unseen.sort_by_key(|one| {
        let is_restricted = one.restriction.is_some();
        (!one.permitted, Reverse((one.cves, is_restricted)), one.call)
    });
    Hint {
        files,
        skipped,
        runs: runs.runs().len(),
        reachable: reachable.len(),
        recorded: reachable.intersection(&recorded).count(),
        unseen,
        unexplained: recorded
            .difference(&reachable)
            .filter(|call| !starts.contains(call))
            .copied()
            .collect(),
        unresolved: reach.unresolved,
        loading: reach.loading,
    }
}

/// The calls that count.
fn recorded(runs: &Runs) -> BTreeSet<Call> {
    let counting = runs.counting();
    let counts = runs.facts().filter(|(key, facts)| {
        let mut all = facts.appearances.iter();
        all.any(|one| counting.counts(*key, one.run))
    });
    counts.map(|(key, _)| key.call).collect()
}

/// The calls by which somebody else starts the program, if a run covers that.
fn starts(runs: &Runs) -> BTreeSet<Call> {
    let covered = runs.runs().iter();
    let covered = covered.filter(|run| run.window.from == WindowStart::Exec);
    let abis = covered.flat_map(|_| Abi::ALL);
    abis.flat_map(|abi| ["execve", "execveat"].map(|name| Call::named(abi, name)))
        .flatten()
        .collect()
}

/// How many CVEs need a call of that name.
fn cves() -> BTreeMap<&'static str, usize> {
    let mut cves = BTreeMap::new();
    for exploit in exploits::known() {
        for name in exploit.calls() {
            *cves.entry(name).or_default() += exploit.cves.len();
        }
    }
    cves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing;
    use crate::profile::{Circumstances, KernelVersion, base};
    use crate::syscall::capability;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    fn site(function: &str) -> Site {
        Site {
            file: "/bin/p".to_owned(),
            function: function.to_owned(),
        }
    }

    #[test]
    fn what_was_not_recorded_is_ranked_by_what_it_unlocks() {
        let names = ["read", "umask", "bpf", "socket", "keyctl", "chroot"];
        let calls = names.map(|name| (call(name), [site(name)].into()));
        let reach = Reach {
            calls: calls.into(),
            ..Reach::default()
        };
        let facts =
            ["execve", "read", "restart_syscall"].map(|name| (name, false, testing::untracked(1)));
        let seen = testing::recording("one", facts.into());
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        let docker = Meaning::of(&base::docker().resolve(&circumstances), Abi::X86_64);
        let hint = hint(
            vec!["/bin/p".to_owned()],
            BTreeMap::new(),
            reach,
            &seen.into(),
            Some(&docker),
        );
        assert_eq!((hint.reachable, hint.recorded, hint.runs), (6, 1, 1));
        assert_eq!(hint.unexplained, [call("restart_syscall")].into());
        let order: Vec<(String, bool)> = hint
            .unseen
            .iter()
            .map(|one| (one.call.to_string(), one.permitted))
            .collect();
        let expected = [
            ("socket", true),
            ("umask", true),
            ("chroot", true),
            ("keyctl", false),
            ("bpf", false),
        ];
        assert_eq!(
            order,
            expected.map(|(name, permitted)| (name.to_owned(), permitted))
        );
        assert!(hint.unseen[0].cves > 0 && hint.unseen[1].cves == 0);
    }
}
