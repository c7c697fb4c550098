//! What was observed in one scope over one window, as a value.
//!
//! A recording remembers; it does not judge. It knows calls, argument values, counts, who did it first and
//! what was lost. It refuses to know about profiles, and how it came into being (kernel, clock, files).

mod boundary;
mod clients;
mod denials;
mod file;
mod losses;
mod runs;
#[cfg(test)]
mod testing;
mod void;
mod workload;

pub use clients::{CLIENTS, client};
pub use denials::{Answer, DenialFacts, DenialKey, DenialLosses, Denials, Refusal};
pub use file::{FileError, SCHEMA_VERSION, from_json, read, to_json, write};
pub use losses::{Loss, Losses};
pub use runs::{
    Appearance, Appearances, CallRuns, Counting, First, MergeError, Merger, RUNS_MAX, Run, RunSet,
    Runs, TupleRuns,
};

pub use void::Void;
pub use workload::By;

use crate::syscall::Call;
use crate::syscall::capability::Capabilities;
use std::collections::{BTreeMap, BTreeSet};

/// Everything known about one run of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Version of the program that wrote it.
    pub tool_version: String,
    /// Names the run: recordings of the same run carry the same id, and no other run does.
    pub run_id: String,
    /// The machine.
    pub host: Host,
    /// What was watched.
    pub target: Target,
    /// When.
    pub window: Window,
    /// What it did.
    pub facts: BTreeMap<FactKey, CallFacts>,
    /// What could not be kept.
    pub losses: Losses,
    /// What its filter refused; `None` if that was not watched.
    pub denials: Option<Denials>,
}

/// The machine on which a recording was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub architecture: String,
    /// Which hook saw the calls; `None` if that was not written down.
    pub hook: Option<String>,
}

/// What was watched, as far as it could be found out. Strings from outside are kept as they are; whoever
/// prints them escapes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// How the target was named.
    pub kind: TargetKind,
    /// The command line, for `record -- CMD`.
    pub command: Vec<String>,
    /// Path of the cgroup below the v2 mount.
    pub cgroup: Option<String>,
    /// The container, when it is one.
    pub container: Option<Container>,
    /// Capabilities in the bounding set, if known.
    pub capabilities: Option<Capabilities>,
    /// `NoNewPrivs` of the target when it started, if known: as whoever started it set it, not as the program
    /// may have set it later.
    pub no_new_privs: Option<bool>,
    /// Which seccomp profile was active, if known.
    pub seccomp: Option<SeccompState>,
    /// Clients of container engines and service managers that were executed in the scope: what they had started is
    /// not in the recording.
    pub clients: BTreeSet<String>,
    /// Whether it had a seccomp filter when it started: as the kernel saw it at its exec, else as its engine
    /// had configured it; `None` if neither is known. One that it installs itself later changes nothing.
    pub filtered_at_start: Option<bool>,
    /// With which code its command ended, if it ended by itself; a signal N is 128+N, as in a shell.
    pub exit_code: Option<u8>,
    /// The containers below a cgroup that was recorded; `None` if none was found, or nobody looked.
    pub below: Option<Below>,
}

/// Containers below a cgroup, by how their engines start them. What their runtimes did outside of a filter for those
/// that start under one is left out of the recording; for all others everything counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Below {
    /// Under a filter.
    pub confined: u32,
    /// Without one.
    pub unconfined: u32,
    /// Nobody could be asked.
    pub unknown: u32,
}

/// How the target was named on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// `record -- CMD`.
    #[default]
    Command,
    /// `record --container`, or `record -- docker run`.
    Container,
    /// `record --pid`.
    Process,
    /// `record --cgroup`.
    Cgroup,
}

