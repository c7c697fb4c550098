//! Exact sets of argument values: sets of tuples of six 64-bit registers.
//!
//! Held as binary decision diagrams over the 384 bits, first argument first, most significant bit first.
//! Every operation is exact; nothing is sampled. It knows numbers, not calls.

use super::model::{Condition, Operator};
use biodivine_lib_bdd::{Bdd, BddPartialValuation, BddVariable, BddVariableSet};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

const ARGUMENTS: u16 = 6;
const BITS: u16 = 64;

static VARIABLES: LazyLock<BddVariableSet> =
    LazyLock::new(|| BddVariableSet::new_anonymous(ARGUMENTS * BITS));

/// A set of tuples of six arguments.
#[derive(Clone)]
pub struct ArgumentSet(Bdd);

impl ArgumentSet {
    /// No tuple.
    #[must_use]
    pub fn none() -> Self {
        Self(VARIABLES.mk_false())
    }

    /// Every tuple.
    #[must_use]
    pub fn all() -> Self {
        Self(VARIABLES.mk_true())
    }

    /// The tuples that meet every condition, comparing the low `width` bits (64 or 32) of both sides, as
    /// libseccomp's filters do.
    #[must_use]
    pub fn matching(conditions: &[Condition], width: u8) -> Self {
        let each = conditions
            .iter()
            .map(|condition| Self::one(condition, width));
        each.fold(Self::all(), |all, one| all.intersection(&one))
    }

    /// The tuples whose argument `index` has the bits of `value` where `mask` is 1.
    #[must_use]
    pub fn masked(index: u8, mask: u64, value: u64) -> Self {
        let fixed = (0..64u8).filter(|bit| mask >> bit & 1 == 1);
        let bits: Vec<_> = fixed
            .map(|bit| (variable(index, bit), value >> bit & 1 == 1))
            .collect();
        Self(VARIABLES.mk_conjunctive_clause(&BddPartialValuation::from_values(&bits)))
    }

    fn one(condition: &Condition, width: u8) -> Self {
        let cut = if width == 64 {
            u64::MAX
        } else {
            (1 << width) - 1
        };
        let (index, value) = (condition.index, condition.value & cut);
        let less = || Self(less_than(index, value, width));
        let equal = || Self::masked(index, cut, value);
        match condition.operator {
            Operator::Eq => equal(),
            Operator::Ne => equal().complement(),
            Operator::Lt => less(),
            Operator::Ge => less().complement(),
            Operator::Le => less().union(&equal()),
            Operator::Gt => less().union(&equal()).complement(),
            Operator::MaskedEq => Self::masked(index, value, condition.value_two),
        }
    }

    /// In either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.or(&other.0))
    }

    /// In both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.and(&other.0))
    }

    /// In this and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.and_not(&other.0))
    }

    /// Not in this.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self(self.0.not())
    }

    /// Whether no tuple is in it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_false()
    }

    /// Whether every tuple is in it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_true()
    }

    /// Whether every tuple of this is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_none()
    }

    /// Whether a tuple is in it.
    #[must_use]
    pub fn contains(&self, arguments: &[u64; 6]) -> bool {
        let each = (0..6u8).zip(arguments);
        let point = each.map(|(index, &value)| Self::masked(index, u64::MAX, value));
        let point = point.fold(Self::all(), |all, one| all.intersection(&one));
        point.is_subset(self)
    }

    /// The smallest tuple in it, comparing the first argument first.
    #[must_use]
    pub fn witness(&self) -> Option<[u64; 6]> {
        let found = self.0.first_valuation()?;
        let argument = |index: u8| {
            (0..64u8).fold(0, |value, bit| {
                value | u64::from(found[variable(index, bit)]) << bit
            })
        };
        Some([0, 1, 2, 3, 4, 5].map(argument))
    }

    /// The tuples that are in this set once argument `index` is cut to its lowest `bits` and extended with
    /// zeros: what the kernel makes of a register when it takes it as a narrower C type.
    #[must_use]
    pub fn as_seen_by_kernel(&self, index: u8, bits: u8) -> Self {
        let above: Vec<_> = (bits..64)
            .map(|bit| (variable(index, bit), false))
            .collect();
        if above.is_empty() {
            self.clone()
        } else {
            Self(self.0.restrict(&above))
        }
    }

    /// The set as alternatives of masked comparisons: each inner list has at most one condition for an
    /// argument, [`Operator::Eq`] or [`Operator::MaskedEq`], and their union is exactly this set. An empty
    /// inner list stands for every tuple.
    #[must_use]
    pub fn cubes(&self) -> Vec<Vec<Condition>> {
        let mut cubes: Vec<_> = self.0.to_optimized_dnf().iter().map(cube).collect();
        cubes.sort();
        cubes
    }
}

impl PartialEq for ArgumentSet {
    fn eq(&self, other: &Self) -> bool {
        self.is_subset(other) && other.is_subset(self)
    }
}

impl Eq for ArgumentSet {}

impl fmt::Debug for ArgumentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArgumentSet").field(&self.cubes()).finish()
    }
}

/// The variable of a bit, counted from the least significant.
fn variable(index: u8, bit: u8) -> BddVariable {
    BddVariable::from_index(usize::from(index) * usize::from(BITS) + usize::from(63 - bit))
}

/// `argument < value`, on the low bits, from the least significant up.
fn less_than(index: u8, value: u64, width: u8) -> Bdd {
    (0..width).fold(VARIABLES.mk_false(), |less, bit| {
        let clear = VARIABLES.mk_not_var(variable(index, bit));
        if value >> bit & 1 == 1 {
            clear.or(&less)
        } else {
            clear.and(&less)
        }
    })
}

/// A path through the diagram as conditions.
fn cube(path: &BddPartialValuation) -> Vec<Condition> {
    let mut masks: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
    for index in 0..6u8 {
        for bit in 0..64u8 {
            if let Some(is_set) = path.get_value(variable(index, bit)) {
                let (mask, value) = masks.entry(index).or_default();
                *mask |= 1 << bit;
                *value |= u64::from(is_set) << bit;
            }
        }
    }
    let condition = |(index, (mask, value))| match mask {
        u64::MAX => Condition {
            index,
            operator: Operator::Eq,
            value,
            value_two: 0,
        },
        _ => Condition {
            index,
            operator: Operator::MaskedEq,
            value: mask,
            value_two: value,
        },
    };
    masks.into_iter().map(condition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPERATORS: [Operator; 7] = [
        Operator::Ne,
        Operator::Lt,
        Operator::Le,
        Operator::Eq,
        Operator::Ge,
        Operator::Gt,
        Operator::MaskedEq,
    ];

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
                operator: OPERATORS[operator],
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
        assert!(!docker.as_seen_by_kernel(0, 32).contains(&vsock));
        let both = docker.intersection(&docker.as_seen_by_kernel(0, 32));
        assert!(both.cubes().len() < 70, "{} rules", both.cubes().len());
    }
}
