//! From the values that are asked for to the set that is permitted.
//!
//! Values of enumerations become the set of those tuples. Where there are more than are kept, the set grows
//! along a chain, each step containing the one before: all tracked arguments → without the last of them, and
//! so on → the bits that all values of the first have in common → whatever the base permits. Of flags, the
//! bits that were never seen are forbidden. What decides on each step is how many values there are, never
//! how many rules they would make, so that more evidence only ever permits more.

use super::demand::{Demand, Tuple, at};
use super::needs::Sources;
use super::{Precision, Reason};
use crate::profile::ArgumentSet;
use crate::syscall::Call;
use crate::syscall::catalog::{self, Argument, Stability, Values};
use std::collections::{BTreeMap, BTreeSet};

/// Distinct values of one call that are kept, if there is room for them.
const VALUES_MAX: usize = 64;

/// Comparisons of argument values, over all calls and ABIs. Each takes about three instructions, and a
/// filter may have 4096.
const COMPARISONS_MAX: usize = 1000;

/// The tracked arguments of a call that are narrowed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Narrowed {
    /// Of enumerations, with the bits that tell values apart.
    keys: Vec<(u8, u64)>,
    /// Of flags, with the bits that are forbidden if never seen, and those that are forbidden together.
    flags: Vec<(u8, u64, u64)>,
    /// Of flags, the bits that are forbidden even to what is needed without having been seen.
    guarded: Vec<(u8, u64)>,
}

impl Narrowed {
    /// What is narrowed of a call, given what the base permits of it.
    pub(super) fn of(call: Call, precision: Precision, bound: &ArgumentSet) -> Self {
        let mut narrowed = Self::default();
        if precision == Precision::None {
            return narrowed;
        }
        let tested = bound.tested();
        for argument in catalog::of(call) {
            narrowed.guard(argument, precision, &tested);
            let by_base = tested.contains(&argument.index);
            match argument.values {
                Values::OneOf(mask) if by_base || is_narrowed(argument, precision) => {
                    narrowed.keys.push((argument.index, mask));
                }
                Values::OneOf(_) => {}
                Values::Bits {
                    free,
                    guarded,
                    apart,
                } if is_narrowed(argument, precision) => {
                    narrowed
                        .flags
                        .push((argument.index, argument.mask() & !free | guarded, apart));
                }
                Values::Bits { guarded, .. } => {
                    if at(&narrowed.guarded, argument.index).is_some() {
                        narrowed.flags.push((argument.index, guarded, 0));
                    }
                }
            }
        }
        narrowed
    }

    fn guard(&mut self, argument: &Argument, precision: Precision, tested: &BTreeSet<u8>) {
        let Values::Bits { guarded, .. } = argument.values else {
            return;
        };
        let looked_at = tested.contains(&argument.index) || precision >= Precision::Stable;
        if guarded != 0 && looked_at {
            self.guarded.push((argument.index, guarded));
        }
    }

    /// The values of the first so many enumerations.
    fn project(&self, tuple: &Tuple, count: usize) -> Tuple {
        let keys = self.keys[..count].iter();
        keys.filter_map(|&(index, mask)| Some((index, at(tuple, index)? & mask)))
            .collect()
    }

    /// Leaves those of these values that a bound permits, with some others beside them at least.
    pub(super) fn within(&self, kept: &mut BTreeSet<Tuple>, bound: &ArgumentSet) {
        kept.retain(|tuple| !one(self, tuple).intersection(bound).is_none());
    }

    /// Why each of these values, of some of the first enumerations, is there.
    pub(super) fn origins(&self, kept: &BTreeSet<Tuple>, sources: &Sources) -> Sources {
        let mut origins = Sources::new();
        for (tuple, reasons) in sources {
            let mut projections = (1..=self.keys.len()).rev();
            let found = projections.find_map(|count| {
                Some(self.project(tuple, count)).filter(|one| kept.contains(one))
            });
            if let Some(found) = found {
                let known = origins.entry(found).or_default();
                known.extend(reasons.iter().cloned());
            }
        }
        origins
    }

    /// How many distinct values there are, how many are known beforehand, and how many comparisons one of them
    /// takes.
    ///
    /// Counted even where any value is permitted, so that more evidence never makes more room.
    fn size(&self, demand: &Demand) -> (usize, usize, usize) {
        if self.keys.is_empty() {
            return (0, 0, 0);
        }
        let distinct: BTreeSet<Tuple> = demand
            .tuples
            .iter()
            .map(|tuple| self.project(tuple, self.keys.len()))
            .collect();
        (distinct.len(), demand.beside.len(), self.keys.len())
    }
}

