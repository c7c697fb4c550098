//! The check as text.

use super::{evidence, quoted, verdict};
use crate::audit::{BaseView, Check, RecordingSummary, Verdict};
use crate::report::layout::{hanging, width};
use crate::report::words;

/// Whether anything recorded would be denied, as text.
#[must_use]
pub fn check(profile: &str, recordings: &[RecordingSummary], check: &Check) -> String {
    let claim = evidence::claim(check);
    judged(profile, recordings, check, check.verdict(), &claim)
}

/// A verdict with its claim, and the recordings and facts that it is about.
pub(super) fn judged(
    profile: &str,
    recordings: &[RecordingSummary],
    check: &Check,
    judgement: Verdict,
    claim: &str,
) -> String {
    let lead = format!("{}:", verdict(judgement));
    let claim = format!("{} {claim}", quoted(profile));
    let mut out = hanging(&lead, width(&lead) + 1, &claim);
    out.push('\n');
    out.push_str(&evidence::recordings(recordings));
    let facts = evidence::facts(check);
    if !facts.is_empty() {
        out.push('\n');
        out.push_str(&facts);
    }
    out
}

/// What was recorded and a profile refuses, as lines: what is added to it because the base, of that name, permits it,
/// and what is not.
#[must_use]
pub fn added(check: &Check, base: &str) -> Vec<String> {
    let each = check.denied.iter().map(|denied| {
        let called = words::call_with(denied.call, &denied.values);
        let times = evidence::times(denied.count);
        let first = denied.program.as_deref().map(quoted);
        let first = first.map_or_else(String::new, |program| format!(", first by {program}"));
        match denied.base {
            BaseView::NoBase | BaseView::Allows | BaseView::Depends => {
                format!("added {called}: made {times}{first}")
            }
            BaseView::Denies { .. } => {
                format!("left out {called}: made {times}{first}, and {base} does not permit it")
            }
        }
    });
    each.collect()
}
