//! Rules with which libseccomp does not come to an end, or not soon.
//!
//! It shares the part of its tree behind an inequality or a range between the two ways that lead there: by
//! the upper half of the argument, or by both. When a second rule has the same test and goes on behind it,
//! what comes next is added to the shared part twice; its list of siblings becomes a circle, which adding a
//! rule follows for ever. And when the program is written, shared parts are unfolded, again and again.
//! Versions 2.5.4 to 2.6.1 do so.
//! <https://github.com/seccomp/libseccomp/blob/v2.6.0/src/db.c#L750>

use super::CompileError;
use crate::profile::model::{Condition, Operator, Profile};
use crate::profile::runtime;
use std::collections::{BTreeMap, BTreeSet};

/// The most that unfolding may come to: the sum, over all rules with shared parts, of the squares of their
/// lengths. Up to here programs were written in less than a second, and twice as far took some of them many.
const UNFOLDED_MAX: usize = 200;

/// The most different rules for one call; adding one takes longer the more there are, and the kernel takes
/// programs of no more instructions than this.
const RULES_MAX: usize = 4096;

/// Refuses rules that libseccomp must not be given.
pub(super) fn check(profile: &Profile) -> Result<(), CompileError> {
    number(profile)?;
    shared_parts(profile)
}

fn number(profile: &Profile) -> Result<(), CompileError> {
    let mut known: BTreeMap<&str, BTreeSet<&[Condition]>> = BTreeMap::new();
    for rule in &profile.rules {
        for name in &rule.names {
            let rules = known.entry(name).or_default();
            rules.insert(&rule.conditions);
            if rules.len() > RULES_MAX {
                return Err(CompileError::TooMany { name: name.clone() });
            }
        }
    }
    Ok(())
}

fn shared_parts(profile: &Profile) -> Result<(), CompileError> {
    let mut unfolded = 0;
    let mut known: BTreeMap<&str, Vec<Vec<Condition>>> = BTreeMap::new();
    for rule in &profile.rules {
        for mut conditions in runtime::alternatives(&rule.conditions, None) {
            conditions.sort_by_key(|condition| condition.index);
            if !has_shared_part(&conditions) {
                continue;
            }
            for name in &rule.names {
                unfolded += conditions.len() * conditions.len();
                if unfolded > UNFOLDED_MAX {
                    return Err(CompileError::Unfolded { name: name.clone() });
                }
                let others = known.entry(name).or_default();
                if let Some(condition) = others.iter().find_map(|one| collision(one, &conditions)) {
                    let name = name.clone();
                    return Err(CompileError::Endless { name, condition });
                }
                others.push(conditions.clone());
            }
        }
    }
    Ok(())
}

/// Whether anything comes behind an inequality or a range.
fn has_shared_part(conditions: &[Condition]) -> bool {
    let inner = conditions.split_last().map_or(&[][..], |(_, inner)| inner);
    inner.iter().any(|condition| Way::of(condition).is_some())
}

/// The test that a rule and one that is added later have in one place of the tree, and behind which the later one
/// goes on with a test that is put before the other's. What goes on with the same test is found where it is; what
/// comes behind the other is added once. Tried with some 2000 sets of rules.
fn collision(earlier: &[Condition], later: &[Condition]) -> Option<Condition> {
    let inner = earlier.len().min(later.len()).saturating_sub(1);
    let pairs = earlier.iter().zip(later);
    let next = pairs.clone().skip(1);
    for ((a, b), (next_a, next_b)) in pairs.take(inner).zip(next) {
        match (Way::of(a), Way::of(b)) {
            (Some(_), Some(_)) if a == b && next_a == next_b => {}
            (Some(_), Some(_)) if a == b => return comes_before(next_b, next_a).then_some(*a),
            // By the upper half alone, both lead to one place.
            (Some(one), Some(other)) if one == other => {}
            (None, None) if a == b => {}
            _ => return None,
        }
    }
    None
}

/// Whether libseccomp puts a test before another one, or may: later arguments first, of one argument equalities and
/// inequalities before ranges, and those below before those above.
fn comes_before(one: &Condition, other: &Condition) -> bool {
    let class = |condition: &Condition| match condition.operator {
        Operator::Eq | Operator::Ne | Operator::MaskedEq => 0,
        Operator::Lt | Operator::Le => 1,
        Operator::Gt | Operator::Ge => 2,
    };
    one.index > other.index || (one.index == other.index && class(one) <= class(other))
}

/// The way on from an inequality or a range that depends on the upper half alone.
#[derive(PartialEq, Eq)]
enum Way {
    Other(u8, u64),
    Below(u8, u64),
    Above(u8, u64),
}

