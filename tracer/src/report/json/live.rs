//! A running container, as JSON.

use super::words::{ActionObject, CallObject};
use crate::audit::{Live, Permitted, Refusals, Refused};
use crate::profile::proof::Deviation;
use crate::recording::Answer;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a running container shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiveObject<'a> {
    container: &'a str,
    /// How many instructions each of its filters has, in the order in which they were installed.
    filters: &'a [usize],
    /// Where they answer otherwise than the profile says.
    deviations: Vec<DeviationObject>,
    /// Absent when it was not watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusals: Option<RefusalsObject<'a>>,
}

/// A call that gets another answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviationObject {
    call: CallObject,
    profile: ActionObject,
    installed: ActionObject,
    /// Arguments with which it is so.
    witness: [u64; 6],
    /// Whether it is so whatever the arguments.
    whole_call: bool,
}

/// What was refused while it was watched.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusalsObject<'a> {
    calls: Vec<RefusedObject<'a>>,
    /// How many could not be kept.
    lost: u64,
}

/// A refused call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusedObject<'a> {
    call: CallObject,
    /// Known values by position.
    values: BTreeMap<u8, u64>,
    /// A name of an errno, `SIGSYS`, or `killed`.
    answer: String,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
    /// Who would have permitted it: `profile`, else `base`; null if neither.
    permitted_by: Option<&'static str>,
}

impl<'a> From<&'a Live> for LiveObject<'a> {
    fn from(live: &'a Live) -> Self {
        Self {
            container: &live.target,
            filters: &live.filters,
            deviations: live.deviations.iter().map(Into::into).collect(),
            refusals: live.refusals.as_ref().map(Into::into),
        }
    }
}

impl From<&Deviation> for DeviationObject {
    fn from(one: &Deviation) -> Self {
        Self {
            call: one.call.into(),
            profile: one.meant.into(),
            installed: one.installed.into(),
            witness: one.witness,
            whole_call: one.whole,
        }
    }
}

impl<'a> From<&'a Refusals> for RefusalsObject<'a> {
    fn from(refusals: &'a Refusals) -> Self {
        Self {
            calls: refusals.refused.iter().map(Into::into).collect(),
            lost: refusals.lost,
        }
    }
}

impl<'a> From<&'a Refused> for RefusedObject<'a> {
    fn from(one: &'a Refused) -> Self {
        Self {
            call: one.call.into(),
            values: one.values.iter().collect(),
            answer: Answer::to_string(&one.answer),
            count: one.count,
            program: one.program.as_deref(),
            permitted_by: match one.permitted {
                Permitted::ByProfile => Some("profile"),
                Permitted::ByBase => Some("base"),
                Permitted::ByNobody => None,
            },
        }
    }
}
