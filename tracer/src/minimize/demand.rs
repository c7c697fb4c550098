//! What is asked of one call's arguments.

use super::Seen;
use crate::profile::fallback::NamedValues;
use crate::syscall::{Call, catalog};
use std::collections::BTreeSet;

/// Values of some arguments, by position.
pub(super) type Tuple = Vec<(u8, u64)>;

/// Which argument values must be permitted. Demands of several reasons add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// Any at all.
    pub(super) any: bool,
    /// Any without the bits that are guarded: what a call needs of which nothing closer is known.
    pub(super) plain: bool,
    /// These.
    pub(super) tuples: BTreeSet<Tuple>,
    /// These as well, few and known beforehand: they take no room from what was seen, so that they never make
    /// it be told apart less closely.
    pub(super) beside: BTreeSet<Tuple>,
}

impl Demand {
    pub(super) fn plain() -> Self {
        Self {
            plain: true,
            ..Self::default()
        }
    }

    /// Values that are few and known beforehand.
    pub(super) fn beside(tuples: impl Iterator<Item = Tuple>) -> Self {
        Self {
            beside: tuples.collect(),
            ..Self::default()
        }
    }

    /// What was seen.
    pub(super) fn seen(seen: &Seen) -> Self {
        Self {
            any: !seen.is_exact(),
            tuples: seen.tuples().cloned().collect(),
            ..Self::default()
        }
    }

    /// The values that our own files give for a call; plain if they give none.
    pub(super) fn named(call: Call, values: &NamedValues) -> Self {
        let mut tuples = BTreeSet::new();
        for argument in catalog::of(call) {
            for text in values.get(argument.name).into_iter().flatten() {
                tuples.extend(
                    catalog::value(call, argument.index, text)
                        .map(|value| vec![(argument.index, value)]),
                );
            }
        }
        if tuples.is_empty() {
            return Self::plain();
        }
        Self {
            tuples,
            ..Self::default()
        }
    }

    /// What was seen of a call, asked of another one that has all of its tracked arguments in common with
    /// it by name, in other positions perhaps; plain if it has not.
    pub(super) fn carried(from: Call, seen: Option<&Seen>, to: Call) -> Self {
        let arguments = catalog::of(to);
        let position = |name: &str| catalog::of(from).iter().find(|known| known.name == name);
        let moved: Option<Vec<(u8, u8)>> = arguments
            .iter()
            .map(|argument| Some((position(argument.name)?.index, argument.index)))
            .collect();
        match (seen.filter(|seen| seen.is_exact()), moved) {
            (Some(seen), Some(moved)) if !moved.is_empty() => {
                let carry = |tuple: &Tuple| {
                    let pairs = moved
                        .iter()
                        .filter_map(|&(from, to)| Some((to, at(tuple, from)?)));
                    pairs.collect()
                };
                Self {
                    tuples: seen.tuples().map(carry).collect(),
                    ..Self::default()
                }
            }
            _ => Self::plain(),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.any |= other.any;
        self.plain |= other.plain;
        self.tuples.extend(other.tuples.iter().cloned());
        self.beside.extend(other.beside.iter().cloned());
    }
}

/// The value at a position.
pub(super) fn at(tuple: &[(u8, u64)], index: u8) -> Option<u64> {
    tuple
        .iter()
        .find(|&&(known, _)| known == index)
        .map(|&(_, value)| value)
}
