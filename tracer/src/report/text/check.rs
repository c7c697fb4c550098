//! The check as text.

use super::{evidence, quoted, verdict};
use crate::audit::{Check, RecordingSummary};
use crate::report::layout::{hanging, width};

/// Whether anything recorded would be denied, as text.
#[must_use]
pub fn check(profile: &str, recordings: &[RecordingSummary], check: &Check) -> String {
    let lead = format!("{}:", verdict(check.verdict()));
    let claim = format!("{} {}", quoted(profile), evidence::claim(check));
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
