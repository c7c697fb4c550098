//! From sets of argument values to rules.

use super::Seen;
use crate::profile::{Action, ArgumentSet, Condition, Meaning, Profile, Rule};
use crate::syscall::{Abi, Call, catalog};
use std::collections::{BTreeMap, BTreeSet};

/// Calls whose tracked values are narrowed where the base has something to say about them: the values are
/// few and set by code. The flags of `clone` are not: their lowest byte is a signal, and C libraries change
/// the others from version to version.
const NARROWED: &[&str] = &["personality", "socket"];

/// Values of the protocol and of the type's modifier bits are data of the run; the family decides.
const NARROWED_ARGUMENT: u8 = 0;

/// The errno that makes C libraries try an older call.
const ENOSYS: Action = Action::Errno(38);

/// The argument values to permit if the base does: those seen of calls that are narrowed, any of others.
pub(super) fn candidate(call: Call, seen: Option<&Seen>) -> ArgumentSet {
    let narrowed = call.name().is_some_and(|name| NARROWED.contains(&name));
    let Some(seen) = seen.filter(|seen| narrowed && seen.is_exact()) else {
        return ArgumentSet::all();
    };
    let mask = catalog::tracked(call.name().unwrap_or_default())
        .iter()
        .find(|argument| argument.index == NARROWED_ARGUMENT)
        .map_or(u64::MAX, catalog::Argument::mask);
    let values = seen
        .tuples()
        .flatten()
        .filter(|&&(index, _)| index == NARROWED_ARGUMENT);
    values.fold(ArgumentSet::none(), |all, &(index, value)| {
        all.union(&ArgumentSet::masked(index, mask, value))
    })
}

/// Six registers with these values, zero elsewhere.
pub(super) fn registers(values: &[(u8, u64)]) -> [u64; 6] {
    let mut registers = [0; 6];
    for &(index, value) in values {
        registers[usize::from(index)] = value;
    }
    registers
}

/// Writes the sets as a profile: calls with the same treatment on every ABI that is opened share a rule.
///
/// A rule speaks of a name, on every ABI that has it, so a name is permitted what all of its ABIs were
/// found to need; where the base permits less on one of them, the name gets what is permitted on all.
pub(super) fn profile(
    permitted: &BTreeMap<Call, ArgumentSet>,
    abis: &BTreeSet<Abi>,
    base: Option<&Profile>,
    meaning: &Meaning,
) -> Profile {
    let mut by_name: BTreeMap<&'static str, ArgumentSet> = BTreeMap::new();
    for (call, set) in permitted {
        if let Some(name) = call.name() {
            let bound = bound_on_all(name, abis, meaning);
            let known = by_name.entry(name).or_insert_with(ArgumentSet::none);
            *known = known.union(&set.intersection(&bound));
        }
    }
    let mut rules: BTreeMap<(Action, Vec<Condition>), Vec<String>> = BTreeMap::new();
    for (name, set) in by_name {
        for conditions in set.cubes() {
            rules
                .entry((Action::Allow, conditions))
                .or_default()
                .push(name.to_owned());
        }
    }
    let default_action = base.map_or(Action::Errno(1), |base| base.default_action);
    for (name, action) in refusals(base, default_action) {
        let is_permitted = abis
            .iter()
            .any(|&abi| Call::named(abi, &name).is_some_and(|call| permitted.contains_key(&call)));
        if !is_permitted {
            rules.entry((action, Vec::new())).or_default().push(name);
        }
    }
    let rules = rules.into_iter().map(|((action, conditions), names)| Rule {
        names,
        action,
        conditions,
    });
    let mut rules: Vec<Rule> = rules.collect();
    rules.sort_by(|a, b| {
        (b.action, &a.conditions, &a.names).cmp(&(a.action, &b.conditions, &b.names))
    });
    Profile {
        default_action,
        abis: abis.clone(),
        other_architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules,
    }
}

/// What the base permits of a name on every ABI that is opened and has it.
fn bound_on_all(name: &str, abis: &BTreeSet<Abi>, meaning: &Meaning) -> ArgumentSet {
    let calls = abis.iter().filter_map(|&abi| Call::named(abi, name));
    calls.fold(ArgumentSet::all(), |all, call| {
        all.intersection(&crate::profile::base::permitted_in_both_views(
            meaning, call,
        ))
    })
}

/// The base's own refusals with another errno than its default, and `clone3`: its flags cannot be seen by
/// a filter, so C libraries must be told to use `clone`, whatever the base is.
fn refusals(base: Option<&Profile>, default_action: Action) -> Vec<(String, Action)> {
    let rules = base.map_or(&[][..], |base| &base.rules);
    let refusals = rules
        .iter()
        .filter(|rule| rule.conditions.is_empty() && !rule.action.permits());
    let mut refusals: BTreeMap<String, Action> = refusals
        .flat_map(|rule| rule.names.iter().map(|name| (name.clone(), rule.action)))
        .collect();
    refusals.insert("clone3".to_owned(), ENOSYS);
    refusals
        .into_iter()
        .filter(|&(_, action)| action != default_action)
        .collect()
}