/// Whether all values of an argument are narrowed at that level.
fn is_narrowed(argument: &Argument, precision: Precision) -> bool {
    match argument.stability {
        Stability::Code => precision >= Precision::Stable,
        Stability::Changing => precision == Precision::All,
        Stability::Indifferent => false,
    }
}

/// How many distinct values each call keeps, so that all of them fit into a filter.
pub(super) fn room<'a>(
    demands: impl Iterator<Item = (&'a Narrowed, &'a Demand)>,
    abis: usize,
) -> usize {
    let sizes: Vec<(usize, usize, usize)> = demands
        .map(|(narrowed, demand)| narrowed.size(demand))
        .collect();
    let comparisons = |kept: usize| -> usize {
        sizes
            .iter()
            .map(|&(count, beside, each)| (count.min(kept) + beside) * each * abis)
            .sum()
    };
    let mut kept = VALUES_MAX;
    while kept > 0 && comparisons(kept) > COMPARISONS_MAX {
        kept -= 1;
    }
    kept
}

/// What was made of the values of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// What is permitted of the arguments that take one of a few values; `None` for anything.
    pub kept: Option<Kept>,
    /// Bits that must not be set, by position.
    pub forbidden: Vec<(u8, u64)>,
    /// Bits that must not all be set, by position.
    pub apart: Vec<(u8, u64)>,
    /// Why each of the kept values is there.
    pub origins: BTreeMap<Vec<(u8, u64)>, BTreeSet<Reason>>,
}

/// Values that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// These, by position.
    Tuples(BTreeSet<Vec<(u8, u64)>>),
    /// There were too many: these, of the first arguments only.
    Fewer {
        /// How many there were.
        of: usize,
        /// The values of the first arguments.
        tuples: BTreeSet<Vec<(u8, u64)>>,
    },
    /// There were too many: those that agree with all of them in the bits under a mask.
    Common {
        /// How many there were.
        of: usize,
        /// Position of the argument.
        index: u8,
        /// The bits in which all agreed.
        mask: u64,
        /// What they were.
        value: u64,
    },
}

/// Steps along the chain to take whatever room there is: one for each enumeration, one to the bits that all
/// values have in common, one to any value, and one to any flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Back(pub(super) u8);

/// The most steps that there are.
pub(super) const BACK_MAX: u8 = 5;

/// The set of values to permit, if the base does, and what was made of them.
pub(super) fn candidate(
    narrowed: &Narrowed,
    demand: &Demand,
    room: usize,
    Back(back): Back,
) -> (ArgumentSet, Narrowing) {
    let back = usize::from(back);
    let whole_chain = narrowed.keys.len() + 2;
    if demand.any || *narrowed == Narrowed::default() || back >= whole_chain {
        return (ArgumentSet::all(), Narrowing::default());
    }
    let of_tuples = || of_tuples(narrowed, demand, room, back);
    match (
        demand.tuples.is_empty() && demand.beside.is_empty(),
        demand.plain,
    ) {
        (true, false) => (ArgumentSet::none(), Narrowing::default()),
        (true, true) => of_plain(narrowed),
        (false, false) => of_tuples(),
        (false, true) => either(of_tuples(), of_plain(narrowed)),
    }
}

/// What is permitted for values that are known.
fn of_tuples(
    narrowed: &Narrowed,
    demand: &Demand,
    room: usize,
    back: usize,
) -> (ArgumentSet, Narrowing) {
    let (mut set, kept) = keys(narrowed, demand, room, back);
    let mut narrowing = Narrowing {
        kept,
        ..Narrowing::default()
    };
    for &(index, maskable, apart) in &narrowed.flags {
        // A value that is not known may be any.
        let tuples = demand.tuples.iter().chain(&demand.beside);
        let values = tuples.map(|tuple| at(tuple, index).unwrap_or(u64::MAX));
        let seen = values.clone().fold(0, |all, value| all | value);
        let forbidden = maskable & !seen;
        if forbidden != 0 {
            set = set.intersection(&ArgumentSet::masked(index, forbidden, 0));
            narrowing.forbidden.push((index, forbidden));
        }
        // One of them that is forbidden keeps them apart already.
        let together = values.into_iter().any(|value| value & apart == apart);
        if !together && forbidden & apart == 0 {
            set = set.difference(&ArgumentSet::masked(index, apart, apart));
            narrowing.apart.push((index, apart));
        }
    }
    (set, narrowing)
}

