//! The promises, as laws over generated recordings, for every combination of options.
//!
//! Proven with exact sets: what is compared is everything that a profile permits, not samples of it.

use super::testing::{Fact, options, recording, resolved, runs};
use super::*;
use crate::profile::{
    ArgumentSet, Circumstances, KernelVersion, Meaning, base, compare, read, write,
};
use crate::recording::{Arguments, FactKey, Recording};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::sync::LazyLock;

const NATIVE: Abi = Abi::X86_64;

/// Calls of every kind that the minimizer tells apart.
const NAMES: &[&str] = &[
    "read",
    "openat",
    "open",
    "socket",
    "setsockopt",
    "clone",
    "clone3",
    "personality",
    "mount",
    "bpf",
    "keyctl",
    "futex",
    "socketcall",
    "ipc",
    "shmget",
    "statx",
    "ioctl",
    "ptrace",
    "unshare",
    "prctl",
    "sendmsg",
    "mprotect",
    "mmap",
    "seccomp",
    "fcntl",
    "exit_group",
    "io_uring_setup",
    "getrandom",
    "epoll_ctl",
    "execve",
];

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let abi = prop_oneof![5 => Just(Abi::X86_64), 1 => Just(Abi::I386), 1 => Just(Abi::X32)];
    let value = prop_oneof![
        4 => 0..20u64,
        2 => 0..48u64,
        1 => Just(0x5401),
        1 => Just(0x1_0000_0028),
        1 => Just(0x7E02_0000),
        1 => Just(0x3D_0F00),
        1 => Just(0xFFFF_FFFF),
    ];
    let values = [value.clone(), value.clone(), value];
    prop::collection::vec(
        (abi, prop::sample::select(NAMES), any::<bool>(), values),
        0..18,
    )
}

/// The same, with more values of one call than are kept.
fn crowd() -> impl Strategy<Value = Vec<Fact>> {
    let name = prop::sample::select(vec!["ioctl", "setsockopt", "prctl"]);
    let value = 0..400u64;
    (name, prop::collection::vec((value.clone(), value), 50..90)).prop_map(|(name, values)| {
        values
            .into_iter()
            .map(|(first, second)| (NATIVE, name, true, [first, second, 0]))
            .collect()
    })
}

/// The bases: Docker's without and with a capability that opens much, Podman's, and none.
static BASES: LazyLock<Vec<(Option<Profile>, Meaning)>> = LazyLock::new(|| {
    use crate::profile::base::{docker, podman};
    let bases = [
        Some(resolved(docker(), &[])),
        Some(resolved(docker(), &["CAP_SYS_ADMIN"])),
        Some(resolved(podman(), &[])),
        None,
    ];
    let meant = |base: Option<Profile>| {
        let meaning = base
            .as_ref()
            .map_or_else(Meaning::unconfined, |base| Meaning::of(base, NATIVE));
        (base, meaning)
    };
    bases.into_iter().map(meant).collect()
});

/// Every combination of options, with the meaning of its base.
fn combinations() -> Vec<(Options, &'static Meaning)> {
    let runtime = |name: &str| RuntimeRelease {
        name: name.to_owned(),
        version: None,
    };
    let (runc, crun) = (runtime("runc"), runtime("crun"));
    let runtimes = [BTreeSet::new(), [runc.clone()].into(), [runc, crun].into()];
    let mut all = Vec::new();
    for (base, meaning) in BASES.iter() {
        for runtimes in &runtimes {
            for late in [false, true] {
                for precision in Precision::ALL {
                    for portability in Portability::ALL {
                        let options = Options {
                            runtimes: runtimes.clone(),
                            late,
                            precision,
                            portability,
                            ..options(base.clone())
                        };
                        all.push((options, meaning));
                    }
                }
            }
        }
    }
    all
}

/// Set by `cargo xtask laws`, which checks every combination, optimised.
const WHOLE: &str = "SECCOMP_TRACER_WHOLE_LAWS";

/// Unoptimised, a law takes a second or so for each combination, so that by default only one in this many is
/// checked. The number shares no factor with those of the options, so that every value of each comes up.
const STEP: usize = 11;

/// Checks a law for the combinations of options, each with recordings of its own.
fn for_every_combination<S: Strategy>(
    strategy: &S,
    law: impl Fn(&Options, &Meaning, S::Value) -> Result<(), TestCaseError>,
) {
    let step = if std::env::var_os(WHOLE).is_some() {
        1
    } else {
        STEP
    };
    let combinations = (0u8..=255).cycle().zip(combinations());
    for (number, (options, bound)) in combinations.step_by(step) {
        let mut seed = [number; 32];
        seed[0] = 0x5E;
        let config = Config {
            cases: 1,
            failure_persistence: None,
            ..Config::default()
        };
        let mut runner =
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        if let Err(error) = runner.run(strategy, |value| law(&options, bound, value)) {
            let Options {
                runtimes,
                late,
                precision,
                portability,
                ..
            } = options;
            panic!("{precision:?} {portability:?} {runtimes:?} late {late}: {error}");
        }
    }
}

