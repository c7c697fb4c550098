//! The parts of an audit.

use super::filter::FilterCost;
use super::live::Live;
use super::value::Values;
use crate::estimate::Sureness;
use crate::profile::proof::Miscompiled;
use crate::profile::{Action, Condition, Runtime};
use crate::syscall::capability::Capabilities;
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that there is to say about a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// What was asked.
    pub subject: Subject,
    /// How much of the base is left, per ABI; the native one first.
    pub surfaces: Vec<Surface>,
    /// The calls that Docker's documentation lists as blocked, by name.
    pub documented: Vec<Documented>,
    /// What the profile allows and the base does not, in order of call.
    pub beyond: Vec<Excess>,
    /// Where the filter that libseccomp makes of the profile does not do what the profile says.
    pub miscompiled: Vec<Miscompiled>,
    /// Why libseccomp makes no filter of it, so that no container starts with it; `None` if it does.
    pub uncompiled: Option<String>,
    /// What that filter costs; `None` if there is none.
    pub filter: Option<FilterCost>,
    /// What recordings say, if any were given.
    pub evidence: Option<Evidence>,
    /// What a running target shows, if one was looked at.
    pub live: Option<Live>,
}

/// The answer of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing to object to.
    Pass,
    /// Nothing known to object to, but what was recorded does not suffice to say so: facts were lost, or
    /// the outcome depends on argument values that were not kept.
    Unclear,
    /// Something recorded would be denied, or something is allowed beyond the base.
    Fail,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// How the user named the profile. Hostile.
    pub profile: String,
    /// What the profile is called in that file, if the file has more in it. Hostile.
    pub part: Option<String>,
    /// How the user named the base; `None` for no base at all. Hostile.
    pub base: Option<String>,
    /// The ABI of the host for which both were resolved.
    pub native: Abi,
    /// The kernel version for which both were resolved, as `major.minor`.
    pub kernel: String,
    /// The capabilities for which both were resolved.
    pub capabilities: Capabilities,
    /// What the profile does with calls that it does not speak of.
    pub default_action: Action,
    /// The runtime as which it was read; `None` for what all of them do.
    pub runtime: Option<Runtime>,
}

/// How much of the base is left on one ABI. Every call that the base allows is in exactly one of the sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surface {
    /// The ABI.
    pub abi: Abi,
    /// Whether the profile's filter knows the ABI; if not, every call through it is killed.
    pub listed: bool,
    /// Of what the base allows: always allowed by the profile.
    pub always: BTreeSet<Call>,
    /// Of what the base allows: allowed by the profile for some arguments, as in the base.
    pub conditional: BTreeSet<Call>,
    /// Of what the base allows: allowed by the profile for fewer arguments than by the base.
    pub narrowed: BTreeSet<Call>,
    /// Of what the base allows: not allowed by the profile.
    pub dropped: BTreeSet<Call>,
}

impl Surface {
    /// How many calls the base allows.
    #[must_use]
    pub fn in_base(&self) -> usize {
        self.left() + self.dropped.len()
    }

    /// How many of them the profile still allows, for some arguments at least.
    #[must_use]
    pub fn left(&self) -> usize {
        self.always.len() + self.conditional.len() + self.narrowed.len()
    }
}

/// Whether a call can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Never; this is what it gets.
    Blocked(Action),
    /// For some arguments.
    Conditional(When),
    /// Always.
    Allowed,
}

impl Presence {
    /// 0 for blocked, 1 for conditional, 2 for allowed.
    #[must_use]
    pub const fn degree(&self) -> u8 {
        match self {
            Self::Blocked(_) => 0,
            Self::Conditional(_) => 1,
            Self::Allowed => 2,
        }
    }
}

/// For which arguments a call can be made, said in the shorter of two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// When all conditions of one of these alternatives hold.
    AnyOf(Vec<Vec<Condition>>),
    /// When each of these alternatives has a condition that does not hold.
    NoneOf(Vec<Vec<Condition>>),
    /// Neither way is short enough to be written down.
    Unlisted,
}

