//! Which rule decides, for calls of known and unknown ABIs.

use super::*;
use crate::profile::model::{Condition, Operator, Rule};

fn rule(action: Action, conditions: &[(Operator, u64)]) -> Rule {
    let conditions = conditions.iter().map(|&(operator, value)| Condition {
        index: 0,
        operator,
        value,
        value_two: 0,
    });
    Rule {
        names: vec!["socket".to_owned()],
        action,
        conditions: conditions.collect(),
    }
}

fn verdicts(default_action: Action, rules: Vec<Rule>) -> Vec<(ArgumentSet, Action)> {
    let profile = Profile {
        default_action,
        abis: BTreeSet::new(),
        other_architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules,
    };
    let call = Call::named(Abi::X86_64, "socket").unwrap();
    let meaning = Meaning::of(&profile, Abi::X86_64);
    let verdicts = meaning.verdicts(call);
    let everything = verdicts.iter().fold(ArgumentSet::none(), |all, (set, _)| {
        assert!(all.intersection(set).is_none(), "not disjoint");
        all.union(set)
    });
    assert!(everything.is_all(), "something has no verdict");
    assert_eq!(meaning.permitted(call), permitted(&verdicts));
    for (set, action) in &verdicts {
        assert_eq!(meaning.action(call, &set.witness().unwrap()), *action);
    }
    verdicts
}

#[test]
fn every_call_has_one_verdict_for_all_its_arguments() {
    use Action::{Allow, Errno, KillThread, Log};
    let all = ArgumentSet::all;
    let equal = |value| ArgumentSet::masked(0, u64::MAX, value);
    let less = |value| {
        let rule = rule(Allow, &[(Operator::Lt, value)]);
        ArgumentSet::matching(&rule.conditions, 64)
    };
    let table = [
        (Errno(1), vec![], vec![(all(), Errno(1))]),
        (
            Errno(1),
            vec![rule(Allow, &[]), rule(Errno(38), &[])],
            vec![(all(), Allow)],
        ),
        (
            Errno(1),
            vec![rule(Allow, &[(Operator::Eq, 2)]), rule(Errno(38), &[])],
            vec![(all(), Errno(38))],
        ),
        (
            Errno(1),
            vec![
                rule(Allow, &[(Operator::Lt, 9)]),
                rule(Errno(38), &[(Operator::Eq, 2)]),
                rule(KillThread, &[(Operator::Gt, 5)]),
                rule(Errno(1), &[(Operator::Eq, 3)]),
            ],
            vec![
                (less(9).complement(), KillThread),
                (equal(2), Errno(38)),
                (less(9).difference(&equal(2)), Allow),
            ],
        ),
        (
            Allow,
            vec![
                rule(Log, &[(Operator::Eq, 2)]),
                rule(Errno(1), &[(Operator::Eq, 3)]),
            ],
            vec![
                (equal(3), Errno(1)),
                (equal(2), Log),
                (equal(2).union(&equal(3)).complement(), Allow),
            ],
        ),
    ];
    for (default_action, rules, expected) in table {
        assert_eq!(verdicts(default_action, rules), expected);
    }
}

#[test]
fn a_foreign_abi_is_killed() {
    let meaning = Meaning {
        abis: [Abi::X86_64].into(),
        ..Meaning::unconfined()
    };
    let call = Call::named(Abi::I386, "read").unwrap();
    assert_eq!(meaning.verdicts(call), [(ArgumentSet::all(), FOREIGN)]);
    assert!(meaning.permitted(call).is_none());
}
