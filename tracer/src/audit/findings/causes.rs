//! What has one cause is one finding: on every ABI, in every rule, for every call.
//!
//! What was found is put together by what would have to be mended. Nothing is dropped by that: what is not the
//! first of its cause stays as a member of the finding, with its own place and example.

use super::places::Places;
use super::{Finding, Matter, Member};
use crate::audit::rules::{RuleId, Severity};
use crate::audit::starts::Obstacle;
use crate::audit::types::{Excess, View};
use crate::profile::RemarkKind;
use crate::syscall::Call;
use std::collections::{BTreeMap, BTreeSet};

/// Findings by their causes, in the order of rules and places.
pub(super) fn by_cause(found: Vec<Finding>, places: &Places<'_>) -> Vec<Finding> {
    let known = Known::of(&found, places);
    let mut causes: BTreeMap<Cause, Vec<Member>> = BTreeMap::new();
    for finding in found {
        let (cause, severity) = known.cause(&finding);
        let members = causes.entry(cause).or_default();
        members.push(Member {
            severity,
            matter: finding.matter,
            place: finding.place,
        });
    }
    let findings = causes.into_iter();
    let findings = findings.filter_map(|(cause, members)| Finding::of(cause.rule, members));
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by_key(|finding| (finding.rule(), finding.place));
    findings
}

/// What would have to be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    rule: RuleId,
    /// What tells it from other causes of that rule.
    what: String,
}

impl Cause {
    fn new(rule: RuleId, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { rule, what }
    }
}

/// How many calls a container's filter treats otherwise than the profile, before it is taken for another one.
const ANOTHER_FILTER_MIN: usize = 12;

/// What else was found, as far as it explains other things.
struct Known<'p, 'a> {
    places: &'p Places<'a>,
    /// The default lets calls through.
    is_open: bool,
    /// io_uring is let through by a rule.
    has_rings: bool,
    /// Something goes beyond the base.
    has_excess: bool,
    /// What no container starts without, by name.
    starting: BTreeSet<String>,
    /// A runtime refuses what is written.
    is_refused: bool,
    /// The container's filter is simply another one.
    is_another: bool,
    /// The capability that stands for those that give a call.
    capabilities: BTreeMap<String, usize>,
    /// The calls whose rules keep a filter from being made, by name.
    blamed: BTreeSet<String>,
    /// Keys that were meant by others.
    mistyped: BTreeSet<&'static str>,
}

impl<'p, 'a> Known<'p, 'a> {
    fn of(found: &[Finding], places: &'p Places<'a>) -> Self {
        let mut known = Self {
            places,
            is_open: false,
            has_rings: false,
            has_excess: false,
            starting: BTreeSet::new(),
            is_refused: false,
            is_another: false,
            capabilities: BTreeMap::new(),
            blamed: BTreeSet::new(),
            mistyped: BTreeSet::new(),
        };
        let mut installed = 0;
        for finding in found {
            match &finding.matter {
                Matter::WeakDefault(action) => known.is_open = action.permits(),
                Matter::IoUring(call) => known.has_rings = !places.is_by_default(*call),
                Matter::Beyond(excess) => {
                    known.has_excess |= excess.view == View::Filter;
                    for capability in excess.unlock.iter().filter(|_| excess.whole) {
                        *known.capabilities.entry(capability.clone()).or_default() += 1;
                    }
                }
                Matter::NoStart { who, none } => {
                    let obstacles = who.iter().flat_map(|one| &one.obstacles);
                    for obstacle in obstacles {
                        match obstacle {
                            Obstacle::Refused(_) => known.is_refused = true,
                            Obstacle::Calls { calls, .. } if *none => {
                                known
                                    .starting
                                    .extend(calls.iter().map(|(call, _)| call.label()));
                            }
                            Obstacle::Calls { .. } => {}
                        }
                    }
                }
                Matter::Uncompiled(why) => {
                    let names = why.split('`').skip(1).step_by(2);
                    known.blamed.extend(names.map(str::to_owned));
                }
                Matter::Installed(one) => installed += usize::from(one.whole),
                Matter::Ignored(remark) => {
                    if let RemarkKind::MistypedKey { meant, .. } = &remark.kind {
                        known.mistyped.insert(meant);
                    }
                }
                _ => {}
            }
        }
        known.is_another = installed >= ANOTHER_FILTER_MIN;
        known
    }

