//! What there is to say about a profile, finding by finding, each with the place in the file where it can be
//! mended.
//!
//! A finding is a value: which matter, how severe, where. How it reads is for reports; whether it fails
//! anything is for the gate.

mod causes;
mod dialect;
mod live;
mod meant;
mod places;
mod recorded;
mod starting;
mod written;

#[cfg(test)]
mod acceptance;
#[cfg(test)]
mod tests;

pub use dialect::Engine;
pub(super) use dialect::as_read_by;

use super::exploits::{Exposed, Reach};
use super::ignore::Entry;
use super::live::{Live, Permitted, Refused};
use super::rules::{RuleId, Severity};
use super::starts::{NoStart, Obstacle, Starting};
use super::types::{Alternative, Audit, Denied, Evidence, Excess, Undecided, View};
use crate::profile::proof::{Deviation, Miscompiled};
use crate::profile::{
    Action, Circumstances, Meaning, Position, Profile, ReadRemark, RemarkKind, Runtime, Source,
};
use crate::syscall::Call;
use places::Places;
use std::collections::BTreeSet;

/// Something that there is to say about a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub matter: Matter,
    /// How severe.
    pub severity: Severity,
    /// Where it can be mended, if that is a place in a file.
    pub place: Option<Place>,
    /// What else there is of the same cause, and what follows from it.
    pub also: Vec<Member>,
}

/// A part of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What.
    pub matter: Matter,
    /// How severe it is by itself.
    pub severity: Severity,
    /// Where it can be mended, if that is a place in a file.
    pub place: Option<Place>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In which file.
    pub file: PlaceFile,
    /// Where in it.
    pub position: Position,
}

/// The files that findings point into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceFile {
    /// The profile.
    Profile,
    /// The ignore file.
    Ignores,
}

/// What a finding is about. Names and keys come from files: hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matter {
    /// Permitted, and refused by the base.
    Beyond(Excess),
    /// These registers are permitted, and cut to values that the profile refuses.
    Truncated {
        /// The call.
        call: Call,
        /// The registers.
        witness: [u64; 6],
    },
    /// This call of a 32-bit ABI does what those of the native ABI must not.
    Multiplexed {
        /// The call.
        call: Call,
        /// What it does, by name.
        names: BTreeSet<&'static str>,
    },
    /// io_uring can be set up.
    IoUring(Call),
    /// The filter does something else than the profile says.
    Miscompiled(Miscompiled),
    /// libseccomp makes no filter of it.
    Uncompiled(String),
    /// Runtimes start no container with it.
    NoStart {
        /// Which, and why.
        who: Vec<NoStart>,
        /// Whether those are all that matter: no other one starts it, or they were asked for, or most use them.
        none: bool,
    },
    /// What is done by default.
    WeakDefault(Action),
    /// An exploit that is not stopped.
    Exploit(Exposed),
    /// An engine takes the profile for something else.
    Misread(Misreading),
    /// What engines ignore or take otherwise.
    Ignored(ReadRemark),
    /// So many more findings of this rule, of which the severest is so severe.
    More {
        /// The rule.
        rule: RuleId,
        /// How many.
        count: usize,
        /// The severest.
        severity: Severity,
    },
    /// A name that nobody has.
    UnknownName {
        /// The name.
        name: String,
        /// What was perhaps meant.
        similar: Vec<&'static str>,
    },
    /// A rule tests one argument twice.
    RepeatedArgument {
        /// The calls that it speaks of.
        names: Vec<String>,
        /// The argument.
        index: u8,
    },
    /// A rule never decides over this call.
    Unreachable {
        /// The call.
        name: String,
        /// What the rule says.
        action: Action,
        /// What is done instead; `None` if its conditions never hold.
        instead: Option<Action>,
    },
    /// A rule does not decide everything.
    Shadowed {
        /// The call.
        call: Call,
        /// What the rule says.
        action: Action,
        /// What is done instead.
        instead: Action,
        /// With these arguments.
        witness: [u64; 6],
    },
    /// A rule does what is done by default.
    Redundant {
        /// The calls that it speaks of.
        names: Vec<String>,
        /// What it does.
        action: Action,
        /// Whether it has conditions, and so looks like an exception.
        conditional: bool,
    },
    /// A rule says of this call what others say.
    Duplicate {
        /// The call.
        name: String,
    },
    /// A call that everybody needs is refused.
    Missing {
        /// The call.
        call: Call,
        /// What it gets.
        action: Action,
        /// What needs it.
        reason: &'static str,
    },
    /// A call is refused so that nobody falls back.
    NeedsEnosys {
        /// The call.
        call: Call,
        /// What it gets.
        action: Action,
        /// What would be used instead.
        instead: &'static str,
        /// Who makes it.
        reason: &'static str,
    },
    /// Recorded, and refused.
    WouldDeny(Denied),
    /// Recorded, and perhaps refused.
    Undecided(Undecided),
    /// So many facts are not in the recordings.
    LostFacts(u64),
    /// Permitted, and not recorded.
    Unused(BTreeSet<Call>),
    /// Permitted values that were not recorded.
    UnusedValue(Alternative),
    /// A running target has no filter.
    Unfiltered,
    /// A running target's filters answer otherwise than the profile says.
    Installed(Deviation),
    /// A running target was refused a call.
    Refused(Refused),
    /// So many refused calls were not kept.
    LostRefusals(u64),
    /// An entry of the ignore file that is over.
    ExpiredIgnore(Entry),
    /// An entry of the ignore file that ignores nothing.
    UnusedIgnore(Entry),
}

