//! What recordings have to say about a profile.

use super::places::Places;
use super::{Finding, Matter};
use crate::audit::types::Evidence;

pub(super) fn findings(evidence: Option<&Evidence>, places: &Places<'_>) -> Vec<Finding> {
    let Some(evidence) = evidence else {
        return Vec::new();
    };
    let check = &evidence.check;
    let mut findings = Vec::new();
    findings.extend(check.breaks().cloned().map(|denied| {
        let place = places.refused(denied.call);
        Finding::new(Matter::WouldDeny(denied), place)
    }));
    findings.extend(check.undecided.iter().cloned().map(|one| {
        let place = places.permitted(one.call);
        Finding::new(Matter::Undecided(one), place)
    }));
    if check.missing > 0 {
        findings.push(Finding::new(Matter::LostFacts(check.missing), None));
    }
    if !evidence.unused.is_empty() {
        let matter = Matter::Unused(evidence.unused.clone());
        findings.push(Finding::new(matter, None));
    }
    findings.extend(evidence.unused_alternatives.iter().cloned().map(|one| {
        let place = places.alternative(&one);
        Finding::new(Matter::UnusedValue(one), place)
    }));
    findings
}
