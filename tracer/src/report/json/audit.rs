//! The audit and the check as JSON.

use super::filter::FilterObject;
use super::findings::{ExploitsObject, FindingObject, exploits, findings};
use super::live::LiveObject;
use super::sureness::SurenessObject;
use super::words::{
    ActionObject, CallObject, ConditionObject, VerdictName, by_abi, conditions, names, values,
};
use super::{SCHEMA_VERSION, text};
use crate::audit::{
    AbiCoverage, Assessment, BaseView, Check, Counted, Denied, Documented, Evidence, Excess,
    Presence, RecordingSummary, Standing, Subject, Surface, Undecided, Unknown, Used, View, When,
};
use crate::profile::Runtime;
use crate::profile::proof::Miscompiled;
use crate::report::layout::permille;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The document about one profile.
pub(super) fn document<'a>(
    assessment: &'a Assessment,
    ignore_file: Option<&'a str>,
) -> AuditDocument<'a> {
    let audit = &assessment.audit;
    let files = [&audit.subject.profile, ignore_file.unwrap_or_default()];
    AuditDocument {
        schema_version: SCHEMA_VERSION,
        verdict: assessment.judgement.verdict.into(),
        subject: (&audit.subject).into(),
        findings: findings(&assessment.judgement, files),
        surface: audit.surfaces.iter().map(Into::into).collect(),
        beyond: audit.beyond.iter().map(Into::into).collect(),
        miscompiled: audit.miscompiled.iter().map(Into::into).collect(),
        uncompiled: audit.uncompiled.as_deref(),
        filter: audit.filter.as_ref().map(Into::into),
        evidence: audit.evidence.as_ref().map(Into::into),
        live: audit.live.as_ref().map(Into::into),
        exploits: exploits(&assessment.exposure),
        documented: audit.documented.iter().map(Into::into).collect(),
    }
}

/// The check as JSON.
#[must_use]
pub fn check(profile: &str, recordings: &[RecordingSummary], check: &Check) -> String {
    text(&CheckDocument {
        schema_version: SCHEMA_VERSION,
        verdict: check.verdict().into(),
        profile,
        recordings: recordings.iter().map(Into::into).collect(),
        facts: check.into(),
    })
}

/// The document that `audit` writes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditDocument<'a> {
    schema_version: u64,
    /// Fail: a finding fails the gate, which by default is that something is allowed beyond the base, or
    /// that something recorded would be denied. Unclear: neither is known, but the recordings do not suffice
    /// to say so.
    verdict: VerdictName,
    subject: SubjectObject<'a>,
    findings: Vec<FindingObject<'a>>,
    /// The native ABI first.
    surface: Vec<SurfaceObject>,
    beyond: Vec<ExcessObject<'a>>,
    /// Where the filter that libseccomp makes of the profile does not do what the profile says.
    miscompiled: Vec<MiscompiledObject>,
    /// Why libseccomp makes no filter of it; absent if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    uncompiled: Option<&'a str>,
    /// What that filter costs; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterObject>,
    /// Absent when no recording was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceObject<'a>>,
    /// Absent when no container was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveObject<'a>>,
    exploits: ExploitsObject,
    /// The calls that Docker's documentation lists as blocked, by name.
    documented: Vec<DocumentedObject<'a>>,
}

/// The document that `check` writes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckDocument<'a> {
    schema_version: u64,
    verdict: VerdictName,
    profile: &'a str,
    recordings: Vec<RecordingObject<'a>>,
    #[serde(flatten)]
    facts: CheckObject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubjectObject<'a> {
    profile: &'a str,
    /// What it is called in that file; absent for a file that is the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a str>,
    /// Null when there is no base.
    base: Option<&'a str>,
    abi: &'static str,
    kernel: &'a str,
    capabilities: &'a BTreeSet<String>,
    default_action: ActionObject,
    /// The runtime as which the profile was read; absent for what all of them do.
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<&'static str>,
}