/// How an engine takes a profile. What is compared is what it permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misreading {
    /// The engine.
    pub engine: Engine,
    /// Whether it is the one that counts, because the user named it.
    pub is_asked_for: bool,
    /// How many calls it permits, or with more arguments, that the profile does not; and an example.
    pub more: Option<(usize, Call, [u64; 6])>,
    /// The same the other way round.
    pub less: Option<(usize, Call, [u64; 6])>,
    /// The keys of the profile that it ignores.
    pub dropped: Vec<&'static str>,
}

impl Matter {
    /// The rule that says so.
    #[must_use]
    pub const fn rule(&self) -> RuleId {
        match self {
            Self::Beyond(excess) => match excess.view {
                View::Filter => RuleId::BeyondBase,
                View::Kernel => RuleId::TruncationBypass,
            },
            Self::Truncated { .. } => RuleId::TruncatedArgument,
            Self::Multiplexed { .. } => RuleId::MultiplexedCall,
            Self::IoUring(_) => RuleId::IoUringBypass,
            Self::Miscompiled(_) => RuleId::Miscompiled,
            Self::Uncompiled(_) => RuleId::RefusedProfile,
            Self::NoStart { .. } => RuleId::CannotStart,
            Self::WeakDefault(_) => RuleId::WeakDefault,
            Self::Exploit(_) => RuleId::ExploitedCall,
            Self::Misread(_) => RuleId::MisreadDialect,
            Self::Ignored(remark) => match remark.kind {
                RemarkKind::MistypedKey { .. } => RuleId::MistypedKey,
                _ => RuleId::IgnoredText,
            },
            Self::More { rule, .. } => *rule,
            Self::UnknownName { .. } => RuleId::UnknownName,
            Self::RepeatedArgument { .. } => RuleId::RepeatedArgument,
            Self::Unreachable { .. } => RuleId::UnreachableRule,
            Self::Shadowed { .. } => RuleId::ShadowedRule,
            Self::Redundant { .. } => RuleId::RedundantRule,
            Self::Duplicate { .. } => RuleId::DuplicateRule,
            Self::Missing { .. } => RuleId::MissingEssential,
            Self::NeedsEnosys { .. } => RuleId::EnosysNeeded,
            Self::WouldDeny(_) => RuleId::WouldDeny,
            Self::Undecided(_) => RuleId::Undecided,
            Self::LostFacts(_) | Self::LostRefusals(_) => RuleId::LostFacts,
            Self::Unfiltered => RuleId::InstalledFilter,
            Self::Installed(one) if one.meant.permits() == one.installed.permits() => {
                RuleId::InstalledAnswer
            }
            Self::Installed(_) => RuleId::InstalledFilter,
            Self::Refused(_) => RuleId::RefusedCall,
            Self::Unused(_) => RuleId::UnusedCall,
            Self::UnusedValue(_) => RuleId::UnusedValue,
            Self::ExpiredIgnore(_) => RuleId::ExpiredIgnore,
            Self::UnusedIgnore(_) => RuleId::UnusedIgnore,
        }
    }

