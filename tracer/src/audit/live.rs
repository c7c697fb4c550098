//! A running target against a profile: the filters that it really has, and what they refused while it was
//! watched. How that was found out is not known here.

use super::refused::registers;
use super::value::Values;
use crate::profile::proof::Deviation;
use crate::profile::{ArgumentSet, Meaning, base};
use crate::recording::{Answer, DenialFacts, DenialKey, Denials};
use crate::syscall::Call;

/// What a running target shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// How it is called. Hostile.
    pub target: String,
    /// How many instructions each of its filters has, in the order in which they were installed.
    pub filters: Vec<usize>,
    /// Where they answer otherwise than the profile says.
    pub deviations: Vec<Deviation>,
    /// What was refused, if it was watched.
    pub refusals: Option<Refusals>,
}

/// What was refused while a target was watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The calls, in order of call, answer and values.
    pub refused: Vec<Refused>,
    /// How many refused calls could not be kept.
    pub lost: u64,
}

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The call.
    pub call: Call,
    /// The values of its tracked arguments; unknown if there are none.
    pub values: Values,
    /// What came instead.
    pub answer: Answer,
    /// How often.
    pub count: u64,
    /// The program that was first, if that is known. Hostile.
    pub program: Option<String>,
    /// Who would have permitted it.
    pub permitted: Permitted,
}

/// Who would have permitted a refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permitted {
    /// Neither profile nor base.
    ByNobody,
    /// The base, which the profile need not fall short of.
    ByBase,
    /// The profile itself.
    ByProfile,
}

impl Refusals {
    /// What was refused, against the profile and a base.
    #[must_use]
    pub fn of(denials: &Denials, profile: &Meaning, base: &Meaning) -> Self {
        let refused = denials
            .refusals()
            .flat_map(|(key, facts)| refused(key, facts, profile, base));
        Self {
            refused: refused.collect(),
            lost: denials.losses.calls,
        }
    }
}

/// A refused call, by the values of its arguments.
fn refused(key: DenialKey, facts: &DenialFacts, profile: &Meaning, base: &Meaning) -> Vec<Refused> {
    let call = key.call;
    let sets = [
        (Permitted::ByProfile, profile.permitted(call)),
        (Permitted::ByBase, base::permitted_in_both_views(base, call)),
    ];
    let one = |values, count, first: Option<&String>, registers: Option<[u64; 6]>| {
        let by = sets.iter().find(|(_, set)| permits(set, registers));
        Refused {
            call,
            values,
            answer: key.answer,
            count,
            program: first.cloned(),
            permitted: by.map_or(Permitted::ByNobody, |&(by, _)| by),
        }
    };
    let tuples = facts.tuples.iter().flat_map(|tuples| {
        tuples
            .seen
            .iter()
            .map(|(values, facts)| (&tuples.indexes, values, facts))
    });
    let each: Vec<_> = tuples
        .map(|(indexes, values, tuple)| {
            let known = indexes.iter().copied().zip(values.iter().copied());
            let program = tuple.first.as_ref().map(|first| &first.program);
            let registers = registers(indexes, values);
            one(known.collect(), tuple.count, program, Some(registers))
        })
        .collect();
    if !each.is_empty() {
        return each;
    }
    let program = facts.first.as_ref().map(|first| &first.program);
    vec![one(Values::unknown(), facts.count, program, None)]
}

/// Whether a call with these registers is within a set; without registers, whether it always is.
fn permits(set: &ArgumentSet, registers: Option<[u64; 6]>) -> bool {
    match registers {
        Some(registers) => set.contains(&registers),
        None => set.is_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Circumstances, KernelVersion, read};
    use crate::recording::{DenialLosses, Sighting, TupleFacts, Tuples};
    use crate::syscall::{Abi, capability};

    fn meaning(text: &str) -> Meaning {
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        let profile = read::profile(text).unwrap().resolve(&circumstances);
        Meaning::of(&profile, Abi::X86_64)
    }

    fn allowing(rules: &str) -> Meaning {
        meaning(&format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rules}]}}"#
        ))
    }

    #[test]
    fn each_refused_call_is_laid_at_somebodys_door() {
        let profile = allowing(
            r#"{"names": ["getpgrp"], "action": "SCMP_ACT_ALLOW"},
               {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}"#,
        );
        let base = allowing(
            r#"{"names": ["getpgrp", "mkdir"], "action": "SCMP_ACT_ALLOW"},
               {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 10, "op": "SCMP_CMP_EQ"}]}"#,
        );
        let call = |name: &str| Call::named(Abi::X86_64, name).unwrap();
        let first = Sighting {
            at_ms: 1,
            pid: 7,
            program: "sh".to_owned(),
        };
        let key = |name: &str| DenialKey {
            call: call(name),
            answer: Answer::Errno(1),
        };
        let facts = |tuples| DenialFacts {
            count: 3,
            first: Some(first.clone()),
            tuples,
        };
        let tuple = TupleFacts {
            count: 1,
            first: None,
        };
        let families = Tuples {
            indexes: vec![0],
            seen: [2, 10, 38]
                .map(|family| (vec![family], tuple.clone()))
                .into(),
        };
        let answered = DenialKey {
            call: call("getppid"),
            answer: Answer::Value,
        };
        let denials = Denials {
            seen: [
                (key("getpgrp"), facts(None)),
                (key("mkdir"), facts(None)),
                (key("mount"), facts(None)),
                (key("socket"), facts(Some(families))),
                (answered, facts(None)),
            ]
            .into(),
            losses: DenialLosses {
                calls: 4,
                ..DenialLosses::default()
            },
        };
        let refusals = Refusals::of(&denials, &profile, &base);
        let told = refusals.refused.iter().map(|one| {
            let family = one.values.at(0);
            let program = one.program.as_deref();
            (one.call, family, one.count, program, one.permitted)
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (call("socket"), Some(2), 1, None, Permitted::ByProfile),
                (call("socket"), Some(10), 1, None, Permitted::ByBase),
                (call("socket"), Some(38), 1, None, Permitted::ByNobody),
                (call("mkdir"), None, 3, Some("sh"), Permitted::ByBase),
                (call("getpgrp"), None, 3, Some("sh"), Permitted::ByProfile),
                (call("mount"), None, 3, Some("sh"), Permitted::ByNobody),
            ]
        );
        assert_eq!(refusals.lost, 4);
    }
}