impl<'a> From<&'a Subject> for SubjectObject<'a> {
    fn from(subject: &'a Subject) -> Self {
        Self {
            profile: &subject.profile,
            part: subject.part.as_deref(),
            base: subject.base.as_deref(),
            abi: subject.native.name(),
            kernel: &subject.kernel,
            capabilities: &subject.capabilities,
            default_action: subject.default_action.into(),
            runtime: subject.runtime.map(Runtime::name),
        }
    }
}

/// The calls of one ABI that the base allows, by what the profile makes of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SurfaceObject {
    abi: &'static str,
    /// False: every call through this ABI is killed.
    listed: bool,
    counts: SurfaceCounts,
    /// Allowed whatever the arguments.
    always: BTreeSet<String>,
    /// Allowed for the same arguments as in the base, which are not all.
    conditional: BTreeSet<String>,
    /// Allowed for fewer arguments than in the base.
    narrowed: BTreeSet<String>,
    /// Not allowed.
    dropped: BTreeSet<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SurfaceCounts {
    in_base: usize,
    always: usize,
    conditional: usize,
    narrowed: usize,
    dropped: usize,
    left: PartObject,
}

/// A part of a whole.
#[derive(Serialize)]
struct PartObject {
    part: usize,
    whole: usize,
    /// Rounded to a tenth; null of nothing.
    percent: Option<f64>,
}

impl PartObject {
    fn of(part: usize, whole: usize) -> Self {
        let tenths = permille(part, whole).and_then(|tenths| u32::try_from(tenths).ok());
        Self {
            part,
            whole,
            percent: tenths.map(|tenths| f64::from(tenths) / 10.0),
        }
    }
}

impl From<&Surface> for SurfaceObject {
    fn from(surface: &Surface) -> Self {
        Self {
            abi: surface.abi.name(),
            listed: surface.listed,
            counts: SurfaceCounts {
                in_base: surface.in_base(),
                always: surface.always.len(),
                conditional: surface.conditional.len(),
                narrowed: surface.narrowed.len(),
                dropped: surface.dropped.len(),
                left: PartObject::of(surface.left(), surface.in_base()),
            },
            always: names(&surface.always),
            conditional: names(&surface.conditional),
            narrowed: names(&surface.narrowed),
            dropped: names(&surface.dropped),
        }
    }
}

/// Something that the profile allows and the base does not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExcessObject<'a> {
    call: CallObject,
    /// `filter`: the filter lets it through; `kernel`: the kernel cuts the arguments to what the base denies.
    view: &'static str,
    /// Arguments with which it is let through.
    witness: [u64; 6],
    /// Whether the base never allows the call.
    whole_call: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unlocked_by: &'a [String],
}

impl<'a> From<&'a Excess> for ExcessObject<'a> {
    fn from(excess: &'a Excess) -> Self {
        Self {
            call: excess.call.into(),
            view: match excess.view {
                View::Filter => "filter",
                View::Kernel => "kernel",
            },
            witness: excess.witness,
            whole_call: excess.whole,
            reason: excess.reason.as_deref(),
            unlocked_by: &excess.unlock,
        }
    }
}

/// A call to which the compiled filter answers otherwise than the profile says.
#[derive(Serialize)]
struct MiscompiledObject {
    call: CallObject,
    /// Arguments with which it happens.
    witness: [u64; 6],
    /// What the profile says.
    meant: ActionObject,
    /// What the filter does.
    compiled: ActionObject,
    /// In which arrangements of the filter: `list`, `tree`.
    layouts: Vec<&'static str>,
}

