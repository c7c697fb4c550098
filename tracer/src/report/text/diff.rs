//! Differences as text.

use super::quoted;
use crate::audit::diff::{
    CallDifference, DifferenceKind, ProfileDiff, RecordingDiff, Side, ValueDifference,
};
use crate::report::layout::{self, Align, count, names};
use crate::report::words;
use crate::syscall::Call;
use std::collections::{BTreeMap, BTreeSet};

/// Where the second column of free-standing lists begins.
const COLUMN: usize = 12;

/// How two profiles differ, as text. The names are those of the files.
#[must_use]
pub fn profiles(a: &str, b: &str, diff: &ProfileDiff) -> String {
    let (a, b) = (quoted(a), quoted(b));
    if diff.is_empty() {
        return format!("same: {a} and {b} mean the same\n");
    }
    let calls: BTreeSet<Call> = diff.calls.iter().map(|one| one.call).collect();
    let mut facts = Vec::new();
    if !calls.is_empty() {
        facts.push(count(calls.len(), "call"));
    }
    if !diff.abis.is_empty() {
        facts.push(count(diff.abis.len(), "ABI"));
    }
    facts.extend((!diff.settings.is_empty()).then(|| count(diff.settings.len(), "setting")));
    let mut out = format!("different: {a} and {b}, in {}\n", facts.join(" and "));
    let name = |side| match side {
        Side::A => &a,
        Side::B => &b,
    };
    for one in &diff.abis {
        let other = match one.side {
            Side::A => &b,
            Side::B => &a,
        };
        out.push_str(&format!(
            "\n{}: only {} lists it, and allows {} through it; under {other} every call is killed\n",
            one.abi,
            name(one.side),
            count(one.allowed, "call"),
        ));
    }
    out.push_str(&settings(diff));
    let mut groups: BTreeMap<DifferenceKind, Vec<&CallDifference>> = BTreeMap::new();
    for one in &diff.calls {
        groups.entry(one.kind).or_default().push(one);
    }
    for (kind, group) in groups {
        let title = match kind {
            DifferenceKind::Permits(side) => format!("allowed only by {}", name(side)),
            DifferenceKind::Answer => "answered differently".to_owned(),
        };
        out.push_str(&format!("\n{title}\n{}", calls_of(&group)));
    }
    out
}

/// What is not about calls, a line each.
fn settings(diff: &ProfileDiff) -> String {
    let value = |value: &Option<String>| match value {
        None => "nothing".to_owned(),
        Some(text) if text.is_empty() => "an empty list".to_owned(),
        Some(text) => quoted(text),
    };
    let lines = diff.settings.iter();
    lines
        .map(|one| format!("\n{}: {} / {}\n", one.key, value(&one.a), value(&one.b)))
        .collect()
}

/// What changed from the first profile to the second, in few lines.
#[must_use]
pub fn profiles_summary(a: &str, b: &str, diff: &ProfileDiff) -> String {
    let of = |kind: DifferenceKind, whole: bool| -> BTreeSet<String> {
        let here = diff.calls.iter();
        let here = here.filter(|one| one.kind == kind && one.whole == whole);
        here.map(|one| one.call.to_string()).collect()
    };
    let narrowed = of(DifferenceKind::Permits(Side::A), false);
    let widened = of(DifferenceKind::Permits(Side::B), false);
    let mut out = summary(
        [a, b],
        &of(DifferenceKind::Permits(Side::B), true),
        &of(DifferenceKind::Permits(Side::A), true),
        &narrowed.union(&widened).cloned().collect(),
    );
    let answers = diff
        .calls
        .iter()
        .filter(|one| one.kind == DifferenceKind::Answer);
    let answers: BTreeSet<String> = answers.map(|one| one.call.to_string()).collect();
    if !answers.is_empty() {
        out.push_str(&names("  answered differently", COLUMN, answers));
    }
    for one in &diff.abis {
        let what = match one.side {
            Side::A => "gone",
            Side::B => "new",
        };
        out.push_str(&format!("  {what} ABI: {}\n", one.abi));
    }
    out.push_str(
        settings(diff)
            .replace("\n\n", "\n")
            .trim_start_matches('\n'),
    );
    out
}

