//! The promises, as laws over generated recordings.

use super::*;
use crate::profile::{Circumstances, KernelVersion, compare, read, write};
use crate::recording::{
    Arguments, CallFacts, FactKey, Host, Losses, Recording, Target, TupleFacts, Tuples, Window,
    WindowEnd, WindowStart,
};
use crate::syscall::{capability, catalog};
use proptest::prelude::*;

fn recording(facts: Vec<(Abi, &str, bool, [u64; 3])>) -> Recording {
    let mut recording = Recording {
        tool_version: String::new(),
        run_id: format!("{facts:?}"),
        host: Host {
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
        },
        target: Target::default(),
        window: Window {
            start: String::new(),
            duration_ms: 0,
            last_new_fact_ms: 0,
            from: WindowStart::Exec,
            until: WindowEnd::Empty,
        },
        facts: BTreeMap::new(),
        losses: Losses::default(),
        denials: None,
    };
    for (abi, name, filtered, values) in facts {
        let Some(call) = Call::named(abi, name) else {
            continue;
        };
        let tracked = catalog::tracked(name);
        let indexes: Vec<u8> = tracked.iter().map(|argument| argument.index).collect();
        let values = tracked
            .iter()
            .zip(values)
            .map(|(argument, value)| value & argument.mask());
        let arguments = if indexes.is_empty() {
            Arguments::Untracked
        } else {
            let seen = [(
                values.collect(),
                TupleFacts {
                    count: 1,
                    first: None,
                },
            )]
            .into();
            Arguments::Exact(Tuples { indexes, seen })
        };
        let facts = CallFacts {
            count: 1,
            first: None,
            last_ms: 0,
            arguments,
        };
        let key = FactKey { call, filtered };
        match recording
            .facts
            .get_mut(&key)
            .map(|known| &mut known.arguments)
        {
            Some(Arguments::Exact(known)) => {
                if let Arguments::Exact(new) = facts.arguments {
                    known.seen.extend(new.seen);
                }
            }
            Some(_) => {}
            None => {
                recording.facts.insert(key, facts);
            }
        }
    }
    recording
}

/// These recordings, put together.
fn runs<const N: usize>(recordings: [&Recording; N]) -> Runs {
    let each = recordings.map(|recording| Runs::from(recording.clone()));
    Runs::merged(&each).unwrap()
}

fn meaning_of_base(capabilities: &[&str]) -> (Profile, Meaning) {
    let mut granted = capability::docker_default();
    granted.extend(capabilities.iter().map(|&name| name.to_owned()));
    let kernel = KernelVersion { major: 6, minor: 1 };
    let circumstances = Circumstances {
        host: Abi::X86_64,
        kernel,
        capabilities: granted,
    };
    let base = base::docker().resolve(&circumstances);
    let meaning = Meaning::of(&base, Abi::X86_64);
    (base, meaning)
}

fn options(base: &Profile, runtime: bool) -> Options {
    let runtimes = if runtime {
        ["runc".to_owned()].into()
    } else {
        BTreeSet::new()
    };
    Options {
        base: Some(base.clone()),
        native: Abi::X86_64,
        runtimes,
        late: false,
    }
}

