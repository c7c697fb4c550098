//! From what is permitted of each call to a profile.

use super::making::Steps;
use super::{cover, needs};
use crate::profile::{
    Action, ArgumentSet, Condition, Meaning, Operator, Profile, Rule, base, fallback,
};
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// The errno that makes C libraries try an older call.
pub(super) const ENOSYS: Action = Action::Errno(38);

/// The errno of a refusal that is meant.
pub(super) const EPERM: Action = Action::Errno(1);

/// What is permitted, by name; `None` of a name for which that takes more rules than a filter can hold.
pub(super) type ByName = BTreeMap<&'static str, Option<Permitted>>;

/// What is permitted of one name, on every ABI.
pub(super) struct Permitted {
    pub(super) set: ArgumentSet,
    /// The same as rules, any of which suffices.
    alternatives: Vec<Vec<Condition>>,
}

/// Six registers with these values, zero elsewhere.
pub(super) fn registers(values: &[(u8, u64)]) -> [u64; 6] {
    let mut registers = [0; 6];
    for &(index, value) in values {
        registers[usize::from(index)] = value;
    }
    registers
}

/// A rule speaks of a name, on every ABI that has it, so a name is permitted what all of its ABIs were found
/// to need; where the base permits less on one of them, the name gets what is permitted on all.
pub(super) fn by_name(
    permitted: &BTreeMap<Call, ArgumentSet>,
    abis: &BTreeSet<Abi>,
    meaning: &Meaning,
    steps: &Steps,
) -> ByName {
    let mut sets: BTreeMap<&'static str, ArgumentSet> = BTreeMap::new();
    for (call, set) in permitted {
        if let Some(name) = call.name() {
            let bound = bound_on_all(name, abis, meaning);
            let known = sets.entry(name).or_insert_with(ArgumentSet::none);
            *known = known.union(&set.intersection(&bound));
        }
    }
    let written = |name, set| {
        let mut alternatives = if steps.respelt(name) {
            cover::disjoint(&set)
        } else {
            cover::fewest(&set)
        }?;
        let used = || abis.iter().filter(|&&abi| Call::named(abi, name).is_some());
        if used().all(|abi| abi.argument_bits() == 32) {
            alternatives.iter_mut().flatten().for_each(in_one_word);
        }
        Some(Permitted { set, alternatives })
    };
    let sets = sets.into_iter().filter(|(_, set)| !set.is_none());
    sets.map(|(name, set)| (name, written(name, set))).collect()
}

/// Where registers have 32 bits, a comparison of all of them is an equality.
fn in_one_word(condition: &mut Condition) {
    let all = u64::from(u32::MAX);
    if condition.operator == Operator::MaskedEq && condition.value & all == all {
        *condition = Condition {
            operator: Operator::Eq,
            value: condition.value_two & all,
            value_two: 0,
            ..*condition
        };
    }
}

/// What the base permits of a name on every ABI that is opened and has it.
pub(super) fn bound_on_all(name: &str, abis: &BTreeSet<Abi>, meaning: &Meaning) -> ArgumentSet {
    let calls = abis.iter().filter_map(|&abi| Call::named(abi, name));
    calls.fold(ArgumentSet::all(), |all, call| {
        all.intersection(&base::permitted_in_both_views(meaning, call))
    })
}

/// Writes the sets as a profile: names with the same treatment share a rule.
pub(super) fn profile(
    by_name: &ByName,
    abis: &BTreeSet<Abi>,
    bound: Option<&Profile>,
    refused: &BTreeSet<&'static str>,
) -> Profile {
    let mut rules: BTreeMap<(Action, Vec<Condition>), Vec<String>> = BTreeMap::new();
    for (name, permitted) in by_name {
        for conditions in permitted.iter().flat_map(|one| &one.alternatives) {
            rules
                .entry((Action::Allow, conditions.clone()))
                .or_default()
                .push((*name).to_owned());
        }
    }
    let default_action = bound.map_or(EPERM, |base| base.default_action);
    for (name, action) in refusals(bound, default_action, refused, abis) {
        if by_name.get(name.as_str()).is_none_or(Option::is_none) {
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
        rules,
        ..Profile::without_rules(default_action, abis.clone())
    }
}

/// The base's own refusals with another errno than its default; and `ENOSYS` for calls that programs know how
/// to do without when they are told that these do not exist: those that libraries make by themselves, whether
/// or not they were seen, as the next version of a library may begin to; and others that were seen. `clone3`
/// is one of the former whatever the base is: its flags are out of a filter's sight.
pub(super) fn refusals(
    base: Option<&Profile>,
    default_action: Action,
    refused: &BTreeSet<&'static str>,
    abis: &BTreeSet<Abi>,
) -> Vec<(String, Action)> {
    let rules = base.map_or(&[][..], |base| &base.rules);
    let refusals = rules
        .iter()
        .filter(|rule| rule.conditions.is_empty() && !rule.action.permits());
    let mut refusals: BTreeMap<String, Action> = refusals
        .flat_map(|rule| rule.names.iter().map(|name| (name.clone(), rule.action)))
        .collect();
    let falling_back = refused
        .iter()
        .copied()
        .filter(|name| needs::falls_back(name));
    let unasked = fallback::unasked().map(|(name, _, _)| name);
    let unasked = unasked.filter(|name| abis.iter().any(|&abi| Call::named(abi, name).is_some()));
    for name in falling_back.chain(unasked) {
        refusals.insert(name.to_owned(), ENOSYS);
    }
    refusals
        .into_iter()
        .filter(|&(_, action)| action != default_action)
        .collect()
}

/// The calls of i386 that stand for many.
pub(super) const MULTIPLEXERS: [&str; 2] = ["socketcall", "ipc"];

/// On i386 libseccomp permits with every call of a family of sockets or System V IPC its twin behind
/// `socketcall` or `ipc`, which sees other registers and hides the arguments. Where the base does not permit
/// that twin, or nobody was seen to make it, the multiplexer is shut with a rule of its own, which such
/// permissions do not survive. Gives those that are shut.
pub(super) fn shut_multiplexers(
    profile: &mut Profile,
    is_made: impl Fn(&str) -> bool,
    native: Abi,
    bound: &Meaning,
) -> Vec<&'static str> {
    let mut shut = Vec::new();
    if !profile.abis.contains(&Abi::I386) {
        return shut;
    }
    let meaning = Meaning::of(profile, native);
    for name in MULTIPLEXERS {
        let Some(call) = Call::named(Abi::I386, name) else {
            continue;
        };
        let opened = meaning.permitted(call);
        let within = opened.is_subset(&base::permitted_in_both_views(bound, call));
        if opened.is_none() || is_made(name) && within {
            continue;
        }
        shut.push(name);
        for rule in &mut profile.rules {
            rule.names.retain(|known| known != name);
        }
        profile.rules.retain(|rule| !rule.names.is_empty());
        let action = if profile.default_action == ENOSYS {
            EPERM
        } else {
            ENOSYS
        };
        profile.rules.push(Rule {
            names: vec![name.to_owned()],
            action,
            conditions: Vec::new(),
        });
    }
    shut
}
