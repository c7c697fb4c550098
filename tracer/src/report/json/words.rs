//! The small objects of which documents are made.

use crate::audit::{Values, Verdict};
use crate::profile::{Action, Condition};
use crate::syscall::Call;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// `"pass"`, `"unclear"` or `"fail"`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum VerdictName {
    Pass,
    Unclear,
    Fail,
}

impl From<Verdict> for VerdictName {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Unclear => Self::Unclear,
            Verdict::Fail => Self::Fail,
        }
    }
}

/// A call.
#[derive(Serialize)]
pub(super) struct CallObject {
    pub(super) abi: &'static str,
    pub(super) number: i32,
    /// Absent for a number without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'static str>,
}

impl From<Call> for CallObject {
    fn from(call: Call) -> Self {
        Self {
            abi: call.abi.name(),
            number: call.number,
            name: call.name(),
        }
    }
}

/// Names of calls of one ABI, in order; `syscall_N` for a number without a name.
pub(super) fn names(calls: &BTreeSet<Call>) -> BTreeSet<String> {
    calls.iter().map(|call| call.label()).collect()
}

/// Calls by ABI, then by name.
pub(super) fn by_abi(calls: &BTreeSet<Call>) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut out: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for call in calls {
        out.entry(call.abi.name()).or_default().insert(call.label());
    }
    out
}

/// An action: the OCI name, and the errno where there is one.
#[derive(Serialize)]
pub(super) struct ActionObject {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<u16>,
}

impl From<Action> for ActionObject {
    fn from(action: Action) -> Self {
        let errno = match action {
            Action::Errno(errno) => Some(errno),
            _ => None,
        };
        Self {
            action: action.oci_name(),
            errno,
        }
    }
}

/// The known values of arguments, by position, 0 to 5.
pub(super) fn values(values: &Values) -> BTreeMap<u8, u64> {
    values.iter().collect()
}

/// A condition, as in an OCI profile.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConditionObject {
    index: u8,
    value: u64,
    /// The datum for `SCMP_CMP_MASKED_EQ`, 0 otherwise.
    value_two: u64,
    op: &'static str,
}

impl From<&Condition> for ConditionObject {
    fn from(condition: &Condition) -> Self {
        Self {
            index: condition.index,
            value: condition.value,
            value_two: condition.value_two,
            op: condition.operator.oci_name(),
        }
    }
}

/// Conditions that must all hold.
pub(super) fn conditions(all: &[Condition]) -> Vec<ConditionObject> {
    all.iter().map(Into::into).collect()
}
