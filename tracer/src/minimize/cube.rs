//! Cubes: sets of argument tuples in which some bits are fixed and the others free. What one rule can say.
//!
//! Plain bit operations on six registers; knows nothing of what the arguments mean.

use crate::profile::{Condition, Operator};

/// A tuple is in the cube if it has the bits of `value` where `mask` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cube {
    mask: [u64; 6],
    /// Zero where `mask` is.
    value: [u64; 6],
}

impl Cube {
    /// From conditions, each an equality or a masked one, of different arguments.
    pub(super) fn of(conditions: &[Condition]) -> Self {
        let mut cube = Self {
            mask: [0; 6],
            value: [0; 6],
        };
        for condition in conditions {
            let at = usize::from(condition.index);
            (cube.mask[at], cube.value[at]) = match condition.operator {
                Operator::MaskedEq => (condition.value, condition.value_two & condition.value),
                _ => (u64::MAX, condition.value),
            };
        }
        cube
    }

    /// The same as conditions of a rule.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let fixed = (0u8..6).zip(self.mask.iter().zip(&self.value));
        let fixed = fixed.filter(|&(_, (&mask, _))| mask != 0);
        let condition = |(index, (&mask, &value))| Condition::masked(index, mask, value);
        fixed.map(condition).collect()
    }

    /// How many bits are fixed.
    pub(super) fn fixed(&self) -> u32 {
        self.mask.iter().map(|mask| mask.count_ones()).sum()
    }

    /// Whether every tuple of the other is in this one.
    pub(super) fn contains(&self, other: &Self) -> bool {
        self.each(other)
            .all(|(mask, value, other_mask, other_value)| {
                mask & other_mask == mask && (value ^ other_value) & mask == 0
            })
    }

    /// Whether no tuple is in both.
    pub(super) fn is_apart(&self, other: &Self) -> bool {
        self.conflicts(other) > 0
    }

    /// How many bits both fix, to different values.
    fn conflicts(&self, other: &Self) -> u32 {
        let conflict = |(mask, value, other_mask, other_value)| -> u32 {
            let differ: u64 = (value ^ other_value) & mask & other_mask;
            differ.count_ones()
        };
        self.each(other).map(conflict).sum()
    }

    fn each<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (u64, u64, u64, u64)> + 'a {
        (0..6).map(|at| {
            (
                self.mask[at],
                self.value[at],
                other.mask[at],
                other.value[at],
            )
        })
    }

    /// The tuples of both.
    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        if self.is_apart(other) {
            return None;
        }
        let mut both = *self;
        for at in 0..6 {
            both.mask[at] |= other.mask[at];
            both.value[at] |= other.value[at];
        }
        Some(both)
    }

    /// The largest cube that reaches over the border between two neighbours and stays within their union;
    /// none if they are no neighbours.
    pub(super) fn consensus(&self, other: &Self) -> Option<Self> {
        if self.conflicts(other) != 1 {
            return None;
        }
        let mut cube = *self;
        for at in 0..6 {
            let border = (self.value[at] ^ other.value[at]) & self.mask[at] & other.mask[at];
            cube.mask[at] = (self.mask[at] | other.mask[at]) & !border;
            cube.value[at] = (self.value[at] | other.value[at]) & cube.mask[at];
        }
        Some(cube)
    }

    /// The tuples of this one that are not in the other, as cubes that share none.
    pub(super) fn without(&self, other: &Self) -> Vec<Self> {
        if self.is_apart(other) {
            return vec![*self];
        }
        let mut rest = *self;
        let mut pieces = Vec::new();
        for at in 0..6 {
            let mut bits = other.mask[at] & !self.mask[at];
            while bits != 0 {
                let bit = bits.isolate_lowest_one();
                bits &= !bit;
                let mut piece = rest;
                piece.mask[at] |= bit;
                piece.value[at] |= !other.value[at] & bit;
                pieces.push(piece);
                rest.mask[at] |= bit;
                rest.value[at] |= other.value[at] & bit;
            }
        }
        pieces
    }
}