fn facts() -> impl Strategy<Value = Vec<(Abi, &'static str, bool, [u64; 3])>> {
    let abi = prop_oneof![4 => Just(Abi::X86_64), 1 => Just(Abi::I386), 1 => Just(Abi::X32)];
    let name = prop::sample::select(vec![
        "read",
        "openat",
        "socket",
        "clone",
        "clone3",
        "personality",
        "mount",
        "bpf",
        "keyctl",
        "futex",
        "socketcall",
        "statx",
        "ioctl",
        "ptrace",
        "unshare",
        "exit_group",
        "io_uring_setup",
    ]);
    let value = prop_oneof![
        0..48u64,
        Just(0x1_0000_0028),
        Just(0x7E02_0000),
        Just(0xFFFF_FFFF)
    ];
    let values = [value.clone(), value.clone(), value];
    prop::collection::vec((abi, name, any::<bool>(), values), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_promises_hold(first in facts(), second in facts(), admin in any::<bool>(), runtime in any::<bool>()) {
        let (base, bound) = meaning_of_base(if admin { &["CAP_SYS_ADMIN"] } else { &[] });
        let options = options(&base, runtime);
        let (first, second) = (recording(first), recording(second));
        let outcome = minimize(&runs([&first]), &options);
        let meaning = Meaning::of(&outcome.profile, Abi::X86_64);

        // What was recorded and the base permits, in both views, is permitted.
        let counting = |key: &FactKey| key.filtered == first.has_filtered_facts();
        for (key, facts) in first.facts.iter().filter(|(key, _)| counting(key)) {
            let Arguments::Exact(tuples) = &facts.arguments else { continue };
            for values in tuples.seen.keys() {
                let pairs: Vec<_> = tuples.indexes.iter().copied().zip(values.iter().copied()).collect();
                let registers = rules::registers(&pairs);
                let permitted = base::permitted_in_both_views(&bound, key.call).contains(&registers);
                prop_assert!(!permitted || meaning.permitted(key.call).contains(&registers), "{}", key.call);
            }
        }
        // Nothing that the base denies is permitted, and everything permitted has a reason.
        prop_assert_eq!(compare::beyond(&bound, &meaning), vec![]);
        for rule in outcome.profile.rules.iter().filter(|rule| rule.action.permits()) {
            for name in &rule.names {
                prop_assert!(outcome.reasons.keys().any(|call| call.name() == Some(name)), "{}", name);
            }
        }
        // The same evidence gives the same bytes, in any order and number.
        let one = minimize(&runs([&first, &second, &first]), &options);
        let other = minimize(&runs([&second, &first]), &options);
        prop_assert_eq!(write::oci(&one.profile), write::oci(&other.profile));
        // What is written reads back.
        let again = read::profile(&write::oci(&one.profile)).unwrap();
        let (kernel, capabilities) = (KernelVersion { major: 6, minor: 1 }, BTreeSet::new());
        let circumstances = Circumstances { host: Abi::X86_64, kernel, capabilities };
        prop_assert_eq!(again.resolve(&circumstances), one.profile);
    }

    #[test]
    fn more_evidence_takes_no_permission_away(first in facts(), second in facts()) {
        // Under a filter everything counts, so that the second recording only adds.
        let filtered = |facts: Vec<(Abi, &'static str, bool, [u64; 3])>| {
            recording(facts.into_iter().map(|(abi, name, _, values)| (abi, name, true, values)).collect())
        };
        let (base, _) = meaning_of_base(&[]);
        let options = options(&base, false);
        let (first, second) = (filtered(first), filtered(second));
        let less = minimize(&runs([&first]), &options);
        let more = minimize(&runs([&first, &second]), &options);
        prop_assert_eq!(compare::beyond(
            &Meaning::of(&more.profile, Abi::X86_64),
            &Meaning::of(&less.profile, Abi::X86_64),
        ).into_iter().filter(|excess| !excess.only_in_kernel_view).collect::<Vec<_>>(), vec![]);
    }
}

#[test]
fn threads_can_start_and_vsock_stays_shut() {
    let (base, _) = meaning_of_base(&[]);
    let seen = vec![
        (Abi::X86_64, "clone3", false, [0; 3]),
        (Abi::X86_64, "socket", false, [2, 1, 0]),
        (Abi::X86_64, "socket", false, [40, 1, 0]),
        (Abi::X86_64, "keyctl", false, [0; 3]),
    ];
    let outcome = minimize(&runs([&recording(seen)]), &options(&base, false));
    let meaning = Meaning::of(&outcome.profile, Abi::X86_64);
    let permits = |name: &str, first: u64| {
        let call = Call::named(Abi::X86_64, name).unwrap();
        meaning.permitted(call).contains(&[first, 0, 0, 0, 0, 0])
    };
    assert!(permits("clone", 0x3D_0F00), "the flags of a new thread");
    assert!(!permits("clone", 0x1000_0000), "a new user namespace");
    assert!(permits("socket", 2));
    assert!(!permits("socket", 40) && !permits("socket", 0x1_0000_0028) && !permits("socket", 1));
    let clone3: Vec<_> = outcome
        .profile
        .rules
        .iter()
        .filter(|rule| rule.names == ["clone3"])
        .collect();
    assert_eq!(clone3[0].action, crate::profile::Action::Errno(38));
    let denied: Vec<_> = outcome
        .denied
        .iter()
        .map(|denied| denied.call.to_string())
        .collect();
    assert_eq!(denied, ["socket", "keyctl", "clone3"]);
    assert_eq!(
        outcome.denied[0].cause,
        Cause::Values(vec![vec![(0, 40), (1, 1), (2, 0)]])
    );
}

#[test]
fn what_the_runtime_did_before_its_filter_does_not_count() {
    let (base, _) = meaning_of_base(&[]);
    let seen = vec![
        (Abi::X86_64, "symlinkat", false, [0; 3]),
        (Abi::X86_64, "getpid", true, [0; 3]),
    ];
    let outcome = minimize(&runs([&recording(seen)]), &options(&base, false));
    assert!(
        outcome
            .reasons
            .contains_key(&Call::named(Abi::X86_64, "getpid").unwrap())
    );
    assert!(
        !outcome
            .reasons
            .contains_key(&Call::named(Abi::X86_64, "symlinkat").unwrap())
    );
}