impl Way {
    const fn of(condition: &Condition) -> Option<Self> {
        let (index, upper) = (condition.index, condition.value >> 32);
        match condition.operator {
            Operator::Ne => Some(Self::Other(index, upper)),
            Operator::Lt | Operator::Le => Some(Self::Below(index, upper)),
            Operator::Gt | Operator::Ge => Some(Self::Above(index, upper)),
            Operator::Eq | Operator::MaskedEq => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::model::{Action, Rule};

    fn profile(rules: &[&[(u8, Operator, u64)]]) -> Profile {
        let conditions = |tests: &[(u8, Operator, u64)]| {
            let each = tests.iter().map(|&(index, operator, value)| Condition {
                index,
                operator,
                value,
                value_two: 0,
            });
            each.collect()
        };
        let rules = rules.iter().map(|tests| Rule {
            names: vec!["prctl".to_owned()],
            action: Action::Allow,
            conditions: conditions(tests),
        });
        Profile {
            default_action: Action::Errno(1),
            abis: [].into(),
            other_architectures: Vec::new(),
            flags: None,
            listener_path: None,
            listener_metadata: None,
            rules: rules.collect(),
        }
    }

    #[test]
    fn going_on_twice_behind_one_inequality_is_refused() {
        use Operator::{Eq, Ge, Gt, Lt, Ne};
        let high = 7 << 32;
        type Tests = &'static [(u8, Operator, u64)];
        let table: &[(Tests, Tests, bool)] = &[
            (&[(0, Ne, 4), (1, Eq, 1)], &[(0, Ne, 4), (1, Eq, 2)], true),
            (&[(1, Eq, 1), (0, Gt, 4)], &[(2, Eq, 2), (0, Gt, 4)], true),
            // Not behind it, not the same, or only on the way of equality.
            (&[(0, Ne, 4)], &[(0, Ne, 4), (1, Eq, 2)], false),
            (&[(0, Ne, 4), (1, Eq, 1)], &[(0, Ne, 5), (1, Eq, 2)], false),
            (&[(0, Lt, 4), (1, Eq, 1)], &[(0, Ge, 4), (1, Eq, 2)], false),
            (&[(0, Eq, 4), (1, Ne, 1)], &[(0, Eq, 4), (1, Ne, 2)], false),
            // The same goes on, or one is the beginning of the other.
            (&[(0, Ne, 4), (1, Eq, 1)], &[(0, Ne, 4), (1, Eq, 1)], false),
            (
                &[(0, Ne, 4), (1, Ne, 1)],
                &[(0, Ne, 4), (1, Ne, 1), (2, Ne, 3)],
                false,
            ),
            // What comes later is put behind, or before.
            (&[(0, Ne, 4), (2, Eq, 1)], &[(0, Ne, 4), (1, Eq, 1)], false),
            (&[(0, Ne, 4), (1, Eq, 1)], &[(0, Ne, 4), (1, Gt, 1)], false),
            (&[(0, Ne, 4), (1, Gt, 1)], &[(0, Ne, 4), (1, Eq, 1)], true),
            // The same behind others: by way of the upper half, or not.
            (
                &[(0, Gt, 1), (1, Ne, 4), (2, Eq, 1)],
                &[(0, Ge, 3), (1, Ne, 4), (2, Eq, 2)],
                true,
            ),
            (
                &[(0, Eq, 1), (1, Ne, 4), (2, Eq, 1)],
                &[(0, Eq, 3), (1, Ne, 4), (2, Eq, 2)],
                false,
            ),
        ];
        for (one, other, expected) in table {
            let found = check(&profile(&[one, other]));
            let endless = matches!(found, Err(CompileError::Endless { .. }));
            assert_eq!(endless, *expected, "{one:?} {other:?}");
        }
        let apart = profile(&[
            &[(0, Gt, high), (1, Ne, 4), (2, Eq, 1)],
            &[(0, Gt, 3), (1, Ne, 4), (2, Eq, 2)],
        ]);
        assert!(check(&apart).is_ok());
    }

    #[test]
    fn more_rules_than_the_kernel_takes_instructions_are_refused() {
        let rules: Vec<[(u8, Operator, u64); 1]> =
            (0..=4096).map(|value| [(0, Operator::Eq, value)]).collect();
        let slices: Vec<&[(u8, Operator, u64)]> = rules.iter().map(|rule| &rule[..]).collect();
        assert!(check(&profile(&slices[1..])).is_ok());
        assert!(matches!(
            check(&profile(&slices)),
            Err(CompileError::TooMany { .. })
        ));
    }

    #[test]
    fn too_many_shared_parts_are_refused() {
        let rules: Vec<[(u8, Operator, u64); 2]> = (0..51)
            .map(|value| [(0, Operator::Ne, value), (1, Operator::Eq, value)])
            .collect();
        let slices: Vec<&[(u8, Operator, u64)]> = rules.iter().map(|rule| &rule[..]).collect();
        assert!(check(&profile(&slices[1..])).is_ok());
        assert!(matches!(
            check(&profile(&slices)),
            Err(CompileError::Unfolded { .. })
        ));
    }
}
