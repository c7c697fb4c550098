//! Refused calls as JSON: lines, so that a program can read them while they come.
//!
//! `{"event":"watching",…}` once, `{"event":"refused",…}` for each call when it is first seen, then
//! `{"event":"summary",…}`.

use super::SCHEMA_VERSION;
use super::words::CallObject;
use crate::recording::{Answer, DenialFacts, DenialKey, Denials, Refusal, Sighting, Tuples};
use crate::syscall::{Call, catalog};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The first line: what is watched.
#[must_use]
pub fn watching(target: &str) -> String {
    line(&Watching {
        event: "watching",
        schema_version: SCHEMA_VERSION,
        target,
    })
}

/// A refused call when it is first seen.
#[must_use]
pub fn refusal(refusal: &Refusal, by_design: bool) -> String {
    line(&Refused {
        event: "refused",
        call: refusal.key.call.into(),
        answer: refusal.key.answer.into(),
        by_design,
        arguments: refusal.arguments.iter().copied().collect(),
        shown: shown(refusal.key.call, &refusal.arguments),
        first: (&refusal.first).into(),
    })
}

/// The last line: everything, with counts, and which of it is by the base's design.
#[must_use]
pub fn denials(denials: &Denials, by_design: &BTreeSet<DenialKey>) -> String {
    let losses = denials.losses;
    let calls = denials.seen.iter();
    line(&Summary {
        event: "summary",
        schema_version: SCHEMA_VERSION,
        refused: denials.refusals().count() - by_design.len(),
        by_design: by_design.len(),
        calls: calls
            .map(|(key, facts)| call(key, facts, by_design.contains(key)))
            .collect(),
        lost: losses.calls,
        lost_arguments: losses.arguments,
        unjudged: losses.unjudged,
    })
}

pub(super) fn line(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).expect("strings and integers only");
    text.push('\n');
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Watching<'a> {
    event: &'static str,
    schema_version: u64,
    target: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    event: &'static str,
    #[serde(flatten)]
    call: CallObject,
    #[serde(flatten)]
    answer: AnswerObject,
    /// Answered like this by the base too, so that programs do without.
    #[serde(skip_serializing_if = "is_false")]
    by_design: bool,
    /// The tracked ones, by position.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    arguments: BTreeMap<u8, u64>,
    /// The same by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    shown: BTreeMap<u8, String>,
    first: SightingObject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    event: &'static str,
    schema_version: u64,
    /// How many of the calls were refused and may be missed.
    refused: usize,
    /// How many were refused by the base's design. The others were answered by another program.
    by_design: usize,
    calls: Vec<DenialObject<'a>>,
    lost: u64,
    lost_arguments: u64,
    unjudged: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DenialObject<'a> {
    #[serde(flatten)]
    call: CallObject,
    #[serde(flatten)]
    answer: AnswerObject,
    #[serde(skip_serializing_if = "is_false")]
    by_design: bool,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    arguments: Vec<TupleObject<'a>>,
}

#[derive(Serialize)]
struct TupleObject<'a> {
    values: BTreeMap<u8, u64>,
    shown: BTreeMap<u8, String>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject<'a>>,
}

/// `errno`, `signal`, `killed` or `value`; with the errno's number if it is that.
#[derive(Serialize)]
struct AnswerObject {
    answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SightingObject<'a> {
    at_ms: u64,
    pid: u32,
    program: &'a str,
}

impl From<Answer> for AnswerObject {
    fn from(answer: Answer) -> Self {
        let (answer, errno) = match answer {
            Answer::Errno(errno) => ("errno", Some(errno)),
            Answer::Signal => ("signal", None),
            Answer::Killed => ("killed", None),
            Answer::Value => ("value", None),
        };
        Self { answer, errno }
    }
}

impl<'a> From<&'a Sighting> for SightingObject<'a> {
    fn from(sighting: &'a Sighting) -> Self {
        Self {
            at_ms: sighting.at_ms,
            pid: sighting.pid,
            program: &sighting.program,
        }
    }
}

fn call<'a>(key: &DenialKey, facts: &'a DenialFacts, by_design: bool) -> DenialObject<'a> {
    let tuples = facts.tuples.iter();
    DenialObject {
        call: key.call.into(),
        answer: key.answer.into(),
        by_design,
        count: facts.count,
        first: facts.first.as_ref().map(Into::into),
        arguments: tuples
            .flat_map(|known| tuples_of(key.call, known))
            .collect(),
    }
}

fn tuples_of(call: Call, tuples: &Tuples) -> impl Iterator<Item = TupleObject<'_>> {
    tuples.seen.iter().map(move |(values, facts)| {
        let indexes = tuples.indexes.iter().copied();
        let values: Vec<(u8, u64)> = indexes.zip(values.iter().copied()).collect();
        TupleObject {
            shown: shown(call, &values),
            values: values.into_iter().collect(),
            count: facts.count,
            first: facts.first.as_ref().map(Into::into),
        }
    })
}

/// Values by name, as far as they have one.
pub(super) fn shown(call: Call, values: &[(u8, u64)]) -> BTreeMap<u8, String> {
    let each = values.iter();
    each.map(|&(index, value)| (index, catalog::show_beside(call, index, value, values)))
        .collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
