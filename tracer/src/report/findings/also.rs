//! What a finding says of the rest of its cause.

use super::{Matter, escape, list};
use crate::audit::exploits::Exposed;
use crate::audit::findings::{Finding, Member};
use crate::audit::rules::RuleId;
use std::collections::{BTreeMap, BTreeSet};

/// What else there is of the same cause, and what follows from it; empty if nothing.
pub(super) fn clause(finding: &Finding) -> String {
    let mut by_rule: BTreeMap<RuleId, Vec<&Member>> = BTreeMap::new();
    for member in &finding.also {
        by_rule
            .entry(member.matter.rule())
            .or_default()
            .push(member);
    }
    let mut text = String::new();
    if let Some(same) = by_rule.remove(&finding.rule()) {
        text.push_str(&same_rule(finding, &same));
    }
    for (rule, members) in by_rule {
        let about = about(&members);
        text.push_str(&format!("; with it {}{about}", rule.id()));
    }
    text
}

fn same_rule(finding: &Finding, same: &[&Member]) -> String {
    let lead = finding.matter.names();
    let names: BTreeSet<String> = same.iter().flat_map(|one| one.matter.names()).collect();
    let others: Vec<&str> = names.difference(&lead).map(String::as_str).collect();
    let mut text = String::new();
    let exploits = matches!(finding.matter, Matter::Exploit(_));
    if !others.is_empty() && !exploits {
        text.push_str(&format!("; the same for {}", list(others.iter().copied())));
    }
    let abis = same.iter().filter_map(|one| one.matter.call());
    let own = finding.matter.call().map(|call| call.abi);
    let abis: BTreeSet<&str> = abis
        .filter(|call| Some(call.abi) != own)
        .map(|call| call.abi.name())
        .collect();
    if !abis.is_empty() && !exploits {
        let abis: Vec<&str> = abis.into_iter().collect();
        text.push_str(&format!("; also on {}", abis.join(", ")));
    }
    if exploits {
        text.push_str(&cves(same));
    } else if others.is_empty() && text.is_empty() {
        text.push_str(&format!("; {} more like it", same.len()));
    }
    text
}

/// The names of what follows.
fn about(members: &[&Member]) -> String {
    if members
        .iter()
        .all(|one| matches!(one.matter, Matter::Exploit(_)))
    {
        return cves(members);
    }
    let names: BTreeSet<String> = members.iter().flat_map(|one| one.matter.names()).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" of {}", list(names.iter().map(String::as_str))),
    }
}

/// The most exploits that are named.
const CVES_MAX: usize = 12;

fn cves(members: &[&Member]) -> String {
    let all = members.iter().filter_map(|one| match &one.matter {
        Matter::Exploit(exposed) => Some(exposed),
        _ => None,
    });
    let all: BTreeSet<&str> = all.flat_map(Exposed::cves).collect();
    let shown: Vec<&str> = all.iter().copied().take(CVES_MAX).collect();
    let more = all.len().saturating_sub(shown.len());
    let mut text = format!("; also {}", escape::text(&shown.join(", ")));
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