/// Everything recorded that the base permits, in both views, is permitted, for exactly those values.
fn what_was_recorded_is_permitted(
    recording: &Recording,
    bound: &Meaning,
    meaning: &Meaning,
) -> Result<(), TestCaseError> {
    let counting = |key: &FactKey| key.filtered == recording.has_filtered_facts();
    for (key, facts) in recording.facts.iter().filter(|(key, _)| counting(key)) {
        let permitted = base::permitted_in_both_views(bound, key.call);
        let permits = meaning.permitted(key.call);
        let Arguments::Exact(tuples) = &facts.arguments else {
            prop_assert!(permitted.is_subset(&permits), "{}", key.call);
            continue;
        };
        for values in tuples.seen.keys() {
            let pairs = tuples.indexes.iter().copied().zip(values.iter().copied());
            // Whatever the other arguments are.
            let seen = pairs.fold(ArgumentSet::all(), |set, (index, value)| {
                set.intersection(&ArgumentSet::masked(index, u64::MAX, value))
            });
            prop_assert!(
                seen.intersection(&permitted).is_subset(&permits),
                "{} {values:?}",
                key.call
            );
        }
    }
    Ok(())
}

#[test]
fn what_was_recorded_is_permitted_and_nothing_beyond_the_base() {
    for_every_combination(&facts(), |options, bound, facts| {
        let recording = recording(facts);
        let outcome = minimize(&runs([&recording]), options);
        let meaning = Meaning::of(&outcome.profile, NATIVE);
        what_was_recorded_is_permitted(&recording, bound, &meaning)?;
        prop_assert_eq!(compare::beyond(bound, &meaning), vec![]);
        // Nothing is permitted without a reason.
        for rule in outcome
            .profile
            .rules
            .iter()
            .filter(|rule| rule.action.permits())
        {
            for name in &rule.names {
                let has_reason = outcome
                    .reasons
                    .iter()
                    .any(|(call, why)| call.name() == Some(name) && !why.is_empty());
                prop_assert!(has_reason, "{}", name);
            }
        }
        Ok(())
    });
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    for_every_combination(&(facts(), facts()), |options, _, (first, second)| {
        let (first, second) = (recording(first), recording(second));
        let one = minimize(&runs([&first, &second, &first]), options);
        let other = minimize(&runs([&second, &first]), options);
        prop_assert_eq!(&one.reasons, &other.reasons);
        let bytes = write::oci(&one.profile);
        prop_assert_eq!(&bytes, &write::oci(&other.profile));
        // What is written reads back.
        let circumstances = Circumstances {
            host: NATIVE,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: BTreeSet::new(),
        };
        prop_assert_eq!(
            read::profile(&bytes).unwrap().resolve(&circumstances),
            one.profile
        );
        Ok(())
    });
}

/// What libseccomp makes of it, too, is within the base, and permits no less than what was asked for.
#[test]
fn what_is_proven_is_within_the_base_and_takes_nothing_away() {
    for_every_combination(&facts(), |options, bound, facts| {
        let runs = runs([&recording(facts)]);
        let proven =
            proven(&runs, options).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let meaning = Meaning::of(&proven.profile, NATIVE);
        prop_assert_eq!(compare::beyond(bound, &meaning), vec![]);
        takes_nothing_away(&minimize(&runs, options), &proven)
    });
}

/// Nothing of the first profile is missing in the second.
fn takes_nothing_away(less: &Outcome, more: &Outcome) -> Result<(), TestCaseError> {
    let (less, more) = (
        Meaning::of(&less.profile, NATIVE),
        Meaning::of(&more.profile, NATIVE),
    );
    let lost = compare::beyond(&more, &less)
        .into_iter()
        .filter(|excess| !excess.only_in_kernel_view);
    prop_assert_eq!(lost.collect::<Vec<_>>(), vec![]);
    Ok(())
}

#[test]
fn more_evidence_takes_no_permission_away() {
    let strategy = (
        prop_oneof![12 => facts(), 1 => crowd()],
        prop_oneof![12 => facts(), 1 => crowd()],
    );
    for_every_combination(&strategy, |options, _, (first, second)| {
        // Under a filter everything counts, so that the second recording only adds.
        let filtered = |facts: Vec<Fact>| {
            recording(
                facts
                    .into_iter()
                    .map(|(abi, name, _, values)| (abi, name, true, values))
                    .collect(),
            )
        };
        let (first, second) = (filtered(first), filtered(second));
        let less = minimize(&runs([&first]), options);
        let more = minimize(&runs([&first, &second]), options);
        takes_nothing_away(&less, &more)
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn levels_and_places_are_ordered(facts in facts(), which in 0..4usize) {
        let runs = runs([&recording(facts)]);
        let at = |precision, portability| {
            minimize(&runs, &Options { precision, portability, ..options(BASES[which].0.clone()) })
        };
        for pair in Precision::ALL.windows(2) {
            takes_nothing_away(&at(pair[1], Portability::Kernel), &at(pair[0], Portability::Kernel))?;
        }
        for pair in Portability::ALL.windows(2) {
            takes_nothing_away(&at(Precision::Stable, pair[0]), &at(Precision::Stable, pair[1]))?;
        }
    }
}
