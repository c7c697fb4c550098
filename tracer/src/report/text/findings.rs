//! Findings as text: the most severe first, what is ignored last.

use crate::audit::findings::Matter;
use crate::audit::gate::{Judged, Judgement};
use crate::audit::rules::Severity;
use crate::profile::proof::Deviation;
use crate::report::escape;
use crate::report::findings::{is_common_exploit, place, sentence};
use crate::report::layout::{self, Align};
use crate::syscall::Abi;
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

/// The findings, if there are any to list.
pub(super) fn section(judgement: &Judgement) -> Option<String> {
    let listed = judgement.findings.iter().filter(|one| is_listed(one));
    let mut listed: Vec<&Judged> = listed.collect();
    if listed.is_empty() {
        return None;
    }
    listed.sort_by_key(|one| (one.ignored.is_some(), Reverse(one.finding.severity)));
    let same = listed.chunk_by(|one, other| are_alike(one, other));
    let rows: Vec<Vec<String>> = same.map(row).collect();
    let table = layout::table(2, &[Align::Left; 4], &rows);
    Some(format!("Findings\n\n{table}"))
}

/// Exploits that Docker's default does not stop either are told in a section of their own.
fn is_listed(judged: &Judged) -> bool {
    judged.ignored.is_some() || !is_common_exploit(&judged.finding)
}

/// Whether two findings say the same of a call on two ABIs, or of two calls that a container's filter treats alike.
fn are_alike(one: &Judged, other: &Judged) -> bool {
    let alike = match (&one.finding.matter, &other.finding.matter) {
        (matter @ Matter::Beyond(_), same @ Matter::Beyond(_)) => matter.names() == same.names(),
        (Matter::Installed(one), Matter::Installed(other)) => {
            let answers = |one: &Deviation| (one.meant, one.installed);
            one.whole && other.whole && answers(one) == answers(other)
        }
        _ => false,
    };
    let finding = |judged: &Judged| (judged.finding.place, judged.ignored.clone());
    alike && finding(one) == finding(other)
}

/// The most calls that are named where many fare alike.
const CALLS_MAX: usize = 12;

/// Findings that say the same of others, as one.
fn row(same: &[&Judged]) -> Vec<String> {
    let (first, others) = (same[0], &same[1..]);
    let finding = &first.finding;
    let mut text = sentence(finding);
    let calls = others.iter().filter_map(|one| one.finding.matter.call());
    let is_filter = matches!(finding.matter, Matter::Installed(_));
    let others: Vec<String> = calls
        .map(|call| match is_filter {
            true => call.to_string(),
            false => Abi::name(call.abi).to_owned(),
        })
        .collect();
    let (shown, more) = others.split_at(others.len().min(CALLS_MAX));
    if !shown.is_empty() {
        let word = if is_filter { "for" } else { "on" };
        text.push_str(&format!("; the same {word} {}", shown.join(", ")));
    }
    if !more.is_empty() {
        text.push_str(&format!(" and {} more", more.len()));
    }
    let state = match &first.ignored {
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
