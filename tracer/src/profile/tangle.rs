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

/// The name of a call whose rules are too entangled, whichever of them are in force.
pub(super) fn found(source: &Source) -> Option<&str> {
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
    let tangled = names.find(|(_, rules)| known.insert(rules.clone()) && is_tangled(rules));
    tangled.map(|(name, _)| name)
}

/// Whether they are, in any of the ways in which they may be read.
fn is_tangled(rules: &BTreeSet<&[Condition]>) -> bool {
    // Without masks and combinations, there are no more pieces than constants.
    let is_plain = |rule: &&[Condition]| rule.len() == 1 && !rule[0].is_masked();
    if rules.iter().all(is_plain) {
        return false;
    }
    let readings = [(64, None), (32, None), (64, Some(Runtime::Youki))];
    readings.into_iter().any(|(width, runtime)| {
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
            assert_eq!(found(source), None);
        }
    }
}