/// A container, as its engine describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Name without the leading slash.
    pub name: Option<String>,
    /// Image as the user named it.
    pub image: Option<String>,
    /// Digest of the image's configuration.
    pub image_id: Option<String>,
    /// `docker`, `podman`, …
    pub engine: Option<String>,
    /// Version of the engine.
    pub engine_version: Option<String>,
    /// `runc`, `crun`, …
    pub runtime: Option<String>,
    /// Version of the runtime.
    pub runtime_version: Option<String>,
    /// Whether an init of the engine's (`--init`) is its first process, if known.
    pub init: Option<bool>,
    /// The user that it runs as, as the engine was told: `USER[:GROUP]`, by names or numbers. `None` if that is
    /// unknown, or nobody said anything, which makes it root.
    pub user: Option<String>,
}

/// The seccomp state of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeccompState {
    /// No filter.
    Unconfined,
    /// The engine's built-in default profile.
    EngineDefault,
    /// A filter from a profile given by the user.
    Custom,
    /// A filter of unknown origin.
    Filtered,
}

/// The time that a recording covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// RFC 3339, UTC.
    pub start: String,
    /// Milliseconds from start to end.
    pub duration_ms: u64,
    /// Milliseconds from start to the last new fact.
    pub last_new_fact_ms: u64,
    /// Where the window starts.
    pub from: WindowStart,
    /// What ended it.
    pub until: WindowEnd,
    /// How many lives of a container it covers, each from a start by its engine to its end; `None` if they were
    /// not counted.
    pub lives: Option<u32>,
}

/// Where a window starts; decides whether start-up is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowStart {
    /// With the target's own first program: nothing before it, nothing of it missed.
    Exec,
    /// While the target was already running: its start-up is not covered.
    Attach,
}

/// What ended a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowEnd {
    /// No process was left in the scope.
    Empty,
    /// `--for` ran out.
    Duration,
    /// `--until-idle` was reached.
    Idle,
    /// The user ended it.
    Interrupted,
    /// The command that was executed in it has ended.
    Command,
}

/// What a fact is about: a call, and whether the task had a seccomp filter when it made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// The call.
    pub call: Call,
    /// True when the calling task was in seccomp filter mode at that moment.
    pub filtered: bool,
}

/// What is known about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// How often it was made.
    pub count: u64,
    /// Who made it first; `None` if that sighting was lost.
    pub first: Option<Sighting>,
    /// Milliseconds from the window's start to the last time its count was seen to change, at the
    /// resolution with which counts are read (about a second).
    pub last_ms: u64,
    /// The values of its tracked arguments.
    pub arguments: Arguments,
}

/// A first sighting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// Milliseconds from the window's start.
    pub at_ms: u64,
    /// Process id in the host's pid namespace.
    pub pid: u32,
    /// The thread's name at that moment (`comm`, at most 15 bytes, invalid UTF-8 replaced). Hostile.
    pub program: String,
}

/// Argument values seen for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// No argument of this call is tracked.
    Untracked,
    /// Tracked, and every tuple seen is here.
    Exact(Tuples),
    /// Tracked, but there were more tuples than are kept: any value may have been seen. Those that were
    /// kept are here.
    Unbounded(Tuples),
}

/// Tuples of argument values, each value already cut to the width of its C type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tuples {
    /// The tracked argument positions, ascending; every key of `seen` has a value for each.
    pub indexes: Vec<u8>,
    /// The tuples, in order of value.
    pub seen: BTreeMap<Vec<u64>, TupleFacts>,
}

/// What is known about one tuple.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TupleFacts {
    /// How often.
    pub count: u64,
    /// Who was first; `None` if that sighting was lost.
    pub first: Option<Sighting>,
}

impl Recording {
    /// Whether only what was made under a filter is the target's own doing: it had its filter when it started,
    /// so that whatever was done without one is the runtime's.
    #[must_use]
    pub fn counts_under_filter_only(&self) -> bool {
        let is_confined = self.target.starts_confined(self.window.from);
        is_confined && self.facts.keys().any(|key| key.filtered)
    }

    /// How many calls were made in all.
    #[must_use]
    pub fn total_count(&self) -> u64 {
        self.facts
            .values()
            .fold(0, |sum, facts| sum.saturating_add(facts.count))
    }
}
