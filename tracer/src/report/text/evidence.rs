//! What recordings say about a profile, as text.

use super::quoted;
use crate::audit::{
    BaseView, Check, Counted, Denied, Evidence, RecordingSummary, Standing, Undecided, Unknown,
    Verdict,
};
use crate::report::escape;
use crate::report::layout::{self, Align, count, names, percent};
use crate::report::words;

/// The evidence as part of a sentence of which the profile is the subject.
pub(super) fn claim(check: &Check) -> String {
    match check.verdict() {
        Verdict::Pass if !check.logged.is_empty() => format!(
            "denies nothing that was recorded, and logs {}",
            count(check.logged.len(), "recorded fact")
        ),
        Verdict::Pass => "denies nothing that was recorded".to_owned(),
        Verdict::Fail => format!(
            "would deny {}",
            count(check.breaks().count(), "recorded fact")
        ),
        Verdict::Unclear => {
            let mut doubts = Vec::new();
            let undecided = check.doubts().count();
            if undecided > 0 {
                let facts = count(undecided, "recorded fact");
                doubts.push(format!("{facts} cannot be decided"));
            }
            if check.missing > 0 {
                doubts.push(format!("{} facts were lost", check.missing));
            }
            format!(
                "denies nothing of what is known, but {}",
                doubts.join(" and ")
            )
        }
    }
}

/// The section of an audit.
pub(super) fn evidence(evidence: &Evidence) -> String {
    let (used, allowed) = evidence.coverage.total();
    let mut out = format!(
        "What was recorded: {used} of {} in use ({})\n\n",
        count(allowed, "allowed call"),
        percent(used, allowed)
    );
    out.push_str(&recordings(&evidence.recordings));
    out.push('\n');
    out.push_str(&coverage(evidence));
    if !evidence.unused.is_empty() {
        out.push('\n');
        let labels = evidence.unused.iter().map(ToString::to_string);
        out.push_str(&names("  unused", 20, labels));
    }
    if !evidence.unused_alternatives.is_empty() {
        out.push_str("\n  allowed values that were not recorded, of calls that were\n");
        let rows: Vec<Vec<String>> = evidence
            .unused_alternatives
            .iter()
            .map(|one| {
                let when = words::conditions(one.call, &one.conditions);
                vec![one.call.to_string(), when]
            })
            .collect();
        out.push_str(&layout::table(
            4,
            &[Align::Left, Align::Left],
            &shortened(rows),
        ));
    }
    let facts = facts(&evidence.check);
    if !facts.is_empty() {
        out.push('\n');
        out.push_str(&facts);
    }
    out
}

/// The most rows of a list of values.
const ROWS_MAX: usize = 40;

/// Rows, the last one saying how many more there are.
fn shortened(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let all = rows.len();
    if all > ROWS_MAX {
        rows.truncate(ROWS_MAX);
        rows.push(vec!["…".to_owned(), format!("and {} more", all - ROWS_MAX)]);
    }
    rows
}

pub(super) fn recordings(recordings: &[RecordingSummary]) -> String {
    let rows: Vec<Vec<String>> = recordings
        .iter()
        .map(|one| {
            let mut notes = vec![match one.counted {
                Counted::UnderFilter => "made under a filter".to_owned(),
                Counted::All => "all, as no filter is known from its start".to_owned(),
                Counted::Mixed => "those under a filter, of runs that started with one".to_owned(),
            }];
            if one.runs != 1 {
                notes.insert(0, count(one.runs, "run"));
            }
            if !one.from_start {
                notes.push("start-up not covered".to_owned());
            }
            if one.missing > 0 {
                notes.push(format!("warning: {} facts lost", one.missing));
            }
            vec![
                quoted(&one.name),
                count(one.calls, "call"),
                count(one.tuples, "value"),
                notes.join("; "),
            ]
        })
        .collect();
    let align = [Align::Left, Align::Right, Align::Right, Align::Left];
    layout::table(2, &align, &shortened(rows))
}