/// What changed from the first recordings to the second, in few lines.
#[must_use]
pub fn recordings_summary(a: &str, b: &str, diff: &RecordingDiff) -> String {
    let shown = |calls: &BTreeSet<Call>| calls.iter().map(ToString::to_string).collect();
    let values = diff.values.iter().map(|one| one.call.to_string());
    summary(
        [a, b],
        &shown(&diff.only_b),
        &shown(&diff.only_a),
        &values.collect(),
    )
}

fn summary(
    [a, b]: [&str; 2],
    new: &BTreeSet<String>,
    gone: &BTreeSet<String>,
    values: &BTreeSet<String>,
) -> String {
    let [a, b] = [a, b].map(quoted);
    let mut out = format!(
        "from {a} to {b}: {} new, {} gone, {} with other values\n",
        count(new.len(), "call"),
        gone.len(),
        values.len()
    );
    for (what, calls) in [("new", new), ("gone", gone), ("values", values)] {
        if !calls.is_empty() {
            out.push_str(&names(&format!("  {what}"), COLUMN, calls));
        }
    }
    out
}

/// The differences of one kind: whole calls as lists, by the two answers; then those that depend on
/// arguments, each with its witness.
fn calls_of(group: &[&CallDifference]) -> String {
    let mut whole: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut partly = Vec::new();
    for one in group {
        let answers = answers(one);
        if one.whole {
            whole.entry(answers).or_default().push(one.call.to_string());
        } else {
            let example = words::witness(one.call, &one.witness);
            partly.push(vec![
                one.call.to_string(),
                format!("e.g. {example}"),
                answers,
            ]);
        }
    }
    let mut out = String::new();
    for (answers, calls) in whole {
        out.push_str(&names(&format!("  {answers}"), COLUMN, calls));
    }
    let align = [Align::Left, Align::Left, Align::Left];
    out.push_str(&layout::table(2, &align, &partly));
    out
}

fn answers(one: &CallDifference) -> String {
    format!("{} / {}", words::action(one.a), words::action(one.b))
}

/// How two recordings differ, as text.
#[must_use]
pub fn recordings(a: &str, b: &str, diff: &RecordingDiff) -> String {
    let (a, b) = (quoted(a), quoted(b));
    let mut out = if diff.is_empty() {
        format!("same: {a} and {b} show the same calls and values\n")
    } else {
        let calls = diff.only_a.len() + diff.only_b.len() + diff.values.len();
        format!("different: {a} and {b}, in {}\n", count(calls, "call"))
    };
    for (name, missing) in [(&a, diff.missing.0), (&b, diff.missing.1)] {
        if missing > 0 {
            out.push_str(&format!("warning: {name} lost {missing} facts\n"));
        }
    }
    for (name, calls) in [(&a, &diff.only_a), (&b, &diff.only_b)] {
        if !calls.is_empty() {
            let labels = calls.iter().map(ToString::to_string);
            out.push('\n');
            out.push_str(&names(&format!("only in {name}"), 2, labels));
        }
    }
    if !diff.values.is_empty() {
        let rows: Vec<Vec<String>> = diff
            .values
            .iter()
            .flat_map(|one| value_rows(one, [&a, &b]))
            .collect();
        let align = [Align::Left, Align::Left];
        out.push_str(&format!("\nvalues\n{}", layout::table(2, &align, &rows)));
    }
    out
}

/// The most values of one call that are shown for each side.
const VALUES_MAX: usize = 20;

fn value_rows(one: &ValueDifference, names: [&String; 2]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let sides = [
        (names[0], &one.only_a, one.unbounded.0),
        (names[1], &one.only_b, one.unbounded.1),
    ];
    for (name, values, unbounded) in sides {
        for value in values.iter().take(VALUES_MAX) {
            let shown = words::call_with(one.call, value);
            rows.push(vec![shown, format!("only in {name}")]);
        }
        if values.len() > VALUES_MAX {
            let more = values.len() - VALUES_MAX;
            rows.push(vec![
                format!("… and {more} more"),
                format!("only in {name}"),
            ]);
        }
        if unbounded && one.unbounded != (true, true) {
            let text = format!("{name} had more values than it keeps");
            rows.push(vec![one.call.to_string(), text]);
        }
    }
    rows
}
