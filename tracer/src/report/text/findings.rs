//! Findings as text: the most severe first, what is ignored last.

use crate::audit::gate::{Judged, Judgement};
use crate::audit::rules::Severity;
use crate::report::escape;
use crate::report::findings::{is_common_exploit, place, sentence};
use crate::report::layout::{self, Align};
use std::cmp::Reverse;

/// How many findings there are, by severity.
pub(super) fn summary(judgement: &Judgement) -> String {
    let of = |severity| {
        let here = judgement.findings.iter();
        let here = here.filter(|one| one.ignored.is_none() && one.finding.severity == severity);
        (here.count(), severity)
    };
    let counts = Severity::ALL.into_iter().rev().map(of);
    let counts = counts.filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts
        .map(|(number, of)| format!("{number} {of}"))
        .collect();
    let ignored = judgement.findings.iter();
    let ignored = ignored.filter(|one| one.ignored.is_some()).count();
    let mut text = if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    };
    if ignored > 0 {
        text.push_str(&format!("; {ignored} ignored"));
    }
    text
}

/// How many findings are as severe as can be, and not accepted.
pub(super) fn high(judgement: &Judgement) -> usize {
    let here = judgement.findings.iter();
    here.filter(|one| one.ignored.is_none() && one.finding.severity == Severity::High)
        .count()
}

/// The findings, if there are any to list.
pub(super) fn section(judgement: &Judgement) -> Option<String> {
    let listed = judgement.findings.iter().filter(|one| is_listed(one));
    let mut listed: Vec<&Judged> = listed.collect();
    if listed.is_empty() {
        return None;
    }
    listed.sort_by_key(|one| (one.ignored.is_some(), Reverse(one.finding.severity)));
    let rows: Vec<Vec<String>> = listed.into_iter().map(row).collect();
    let table = layout::table(2, &[Align::Left; 4], &rows);
    Some(format!("Findings\n\n{table}"))
}

/// Exploits that Docker's default does not stop either are told in a section of their own.
fn is_listed(judged: &Judged) -> bool {
    judged.ignored.is_some() || !is_common_exploit(&judged.finding)
}

fn row(judged: &Judged) -> Vec<String> {
    let finding = &judged.finding;
    let mut text = sentence(finding);
    let state = match &judged.ignored {
        Some(reason) => {
            text.push_str(&format!("; ignored: {}", escape::text(reason)));
            "ignored"
        }
        None => finding.severity.name(),
    };
    vec![
        state.to_owned(),
        finding.rule().id().to_owned(),
        place(finding.place),
        text,
    ]
}
