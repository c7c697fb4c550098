//! What an engine or runtime silently ignores in a profile, or reads otherwise than it is written.

use crate::profile::{Source, SourceRule};
use crate::syscall;
use std::collections::BTreeSet;

/// The most names that one remark lists.
const NAMES_MAX: usize = 8;

/// What there is to remark on a profile, in a fixed order. Names come from the file: hostile.
#[must_use]
pub fn remarks(source: &Source) -> Vec<String> {
    let mut remarks = Vec::new();
    if source.is_conditional() {
        remarks.push(
            "it depends on host, capabilities or kernel: containerd ignores such conditions and \
             applies every rule"
                .to_owned(),
        );
    }
    let unknown: BTreeSet<&str> = source
        .rules
        .iter()
        .flat_map(|rule| &rule.names)
        .map(String::as_str)
        .filter(|name| !syscall::is_known_name(name))
        .collect();
    if !unknown.is_empty() {
        remarks.push(format!(
            "runtimes skip names that no ABI we know has: {}",
            listed(&unknown)
        ));
    }
    let twice = names(source, tests_twice);
    if !twice.is_empty() {
        remarks.push(format!(
            "a rule tests one argument twice, which runtimes read as either test, not both: {}",
            listed(&twice)
        ));
    }
    let idle = names(source, |rule| {
        rule.action == source.default_action && !rule.conditions.is_empty()
    });
    if !idle.is_empty() {
        remarks.push(format!(
            "a rule with conditions does what is done by default, so runtimes skip it: {}",
            listed(&idle)
        ));
    }
    let read = source.origin.remarks.iter();
    remarks.extend(read.map(ToString::to_string));
    remarks
}

/// The names of the rules of which something is true.
fn names(source: &Source, holds: impl Fn(&SourceRule) -> bool) -> BTreeSet<&str> {
    let rules = source.rules.iter().filter(|rule| holds(rule));
    rules
        .flat_map(|rule| &rule.names)
        .map(String::as_str)
        .collect()
}

fn tests_twice(rule: &SourceRule) -> bool {
    let indexes: BTreeSet<u8> = rule.conditions.iter().map(|one| one.index).collect();
    indexes.len() < rule.conditions.len()
}

fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}
