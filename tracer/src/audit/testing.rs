//! Small recordings for tests.

use crate::profile::{Action, Condition, Meaning, Profile, Rule};
use crate::recording::{
    Arguments, CallFacts, FactKey, Host, Losses, Recording, Sighting, Target, TupleFacts, Tuples,
    Window, WindowEnd, WindowStart,
};
use crate::syscall::{Abi, Call};

/// A rule about one call.
pub(crate) fn rule(name: &str, action: Action, conditions: Vec<Condition>) -> Rule {
    Rule {
        names: vec![name.to_owned()],
        action,
        conditions,
    }
}

/// What a profile means that refuses everything but what its rules say, with EPERM.
pub(crate) fn meaning(rules: Vec<Rule>) -> Meaning {
    let profile = Profile {
        default_action: Action::Errno(1),
        abis: [Abi::X86_64].into(),
        other_architectures: vec![],
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules,
    };
    Meaning::of(&profile, Abi::X86_64)
}

/// A complete recording of x86_64 calls by name: whether under a filter, and what is known of them.
pub(crate) fn recording(run_id: &str, facts: Vec<(&str, bool, CallFacts)>) -> Recording {
    let facts = facts.into_iter().map(|(name, filtered, facts)| {
        let call = Call::named(Abi::X86_64, name).unwrap();
        (FactKey { call, filtered }, facts)
    });
    Recording {
        tool_version: "0.1.0".to_owned(),
        run_id: run_id.to_owned(),
        host: Host {
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            hook: None,
        },
        target: Target::default(),
        window: Window {
            start: "2026-01-01T00:00:00Z".to_owned(),
            duration_ms: 1000,
            last_new_fact_ms: 10,
            from: WindowStart::Exec,
            until: WindowEnd::Empty,
            lives: None,
        },
        facts: facts.collect(),
        losses: Losses::default(),
        denials: None,
    }
}

/// The same of a target that had its filter when it started.
pub(crate) fn confined(run_id: &str, facts: Vec<(&str, bool, CallFacts)>) -> Recording {
    let mut recording = recording(run_id, facts);
    recording.target.filtered_at_start = Some(true);
    recording
}

pub(crate) fn untracked(count: u64) -> CallFacts {
    CallFacts {
        count,
        first: Some(Sighting {
            at_ms: 1,
            pid: 7,
            program: "sh".to_owned(),
        }),
        last_ms: 0,
        arguments: Arguments::Untracked,
    }
}

/// Every tuple at these positions, with how often.
pub(crate) fn tracked(indexes: &[u8], tuples: &[(&[u64], u64)]) -> CallFacts {
    let facts = untracked(tuples.iter().map(|(_, count)| count).sum());
    let seen = tuples.iter().map(|&(tuple, count)| {
        let first = facts.first.clone();
        (tuple.to_vec(), TupleFacts { count, first })
    });
    let arguments = Arguments::Exact(Tuples {
        indexes: indexes.to_vec(),
        seen: seen.collect(),
    });
    CallFacts { arguments, ..facts }
}

/// The same, with more tuples than were kept.
pub(crate) fn unbounded(indexes: &[u8], tuples: &[(&[u64], u64)]) -> CallFacts {
    let facts = tracked(indexes, tuples);
    let Arguments::Exact(tuples) = facts.arguments else {
        unreachable!("made above")
    };
    CallFacts {
        arguments: Arguments::Unbounded(tuples),
        ..facts
    }
}
