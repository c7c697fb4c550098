//! How sure one can be of a profile that was made from runs.

use super::evidence::alternatives_of;
use super::value::Values;
use crate::estimate::Sureness;
use crate::profile::{ArgumentSet, Condition, Operator, Profile};
use crate::recording::Runs;
use crate::syscall::Call;
use std::collections::BTreeMap;

/// What runs say about the next one. Argument values are told apart as the profile does: those that meet
/// the same conditions are one behaviour, each of the others is one of its own.
#[must_use]
pub fn sureness(runs: &Runs, profile: &Profile) -> Sureness {
    let mut alternatives: BTreeMap<Call, Vec<(Vec<Condition>, ArgumentSet)>> = BTreeMap::new();
    for rule in profile.rules.iter().filter(|rule| rule.action.permits()) {
        for &abi in &profile.abis {
            for call in rule.names.iter().filter_map(|name| Call::named(abi, name)) {
                for one in alternatives_of(rule, call) {
                    let meets = ArgumentSet::matching(&one.conditions, abi.argument_bits());
                    alternatives
                        .entry(call)
                        .or_default()
                        .push((one.conditions, meets));
                }
            }
        }
    }
    Sureness::of(runs, &|call, values| {
        let alternatives = alternatives.get(&call)?;
        let known: Values = values.iter().copied().collect();
        let tuples = known.tuples();
        let met = alternatives
            .iter()
            .find(|(_, meets)| !tuples.intersection(meets).is_none());
        Some(match met {
            Some((conditions, _)) => conditions.iter().map(stand_in).collect(),
            None => values.to_vec(),
        })
    })
}

/// What stands for every value that meets a condition: for equality, the value itself.
fn stand_in(condition: &Condition) -> (u8, u64) {
    let value = match condition.operator {
        Operator::MaskedEq => condition.value & condition.value_two,
        _ => condition.value,
    };
    (condition.index, value)
}
