//! A running container, as text; what there is to object to is said by the findings.

use crate::audit::Live;
use crate::report::escape;
use crate::report::layout::{count, hanging};
use crate::syscall::Call;
use std::collections::BTreeSet;

/// Where the second column of free-standing lists begins.
const COLUMN: usize = 20;

/// What the container shows, in the head of an audit.
pub(super) fn head(live: &Live) -> String {
    let mut out = hanging("  container", COLUMN, &escape::text(&live.target));
    out.push_str(&hanging("  its filter", COLUMN, &filter(live)));
    if let Some(refusals) = &live.refusals {
        let calls: BTreeSet<Call> = refusals.refused.iter().map(|one| one.call).collect();
        let mut text = match calls.len() {
            0 => "nothing while it was watched".to_owned(),
            number => format!("{} while it was watched", count(number, "call")),
        };
        if refusals.lost > 0 {
            text.push_str(&format!(", and {} that could not be kept", refusals.lost));
        }
        out.push_str(&hanging("  was refused", COLUMN, &text));
    }
    out
}

fn filter(live: &Live) -> String {
    let instructions = live.filters.iter().sum();
    let what = match live.filters.len() {
        0 => return "none".to_owned(),
        1 => count(instructions, "instruction"),
        many => format!(
            "{} in {many} filters, of which the strictest counts",
            count(instructions, "instruction")
        ),
    };
    let calls: BTreeSet<Call> = live.deviations.iter().map(|one| one.call).collect();
    match calls.len() {
        0 => format!("{what}; it does what the profile says"),
        number => format!(
            "{what}; it answers otherwise than the profile says to {}",
            count(number, "call")
        ),
    }
}