/// A call that Docker's documentation lists as blocked, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// Its name.
    pub name: String,
    /// What the profile does with it, on each ABI that the profile lists and that has it.
    pub presence: BTreeMap<Abi, Presence>,
    /// Whether the base allows it on any of the base's ABIs: the highest [`Presence::degree`] there;
    /// `None` without a base.
    pub base_degree: Option<u8>,
    /// Why Docker blocks it.
    pub reason: String,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    pub unlock: Vec<String>,
}

impl Documented {
    /// What the profile does with it where it is most permissive; 0 where no listed ABI has the call.
    #[must_use]
    pub fn degree(&self) -> u8 {
        self.presence
            .values()
            .map(Presence::degree)
            .max()
            .unwrap_or(0)
    }
}

/// In which view something is allowed beyond the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// The filter itself lets through what the base's filter stops.
    Filter,
    /// The filter lets through no more than the base's own, but both let through registers that the kernel,
    /// which cuts them to their C types, takes for values that the base means to stop.
    Kernel,
}

/// Something that the profile allows and the base does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The call.
    pub call: Call,
    /// In which view.
    pub view: View,
    /// Arguments with which it is let through.
    pub witness: [u64; 6],
    /// Whether the base never allows the call, so that the arguments do not matter.
    pub whole: bool,
    /// Why the base blocks it.
    pub reason: Option<String>,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    pub unlock: Vec<String>,
}

/// What recordings say about a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The recordings, as they were given.
    pub recordings: Vec<RecordingSummary>,
    /// What they say about what the next run may bring.
    pub sureness: Sureness,
    /// What of it was used.
    pub coverage: Coverage,
    /// Calls that were made and are allowed, for some of the recorded values at least.
    pub used: Vec<Used>,
    /// Calls that are allowed and were not made.
    pub unused: BTreeSet<Call>,
    /// Rules with conditions that no recorded value meets, of calls that were made.
    pub unused_alternatives: Vec<Alternative>,
    /// Whether what was recorded would be denied.
    pub check: Check,
}

/// A recording, or a directory or pattern of them, as far as an audit cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingSummary {
    /// How the user named it. Hostile.
    pub name: String,
    /// The run's id, if it is only one. Hostile.
    pub run_id: Option<String>,
    /// How many runs it has.
    pub runs: usize,
    /// Which of its facts count.
    pub counted: Counted,
    /// How many different calls the counting facts show.
    pub calls: usize,
    /// How many different tuples of argument values.
    pub tuples: usize,
    /// Whether the start of the target was covered, in every run.
    pub from_start: bool,
    /// How many facts may be missing.
    pub missing: u64,
}

/// Which facts of a recording count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those made under a seccomp filter.
    UnderFilter,
    /// All: there was never a filter.
    All,
    /// Of some runs those made under a filter, of the others all.
    Mixed,
}

/// Used and allowed calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Per ABI that the profile lists.
    pub abis: Vec<AbiCoverage>,
    /// Of those, how many have a recorded value that meets them.
    pub alternatives_used: usize,
    /// How many rules with conditions there are for calls that were made.
    pub alternatives: usize,
}

/// Used and allowed calls of one ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbiCoverage {
    /// The ABI.
    pub abi: Abi,
    /// Allowed calls that were made.
    pub used: usize,
    /// Allowed calls.
    pub allowed: usize,
}

impl Coverage {
    /// Used and allowed calls of all ABIs.
    #[must_use]
    pub fn total(&self) -> (usize, usize) {
        let sum = |sum: (usize, usize), abi: &AbiCoverage| (sum.0 + abi.used, sum.1 + abi.allowed);
        self.abis.iter().fold((0, 0), sum)
    }
}

