//! The algebra against brute force, and the laws of sets.

use super::*;
use proptest::prelude::*;

fn holds(condition: &Condition, arguments: &[u64; 6], cut: u64) -> bool {
    let (argument, value) = (
        arguments[usize::from(condition.index)] & cut,
        condition.value & cut,
    );
    match condition.operator {
        Operator::Ne => argument != value,
        Operator::Lt => argument < value,
        Operator::Le => argument <= value,
        Operator::Eq => argument == value,
        Operator::Ge => argument >= value,
        Operator::Gt => argument > value,
        Operator::MaskedEq => argument & value == condition.value_two & value,
    }
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..9u64,
        Just(u64::MAX),
        Just(1 << 32),
        Just((1 << 32) + 40),
        any::<u64>()
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    (0..2u8, 0..7usize, value(), value()).prop_map(|(index, operator, value, value_two)| {
        Condition {
            index,
            operator: Operator::ALL[operator],
            value,
            value_two,
        }
    })
}

fn set() -> impl Strategy<Value = ArgumentSet> {
    prop::collection::vec(prop::collection::vec(condition(), 1..3), 0..4).prop_map(|rules| {
        rules.iter().fold(ArgumentSet::none(), |all, rule| {
            all.union(&ArgumentSet::matching(rule, 64))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_condition_holds_for_what_is_in_its_set(
        condition in condition(), first in value(), second in value(), narrow in any::<bool>(),
    ) {
        let arguments = [first, second, 0, 0, 0, 0];
        let (width, cut) = if narrow { (32, 0xFFFF_FFFF) } else { (64, u64::MAX) };
        let set = ArgumentSet::matching(&[condition], width);
        prop_assert_eq!(set.contains(&arguments), holds(&condition, &arguments, cut));
    }

    #[test]
    fn cubes_are_the_set_again(set in set()) {
        let again = set.cubes().iter().fold(ArgumentSet::none(), |all, cube| {
            all.union(&ArgumentSet::matching(cube, 64))
        });
        prop_assert_eq!(again, set);
    }

    #[test]
    fn the_laws_of_sets_hold(a in set(), b in set()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.intersection(&a), a.clone());
        prop_assert_eq!(a.union(&a.intersection(&b)), a.clone());
        let de_morgan = a.complement().intersection(&b.complement());
        prop_assert_eq!(a.union(&b).complement(), de_morgan);
        prop_assert!(a.difference(&b).intersection(&b).is_none());
        if let Some(witness) = a.witness() {
            prop_assert!(a.contains(&witness));
        }
    }
}

#[test]
fn dockers_socket_rules_let_a_high_bit_through_and_the_kernel_drops_it() {
    let condition = |operator, value| Condition {
        index: 0,
        operator,
        value,
        value_two: 0,
    };
    let rules = [
        condition(Operator::Lt, 38),
        condition(Operator::Eq, 39),
        condition(Operator::Gt, 40),
    ];
    let docker = rules.iter().fold(ArgumentSet::none(), |all, rule| {
        all.union(&ArgumentSet::matching(&[*rule], 64))
    });
    let vsock = [0x1_0000_0028, 1, 0, 0, 0, 0];
    assert!(docker.contains(&vsock));
    assert!(!docker.as_seen_by_kernel(0, 32, true).contains(&vsock));
    let both = docker.intersection(&docker.as_seen_by_kernel(0, 32, true));
    assert!(both.cubes().len() < 70, "{} rules", both.cubes().len());
}
