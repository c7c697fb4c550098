//! Profiles whose rules cut the values of arguments into too many pieces to be compared exactly.
//!
//! Sets of values are held as diagrams, which are small for everything that people and programs write. With
//! a few dozen masks that have nothing to do with each other they are not: thirty rules can tell 2^30 kinds
//! of values apart. Such a profile is refused where it is read, so that nothing later runs out of memory.

use super::model::Condition;
use super::runtime::{self, Runtime};
use super::set::{self, ArgumentSet};
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The largest diagram that the rules of one call may need; 1000 values of one argument need 25 000 nodes.
const NODES_MAX: usize = 60_000;

/// The rules of a call, too entangled in the way in which a runtime reads them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{runtime} reads the rules for `{name}` in a way that cuts values into too many pieces to compare"
)]
pub struct TangledUnder {
    /// The runtime.
    pub runtime: Runtime,
    /// The call.
    pub name: String,
}

/// Whether a profile that was read can be compared as this runtime reads it, too.
///
/// # Errors
///
/// [`TangledUnder`] if it cannot.
pub fn comparable_under(source: &Source, runtime: Runtime) -> Result<(), TangledUnder> {
    match found(source, Some(runtime)) {
        Some(name) => Err(TangledUnder {
            runtime,
            name: super::read::quoted(name),
        }),
        None => Ok(()),
    }
}

/// The name of a call whose rules are too entangled, whichever of them are in force.
pub(super) fn found(source: &Source, runtime: Option<Runtime>) -> Option<&str> {
    let mut by_name: BTreeMap<&str, BTreeSet<&[Condition]>> = BTreeMap::new();
    for rule in source
        .rules
        .iter()
        .filter(|rule| !rule.conditions.is_empty())
    {
        for name in &rule.names {
            let rules = by_name.entry(name).or_default();
            rules.insert(&rule.conditions);
        }
    }
    // Names that share their rules are looked at once.
    let mut known = BTreeSet::new();
    let mut names = by_name.into_iter();
    let tangled =
        names.find(|(_, rules)| known.insert(rules.clone()) && is_tangled(rules, runtime));
    tangled.map(|(name, _)| name)
}

/// Whether the rules of one call, any of which suffices, are too entangled to be read again.
#[must_use]
pub fn are_tangled(rules: &[Vec<Condition>]) -> bool {
    is_tangled(&rules.iter().map(Vec::as_slice).collect(), None)
}

/// Whether they are, on 64-bit or 32-bit ABIs.
fn is_tangled(rules: &BTreeSet<&[Condition]>, runtime: Option<Runtime>) -> bool {
    // Without masks and combinations, there are no more pieces than constants.
    let is_plain = |rule: &&[Condition]| rule.len() == 1 && !rule[0].is_masked();
    if rules.iter().all(is_plain) {
        return false;
    }
    [64, 32].into_iter().any(|width| {
        let alternatives = rules
            .iter()
            .flat_map(|rule| runtime::alternatives(rule, runtime));
        let sets: Vec<_> = alternatives
            .map(|rule| ArgumentSet::matching(&rule, width))
            .collect();
        set::joint_size(&sets, NODES_MAX).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{base, read};
    use serde_json::json;

    type Test = (u8, &'static str, u64);

    fn refused(rules: &[Vec<Test>]) -> bool {
        let condition = |&(index, operator, value): &Test| {
            let value_two = if operator == "MASKED_EQ" { value } else { 0 };
            let op = format!("SCMP_CMP_{operator}");
            json!({"index": index, "op": op, "value": value, "valueTwo": value_two})
        };
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                let conditions: Vec<_> = rule.iter().map(condition).collect();
                json!({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "args": conditions})
            })
            .collect();
        let text = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}).to_string();
        match read::profile(&text) {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.problem, read::Problem::Tangled("mount".to_owned()));
                true
            }
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_and_nothing_else() {
        let each =
            |count: u64, rule: fn(u64) -> Vec<Test>| (0..count).map(rule).collect::<Vec<_>>();
        // Bits that have nothing to do with each other, near and far, and on two arguments.
        assert!(refused(&each(32, |bit| vec![(
            3,
            "MASKED_EQ",
            3 << (2 * bit)
        )])));
        assert!(refused(&each(32, |bit| vec![(
            3,
            "MASKED_EQ",
            0x1_0000_0001 << bit
        )])));
        assert!(refused(&each(40, |bit| vec![
            (0, "MASKED_EQ", 1 << bit),
            (1, "MASKED_EQ", 1 << bit)
        ])));
        // Many values, ranges within ranges, a mask for each bit of a bound, combinations.
        assert!(!refused(&each(1000, |value| vec![(1, "EQ", value * 7)])));
        assert!(!refused(&each(200, |value| vec![
            (1, "LT", value),
            (2, "GE", value)
        ])));
        assert!(!refused(&each(64, |bit| vec![(
            0,
            "MASKED_EQ",
            u64::MAX << bit
        )])));
        assert!(!refused(&each(300, |value| vec![
            (0, "EQ", value % 40),
            (1, "EQ", value % 7),
            (2, "EQ", value)
        ])));
        for source in [base::docker(), base::podman()] {
            assert_eq!(found(source, None), None);
        }
    }

    #[test]
    fn what_one_runtime_tangles_is_refused_for_it_only() {
        // Each mask is within the next; what youki takes for the masks have nothing to do with each other.
        let rule = |bit: u32| {
            let arguments = json!([{
                "index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": u64::MAX << bit, "valueTwo": 1_u64 << bit,
            }]);
            json!({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": arguments})
        };
        let rules: Vec<_> = (0..40).map(rule).collect();
        let text = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}).to_string();
        let source = read::profile(&text).unwrap();
        for runtime in Runtime::ALL {
            let expected = match runtime {
                Runtime::Youki => Err(TangledUnder {
                    runtime,
                    name: "socket".to_owned(),
                }),
                _ => Ok(()),
            };
            assert_eq!(comparable_under(&source, runtime), expected, "{runtime}");
        }
    }
}