    /// The cause of a finding, and how severe it is as a part of that.
    fn cause(&self, finding: &Finding) -> (Cause, Severity) {
        let matter = &finding.matter;
        let rule = matter.rule();
        let own = finding.severity;
        let of = |what: String| Cause::new(rule, what);
        let by_name = || of(matter.names().into_iter().collect::<Vec<_>>().join(" "));
        let cause = match matter {
            // All rules stand under a key that nobody reads.
            Matter::NoStart { .. } | Matter::Missing { .. } | Matter::NeedsEnosys { .. }
                if self.mistyped.contains("syscalls") =>
            {
                Cause::new(RuleId::MistypedKey, "syscalls")
            }
            // Rules of which no filter is made come before what they would mean.
            Matter::Unreachable { name, .. } | Matter::Duplicate { name }
                if self.blamed.contains(name) =>
            {
                Cause::new(RuleId::RefusedProfile, "")
            }
            Matter::Shadowed { call, .. } | Matter::Truncated { call, .. }
                if self.blamed.contains(&call.label()) =>
            {
                Cause::new(RuleId::RefusedProfile, "")
            }
            Matter::Beyond(excess) => self.excess(excess),
            Matter::IoUring(call) if self.is_open_by_default(*call) => self.weak(),
            Matter::Exploit(exposed) if exposed.docker < exposed.reach => return self.exploit(own),
            Matter::Exploit(_) => of(own.name().to_owned()),
            Matter::NoStart { .. } => of(String::new()),
            Matter::Missing { call, .. } if self.starting.contains(&call.label()) => {
                Cause::new(RuleId::CannotStart, "")
            }
            Matter::Ignored(remark) => self.remark(&remark.kind, rule),
            Matter::Truncated { .. } => of(finding
                .place
                .map_or_else(String::new, |place| format!("{:?}", place.position))),
            Matter::Installed(_) if self.is_another => {
                Cause::new(RuleId::InstalledFilter, "another")
            }
            Matter::Installed(one) if one.whole => {
                of(format!("{:?} {:?}", one.meant, one.installed))
            }
            Matter::UnknownName { name, similar } if !similar.is_empty() => of(name.clone()),
            Matter::UnknownName { .. }
            | Matter::Multiplexed { .. }
            | Matter::IoUring(_)
            | Matter::WeakDefault(_)
            | Matter::Missing { .. }
            | Matter::Uncompiled(_)
            | Matter::Duplicate { .. } => of(String::new()),
            Matter::Unfiltered
            | Matter::LostFacts(_)
            | Matter::LostRefusals(_)
            | Matter::Unused(_) => of(format!("{:?}", std::mem::discriminant(matter))),
            Matter::NeedsEnosys { .. } => of(own.name().to_owned()),
            Matter::Redundant { conditional, .. } => of(conditional.to_string()),
            Matter::Unreachable {
                action, instead, ..
            } => of(format!("{action:?} {instead:?}")),
            Matter::Shadowed {
                action, instead, ..
            } => of(format!("{action:?} {instead:?}")),
            Matter::Misread(reading) => of(reading.is_asked_for.to_string()),
            Matter::Refused(one) => of(format!("{} {:?}", one.call.label(), one.permitted)),
            Matter::Miscompiled(_)
            | Matter::RepeatedArgument { .. }
            | Matter::Installed(_)
            | Matter::WouldDeny(_)
            | Matter::Undecided(_)
            | Matter::UnusedValue(_) => by_name(),
            Matter::More { .. } | Matter::ExpiredIgnore(_) | Matter::UnusedIgnore(_) => {
                of(format!("{matter:?}"))
            }
        };
        (cause, own)
    }

    /// What goes beyond the base does so by default, by io_uring, for want of a capability, or by itself.
    fn excess(&self, excess: &Excess) -> Cause {
        let name = excess.call.label();
        if self.is_open_by_default(excess.call) {
            return self.weak();
        }
        if excess.view == View::Kernel {
            return Cause::new(RuleId::TruncationBypass, name);
        }
        if self.has_rings && name.starts_with("io_uring_") {
            return Cause::new(RuleId::IoUringBypass, "");
        }
        if !excess.whole {
            return Cause::new(RuleId::BeyondBase, format!("of {name}"));
        }
        // Of several capabilities, the one that most of the calls want.
        let rank = |name: &&String| {
            (
                self.capabilities.get(*name),
                std::cmp::Reverse((*name).clone()),
            )
        };
        let capability = excess.unlock.iter().max_by_key(rank);
        let capability = capability.map_or("no", String::as_str);
        Cause::new(RuleId::BeyondBase, format!("with {capability}"))
    }

    fn is_open_by_default(&self, call: Call) -> bool {
        self.is_open && self.places.is_by_default(call)
    }

    fn weak(&self) -> Cause {
        Cause::new(RuleId::WeakDefault, "")
    }

    /// An exploit that Docker's default stops better follows from what goes beyond the base.
    fn exploit(&self, own: Severity) -> (Cause, Severity) {
        if self.is_open {
            return (self.weak(), own);
        }
        let severity = if self.has_excess { Severity::Info } else { own };
        (
            Cause::new(RuleId::ExploitedCall, "more than with Docker's"),
            severity,
        )
    }

    fn remark(&self, kind: &RemarkKind, rule: RuleId) -> Cause {
        let what = match kind {
            RemarkKind::NoListener | RemarkKind::NotifyOnWrite | RemarkKind::FlagNeedsListener
                if self.is_refused =>
            {
                return Cause::new(RuleId::CannotStart, "");
            }
            // A rule whose names have another key has none.
            RemarkKind::NoNames if self.mistyped.contains("names") => {
                return Cause::new(RuleId::MistypedKey, "names");
            }
            RemarkKind::MistypedKey { meant, .. } => (*meant).to_owned(),
            RemarkKind::UnknownKey(key) => key.clone(),
            RemarkKind::RepeatedKey(key) => format!("{key} twice"),
            RemarkKind::MisspeltKey { found, .. } => format!("{found} misspelt"),
            RemarkKind::NeverHolds(word) => format!("{word} never"),
            RemarkKind::OldName
            | RemarkKind::NoNames
            | RemarkKind::EmptyName
            | RemarkKind::EveryKernel
            | RemarkKind::ErrnoCut { .. }
            | RemarkKind::ErrnoName { .. }
            | RemarkKind::ErrnoUnused { .. }
            | RemarkKind::ValueTwoUnused(_)
            | RemarkKind::SeventhCondition
            | RemarkKind::NoListener
            | RemarkKind::NotifyOnWrite
            | RemarkKind::FlagNeedsListener
            | RemarkKind::InventedName(_)
            | RemarkKind::Disabled
            | RemarkKind::OtherDocument(_)
            | RemarkKind::More(_) => format!("{:?}", std::mem::discriminant(kind)),
        };
        Cause::new(rule, what)
    }
}
