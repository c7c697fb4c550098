//! Refused calls as JSON: lines, so that a program can read them while they come.
//!
//! `{"event":"watching",…}` once, `{"event":"refused",…}` for each call when it is first seen, then
//! `{"event":"summary",…}`.

use super::SCHEMA_VERSION;
use super::words::CallObject;
use crate::recording::{Answer, DenialFacts, DenialKey, Denials, Refusal, Sighting, Tuples};
use serde::Serialize;
use std::collections::BTreeMap;

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
pub fn refusal(refusal: &Refusal) -> String {
    line(&Refused {
        event: "refused",
        call: refusal.key.call.into(),
        answer: refusal.key.answer.into(),
        arguments: refusal.arguments.iter().copied().collect(),
        first: (&refusal.first).into(),
    })
}

/// The last line: everything, with counts.
#[must_use]
pub fn denials(denials: &Denials) -> String {
    let losses = denials.losses;
    line(&Summary {
        event: "summary",
        schema_version: SCHEMA_VERSION,
        refused: denials.refusals().count(),
        calls: denials.seen.iter().map(call).collect(),
        lost: losses.calls,
        lost_arguments: losses.arguments,
        unjudged: losses.unjudged,
    })
}

fn line(document: &impl Serialize) -> String {
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
struct Refused<'a> {
    event: &'static str,
    #[serde(flatten)]
    call: CallObject,
    #[serde(flatten)]
    answer: AnswerObject,
    /// The tracked ones, by position.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    arguments: BTreeMap<u8, u64>,
    first: SightingObject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    event: &'static str,
    schema_version: u64,
    /// How many of the calls were refused; the others were answered by another program.
    refused: usize,
    calls: Vec<DenialObject<'a>>,
    lost: u64,
    lost_arguments: u64,
    unjudged: u64,
}

#[derive(Serialize)]
struct DenialObject<'a> {
    #[serde(flatten)]
    call: CallObject,
    #[serde(flatten)]
    answer: AnswerObject,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<SightingObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    arguments: Vec<TupleObject<'a>>,
}

#[derive(Serialize)]
struct TupleObject<'a> {
    values: BTreeMap<u8, u64>,
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

fn call<'a>((key, facts): (&DenialKey, &'a DenialFacts)) -> DenialObject<'a> {
    DenialObject {
        call: key.call.into(),
        answer: key.answer.into(),
        count: facts.count,
        first: facts.first.as_ref().map(Into::into),
        arguments: facts.tuples.iter().flat_map(tuples).collect(),
    }
}

fn tuples(tuples: &Tuples) -> impl Iterator<Item = TupleObject<'_>> {
    tuples.seen.iter().map(|(values, facts)| TupleObject {
        values: tuples
            .indexes
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect(),
        count: facts.count,
        first: facts.first.as_ref().map(Into::into),
    })
}