    /// How severe it is.
    fn severity(&self) -> Severity {
        match self {
            Self::More { severity, .. } => *severity,
            Self::WeakDefault(action) if !action.permits() => Severity::Medium,
            Self::Exploit(exposed) if exposed.docker == Reach::Stopped => Severity::High,
            Self::Exploit(exposed) if exposed.docker < exposed.reach => Severity::Medium,
            // What everybody's containers leave open, too, is no fault of this profile.
            Self::Exploit(_) => Severity::Info,
            // Who names the engine means that one; otherwise it is one of many.
            Self::Misread(reading) if !reading.is_asked_for => Severity::Low,
            Self::Misread(reading) if reading.more.is_some() => Severity::High,
            Self::UnknownName { similar, .. } if similar.is_empty() => Severity::Low,
            Self::Redundant { conditional, .. } if !conditional => Severity::Info,
            Self::NoStart { none: false, .. } => Severity::Low,
            Self::Missing { call, .. } => match call.name() {
                // Only 32-bit programs with an old kind of handler make it.
                Some("sigreturn") => Severity::Low,
                // Only after a stop in the middle of a few calls.
                Some("restart_syscall") => Severity::Medium,
                _ => self.rule().rule().severity,
            },
            Self::Misread(reading) if reading.less.is_none() && reading.more.is_none() => {
                Severity::Low
            }
            Self::Ignored(remark) => remark_severity(&remark.kind),
            Self::Installed(one) if one.meant.permits() && !one.installed.permits() => {
                Severity::Medium
            }
            Self::Refused(one) => match one.permitted {
                Permitted::ByNobody => Severity::Low,
                Permitted::ByBase => Severity::Medium,
                Permitted::ByProfile => Severity::High,
            },
            // Without threads, next to nothing starts.
            Self::NeedsEnosys { call, .. } if call.name() == Some("clone3") => Severity::High,
            _ => self.rule().rule().severity,
        }
    }

    /// The call that it is about, if it is one.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        match self {
            Self::Beyond(excess) => Some(excess.call),
            Self::Truncated { call, .. }
            | Self::Shadowed { call, .. }
            | Self::Missing { call, .. }
            | Self::NeedsEnosys { call, .. }
            | Self::Multiplexed { call, .. }
            | Self::IoUring(call) => Some(*call),
            Self::Exploit(exposed) => exposed.example.map(|one| one.call),
            Self::Miscompiled(one) => Some(one.call),
            Self::WouldDeny(denied) => Some(denied.call),
            Self::Undecided(undecided) => Some(undecided.call),
            Self::UnusedValue(alternative) => Some(alternative.call),
            Self::Installed(one) => Some(one.call),
            Self::Refused(one) => Some(one.call),
            _ => None,
        }
    }

    /// Arguments of that call that show it.
    #[must_use]
    pub fn witness(&self) -> Option<[u64; 6]> {
        match self {
            Self::Beyond(excess) => Some(excess.witness),
            Self::Truncated { witness, .. } | Self::Shadowed { witness, .. } => Some(*witness),
            Self::Miscompiled(one) => Some(one.witness),
            Self::Installed(one) => Some(one.witness),
            Self::Exploit(exposed) => exposed.example.map(|one| one.witness),
            _ => None,
        }
    }

    /// The names of the calls that it is about.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        match self {
            Self::UnknownName { name, .. }
            | Self::Unreachable { name, .. }
            | Self::Duplicate { name } => [name.clone()].into(),
            Self::RepeatedArgument { names, .. } | Self::Redundant { names, .. } => {
                names.iter().cloned().collect()
            }
            Self::Unused(calls) => calls.iter().map(|call| call.label()).collect(),
            Self::NoStart { who, .. } => {
                let obstacles = who.iter().flat_map(|one| &one.obstacles);
                let calls = obstacles.flat_map(Obstacle::calls);
                calls.map(Call::label).collect()
            }
            _ => self.call().map(Call::label).into_iter().collect(),
        }
    }
}

