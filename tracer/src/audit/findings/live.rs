//! What a running target says about a profile.

use super::{Finding, Matter};
use crate::audit::live::Live;

/// None of it can be mended in the profile, unless the profile is not what was meant to be installed.
pub(super) fn findings(live: Option<&Live>) -> Vec<Finding> {
    let Some(live) = live else {
        return Vec::new();
    };
    let mut matters = Vec::new();
    if live.filters.is_empty() {
        matters.extend((!live.deviations.is_empty()).then_some(Matter::Unfiltered));
    } else {
        let mut deviations = live.deviations.clone();
        // What fares alike stands together.
        deviations.sort_by_key(|one| (one.whole, one.meant, one.installed));
        matters.extend(deviations.into_iter().map(Matter::Installed));
    }
    if let Some(refusals) = &live.refusals {
        matters.extend(refusals.refused.iter().cloned().map(Matter::Refused));
        matters.extend((refusals.lost > 0).then_some(Matter::LostRefusals(refusals.lost)));
    }
    let each = matters.into_iter().map(|matter| Finding::new(matter, None));
    each.collect()
}
