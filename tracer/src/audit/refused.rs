//! Refused calls against a base: which of them it would have permitted.
//!
//! What both refuse is as it should be. What only the profile refuses is missing from it, and can be used as
//! evidence as if it had been made.

use crate::profile::{ArgumentSet, Meaning, base};
use crate::recording::{
    Arguments, CallFacts, DenialFacts, DenialKey, Denials, FactKey, Recording, Sighting, Tuples,
};
use crate::syscall::Call;
use std::collections::{BTreeMap, BTreeSet};

/// Refused calls, by what the base says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Those that the base permits; with argument values, only those values that it permits.
    pub missing: BTreeMap<Call, Missing>,
    /// Those that the base refuses too, at least with some of the values.
    pub refused_too: BTreeSet<Call>,
}

/// A call that is missing from a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// How often it was refused.
    pub count: u64,
    /// Who was first.
    pub first: Option<Sighting>,
    /// The values with which it was refused; `None` if none are tracked.
    pub tuples: Option<Tuples>,
}

/// Judges what was refused.
#[must_use]
pub fn judge(denials: &Denials, base: &Meaning) -> Judged {
    let mut judged = Judged::default();
    for (DenialKey { call, .. }, facts) in denials.refusals() {
        let permitted = match call.name() {
            // No profile can speak of it.
            None => ArgumentSet::none(),
            Some(_) => base::permitted_in_both_views(base, call),
        };
        let (missing, others) = split(facts, &permitted);
        if let Some(missing) = missing {
            match judged.missing.get_mut(&call) {
                Some(known) => known.add(missing),
                None => drop(judged.missing.insert(call, missing)),
            }
        }
        if others {
            judged.refused_too.insert(call);
        }
    }
    judged
}

/// What of a refused call is within a set, and whether there is anything beyond it.
fn split(facts: &DenialFacts, permitted: &ArgumentSet) -> (Option<Missing>, bool) {
    let whole = Missing {
        count: facts.count,
        first: facts.first.clone(),
        tuples: facts.tuples.clone(),
    };
    let Some(tuples) = facts
        .tuples
        .as_ref()
        .filter(|tuples| !tuples.seen.is_empty())
    else {
        let is_none = permitted.is_none();
        return ((!is_none).then_some(whole), is_none);
    };
    let mut within = tuples.clone();
    within
        .seen
        .retain(|values, _| permitted.contains(&registers(&tuples.indexes, values)));
    let beyond = within.seen.len() < tuples.seen.len();
    if within.seen.is_empty() {
        return (None, beyond);
    }
    let missing = Missing {
        count: within.seen.values().map(|facts| facts.count).sum(),
        tuples: Some(within),
        ..whole
    };
    (Some(missing), beyond)
}

/// Six registers with these values, zero elsewhere.
pub(super) fn registers(indexes: &[u8], values: &[u64]) -> [u64; 6] {
    let mut registers = [0; 6];
    for (&index, &value) in indexes.iter().zip(values) {
        registers[usize::from(index)] = value;
    }
    registers
}

impl Missing {
    /// Adds the same call, refused with another answer.
    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        match (&mut self.tuples, other.tuples) {
            (Some(tuples), Some(others)) => {
                for (values, facts) in others.seen {
                    let known = tuples.seen.entry(values).or_insert_with(|| facts.clone());
                    known.count = known.count.max(facts.count);
                }
            }
            (None, _) => {}
            (tuples, None) => *tuples = None,
        }
    }
}

