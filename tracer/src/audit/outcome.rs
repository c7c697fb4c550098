//! What becomes of a call of which some argument values are known.

use super::value::Values;
use crate::profile::{Action, ArgumentSet, Meaning};
use crate::syscall::Call;
use std::collections::BTreeSet;

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is made.
    Permitted,
    /// It is made, and the kernel writes that down.
    Logged,
    /// It is denied, like this.
    Denied(Action),
    /// It depends on arguments that are not known.
    Depends {
        /// How it is denied, if it is; or that it is logged, if that is the worst.
        action: Action,
        /// Positions of the arguments on which it depends.
        on: BTreeSet<u8>,
    },
}

/// What becomes of a call with these values.
#[must_use]
pub fn outcome(meaning: &Meaning, call: Call, values: &Values) -> Outcome {
    let verdicts = meaning.verdicts(call);
    if let [(_, action)] = verdicts[..] {
        return always(action);
    }
    let tuples = values.tuples();
    let permitted = meaning.permitted(call);
    let refused = tuples.difference(&permitted);
    let Some(witness) = refused.witness() else {
        let silent = verdicts
            .iter()
            .filter(|(_, action)| *action == Action::Allow);
        let silent = silent.fold(ArgumentSet::none(), |all, (set, _)| all.union(set));
        return logged(values, &tuples, &silent);
    };
    let action = meaning.action(call, &witness);
    let passing = tuples.intersection(&permitted);
    if passing.is_none() {
        return Outcome::Denied(action);
    }
    depends(values, &passing, action)
}

const fn always(action: Action) -> Outcome {
    match action {
        Action::Allow => Outcome::Permitted,
        Action::Log => Outcome::Logged,
        Action::KillProcess
        | Action::KillThread
        | Action::Trap
        | Action::Errno(_)
        | Action::Trace(_)
        | Action::Notify => Outcome::Denied(action),
    }
}

/// Of calls that are all made: whether that is written down, given those of which it is not.
fn logged(values: &Values, tuples: &ArgumentSet, silent: &ArgumentSet) -> Outcome {
    let quiet = tuples.intersection(silent);
    if quiet.is_none() {
        Outcome::Logged
    } else if tuples.is_subset(silent) {
        Outcome::Permitted
    } else {
        depends(values, &quiet, Action::Log)
    }
}

fn depends(values: &Values, passing: &ArgumentSet, action: Action) -> Outcome {
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