/// A call that was made and is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The call.
    pub call: Call,
    /// How often it was made, in all recordings together, denied values included.
    pub count: u64,
    /// In how many runs.
    pub runs: usize,
    /// The allowed values that were recorded, with how often; those of which nothing is known are left out.
    pub values: Vec<(Values, u64)>,
}

/// A rule with conditions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alternative {
    /// The call.
    pub call: Call,
    /// What must hold.
    pub conditions: Vec<Condition>,
}

/// Whether anything recorded would be denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// What would be denied, in order of call and values.
    pub denied: Vec<Denied>,
    /// What would be let through and logged, in the same order.
    pub logged: Vec<Denied>,
    /// What the recordings do not decide.
    pub undecided: Vec<Undecided>,
    /// How many facts may be missing, in all recordings together.
    pub missing: u64,
}

impl Check {
    /// The answer. Something that would break decides; otherwise doubt does.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.breaks().next().is_some() {
            Verdict::Fail
        } else if self.missing > 0 || self.doubts().next().is_some() {
            Verdict::Unclear
        } else {
            Verdict::Pass
        }
    }

    /// The answer where what is only logged is objected to as well, as it will be denied one day.
    #[must_use]
    pub fn strict_verdict(&self) -> Verdict {
        if self.logged.is_empty() {
            let doubtful = self.verdict() == Verdict::Pass && !self.undecided.is_empty();
            return match doubtful {
                true => Verdict::Unclear,
                false => self.verdict(),
            };
        }
        Verdict::Fail
    }

    /// What may be denied.
    pub fn doubts(&self) -> impl Iterator<Item = &Undecided> {
        self.undecided.iter().filter(|one| !one.action.permits())
    }

    /// Adds something that is not just permitted.
    pub(super) fn add(&mut self, found: Denied) {
        if found.action.permits() {
            self.logged.push(found);
        } else {
            self.denied.push(found);
        }
    }

    /// What would be denied and is expected to be missed.
    pub fn breaks(&self) -> impl Iterator<Item = &Denied> {
        self.denied
            .iter()
            .filter(|denied| denied.standing == Standing::Breaks)
    }

    /// What would be denied without anybody noticing.
    pub fn harmless(&self) -> impl Iterator<Item = &Denied> {
        self.denied
            .iter()
            .filter(|denied| denied.standing != Standing::Breaks)
    }
}

/// Something recorded that would be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The call.
    pub call: Call,
    /// The values it was made with; unknown when it is denied whatever they are.
    pub values: Values,
    /// What it would get.
    pub action: Action,
    /// How often it was made.
    pub count: u64,
    /// In how many runs.
    pub runs: usize,
    /// The program that did it first, if known. Hostile.
    pub program: Option<String>,
    /// What the denial means.
    pub standing: Standing,
    /// What the base does with it.
    pub base: BaseView,
}

/// What a denial means for the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The program loses something.
    Breaks,
    /// It is answered with `ENOSYS`, and its C library then takes this call, which is allowed.
    FallsBack(Call),
    /// No kernel that we know has this number, so the call fails in any case.
    NoSuchCall,
}

/// What the base does with something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseView {
    /// There is no base.
    NoBase,
    /// Allows it.
    Allows,
    /// Allows it for some of the arguments with which it may have been made.
    Depends,
    /// Denies it too.
    Denies {
        /// Why.
        reason: Option<String>,
        /// Capabilities each of which alone makes the base allow it, or more of it.
        unlock: Vec<String>,
    },
}

/// Something recorded of which the outcome is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The call.
    pub call: Call,
    /// The known values.
    pub values: Values,
    /// Why it is not known.
    pub why: Unknown,
    /// What it would get if it were denied.
    pub action: Action,
}

/// Why an outcome is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There were more values than a recording keeps.
    TooManyValues,
    /// The profile tests arguments that the recording does not have.
    NotRecorded(BTreeSet<u8>),
}
