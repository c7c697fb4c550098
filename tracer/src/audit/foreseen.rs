//! What would become of one call under a profile that is not in force, as soon as the call is seen: piece by piece
//! what [`super::check`] says of a whole recording.

use super::outcome::{Outcome, outcome};
use super::types::{Check, Denied, Unknown};
use super::value::Values;
use crate::profile::{Action, Meaning};
use crate::syscall::Call;
use std::collections::BTreeSet;

/// A call to which a profile does not just say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// The call.
    pub call: Call,
    /// The values that matter; unknown where the profile does the same whatever they are.
    pub values: Values,
    /// What becomes of it, never [`Outcome::Permitted`].
    pub outcome: Outcome,
}

impl Check {
    /// What was found, as it is foreseen call by call, each with the program that was first.
    pub fn foreseen(&self) -> impl Iterator<Item = (Foreseen, Option<&str>)> {
        let found = self.denied.iter().chain(&self.logged).map(|denied| {
            let Denied {
                call,
                values,
                action,
                program,
                ..
            } = denied;
            let outcome = match action {
                Action::Log => Outcome::Logged,
                action => Outcome::Denied(*action),
            };
            let foreseen = Foreseen {
                call: *call,
                values: values.clone(),
                outcome,
            };
            (foreseen, program.as_deref())
        });
        let doubts = self.undecided.iter().map(|one| {
            let on = match &one.why {
                Unknown::TooManyValues => BTreeSet::new(),
                Unknown::NotRecorded(on) => on.clone(),
            };
            let action = one.action;
            let foreseen = Foreseen {
                call: one.call,
                values: one.values.clone(),
                outcome: Outcome::Depends { action, on },
            };
            (foreseen, None)
        });
        found.chain(doubts)
    }
}

/// What a profile does with a call that is made with these values, which are all that will be known of it or not;
/// `None` if it permits it, or if it depends on values that will.
#[must_use]
pub fn foresee(profile: &Meaning, call: Call, values: &Values, is_all: bool) -> Option<Foreseen> {
    let whole = profile.verdicts(call).len() == 1;
    let values = if whole {
        Values::unknown()
    } else {
        values.clone()
    };
    let outcome = outcome(profile, call, &values);
    let can_wait = !is_all && matches!(outcome, Outcome::Depends { .. });
    let matters = outcome != Outcome::Permitted && !can_wait;
    matters.then_some(Foreseen {
        call,
        values,
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{meaning, rule};
    use crate::profile::{Action, Condition};
    use crate::syscall::Abi;

    #[test]
    fn a_call_is_judged_as_soon_as_what_matters_is_known() {
        let family = |value| vec![Condition::masked(0, 0xFFFF_FFFF, value)];
        let meaning = meaning(vec![
            rule("read", Action::Allow, vec![]),
            rule("mkdir", Action::Log, vec![]),
            rule("socket", Action::Allow, family(2)),
            rule("socket", Action::Log, family(10)),
        ]);
        let eperm = Outcome::Denied(Action::Errno(1));
        let table = [
            ("read", vec![], true, None),
            ("mkdir", vec![], false, Some(Outcome::Logged)),
            ("mount", vec![], false, Some(eperm.clone())),
            ("socket", vec![], false, None),
            ("socket", vec![(0, 2), (1, 1)], true, None),
            ("socket", vec![(0, 10), (1, 1)], true, Some(Outcome::Logged)),
            ("socket", vec![(0, 16), (1, 1)], true, Some(eperm)),
            (
                "socket",
                vec![],
                true,
                Some(Outcome::Depends {
                    action: Action::Errno(1),
                    on: [0].into(),
                }),
            ),
        ];
        for (name, values, is_all, expected) in table {
            let call = Call::named(Abi::X86_64, name).unwrap();
            let values: Values = values.into_iter().collect();
            let found = foresee(&meaning, call, &values, is_all);
            assert_eq!(found.map(|one| one.outcome), expected, "{name} {values:?}");
        }
    }
}
