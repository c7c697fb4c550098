//! What becomes of a call of which some argument values are known.

use super::value::Values;
use crate::profile::{Action, ArgumentSet, Meaning};
use crate::syscall::Call;
use std::collections::BTreeSet;

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is made.
    Permitted,
    /// It is denied, like this.
    Denied(Action),
    /// It depends on arguments that are not known.
    Depends {
        /// How it is denied, if it is.
        action: Action,
        /// Positions of the arguments on which it depends.
        on: BTreeSet<u8>,
    },
}

/// What becomes of a call with these values.
pub(super) fn outcome(meaning: &Meaning, call: Call, values: &Values) -> Outcome {
    let permitted = meaning.permitted(call);
    if permitted.is_all() {
        return Outcome::Permitted;
    }
    let tuples = values.tuples();
    let refused = tuples.difference(&permitted);
    let Some(witness) = refused.witness() else {
        return Outcome::Permitted;
    };
    let action = meaning.action(call, &witness);
    let passing = tuples.intersection(&permitted);
    if passing.is_none() {
        return Outcome::Denied(action);
    }
    let unknown = (0..6).filter(|&index| values.at(index).is_none());
    let tested = passing.tested();
    let on = unknown.filter(|index| tested.contains(index));
    Outcome::Depends {
        action,
        on: on.collect(),
    }
}

impl Values {
    /// Every tuple of arguments that these may have been: the known ones as they are, the upper half of
    /// a 32-bit one being zero, and the others anything.
    pub(super) fn tuples(&self) -> ArgumentSet {
        self.iter().fold(ArgumentSet::all(), |set, (index, value)| {
            set.intersection(&ArgumentSet::masked(index, u64::MAX, value))
        })
    }
}