/// How severe it is that engines ignore something or take it otherwise.
const fn remark_severity(kind: &RemarkKind) -> Severity {
    match kind {
        // Then there is no filter.
        RemarkKind::Disabled | RemarkKind::MistypedKey { .. } => Severity::High,
        RemarkKind::RepeatedKey(_)
        | RemarkKind::MisspeltKey { .. }
        | RemarkKind::NoListener
        | RemarkKind::NotifyOnWrite
        | RemarkKind::FlagNeedsListener
        | RemarkKind::SeventhCondition
        | RemarkKind::ErrnoUnused { .. }
        | RemarkKind::EmptyName
        | RemarkKind::ErrnoCut { .. } => Severity::Medium,
        RemarkKind::UnknownKey(_)
        | RemarkKind::OldName
        | RemarkKind::NoNames
        | RemarkKind::ValueTwoUnused(_)
        | RemarkKind::NeverHolds(_)
        | RemarkKind::EveryKernel
        | RemarkKind::ErrnoName { .. }
        | RemarkKind::InventedName(_)
        | RemarkKind::More(_) => Severity::Low,
        RemarkKind::OtherDocument(_) => Severity::Info,
    }
}

impl Finding {
    /// A finding at a place in the profile.
    pub(crate) fn new(matter: Matter, position: Option<Position>) -> Self {
        let file = PlaceFile::Profile;
        Self {
            severity: matter.severity(),
            place: position.map(|position| Place { file, position }),
            matter,
            also: Vec::new(),
        }
    }

    /// A finding in the ignore file.
    pub(super) fn of_ignores(matter: Matter, position: Position) -> Self {
        let file = PlaceFile::Ignores;
        Self {
            severity: matter.severity(),
            place: Some(Place { file, position }),
            matter,
            also: Vec::new(),
        }
    }

    /// A finding of these members, led by the severest of the rule, if it has any, and of those by the first;
    /// `None` of nothing.
    pub(super) fn of(rule: RuleId, mut members: Vec<Member>) -> Option<Self> {
        let rank = |member: &Member| (member.matter.rule() == rule, member.severity);
        let most = members.iter().map(rank).max()?;
        let lead = members.iter().position(|member| rank(member) == most)?;
        let lead = members.remove(lead);
        let severity = members.iter().map(|member| member.severity);
        Some(Self {
            severity: severity.fold(lead.severity, Severity::max),
            matter: lead.matter,
            place: lead.place,
            also: members,
        })
    }

    /// Everything that it is about, what it is led by first.
    pub(super) fn into_members(self) -> Vec<Member> {
        let lead = Member {
            matter: self.matter,
            severity: self.severity,
            place: self.place,
        };
        std::iter::once(lead).chain(self.also).collect()
    }

    /// What it is led by, and what else there is.
    pub fn matters(&self) -> impl Iterator<Item = &Matter> {
        let also = self.also.iter().map(|member| &member.matter);
        std::iter::once(&self.matter).chain(also)
    }