fn coverage(evidence: &Evidence) -> String {
    let head = ["abi", "used", "allowed", "coverage"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for abi in &evidence.coverage.abis {
        rows.push(vec![
            abi.abi.to_string(),
            abi.used.to_string(),
            abi.allowed.to_string(),
            percent(abi.used, abi.allowed),
        ]);
    }
    let coverage = &evidence.coverage;
    if coverage.alternatives > 0 {
        rows.push(vec![
            "argument rules".to_owned(),
            coverage.alternatives_used.to_string(),
            coverage.alternatives.to_string(),
            percent(coverage.alternatives_used, coverage.alternatives),
        ]);
    }
    let align = [Align::Left, Align::Right, Align::Right, Align::Left];
    layout::table(2, &align, &rows)
}

/// What would be denied, what nobody would notice, and what is not known; empty when there is nothing.
pub(super) fn facts(check: &Check) -> String {
    let mut parts = Vec::new();
    let breaks: Vec<Vec<String>> = check.breaks().map(denied).collect();
    let harmless: Vec<Vec<String>> = check.harmless().map(denied).collect();
    let logged: Vec<Vec<String>> = check.logged.iter().map(denied).collect();
    let undecided: Vec<Vec<String>> = check.undecided.iter().map(doubt).collect();
    for (title, rows) in [
        ("  recorded and denied", breaks),
        ("  recorded, let through and logged", logged),
        ("  recorded and denied without harm", harmless),
        ("  recorded, outcome not known", undecided),
    ] {
        if !rows.is_empty() {
            let align = [Align::Left, Align::Left, Align::Left];
            parts.push(format!("{title}\n{}", layout::table(4, &align, &rows)));
        }
    }
    parts.join("\n")
}

pub(super) fn denied(denied: &Denied) -> Vec<String> {
    let mut text = vec![format!("made {}", times(denied.count))];
    if denied.runs > 1 {
        text[0].push_str(&format!(" in {} runs", denied.runs));
    }
    if let Some(program) = &denied.program {
        text[0].push_str(&format!(", first by {}", quoted(program)));
    }
    match denied.standing {
        Standing::Breaks => {}
        Standing::FallsBack(to) => text.push(format!("the C library falls back to {to}")),
        Standing::NoSuchCall => text.push("no kernel has this call anyway".to_owned()),
    }
    match &denied.base {
        BaseView::NoBase => {}
        BaseView::Allows => text.push("the base allows it".to_owned()),
        BaseView::Depends => text.push("the base allows it for some arguments".to_owned()),
        BaseView::Denies { reason, unlock } => {
            let mut base = "the base denies it too".to_owned();
            if let Some(reason) = reason {
                let reason = escape::text(reason.trim().trim_end_matches('.'));
                base.push_str(&format!(": {reason}"));
            }
            if let Some(ways) = words::unlock(unlock) {
                base.push_str(&format!(" (allowed with {})", escape::text(&ways)));
            }
            text.push(base);
        }
    }
    vec![
        words::call_with(denied.call, &denied.values),
        words::action(denied.action),
        text.join("; "),
    ]
}

/// `once`, `3 times`.
pub(super) fn times(count: u64) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

fn doubt(one: &Undecided) -> Vec<String> {
    let why = match &one.why {
        Unknown::TooManyValues => {
            "there were more values than a recording keeps, and the profile allows only some"
                .to_owned()
        }
        Unknown::NotRecorded(indexes) => {
            let names: Vec<String> = indexes
                .iter()
                .map(|&index| words::argument(one.call, index))
                .collect();
            format!(
                "the profile tests {}, which was not recorded",
                names.join(" and ")
            )
        }
    };
    vec![
        words::call_with(one.call, &one.values),
        format!("perhaps {}", words::action(one.action)),
        why,
    ]
}
