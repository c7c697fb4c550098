//! Differences as JSON.

use super::words::{ActionObject, CallObject, by_abi, values};
use super::{SCHEMA_VERSION, text};
use crate::audit::Values;
use crate::audit::diff::{
    AbiDifference, CallDifference, DifferenceKind, ProfileDiff, RecordingDiff, Side,
    ValueDifference,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How two profiles differ, as JSON. The names are those of the files.
#[must_use]
pub fn profiles(a: &str, b: &str, diff: &ProfileDiff) -> String {
    text(&ProfilesDocument {
        schema_version: SCHEMA_VERSION,
        of: "profiles",
        a,
        b,
        same: diff.is_empty(),
        abis: diff.abis.iter().map(Into::into).collect(),
        calls: diff.calls.iter().map(Into::into).collect(),
        settings: diff
            .settings
            .iter()
            .map(|one| SettingObject {
                key: one.key,
                a: one.a.as_deref(),
                b: one.b.as_deref(),
            })
            .collect(),
    })
}

/// How two recordings differ, as JSON.
#[must_use]
pub fn recordings(a: &str, b: &str, diff: &RecordingDiff) -> String {
    text(&RecordingsDocument {
        schema_version: SCHEMA_VERSION,
        of: "recordings",
        a: SideObject {
            name: a,
            missing: diff.missing.0,
        },
        b: SideObject {
            name: b,
            missing: diff.missing.1,
        },
        same: diff.is_empty(),
        only_a: by_abi(&diff.only_a),
        only_b: by_abi(&diff.only_b),
        values: diff.values.iter().map(Into::into).collect(),
    })
}

/// The document that `diff` writes for two profiles.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfilesDocument<'a> {
    schema_version: u64,
    of: &'static str,
    a: &'a str,
    b: &'a str,
    same: bool,
    /// ABIs that only one of the two lists.
    abis: Vec<AbiObject>,
    /// Calls of the ABIs that both list.
    calls: Vec<CallDifferenceObject>,
    /// Flags, listener and default errno, where they differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<SettingObject<'a>>,
}

/// Something that is not about calls; null is not there.
#[derive(Serialize)]
struct SettingObject<'a> {
    key: &'static str,
    a: Option<&'a str>,
    b: Option<&'a str>,
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::A => "a",
        Side::B => "b",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AbiObject {
    abi: &'static str,
    only_in: &'static str,
    allowed_calls: usize,
}

impl From<&AbiDifference> for AbiObject {
    fn from(one: &AbiDifference) -> Self {
        Self {
            abi: one.abi.name(),
            only_in: side(one.side),
            allowed_calls: one.allowed,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallDifferenceObject {
    call: CallObject,
    /// `onlyA`, `onlyB`: who permits it; `answer`: both do, or neither, but not in the same way.
    kind: &'static str,
    /// Whether it is so whatever the arguments.
    whole_call: bool,
    /// Arguments for which it is so.
    witness: [u64; 6],
    a: ActionObject,
    b: ActionObject,
}

impl From<&CallDifference> for CallDifferenceObject {
    fn from(one: &CallDifference) -> Self {
        Self {
            call: one.call.into(),
            kind: match one.kind {
                DifferenceKind::Permits(Side::A) => "onlyA",
                DifferenceKind::Permits(Side::B) => "onlyB",
                DifferenceKind::Answer => "answer",
            },
            whole_call: one.whole,
            witness: one.witness,
            a: one.a.into(),
            b: one.b.into(),
        }
    }
}

/// The document that `diff` writes for two recordings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingsDocument<'a> {
    schema_version: u64,
    of: &'static str,
    a: SideObject<'a>,
    b: SideObject<'a>,
    same: bool,
    /// Calls that only the first shows, by ABI.
    only_a: BTreeMap<&'static str, BTreeSet<String>>,
    /// Calls that only the second shows, by ABI.
    only_b: BTreeMap<&'static str, BTreeSet<String>>,
    values: Vec<ValueDifferenceObject>,
}

#[derive(Serialize)]
struct SideObject<'a> {
    name: &'a str,
    /// How many facts may be missing.
    missing: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValueDifferenceObject {
    call: CallObject,
    /// Known values by position.
    only_a: Vec<BTreeMap<u8, u64>>,
    only_b: Vec<BTreeMap<u8, u64>>,
    /// Whether there were more values than the recording keeps.
    unbounded_a: bool,
    unbounded_b: bool,
}

impl From<&ValueDifference> for ValueDifferenceObject {
    fn from(one: &ValueDifference) -> Self {
        let list = |set: &BTreeSet<Values>| set.iter().map(values).collect();
        Self {
            call: one.call.into(),
            only_a: list(&one.only_a),
            only_b: list(&one.only_b),
            unbounded_a: one.unbounded.0,
            unbounded_b: one.unbounded.1,
        }
    }
}