    /// The names of the calls that it is about.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.matters().flat_map(Matter::names).collect()
    }

    /// The rule that says so.
    #[must_use]
    pub const fn rule(&self) -> RuleId {
        self.matter.rule()
    }
}

/// What is examined.
#[derive(Clone, Copy, Debug)]
pub struct Examined<'a> {
    /// The profile as it is written.
    pub source: &'a Source,
    /// For whom.
    pub circumstances: &'a Circumstances,
    /// The flat profile for them.
    pub profile: &'a Profile,
    /// What that means.
    pub meaning: &'a Meaning,
    /// The engine that will read it, if it is known.
    pub engine: Option<Engine>,
    /// The runtime as which it is read, if it is one.
    pub runtime: Option<Runtime>,
    /// What is known of exploits.
    pub exposure: &'a [Exposed],
    /// What the base means, if there is one.
    pub base: Option<&'a Meaning>,
    /// Who is to start containers with it.
    pub starting: &'a Starting,
}

/// Everything that there is to say, each cause once, in a fixed order: by rule, then by place.
#[must_use]
pub fn findings(examined: &Examined<'_>, audit: &Audit) -> Vec<Finding> {
    let found = with_parts(
        examined,
        &audit.beyond,
        &compiled(audit),
        audit.evidence.as_ref(),
        audit.live.as_ref(),
    );
    bounded(causes::by_cause(found, &Places::of(examined)))
}

/// What there is to say about the filter that libseccomp makes.
fn compiled(audit: &Audit) -> Vec<Matter> {
    let refused = audit.uncompiled.iter().cloned().map(Matter::Uncompiled);
    let miscompiled = audit.miscompiled.iter().cloned();
    refused
        .chain(miscompiled.map(Matter::Miscompiled))
        .collect()
}

fn with_parts(
    examined: &Examined<'_>,
    beyond: &[Excess],
    compiled: &[Matter],
    evidence: Option<&Evidence>,
    live: Option<&Live>,
) -> Vec<Finding> {
    let places = Places::of(examined);
    let mut findings = written::findings(examined);
    findings.extend(dialect::findings(examined));
    findings.extend(starting::finding(examined, &places));
    findings.extend(meant::findings(examined, beyond, &places));
    findings.extend(compiled.iter().cloned().map(|matter| {
        let place = match &matter {
            Matter::Uncompiled(why) => places.blamed(why),
            _ => {
                let call = matter.call();
                call.and_then(|call| places.shown(call, matter.witness()))
            }
        };
        Finding::new(matter, place.or_else(|| places.rules()))
    }));
    findings.extend(recorded::findings(evidence, &places));
    findings.extend(live::findings(live));
    findings.sort_by_key(|finding| (finding.rule(), finding.place));
    findings
}

/// The most findings of one rule that are kept; a file with more is no profile that anybody wrote.
const FINDINGS_MAX: usize = 1000;

/// The first findings of each rule, and of each finding the first members; the others are counted.
fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut findings {
        let rule = finding.rule();
        let others = finding.also.split_off(finding.also.len().min(FINDINGS_MAX));
        if let Some(severity) = others.iter().map(|one| one.severity).max() {
            let count = others.len();
            finding.also.push(Member {
                matter: Matter::More {
                    rule,
                    count,
                    severity,
                },
                severity,
                place: None,
            });
        }
    }
    let mut kept = Vec::new();
    for of_rule in findings.chunk_by(|one, other| one.rule() == other.rule()) {
        let (first, others) = of_rule.split_at(of_rule.len().min(FINDINGS_MAX));
        kept.extend_from_slice(first);
        if let Some(severest) = others.iter().max_by_key(|finding| finding.severity) {
            let matter = Matter::More {
                rule: severest.rule(),
                count: others.len(),
                severity: severest.severity,
            };
            kept.push(Finding::new(matter, None));
        }
    }
    kept
}
