//! Recordings and options for the tests of the minimizer.

use super::{Options, Portability, Precision};
use crate::profile::{Circumstances, KernelVersion, Profile, Source};
use crate::recording::{
    Arguments, CallFacts, FactKey, Host, Losses, Recording, Runs, Target, TupleFacts, Tuples,
    Window, WindowEnd, WindowStart,
};
use crate::syscall::{Abi, Call, capability, catalog};
use std::collections::{BTreeMap, BTreeSet};

/// A call by name, whether it was made under a filter, and the values of its tracked arguments.
pub(crate) type Fact = (Abi, &'static str, bool, [u64; 3]);

/// A recording of these facts.
pub(crate) fn recording(facts: Vec<Fact>) -> Recording {
    let mut recording = Recording {
        tool_version: String::new(),
        run_id: format!("{facts:?}"),
        host: Host {
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            hook: None,
        },
        target: Target::default(),
        window: Window {
            start: String::new(),
            duration_ms: 0,
            last_new_fact_ms: 0,
            from: WindowStart::Exec,
            until: WindowEnd::Empty,
            lives: None,
        },
        facts: BTreeMap::new(),
        losses: Losses::default(),
        denials: None,
    };
    for (abi, name, filtered, values) in facts {
        if let Some(call) = Call::named(abi, name) {
            add(&mut recording, FactKey { call, filtered }, values);
        }
    }
    recording
}

/// These recordings, put together.
pub(crate) fn runs<const N: usize>(recordings: [&Recording; N]) -> Runs {
    let each = recordings.map(|recording| Runs::from(recording.clone()));
    Runs::merged(&each).unwrap()
}

/// A recording of one call under a filter, with values at these positions only.
pub(super) fn partial(name: &str, values: &[(u8, u64)]) -> Recording {
    let mut recording = recording(Vec::new());
    recording.run_id = format!("{name} {values:?}");
    let call = Call::named(Abi::X86_64, name).unwrap();
    let (indexes, values) = values.iter().copied().unzip();
    let facts = TupleFacts {
        count: 1,
        first: None,
    };
    let facts = CallFacts {
        count: 1,
        first: None,
        last_ms: 0,
        arguments: Arguments::Exact(Tuples {
            indexes,
            seen: [(values, facts)].into(),
        }),
    };
    let key = FactKey {
        call,
        filtered: true,
    };
    recording.facts.insert(key, facts);
    recording
}

fn add(recording: &mut Recording, key: FactKey, values: [u64; 3]) {
    let tracked = catalog::of(key.call);
    let values = tracked
        .iter()
        .zip(values)
        .map(|(argument, value)| value & argument.mask())
        .collect();
    let facts = recording.facts.entry(key).or_insert_with(|| CallFacts {
        count: 1,
        first: None,
        last_ms: 0,
        arguments: match tracked {
            [] => Arguments::Untracked,
            _ => Arguments::Exact(Tuples {
                indexes: tracked.iter().map(|argument| argument.index).collect(),
                seen: BTreeMap::new(),
            }),
        },
    });
    if let Arguments::Exact(tuples) = &mut facts.arguments {
        tuples.seen.insert(
            values,
            TupleFacts {
                count: 1,
                first: None,
            },
        );
    }
}

/// A base for Docker's capabilities and these.
pub(super) fn resolved(base: &Source, capabilities: &[&str]) -> Profile {
    let mut granted = capability::docker_default();
    granted.extend(capabilities.iter().map(|&name| name.to_owned()));
    base.resolve(&Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: granted,
    })
}

/// The options that nobody has to ask for, for a plain command.
pub(crate) fn options(base: Option<Profile>) -> Options {
    Options {
        base,
        native: Abi::X86_64,
        runtimes: BTreeSet::new(),
        start: super::Start::default(),
        precision: Precision::default(),
        portability: Portability::default(),
        chance: true,
        stand_ins: BTreeMap::new(),
        kept: None,
    }
}
