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
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.union(&a), a.clone());
        prop_assert_eq!(a.intersection(&a), a.clone());
        prop_assert_eq!(a.union(&a.intersection(&b)), a.clone());
        prop_assert_eq!(a.intersection(&a.union(&b)), a.clone());
        prop_assert_eq!(a.complement().complement(), a.clone());
        let de_morgan = a.complement().intersection(&b.complement());
        prop_assert_eq!(a.union(&b).complement(), de_morgan);
        let de_morgan = a.complement().union(&b.complement());
        prop_assert_eq!(a.intersection(&b).complement(), de_morgan);
        prop_assert!(a.difference(&b).intersection(&b).is_none());
        if let Some(witness) = a.witness() {
            prop_assert!(a.contains(&witness));
        }
    }
}

/// Bits of the small world.
const SMALL: u8 = 3;

/// Rules on two arguments of three bits: alternatives of conditions that must all hold.
fn small_rules() -> impl Strategy<Value = Vec<Vec<Condition>>> {
    let value = 0..1u64 << SMALL;
    let condition =
        (0..2u8, 0..7usize, value.clone(), value).prop_map(|(index, operator, value, second)| {
            Condition {
                index,
                operator: Operator::ALL[operator],
                value,
                value_two: second,
            }
        });
    prop::collection::vec(prop::collection::vec(condition, 1..3), 0..4)
}

/// Everything that there is in the small world, with whether the rules hold for it.
fn by_force(rules: &[Vec<Condition>]) -> Vec<([u64; 6], bool)> {
    let values = || 0..1u64 << SMALL;
    let tuples = values().flat_map(|first| values().map(move |second| [first, second, 0, 0, 0, 0]));
    let cut = (1 << SMALL) - 1;
    let holds = |tuple: &[u64; 6]| {
        let mut rules = rules.iter();
        rules.any(|rule| rule.iter().all(|condition| holds(condition, tuple, cut)))
    };
    tuples.map(|tuple| (tuple, holds(&tuple))).collect()
}

fn small_set(rules: &[Vec<Condition>]) -> ArgumentSet {
    rules.iter().fold(ArgumentSet::none(), |all, rule| {
        all.union(&ArgumentSet::matching(rule, SMALL))
    })
}

proptest! {
    /// In a world so small that it can be gone through, every operation is what it is by definition.
    #[test]
    fn operations_are_what_brute_force_says(one in small_rules(), other in small_rules()) {
        let (a, b) = (small_set(&one), small_set(&other));
        let pairs: Vec<_> = by_force(&one).into_iter().zip(by_force(&other)).collect();
        for ((tuple, in_a), (_, in_b)) in &pairs {
            prop_assert_eq!(a.contains(tuple), *in_a);
            prop_assert_eq!(a.union(&b).contains(tuple), *in_a || *in_b);
            prop_assert_eq!(a.intersection(&b).contains(tuple), *in_a && *in_b);
            prop_assert_eq!(a.difference(&b).contains(tuple), *in_a && !*in_b);
            prop_assert_eq!(a.complement().contains(tuple), !*in_a);
        }
        let every = |holds: fn(bool, bool) -> bool| {
            pairs.iter().all(|((_, in_a), (_, in_b))| holds(*in_a, *in_b))
        };
        prop_assert_eq!(a.is_subset(&b), every(|in_a, in_b| !in_a || in_b));
        prop_assert_eq!(a == b, every(|in_a, in_b| in_a == in_b));
        prop_assert_eq!(a.is_none(), every(|in_a, _| !in_a));
        prop_assert_eq!(a.is_all(), every(|in_a, _| in_a));
        // The witness is the smallest of the set.
        let smallest = pairs.iter().find(|((_, in_a), _)| *in_a).map(|((tuple, _), _)| *tuple);
        prop_assert_eq!(a.witness(), smallest);
        let again = a.cubes();
        prop_assert_eq!(again.iter().fold(ArgumentSet::none(), |all, cube| {
            all.union(&ArgumentSet::matching(cube, 64))
        }), a);
    }

    /// What the kernel makes of a register of three bits' type, by definition.
    #[test]
    fn the_kernels_view_is_what_brute_force_says(rules in small_rules(), bits in 1..3u8, is_signed in any::<bool>()) {
        let set = small_set(&rules);
        let seen = set.as_seen_by_kernel(0, bits, is_signed);
        for (tuple, _) in by_force(&rules) {
            let low = tuple[0] & ((1 << bits) - 1);
            let is_negative = is_signed && low >> (bits - 1) == 1;
            let at = |first: u64| set.contains(&[first, tuple[1], 0, 0, 0, 0]);
            let expected = at(low) && (!is_negative || at(low | u64::MAX << bits));
            prop_assert_eq!(seen.contains(&tuple), expected, "{:?}", tuple);
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
