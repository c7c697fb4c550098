//! The promises, as laws over generated recordings, for every combination of options.
//!
//! Proven with exact sets: what is compared is everything that a profile permits, not samples of it.

use super::testing::{Fact, options, recording, resolved, runs};
use super::*;
use crate::profile::{
    ArgumentSet, Circumstances, KernelVersion, Meaning, base, compare, read, write,
};
use crate::recording::{Arguments, FactKey, Recording, SeccompState, TargetKind, WindowStart};
use crate::syscall::Call;
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
    "futex_time64",
    "openat2",
    "faccessat2",
    "close_range",
    "epoll_pwait2",
    "sigaction",
    "semtimedop_time64",
    "vfork",
    "pipe",
    "connect",
];

pub(crate) fn facts() -> impl Strategy<Value = Vec<Fact>> {
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

/// Who made a call. The laws know it; a recording does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Runtime,
    Target,
}

/// How a target started, and what a recording says of that: kind, filter, whether it had that from its start,
/// and where the window begins.
type Start = (TargetKind, Option<SeccompState>, Option<bool>, WindowStart);

/// Recordings of which it is known what the target made itself. One that started under a filter made all under
/// it, and the runtime worked without; any other may have installed one of its own, for some of its processes.
fn lives() -> impl Strategy<Value = (Recording, BTreeSet<FactKey>)> {
    use SeccompState::{Custom, EngineDefault, Filtered, Unconfined};
    use TargetKind::{Cgroup, Command, Container, Process};
    use WindowStart::{Attach, Exec};
    let confined: Vec<Start> = vec![
        (Container, Some(EngineDefault), Some(true), Exec),
        (Container, Some(Custom), Some(true), Attach),
        // As earlier versions wrote them.
        (Container, Some(EngineDefault), None, Attach),
        (Container, Some(Filtered), None, Exec),
    ];
    let open: Vec<Start> = vec![
        (Command, Some(Unconfined), Some(false), Exec),
        (Container, Some(Unconfined), Some(false), Exec),
        (Container, Some(Filtered), None, Attach),
        (Process, Some(Filtered), None, Attach),
        (Cgroup, None, None, Attach),
        (Cgroup, Some(Filtered), None, Exec),
        // As earlier versions wrote them.
        (Command, Some(Unconfined), None, Exec),
        (Process, Some(Unconfined), None, Attach),
        (Command, None, None, Exec),
    ];
    let starts = |starts: Vec<Start>, confined| {
        prop::sample::select(starts).prop_map(move |start| (start, confined))
    };
    let start = prop_oneof![starts(confined, true), starts(open, false)];
    (start, facts(), facts()).prop_map(
        |(((kind, seccomp, at_start, from), confined), own, others)| {
            let own = own.into_iter().map(|(abi, name, filtered, values)| {
                (Maker::Target, (abi, name, filtered || confined, values))
            });
            let others = others
                .into_iter()
                .map(|(abi, name, _, values)| (Maker::Runtime, (abi, name, false, values)));
            let made: Vec<(Maker, Fact)> = own.chain(others).collect();
            let mut recording = recording(made.iter().map(|(_, fact)| *fact).collect());
            recording
                .run_id
                .push_str(&format!("{kind:?} {seccomp:?} {at_start:?} {from:?}"));
            recording.target.kind = kind;
            recording.target.seccomp = seccomp;
            recording.target.filtered_at_start = at_start;
            recording.window.from = from;
            let own = made.iter().filter(|(maker, _)| *maker == Maker::Target);
            let own = own.filter_map(|&(_, (abi, name, filtered, _))| {
                let call = Call::named(abi, name)?;
                Some(FactKey { call, filtered })
            });
            let own = own.collect();
            (recording, own)
        },
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
    let late = crate::minimize::Start {
        late: true,
        init: Init::Recorded,
        any: false,
    };
    let mut all = Vec::new();
    for (base, meaning) in BASES.iter() {
        for runtimes in &runtimes {
            for start in [late, crate::minimize::Start::any()] {
                for precision in Precision::ALL {
                    for portability in Portability::ALL {
                        let options = Options {
                            runtimes: runtimes.clone(),
                            start,
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
const WHOLE: Option<&str> = option_env!("SECCOMP_TRACER_WHOLE_LAWS");

/// Unoptimised, a law takes a second or so for each combination, so that by default only one in this many is
/// checked. The number shares no factor with those of the options, so that every value of each comes up.
const STEP: usize = 11;

/// Checks a law for the combinations of options, each with recordings of its own.
pub(crate) fn for_every_combination<S: Strategy>(
    strategy: &S,
    law: impl Fn(&Options, &Meaning, S::Value) -> Result<(), TestCaseError>,
) {
    let step = if WHOLE.is_some() { 1 } else { STEP };
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
                start,
                precision,
                portability,
                ..
            } = options;
            panic!("{precision:?} {portability:?} {runtimes:?} {start:?}: {error}");
        }
    }
}

/// Everything that the target made and the base permits, in both views, is permitted, for exactly those values.
fn what_the_target_made_is_permitted(
    recording: &Recording,
    own: &BTreeSet<FactKey>,
    bound: &Meaning,
    meaning: &Meaning,
) -> Result<(), TestCaseError> {
    for (key, facts) in recording.facts.iter().filter(|(key, _)| own.contains(key)) {
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
fn what_the_target_made_is_permitted_and_nothing_beyond_the_base() {
    for_every_combination(&lives(), |options, bound, (recording, own)| {
        let outcome = minimize(&runs([&recording]), options);
        let meaning = Meaning::of(&outcome.profile, NATIVE);
        what_the_target_made_is_permitted(&recording, &own, bound, &meaning)?;
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
    let one = || {
        let lives = lives().prop_map(|(recording, _)| recording);
        prop_oneof![12 => lives, 1 => crowd().prop_map(recording)]
    };
    let strategy = (one(), one());
    for_every_combination(&strategy, |options, _, (first, second)| {
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
