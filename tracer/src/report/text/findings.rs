//! Findings as text: the most severe first, what is ignored last.

use crate::audit::findings::Matter;
use crate::audit::gate::{Judged, Judgement};
use crate::audit::rules::Severity;
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
    let same = listed.chunk_by(|one, other| differ_in_abi(one, other));
    let rows: Vec<Vec<String>> = same.map(row).collect();
    let table = layout::table(2, &[Align::Left; 4], &rows);
    Some(format!("Findings\n\n{table}"))
}

/// Exploits that Docker's default does not stop either are told in a section of their own.
fn is_listed(judged: &Judged) -> bool {
    judged.ignored.is_some() || !is_common_exploit(&judged.finding)
}

/// Whether two findings say the same of a call on two ABIs.
fn differ_in_abi(one: &Judged, other: &Judged) -> bool {
    let (matter, same) = (&one.finding.matter, &other.finding.matter);
    let both = matches!((matter, same), (Matter::Beyond(_), Matter::Beyond(_)));
    let finding = |judged: &Judged| (judged.finding.place, judged.ignored.clone());
    both && matter.names() == same.names() && finding(one) == finding(other)
}

/// Findings that differ in their ABI, as one.
fn row(same: &[&Judged]) -> Vec<String> {
    let (first, others) = (same[0], &same[1..]);
    let finding = &first.finding;
    let mut text = sentence(finding);
    let abis = others.iter().filter_map(|one| one.finding.matter.call());
    let abis: Vec<&str> = abis.map(|call| Abi::name(call.abi)).collect();
    if !abis.is_empty() {
        text.push_str(&format!("; the same on {}", abis.join(", ")));
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
