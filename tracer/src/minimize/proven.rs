//! A profile with the proof that the filter which libseccomp makes of it is what it says.
//!
//! Now and then libseccomp makes another filter of rules that are right, above all where i386 is opened beside
//! the native ABI. The rules for the call that shows it are then spelt otherwise, and if that does not help,
//! go back step by step along the chain by which values grow, never beyond the base, until the proof holds.
//! What is permitted beyond the values seen for this reason only, more evidence may take away again.

use super::making::{Making, Steps};
use super::{Cause, Options, Outcome};
use crate::profile::proof::{self, Miscompiled, ProofError};
use crate::profile::{Profile, multiplexed_calls};
use crate::recording::Runs;
use crate::syscall::Abi;

/// Why there is no profile that can be vouched for.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// The base permits a call that was seen, in a way that cannot be written down.
    #[error("what the base permits of `{0}` takes more rules than a filter can hold")]
    Unwritable(&'static str),
    /// A fault of ours.
    #[error("the profile's filter would go beyond its base: {0}")]
    Beyond(String),
    /// A fault of libseccomp's that nothing helps against.
    #[error("the profile's filter would not do what the profile says: {0} gets {compiled:?}, not {meant:?}", compiled = .0.compiled, meant = .0.meant)]
    Miscompiled(Miscompiled),
    /// There is no filter to compare with.
    #[error("nothing can be proved of the profile")]
    Unproved(#[from] ProofError),
}

/// Makes a profile and proves it.
///
/// # Errors
///
/// [`Unsound`] if no form of it can be proved.
pub fn proven(runs: &Runs, options: &Options) -> Result<Outcome, Unsound> {
    let making = Making::of(runs, options);
    let base = options.base.as_ref().map(|_| &making.meaning);
    let mut steps = Steps::default();
    loop {
        let outcome = making.outcome(&steps);
        let unwritable = |denied: &&super::Denied| denied.cause == Cause::Unwritable;
        if let Some(denied) = outcome.denied.iter().find(unwritable) {
            return Err(Unsound::Unwritable(denied.call.name().unwrap_or_default()));
        }
        let proof = proof::prove(&outcome.profile, options.native, base)?;
        let mut taken = false;
        for wrong in &proof.miscompiled {
            for name in names_reached(wrong, &outcome.profile) {
                taken |= steps.take(name, wrong);
            }
        }
        if taken {
            continue;
        }
        return match (proof.miscompiled.into_iter().next(), proof.beyond.first()) {
            (Some(wrong), _) => Err(Unsound::Miscompiled(wrong)),
            (None, Some(excess)) => Err(Unsound::Beyond(excess.to_string())),
            (None, None) => Ok(outcome),
        };
    }
}

/// The names whose argument rules reach a call: its own, and of a multiplexer that of the sub-call.
pub(super) fn names_reached(wrong: &Miscompiled, profile: &Profile) -> Vec<&'static str> {
    let own = wrong.call.name();
    let behind = multiplexed_calls().find(|&(by, number, _)| {
        wrong.call.abi == Abi::I386 && own == Some(by) && number == wrong.witness[0]
    });
    let names = own.into_iter().chain(behind.map(|(_, _, name)| name));
    let has_conditions = |name: &&str| {
        let rules = profile.rules.iter();
        let mut rules = rules.filter(|rule| !rule.conditions.is_empty());
        rules.any(|rule| rule.names.iter().any(|known| known == name))
    };
    names.filter(has_conditions).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{options, partial, recording, resolved, runs};
    use super::super::{Kept, Portability};
    use super::*;
    use crate::profile::{Action, Condition, Meaning, Operator, Rule, base, compare};
    use crate::syscall::Call;

    const NATIVE: Abi = Abi::X86_64;

    fn call(name: &str) -> Call {
        Call::named(NATIVE, name).unwrap()
    }

    /// Values of `socket`, each set by recorders that tracked other positions, with i386 beside the native
    /// ABI: of the closest rules for them libseccomp up to 2.6.1 makes another filter.
    fn sockets(seen: &[&[(u8, u64)]]) -> Runs {
        let each = seen
            .iter()
            .map(|values| Runs::from(partial("socket", values)));
        // With another sub-call, so that the multiplexer is not shut.
        let small = recording(vec![(Abi::I386, "socketcall", true, [5, 0, 0])]);
        let each: Vec<Runs> = each.chain([Runs::from(small)]).collect();
        Runs::merged(&each).unwrap()
    }

    fn wrong(profile: &Profile) -> Option<(String, Action)> {
        let proof = proof::prove(profile, NATIVE, None).unwrap();
        let wrong = proof.miscompiled.first();
        wrong.map(|one| (one.to_string(), one.compiled))
    }

    #[test]
    fn what_is_compiled_wrong_takes_another_form() {
        type Case = (
            &'static [&'static [(u8, u64)]],
            (&'static str, Action),
            Option<&'static [&'static [(u8, u64)]]>,
        );
        let table: [Case; 3] = [
            // Lets through what is refused.
            (
                &[
                    &[(0, 0), (1, 5)],
                    &[(0, 4), (1, 3), (2, 2)],
                    &[(0, 0), (1, 1), (2, 1)],
                ],
                (
                    "i386:socketcall(0x1, 0x3, 0x1, 0x0, 0x0, 0x0)",
                    Action::Allow,
                ),
                Some(&[&[(0, 0), (1, 1)], &[(0, 0), (1, 5)], &[(0, 4), (1, 3)]]),
            ),
            (
                &[
                    &[(0, 3), (1, 3)],
                    &[(0, 5), (2, 2)],
                    &[(0, 3), (1, 5)],
                    &[(0, 4), (1, 4), (2, 5)],
                ],
                (
                    "i386:socketcall(0x1, 0x4, 0x3, 0x0, 0x0, 0x0)",
                    Action::Allow,
                ),
                Some(&[
                    &[(0, 3), (1, 3)],
                    &[(0, 3), (1, 5)],
                    &[(0, 4), (1, 4)],
                    &[(0, 5)],
                ]),
            ),
            // Refuses what is permitted; spelling the same set otherwise is enough.
            (
                &[
                    &[(0, 2), (1, 3)],
                    &[(0, 2), (1, 4)],
                    &[(1, 1), (2, 3)],
                    &[(0, 2), (1, 0)],
                    &[(0, 3), (1, 0), (2, 4)],
                ],
                (
                    "i386:socketcall(0x1, 0x0, 0x1, 0x0, 0x0, 0x0)",
                    Action::Errno(1),
                ),
                None,
            ),
        ];
        let mut options = options(None);
        options.portability = Portability::Exact;
        for (seen, (witness, compiled), kept) in table {
            let runs = sockets(seen);
            let closest = super::super::minimize(&runs, &options);
            assert_eq!(
                wrong(&closest.profile),
                Some((witness.to_owned(), compiled))
            );
            let made = proven(&runs, &options).unwrap();
            assert_eq!(wrong(&made.profile), None);
            let known = made.narrowings[&call("socket")].kept.clone();
            let expected = kept.map(|tuples| Kept::Fewer {
                of: seen.len(),
                tuples: tuples.iter().map(|tuple| tuple.to_vec()).collect(),
            });
            match expected {
                Some(expected) => {
                    assert_eq!(known, Some(expected));
                    assert_eq!(made.loosened["socket"].to_string(), witness);
                }
                None => {
                    assert!(made.loosened.is_empty());
                    let [closest, made] =
                        [&closest, &made].map(|one| Meaning::of(&one.profile, NATIVE));
                    assert_eq!(compare::beyond(&closest, &made), []);
                    assert_eq!(compare::beyond(&made, &closest), []);
                }
            }
        }
    }

    fn base_with(rules: impl IntoIterator<Item = Vec<(u8, Operator, u64)>>) -> Profile {
        let mut profile = resolved(base::docker(), &[]);
        for rule in &mut profile.rules {
            rule.names.retain(|name| name != "mount");
        }
        let rules = rules.into_iter().map(|tests| {
            let conditions = tests.into_iter().map(|(index, operator, value)| Condition {
                index,
                operator,
                value,
                value_two: 0,
            });
            Rule {
                names: vec!["mount".to_owned()],
                action: Action::Allow,
                conditions: conditions.collect(),
            }
        });
        profile.rules.extend(rules);
        profile
    }

    #[test]
    fn a_base_that_cannot_be_written_down_is_refused_if_it_matters() {
        use Operator::{Ge, Lt};
        let steps = (1..200).map(|step| vec![(1, Lt, step * 77), (2, Ge, step * 1001)]);
        let options = options(Some(base_with(steps)));
        let seen = |name| runs([&recording(vec![(NATIVE, name, true, [0; 3])])]);
        let refused = proven(&seen("mount"), &options).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "what the base permits of `mount` takes more rules than a filter can hold"
        );
        proven(&seen("read"), &options).unwrap();
        // Falls back to it elsewhere; nobody has seen that here.
        let made = proven(&seen("fsopen"), &options).unwrap();
        assert!(!made.reasons.contains_key(&call("mount")));
    }

    #[test]
    fn ranges_of_a_base_are_kept_though_the_compiler_gets_them_wrong() {
        use Operator::{Gt, Le, Ne};
        let table = [
            [vec![(0, Ne, 0)], vec![(1, Ne, 5), (0, Ne, 1)]],
            [vec![(0, Gt, 0x5_0000_0001)], vec![(0, Le, 0)]],
        ];
        for rules in table {
            let base = base_with(rules);
            assert!(wrong(&base).is_some());
            let runs = runs([&recording(vec![(NATIVE, "mount", true, [0; 3])])]);
            let made = proven(&runs, &options(Some(base.clone()))).unwrap();
            assert!(made.loosened.is_empty());
            let [made, base] = [&made.profile, &base].map(|one| Meaning::of(one, NATIVE));
            assert_eq!(
                made.permitted(call("mount")),
                base::permitted_in_both_views(&base, call("mount"))
            );
        }
    }
}
