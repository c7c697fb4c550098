//! What a profile does with each name, once what has no effect is left out: for forms that speak of calls one
//! by one.

use crate::profile::model::{Action, Condition, Profile};
use std::collections::BTreeMap;

/// What is done with a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// The same, whatever the arguments.
    Always(Action),
    /// What these alternatives say, and else the default: each an action and conditions that all must hold.
    Depending(Vec<(Action, Vec<&'a Condition>)>),
}

/// The names about which the profile says something other than the default, in order.
pub(super) fn verdicts(profile: &Profile) -> BTreeMap<&str, Verdict<'_>> {
    let mut verdicts: BTreeMap<&str, Verdict<'_>> = BTreeMap::new();
    // Runtimes skip rules that repeat the default.
    let rules = profile.rules.iter();
    for rule in rules.filter(|rule| rule.action != profile.default_action) {
        for name in &rule.names {
            let verdict = verdicts.entry(name);
            let verdict = verdict.or_insert_with(|| Verdict::Depending(Vec::new()));
            match verdict {
                // The first unconditional rule of a name wins, wherever it stands.
                Verdict::Always(_) => {}
                Verdict::Depending(_) if rule.conditions.is_empty() => {
                    *verdict = Verdict::Always(rule.action);
                }
                Verdict::Depending(alternatives) => {
                    let more = alternatives_of(&rule.conditions);
                    alternatives.extend(more.into_iter().map(|all| (rule.action, all)));
                }
            }
        }
    }
    verdicts
}

/// The alternatives of one rule: one with all its conditions, but if an index is tested twice, runtimes make a
/// rule of each condition.
fn alternatives_of(conditions: &[Condition]) -> Vec<Vec<&Condition>> {
    let mut indexes: Vec<u8> = conditions.iter().map(|condition| condition.index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    if indexes.len() < conditions.len() {
        return conditions.iter().map(|condition| vec![condition]).collect();
    }
    vec![conditions.iter().collect()]
}

/// Whether a name can stand in a text without quotes: what names of calls consist of.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
}
