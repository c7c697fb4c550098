//! What a profile would refuse of a target that runs without it, as JSON: lines, so that a program can read them
//! while they come.
//!
//! `{"event":"watching",…}` once, `{"event":"foreseen",…}` for each call when it is first seen, then
//! `{"event":"summary",…}`, which says what `check` says.

use super::SCHEMA_VERSION;
use super::audit::CheckObject;
use super::denials::{line, shown};
use super::words::{ActionObject, CallObject, VerdictName};
use crate::audit::{Check, Foreseen, Outcome};
use crate::profile::Action;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The first line: what is watched, for which profile.
#[must_use]
pub fn watching(target: &str, profile: &str) -> String {
    line(&Watching {
        event: "watching",
        schema_version: SCHEMA_VERSION,
        target,
        profile,
    })
}

/// What is foreseen of a call; with who made it, as far as that is known.
#[must_use]
pub fn foreseen(foreseen: &Foreseen, who: Option<(&str, Option<u32>)>) -> String {
    let (outcome, action, on) = match &foreseen.outcome {
        Outcome::Permitted => ("permitted", Action::Allow, BTreeSet::new()),
        Outcome::Logged => ("logged", Action::Log, BTreeSet::new()),
        Outcome::Denied(action) => ("refused", *action, BTreeSet::new()),
        Outcome::Depends { action, on } => ("unknown", *action, on.clone()),
    };
    let values: Vec<(u8, u64)> = foreseen.values.iter().collect();
    line(&ForeseenObject {
        event: "foreseen",
        call: foreseen.call.into(),
        outcome,
        action: action.into(),
        depends_on: on,
        shown: shown(foreseen.call, &values),
        arguments: values.into_iter().collect(),
        program: who.map(|(program, _)| program),
        pid: who.and_then(|(_, pid)| pid),
    })
}

/// The last line: everything, with counts.
#[must_use]
pub fn summary(profile: &str, check: &Check) -> String {
    line(&Summary {
        event: "summary",
        schema_version: SCHEMA_VERSION,
        verdict: check.strict_verdict().into(),
        profile,
        facts: check.into(),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Watching<'a> {
    event: &'static str,
    schema_version: u64,
    target: &'a str,
    profile: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForeseenObject<'a> {
    event: &'static str,
    #[serde(flatten)]
    call: CallObject,
    /// `refused`, `logged` or `unknown`.
    outcome: &'static str,
    /// What it gets, or would get at worst.
    #[serde(flatten)]
    action: ActionObject,
    /// Positions of arguments that decide and are not known.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    depends_on: BTreeSet<u8>,
    /// The known ones, by position; empty if they do not matter.
    arguments: BTreeMap<u8, u64>,
    /// The same by name.
    shown: BTreeMap<u8, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    event: &'static str,
    schema_version: u64,
    verdict: VerdictName,
    profile: &'a str,
    #[serde(flatten)]
    facts: CheckObject<'a>,
}