/// What is permitted for values that are not known: any without the guarded bits.
fn of_plain(narrowed: &Narrowed) -> (ArgumentSet, Narrowing) {
    let mut set = ArgumentSet::all();
    for &(index, guarded) in &narrowed.guarded {
        set = set.intersection(&ArgumentSet::masked(index, guarded, 0));
    }
    let narrowing = Narrowing {
        forbidden: narrowed.guarded.clone(),
        ..Narrowing::default()
    };
    (set, narrowing)
}

/// What either permits; of what was made of the values, what holds for both. Known values are then no more
/// than what is guarded and was seen.
fn either(
    (tuples, of_tuples): (ArgumentSet, Narrowing),
    (plain, of_plain): (ArgumentSet, Narrowing),
) -> (ArgumentSet, Narrowing) {
    let both = of_plain.forbidden.iter().map(|&(index, bits)| {
        let forbidden = at(&of_tuples.forbidden, index).unwrap_or(0);
        (index, bits & forbidden)
    });
    let narrowing = Narrowing {
        forbidden: both.filter(|&(_, bits)| bits != 0).collect(),
        ..Narrowing::default()
    };
    (tuples.union(&plain), narrowing)
}

/// The set of enumerated values, grown as far as is needed.
fn keys(
    narrowed: &Narrowed,
    demand: &Demand,
    room: usize,
    back: usize,
) -> (ArgumentSet, Option<Kept>) {
    let project = |tuples: &BTreeSet<Tuple>, count| -> BTreeSet<Tuple> {
        tuples
            .iter()
            .map(|tuple| narrowed.project(tuple, count))
            .collect()
    };
    let count = narrowed.keys.len();
    let Some(&(first, first_mask)) = narrowed.keys.first() else {
        return (ArgumentSet::all(), None);
    };
    if back > count {
        return (ArgumentSet::all(), None);
    }
    let of = project(&demand.tuples, count).len();
    let most = count.saturating_sub(back);
    for kept in (1..=most).rev() {
        let mut values = project(&demand.tuples, kept);
        if values.len() <= room {
            // Those that are known beforehand stay as close as they can be, and unless they say something more.
            let beside = project(&demand.beside, most);
            let said = |tuple: &Tuple| values.contains(&narrowed.project(tuple, kept));
            let more: Vec<Tuple> = beside.into_iter().filter(|tuple| !said(tuple)).collect();
            values.extend(more);
            let set = values.iter().fold(ArgumentSet::none(), |all, tuple| {
                all.union(&one(narrowed, tuple))
            });
            if set.is_all() {
                return (set, None);
            }
            let kept = if kept == count {
                Kept::Tuples(values)
            } else {
                Kept::Fewer { of, tuples: values }
            };
            return (set, Some(kept));
        }
    }
    let tuples = demand.tuples.iter().chain(&demand.beside);
    let values: BTreeSet<u64> = tuples
        .filter_map(|tuple| at(tuple, first))
        .map(|value| value & first_mask)
        .collect();
    let ones = values.iter().fold(u64::MAX, |all, value| all & value);
    let zeros = values.iter().fold(u64::MAX, |all, value| all & !value);
    let mask = (ones | zeros) & first_mask;
    let value = ones & first_mask;
    (
        ArgumentSet::masked(first, mask, value),
        Some(Kept::Common {
            of,
            index: first,
            mask,
            value,
        }),
    )
}

