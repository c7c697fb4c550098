//! What runs show of one call, as JSON.

use super::audit::PresenceObject;
use super::words::{ActionObject, values};
use crate::audit::history::{History, Made, MadeWith, Moment, Phases, Treatment};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was recorded of the call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryObject<'a> {
    runs: usize,
    /// How many facts may be missing.
    missing: u64,
    /// Why `generate` would allow it; empty when it would not.
    reasons: &'a [String],
    /// What the given profile does with it, by ABI on which it was made.
    profile: BTreeMap<&'static str, PresenceObject>,
    made: Vec<MadeObject<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeObject<'a> {
    abi: &'static str,
    filtered: bool,
    count: u64,
    runs: usize,
    /// Runs in which it counts.
    counting_runs: usize,
    /// Runs by when it was made in them.
    phases: PhasesObject,
    first_by: Vec<ProgramObject<'a>>,
    /// Runs in which it is not known who made it first.
    first_by_unknown: usize,
    first: Option<MomentObject<'a>>,
    last: Option<MomentObject<'a>>,
    values: Vec<ValuesObject>,
    /// Runs in which there were more values than are kept.
    unbounded_runs: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhasesObject {
    runtime: usize,
    start_up: usize,
    throughout: usize,
    later: usize,
    unknown: usize,
}

#[derive(Serialize)]
struct ProgramObject<'a> {
    program: &'a str,
    runs: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MomentObject<'a> {
    run_id: &'a str,
    run_start: &'a str,
    at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValuesObject {
    arguments: BTreeMap<u8, u64>,
    count: u64,
    runs: usize,
    /// `allowed`, `denied` or `depends`; absent without a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    answer: Option<ActionObject>,
}

impl<'a> From<&'a History> for HistoryObject<'a> {
    fn from(history: &'a History) -> Self {
        let profile = history.profile.iter();
        Self {
            runs: history.runs,
            missing: history.missing,
            reasons: &history.reasons,
            profile: profile
                .map(|(call, presence)| (call.abi.name(), presence.into()))
                .collect(),
            made: history.made.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a Made> for MadeObject<'a> {
    fn from(made: &'a Made) -> Self {
        let programs = made.programs.iter();
        Self {
            abi: made.call.abi.name(),
            filtered: made.filtered,
            count: made.count,
            runs: made.runs,
            counting_runs: made.counting,
            phases: made.phases.into(),
            first_by: programs
                .map(|(program, runs)| ProgramObject {
                    program,
                    runs: *runs,
                })
                .collect(),
            first_by_unknown: made.programs_lost,
            first: made.first.as_ref().map(Into::into),
            last: made.last.as_ref().map(Into::into),
            values: made.values.iter().map(Into::into).collect(),
            unbounded_runs: made.unbounded,
        }
    }
}

impl From<Phases> for PhasesObject {
    fn from(phases: Phases) -> Self {
        Self {
            runtime: phases.runtime,
            start_up: phases.start_up,
            throughout: phases.throughout,
            later: phases.later,
            unknown: phases.unknown,
        }
    }
}

impl<'a> From<&'a Moment> for MomentObject<'a> {
    fn from(moment: &'a Moment) -> Self {
        let by = moment.by.as_ref();
        Self {
            run_id: &moment.run_id,
            run_start: &moment.start,
            at_ms: moment.at_ms,
            program: by.map(|(program, _)| program.as_str()),
            pid: by.map(|(_, pid)| *pid),
        }
    }
}

impl From<&MadeWith> for ValuesObject {
    fn from(one: &MadeWith) -> Self {
        let (outcome, answer) = match one.treatment {
            None => (None, None),
            Some(Treatment::Allowed) => (Some("allowed"), None),
            Some(Treatment::Denied(action)) => (Some("denied"), Some(action.into())),
            Some(Treatment::Depends) => (Some("depends"), None),
        };
        Self {
            arguments: values(&one.values),
            count: one.count,
            runs: one.runs,
            outcome,
            answer,
        }
    }
}