impl From<&Miscompiled> for MiscompiledObject {
    fn from(one: &Miscompiled) -> Self {
        Self {
            call: one.call.into(),
            witness: one.witness,
            meant: one.meant.into(),
            compiled: one.compiled.into(),
            layouts: one.layouts.iter().map(|layout| layout.name()).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DocumentedObject<'a> {
    name: &'a str,
    /// Where the profile is most permissive: `blocked`, `conditional`, `allowed`; `absent` when no listed
    /// ABI has the call.
    state: &'static str,
    /// The highest state on the base's ABIs; absent when there is no base, or none that has the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_base: Option<&'static str>,
    reason: &'a str,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unlocked_by: &'a [String],
    abis: BTreeMap<&'static str, PresenceObject>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PresenceObject {
    state: &'static str,
    /// When blocked: what the call gets.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    answer: Option<ActionObject>,
    /// When conditional: one of these must hold, with all its conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    any_of: Option<Vec<Vec<ConditionObject>>>,
    /// Or: each of these must have a condition that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    none_of: Option<Vec<Vec<ConditionObject>>>,
}

const fn state(degree: u8) -> &'static str {
    match degree {
        0 => "blocked",
        1 => "conditional",
        _ => "allowed",
    }
}

impl From<&Presence> for PresenceObject {
    fn from(presence: &Presence) -> Self {
        let list = |alternatives: &[Vec<_>]| {
            Some(alternatives.iter().map(|one| conditions(one)).collect())
        };
        let (answer, any_of, none_of) = match presence {
            Presence::Blocked(action) => (Some((*action).into()), None, None),
            Presence::Conditional(When::AnyOf(all)) => (None, list(all), None),
            Presence::Conditional(When::NoneOf(all)) => (None, None, list(all)),
            Presence::Conditional(When::Unlisted) | Presence::Allowed => (None, None, None),
        };
        Self {
            state: state(presence.degree()),
            answer,
            any_of,
            none_of,
        }
    }
}

impl<'a> From<&'a Documented> for DocumentedObject<'a> {
    fn from(one: &'a Documented) -> Self {
        let abis = one.presence.iter();
        Self {
            name: &one.name,
            state: if one.presence.is_empty() {
                "absent"
            } else {
                state(one.degree())
            },
            in_base: one.base_degree.map(state),
            reason: &one.reason,
            unlocked_by: &one.unlock,
            abis: abis.map(|(abi, p)| (abi.name(), p.into())).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EvidenceObject<'a> {
    recordings: Vec<RecordingObject<'a>>,
    sureness: SurenessObject<'a>,
    coverage: CoverageObject,
    used: Vec<UsedObject>,
    /// Allowed and not recorded, by ABI.
    unused: BTreeMap<&'static str, BTreeSet<String>>,
    /// Rules with conditions that no recorded value meets, of calls that were recorded.
    unused_values: Vec<AlternativeObject>,
    #[serde(flatten)]
    check: CheckObject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CoverageObject {
    /// Allowed calls that were recorded, of all allowed calls.
    calls: PartObject,
    abis: BTreeMap<&'static str, PartObject>,
    /// Rules with conditions that a recorded value meets, of those for calls that were recorded.
    argument_rules: PartObject,
}

#[derive(Serialize)]
struct UsedObject {
    call: CallObject,
    count: u64,
    /// In how many runs.
    runs: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<SeenObject>,
}

#[derive(Serialize)]
struct SeenObject {
    arguments: BTreeMap<u8, u64>,
    count: u64,
}

#[derive(Serialize)]
struct AlternativeObject {
    call: CallObject,
    conditions: Vec<ConditionObject>,
}

impl<'a> From<&'a Evidence> for EvidenceObject<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        let coverage = &evidence.coverage;
        let (used, allowed) = coverage.total();
        let part = |abi: &AbiCoverage| (abi.abi.name(), PartObject::of(abi.used, abi.allowed));
        Self {
            recordings: evidence.recordings.iter().map(Into::into).collect(),
            sureness: (&evidence.sureness).into(),
            coverage: CoverageObject {
                calls: PartObject::of(used, allowed),
                abis: coverage.abis.iter().map(part).collect(),
                argument_rules: PartObject::of(coverage.alternatives_used, coverage.alternatives),
            },
            used: evidence.used.iter().map(Into::into).collect(),
            unused: by_abi(&evidence.unused),
            unused_values: evidence
                .unused_alternatives
                .iter()
                .map(|one| AlternativeObject {
                    call: one.call.into(),
                    conditions: conditions(&one.conditions),
                })
                .collect(),
            check: (&evidence.check).into(),
        }
    }
}

impl From<&Used> for UsedObject {
    fn from(used: &Used) -> Self {
        let seen = used.values.iter().map(|(known, count)| SeenObject {
            arguments: values(known),
            count: *count,
        });
        Self {
            call: used.call.into(),
            count: used.count,
            runs: used.runs,
            values: seen.collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingObject<'a> {
    name: &'a str,
    /// Absent when there are several runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
    runs: usize,
    /// `underFilter`: only facts made under a seccomp filter count; `all`: there was never one; `mixed`:
    /// some runs had one.
    counted: &'static str,
    calls: usize,
    values: usize,
    from_start: bool,
    /// How many facts may be missing.
    missing: u64,
}

impl<'a> From<&'a RecordingSummary> for RecordingObject<'a> {
    fn from(one: &'a RecordingSummary) -> Self {
        Self {
            name: &one.name,
            run_id: one.run_id.as_deref(),
            runs: one.runs,
            counted: match one.counted {
                Counted::UnderFilter => "underFilter",
                Counted::All => "all",
                Counted::Mixed => "mixed",
            },
            calls: one.calls,
            values: one.tuples,
            from_start: one.from_start,
            missing: one.missing,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckObject<'a> {
    /// How many facts may be missing, in all recordings together.
    missing: u64,
    denied: Vec<DeniedObject<'a>>,
    /// Let through and logged; absent where nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logged: Vec<DeniedObject<'a>>,
    undecided: Vec<UndecidedObject>,
}

impl<'a> From<&'a Check> for CheckObject<'a> {
    fn from(check: &'a Check) -> Self {
        Self {
            missing: check.missing,
            denied: check.denied.iter().map(Into::into).collect(),
            logged: check.logged.iter().map(Into::into).collect(),
            undecided: check.undecided.iter().map(Into::into).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeniedObject<'a> {
    call: CallObject,
    /// Known values by position; empty when the call is denied whatever they are.
    arguments: BTreeMap<u8, u64>,
    #[serde(flatten)]
    answer: ActionObject,
    count: u64,
    /// In how many runs.
    runs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_program: Option<&'a str>,
    /// `breaks`; `fallsBack`: answered with ENOSYS, and the C library takes `fallback`; `noSuchCall`.
    standing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<CallObject>,
    /// `allows`, `depends`, `denies`; absent when there is no base.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unlocked_by: &'a [String],
}

impl<'a> From<&'a Denied> for DeniedObject<'a> {
    fn from(denied: &'a Denied) -> Self {
        let (standing, fallback) = match denied.standing {
            Standing::Breaks => ("breaks", None),
            Standing::FallsBack(to) => ("fallsBack", Some(to.into())),
            Standing::NoSuchCall => ("noSuchCall", None),
        };
        let (base, reason, unlock) = match &denied.base {
            BaseView::NoBase => (None, None, &[][..]),
            BaseView::Allows => (Some("allows"), None, &[][..]),
            BaseView::Depends => (Some("depends"), None, &[][..]),
            BaseView::Denies { reason, unlock } => {
                (Some("denies"), reason.as_deref(), unlock.as_slice())
            }
        };
        Self {
            call: denied.call.into(),
            arguments: values(&denied.values),
            answer: denied.action.into(),
            count: denied.count,
            runs: denied.runs,
            first_program: denied.program.as_deref(),
            standing,
            fallback,
            base,
            reason,
            unlocked_by: unlock,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UndecidedObject {
    call: CallObject,
    arguments: BTreeMap<u8, u64>,
    /// `tooManyValues`: more than a recording keeps; `notRecorded`: the profile tests others.
    why: &'static str,
    /// Positions that the profile tests and the recording does not have.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    not_recorded: BTreeSet<u8>,
    /// What it would get if it were denied.
    #[serde(flatten)]
    answer: ActionObject,
}

impl From<&Undecided> for UndecidedObject {
    fn from(one: &Undecided) -> Self {
        let (why, not_recorded) = match &one.why {
            Unknown::TooManyValues => ("tooManyValues", BTreeSet::new()),
            Unknown::NotRecorded(indexes) => ("notRecorded", indexes.clone()),
        };
        Self {
            call: one.call.into(),
            arguments: values(&one.values),
            why,
            not_recorded,
            answer: one.action.into(),
        }
    }
}
