//! Exact sets of argument values: sets of tuples of six 64-bit registers.
//!
//! Held as binary decision diagrams over the 384 bits, first argument first, most significant bit first.
//! Every operation is exact; nothing is sampled. It knows numbers, not calls.

use super::model::{Condition, Operator};
use biodivine_lib_bdd::{
    Bdd, BddPartialValuation, BddValuation, BddVariable, BddVariableSet, op_function,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

const ARGUMENTS: u16 = 6;
const BITS: u16 = 64;

/// Variables below those of the arguments, which number sets; [`joint_size`] needs them, and nothing else.
const SELECTORS: u16 = 12;

static VARIABLES: LazyLock<BddVariableSet> =
    LazyLock::new(|| BddVariableSet::new_anonymous(ARGUMENTS * BITS + SELECTORS));

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

    /// The tuples of whose argument `index` the bits in `bits` that are in `mask` make a number below that of
    /// the same bits of `value`. Bits outside the mask count as 0 on the left.
    pub(super) fn below(index: u8, bits: Range<u8>, mask: u64, value: u64) -> Self {
        // From the least significant bit up, so that the highest that differs decides.
        let below = bits.fold(VARIABLES.mk_false(), |below, bit| {
            let is_set = value >> bit & 1 == 1;
            if mask >> bit & 1 == 0 {
                return if is_set { VARIABLES.mk_true() } else { below };
            }
            let clear = VARIABLES.mk_not_var(variable(index, bit));
            if is_set {
                clear.or(&below)
            } else {
                clear.and(&below)
            }
        });
        Self(below)
    }

    fn one(condition: &Condition, width: u8) -> Self {
        let cut = if width == 64 {
            u64::MAX
        } else {
            (1 << width) - 1
        };
        let (index, value) = (condition.index, condition.value & cut);
        let less = || Self::below(index, 0..width, u64::MAX, value);
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

    /// In either, if its diagram has at most so many nodes.
    pub(super) fn union_within(&self, other: &Self, most: usize) -> Option<Self> {
        Bdd::binary_op_with_limit(most, &self.0, &other.0, op_function::or).map(Self)
    }

    /// In both, if its diagram has at most so many nodes.
    pub(super) fn intersection_within(&self, other: &Self, most: usize) -> Option<Self> {
        Bdd::binary_op_with_limit(most, &self.0, &other.0, op_function::and).map(Self)
    }

    /// How many nodes its diagram has.
    pub(super) fn nodes(&self) -> usize {
        self.0.size()
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
        let values = arguments.iter().flat_map(|argument| {
            let bits = (0..u64::BITS).rev();
            bits.map(move |bit| argument >> bit & 1 == 1)
        });
        let values = values.chain((0..SELECTORS).map(|_| false));
        self.0.eval_in(&BddValuation::new(values.collect()))
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

    /// The tuples that are in this set once the kernel has taken argument `index` as a C type of that many
    /// bits. A caller may pass a negative value of a signed type extended by zeros or by ones; such a value
    /// is in the result only if the set has it both ways.
    #[must_use]
    pub fn as_seen_by_kernel(&self, index: u8, bits: u8, is_signed: bool) -> Self {
        let extended = |by: bool| {
            let above: Vec<_> = (bits..64).map(|bit| (variable(index, bit), by)).collect();
            Self(self.0.restrict(&above))
        };
        if bits >= 64 || self.is_all() || self.is_none() {
            return self.clone();
        }
        let zeros = extended(false);
        if !is_signed {
            return zeros;
        }
        let is_positive = Self::masked(index, 1 << (bits - 1), 0);
        zeros.intersection(&extended(true).union(&is_positive))
    }

    /// The tuples whose argument `index`, once the kernel has taken it as a C type of that many bits, is in
    /// this set as a caller would spell it: extended by zeros, or, a negative value of a signed type, by ones.
    #[must_use]
    pub fn as_spelt_by_callers(&self, index: u8, bits: u8, is_signed: bool) -> Self {
        if bits >= 64 || self.is_all() || self.is_none() {
            return self.clone();
        }
        let extended = |by: bool| {
            let above: Vec<_> = (bits..64).map(|bit| (variable(index, bit), by)).collect();
            Self(self.0.restrict(&above))
        };
        let zeros = extended(false);
        if !is_signed {
            return zeros;
        }
        let sign = 1 << (bits - 1);
        zeros.union(&extended(true).intersection(&Self::masked(index, sign, sign)))
    }

    /// The set as alternatives of masked comparisons: each inner list has at most one condition for an
    /// argument, [`Operator::Eq`] or [`Operator::MaskedEq`], and their union is exactly this set. An empty
    /// inner list stands for every tuple.
    #[must_use]
    pub fn cubes(&self) -> Vec<Vec<Condition>> {
        // One alternative is one path, and most rules are one; looking for better ones takes long.
        if self.0.exact_clause_cardinality() == 1_u32.into() {
            return self.0.sat_clauses().map(|path| cube(&path)).collect();
        }
        let mut cubes: Vec<_> = self.0.to_optimized_dnf().iter().map(cube).collect();
        cubes.sort();
        cubes
    }

    /// How many paths lead to it through its diagram: no fewer than the alternatives that it takes.
    #[must_use]
    pub fn paths(&self) -> u64 {
        let paths = self.0.exact_clause_cardinality();
        u64::try_from(paths).unwrap_or(u64::MAX)
    }

    /// As [`Self::cubes`]; `None` if writing it down would take more than so many.
    #[must_use]
    pub fn cubes_within(&self, most: u32) -> Option<Vec<Vec<Condition>>> {
        (self.0.exact_clause_cardinality() <= most.into()).then(|| self.cubes())
    }

    /// As [`Self::cubes_within`], but no two of them share a tuple; they may be more.
    #[must_use]
    pub fn disjoint_cubes_within(&self, most: u32) -> Option<Vec<Vec<Condition>>> {
        if self.0.exact_clause_cardinality() > most.into() {
            return None;
        }
        let mut cubes: Vec<_> = self.0.sat_clauses().map(|path| cube(&path)).collect();
        cubes.sort();
        Some(cubes)
    }

    /// The positions of the arguments on which it depends whether a tuple is in the set.
    #[must_use]
    pub fn tested(&self) -> BTreeSet<u8> {
        let variables = self.0.support_set().into_iter();
        let bits = usize::from(BITS);
        let positions = variables.map(|variable| variable.to_index() / bits);
        positions
            .filter_map(|index| u8::try_from(index).ok())
            .collect()
    }
}

/// The size of the diagram that tells for every tuple in which of the sets it is; `None` if that is more than
/// `most`, or there are more sets than can be numbered. Whatever is made of the sets, by union, complement and
/// order, is no larger.
pub(super) fn joint_size(sets: &[ArgumentSet], most: usize) -> Option<usize> {
    if sets.len() > 1 << SELECTORS {
        return None;
    }
    let selected = sets.iter().enumerate().map(|(number, set)| {
        let bits: Vec<_> = (0..SELECTORS)
            .map(|bit| (selector(bit), number >> bit & 1 == 1))
            .collect();
        let number = VARIABLES.mk_conjunctive_clause(&BddPartialValuation::from_values(&bits));
        set.0.and(&number)
    });
    // Two and two, so that each is copied only a few times.
    let mut all: Vec<Bdd> = selected.collect();
    while all.len() > 1 {
        let pairs = all.chunks(2).map(|pair| match pair {
            [one, other] => Bdd::binary_op_with_limit(most, one, other, op_function::or),
            rest => rest.first().cloned(),
        });
        all = pairs.collect::<Option<_>>()?;
    }
    let size = all.first().map_or(0, Bdd::size);
    (size <= most).then_some(size)
}

fn selector(bit: u16) -> BddVariable {
    BddVariable::from_index(usize::from(ARGUMENTS * BITS + bit))
}

impl PartialEq for ArgumentSet {
    fn eq(&self, other: &Self) -> bool {
        // The same set has the same diagram, but not always with its nodes in the same order.
        self.0 == other.0 || self.0.xor(&other.0).is_false()
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
    let condition = |(index, (mask, value))| Condition::masked(index, mask, value);
    masks.into_iter().map(condition).collect()
}

#[cfg(test)]
mod tests;