/// The tuples with these values, and any others beside them.
fn one(narrowed: &Narrowed, tuple: &Tuple) -> ArgumentSet {
    let masks = narrowed.keys.iter();
    masks.fold(ArgumentSet::all(), |set, &(index, mask)| {
        match at(tuple, index) {
            Some(value) => set.intersection(&ArgumentSet::masked(index, mask, value)),
            None => set,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::Abi;

    fn narrowed(name: &str, precision: Precision) -> Narrowed {
        let call = Call::named(Abi::X86_64, name).unwrap();
        Narrowed::of(call, precision, &ArgumentSet::all())
    }

    fn demand(count: u64) -> Demand {
        let tuples = (0..count).map(|value| vec![(1, value), (2, value)]);
        Demand {
            tuples: tuples.collect(),
            ..Demand::default()
        }
    }

    #[test]
    fn all_rules_together_fit_into_a_filter() {
        let options = narrowed("setsockopt", Precision::Stable);
        let table = [
            (1, 64, 1, 64),
            (5, 64, 1, 64),
            (10, 64, 1, 50),
            (10, 64, 3, 16),
            (600, 9, 1, 0),
        ];
        for (calls, values, abis, expected) in table {
            let demand = demand(values);
            let demands = std::iter::repeat_n((&options, &demand), calls);
            assert_eq!(room(demands, abis), expected, "{calls} {values} {abis}");
        }
        // Also where any value is permitted: it may be so only because of later evidence.
        let mut any = demand(64);
        any.any = true;
        assert_eq!(room(std::iter::repeat_n((&options, &any), 10), 1), 50);
    }

    #[test]
    fn without_room_there_is_one_rule() {
        let (set, narrowing) = candidate(
            &narrowed("setsockopt", Precision::Stable),
            &demand(3),
            0,
            Back(0),
        );
        let kept = Kept::Common {
            of: 3,
            index: 1,
            mask: 0xFFFF_FFFC,
            value: 0,
        };
        assert_eq!(narrowing.kept, Some(kept));
        assert_eq!(set, ArgumentSet::masked(1, 0xFFFF_FFFC, 0));
    }

    /// What is known beforehand never makes what was seen be told apart less closely.
    #[test]
    fn what_stands_beside_takes_no_room() {
        let options = narrowed("setsockopt", Precision::Stable);
        let mut demand = demand(3);
        demand.beside = [vec![(1, 6), (2, 1)], vec![(1, 1), (2, 1)]].into();
        let of = |room| candidate(&options, &demand, room, Back(0));
        let (set, narrowing) = of(3);
        let kept: BTreeSet<Tuple> = [[0, 0], [1, 1], [2, 2], [6, 1]]
            .map(|[level, option]| vec![(1, level), (2, option)])
            .into();
        assert_eq!(narrowing.kept, Some(Kept::Tuples(kept)));
        assert!(set.contains(&[0, 6, 1, 0, 0, 0]) && !set.contains(&[0, 6, 2, 0, 0, 0]));
        // Only the first argument is told apart of what was seen, and the others stay as close as they were.
        demand.tuples.insert(vec![(1, 2), (2, 9)]);
        let (set, narrowing) = candidate(&options, &demand, 3, Back(0));
        let expected = [
            vec![(1, 0)],
            vec![(1, 1)],
            vec![(1, 2)],
            vec![(1, 6), (2, 1)],
        ];
        let fewer = Kept::Fewer {
            of: 4,
            tuples: expected.into(),
        };
        assert_eq!(narrowing.kept, Some(fewer));
        assert!(set.contains(&[0, 6, 1, 0, 0, 0]) && !set.contains(&[0, 6, 2, 0, 0, 0]));
        let alone = Demand::beside([vec![(1, 6), (2, 1)]].into_iter());
        let (set, _) = candidate(&options, &alone, 3, Back(0));
        assert!(set.contains(&[0, 6, 1, 0, 0, 0]) && !set.contains(&[0, 6, 2, 0, 0, 0]));
    }

    #[test]
    fn nothing_asked_for_is_nothing_permitted() {
        let flags = narrowed("clone", Precision::Stable);
        assert!(
            candidate(&flags, &Demand::default(), 64, Back(0))
                .0
                .is_none()
        );
        let (plain, narrowing) = candidate(&flags, &Demand::plain(), 64, Back(0));
        assert_eq!(plain, ArgumentSet::masked(0, 0x7E02_0000, 0));
        assert_eq!(narrowing.forbidden, [(0, 0x7E02_0000)]);
        let mut both = Demand::plain();
        both.tuples.insert(vec![(0, 0x1000_0011)]);
        let (set, narrowing) = candidate(&flags, &both, 64, Back(0));
        assert!(set.contains(&[0x1000_0011, 0, 0, 0, 0, 0]));
        assert!(!set.contains(&[0x2000_0011, 0, 0, 0, 0, 0]));
        assert_eq!(narrowing.forbidden, [(0, 0x6E02_0000)]);
    }
}
