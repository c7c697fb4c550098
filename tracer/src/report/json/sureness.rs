//! How sure one can be, as JSON.

use super::words::{CallObject, values};
use crate::audit::Values;
use crate::estimate::{Caution, Incidence, Own, Sureness};
use serde::Serialize;
use std::collections::BTreeMap;

/// What runs say about the next one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SurenessObject<'a> {
    runs: usize,
    /// What weakens the numbers; `lost`, `oneRun` and `tooFewRuns` void the expectation and the bound.
    cautions: BTreeMap<&'static str, usize>,
    /// Of calls.
    calls: IncidenceObject,
    /// Of calls with the argument values that the profile tells apart.
    behaviours: IncidenceObject,
    /// What one run alone did.
    own: Vec<OwnObject<'a>>,
    /// Present for a single run.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_new_fact_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// Numbers are rounded to four decimals.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IncidenceObject {
    seen: usize,
    in_one_run: usize,
    in_two_runs: usize,
    runs_with_own: usize,
    /// Upper bound, with 95 % confidence, on the share of runs that bring something new.
    share_at_most: f64,
    /// Absent when nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_new: Option<f64>,
    /// Its upper end, with 95 % confidence, which `generate --max-expected-new` looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance_of_new: Option<f64>,
    /// Chao2: a lower bound on how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    /// How many that many runs show on average.
    curve: Vec<PointObject>,
}

#[derive(Serialize)]
struct PointObject {
    runs: usize,
    shown: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnObject<'a> {
    run_id: &'a str,
    start: &'a str,
    behaviours: Vec<BehaviourObject>,
}

#[derive(Serialize)]
struct BehaviourObject {
    call: CallObject,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    arguments: BTreeMap<u8, u64>,
}

impl<'a> From<&'a Sureness> for SurenessObject<'a> {
    fn from(sureness: &'a Sureness) -> Self {
        let sayable = sureness.expected_new().is_some();
        Self {
            runs: sureness.runs,
            cautions: sureness.cautions.iter().map(|one| caution(*one)).collect(),
            calls: IncidenceObject::new(&sureness.calls, sayable),
            behaviours: IncidenceObject::new(&sureness.behaviours, sayable),
            own: sureness.own.iter().map(Into::into).collect(),
            last_new_fact_ms: sureness.only.map(|one| one.last_new_ms),
            duration_ms: sureness.only.map(|one| one.duration_ms),
        }
    }
}

impl IncidenceObject {
    fn new(one: &Incidence, sayable: bool) -> Self {
        let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
        let points = one.curve().into_iter().map(|(runs, shown)| PointObject {
            runs,
            shown: rounded(shown),
        });
        Self {
            seen: one.behaviours(),
            in_one_run: one.appeared_in(1),
            in_two_runs: one.appeared_in(2),
            runs_with_own: one.with_own(),
            share_at_most: rounded(one.share_at_most()),
            expected_new: sayable.then(|| rounded(one.expected_new())),
            expected_at_most: sayable.then(|| rounded(one.expected_at_most())),
            chance_of_new: sayable.then(|| rounded(one.chance_of_new())),
            at_least: sayable.then(|| rounded(one.at_least())),
            curve: points.collect(),
        }
    }
}

impl<'a> From<&'a Own> for OwnObject<'a> {
    fn from(own: &'a Own) -> Self {
        let behaviours = own.behaviours.iter().map(|one| {
            let known: Values = one.values.iter().copied().collect();
            BehaviourObject {
                call: one.call.into(),
                arguments: values(&known),
            }
        });
        Self {
            run_id: &own.run_id,
            start: &own.start,
            behaviours: behaviours.collect(),
        }
    }
}

/// Its name, and how many runs, kernels or targets it is about.
fn caution(caution: Caution) -> (&'static str, usize) {
    match caution {
        Caution::Lost => ("lost", 1),
        Caution::OneRun => ("oneRun", 1),
        Caution::TooFewRuns => ("tooFewRuns", 1),
        Caution::FewRuns => ("fewRuns", 1),
        Caution::Kernels(number) => ("kernels", number),
        Caution::Targets(number) => ("targets", number),
        Caution::Attached(number) => ("startNotSeen", number),
        Caution::Void(number) => ("void", number),
    }
}