/// A run in which those calls were made that are missing, as evidence beside another run of the target.
#[must_use]
pub fn as_if_made(
    like: &Recording,
    run_id: String,
    missing: &BTreeMap<Call, Missing>,
) -> Recording {
    let facts = missing.iter().map(|(&call, missing)| {
        let arguments = match &missing.tuples {
            Some(tuples) if !tuples.seen.is_empty() => Arguments::Exact(tuples.clone()),
            _ => Arguments::Untracked,
        };
        let key = FactKey {
            call,
            filtered: true,
        };
        let facts = CallFacts {
            count: missing.count.max(1),
            first: missing.first.clone(),
            last_ms: 0,
            arguments,
        };
        (key, facts)
    });
    Recording {
        run_id,
        facts: facts.collect(),
        denials: None,
        ..like.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{self, meaning, rule};
    use crate::profile::Action;
    use crate::recording::{Answer, TupleFacts};
    use crate::syscall::Abi;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).expect("a call")
    }

    /// Permits `getcwd`, and `socket` for families below 38.
    fn base() -> Meaning {
        let below = crate::profile::Condition {
            index: 0,
            operator: crate::profile::Operator::Lt,
            value: 38,
            value_two: 0,
        };
        meaning(vec![
            rule("getcwd", Action::Allow, vec![]),
            rule("socket", Action::Allow, vec![below]),
        ])
    }

    fn facts(count: u64, tuples: Option<&[[u64; 3]]>) -> DenialFacts {
        let tuples = tuples.map(|tuples| Tuples {
            indexes: vec![0, 1, 2],
            seen: tuples
                .iter()
                .map(|values| {
                    let facts = TupleFacts {
                        count: 2,
                        first: None,
                    };
                    (values.to_vec(), facts)
                })
                .collect(),
        });
        DenialFacts {
            count,
            first: None,
            tuples,
        }
    }

    fn denials(seen: Vec<(Call, Answer, DenialFacts)>) -> Denials {
        let seen = seen
            .into_iter()
            .map(|(call, answer, facts)| (DenialKey { call, answer }, facts));
        Denials {
            seen: seen.collect(),
            ..Denials::default()
        }
    }

    #[test]
    fn only_what_the_base_permits_is_missing() {
        let both = [[1, 2, 3], [40, 1, 0]];
        let judged = judge(
            &denials(vec![
                (call("getcwd"), Answer::Errno(1), facts(3, None)),
                (call("getcwd"), Answer::Killed, facts(1, None)),
                (call("socket"), Answer::Errno(1), facts(4, Some(&both))),
                (call("mount"), Answer::Errno(1), facts(5, None)),
                (call("openat"), Answer::Value, facts(6, None)),
                (
                    Call::new(Abi::X86_64, 9999),
                    Answer::Errno(38),
                    facts(1, None),
                ),
                (Call::new(Abi::I386, 3), Answer::Killed, facts(1, None)),
            ]),
            &base(),
        );
        let missing = |count, tuples| {
            let DenialFacts { tuples, .. } = facts(count, tuples);
            Missing {
                count,
                first: None,
                tuples,
            }
        };
        let expected = [
            (call("getcwd"), missing(4, None)),
            (call("socket"), missing(2, Some(&[[1, 2, 3]]))),
        ];
        assert_eq!(judged.missing, expected.into());
        let refused_too = [
            call("socket"),
            call("mount"),
            Call::new(Abi::X86_64, 9999),
            Call::new(Abi::I386, 3),
        ];
        assert_eq!(judged.refused_too, refused_too.into());
    }

    #[test]
    fn what_is_missing_counts_as_if_it_had_been_made() {
        let like = testing::recording("first", vec![]);
        let judged = judge(
            &denials(vec![
                (call("getcwd"), Answer::Errno(1), facts(3, None)),
                (
                    call("socket"),
                    Answer::Errno(1),
                    facts(2, Some(&[[1, 2, 3]])),
                ),
            ]),
            &base(),
        );
        let run = as_if_made(&like, "second".to_owned(), &judged.missing);
        assert_eq!(run.run_id, "second");
        assert_eq!(run.target, like.target);
        let of = |name| {
            let key = FactKey {
                call: call(name),
                filtered: true,
            };
            run.facts[&key].clone()
        };
        assert_eq!(run.facts.len(), 2);
        assert_eq!(of("getcwd").arguments, Arguments::Untracked);
        assert_eq!(of("getcwd").count, 3);
        let Arguments::Exact(tuples) = of("socket").arguments else {
            panic!("{run:?}");
        };
        assert_eq!(tuples.seen.keys().collect::<Vec<_>>(), [&vec![1, 2, 3]]);
    }
}
