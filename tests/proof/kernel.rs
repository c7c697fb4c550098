//! The kernel itself: a filter on a thread of its own, calls, and what comes of them.
//!
//! The call is `getppid`, which takes no arguments and so does the same with any.

use crate::{Condition, profile, text};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use seccomp_tracer::profile::compiled::Program;
use seccomp_tracer::profile::{Action, Meaning, Profile, proof};
use seccomp_tracer::syscall::{Abi, Call};
use std::io;
use std::thread;

pub(crate) const TESTS: [(&str, fn()); 2] = house_tests::tests![
    the_kernel_does_what_the_profile_means,
    the_kernel_does_what_the_proof_says_of_a_wrong_filter,
];

/// What came of calls with these arguments under a profile: `None` for success, or the errno.
fn under(profile: &Profile, calls: &[[u64; 6]]) -> Vec<Option<u16>> {
    let work = || {
        let program = Program::compile(profile, Abi::X86_64).expect("a filter");
        // Only this thread gets the filter, and its end makes no call that the filter refuses.
        program
            .load(true)
            .expect("no_new_privs is all that it takes");
        calls.iter().map(outcome).collect()
    };
    thread::scope(|scope| scope.spawn(work).join()).expect("the thread comes back")
}

fn outcome(arguments: &[u64; 6]) -> Option<u16> {
    let [a, b, c, d, e, f] = *arguments;
    // SAFETY: getppid reads no memory, whatever the registers hold.
    let answer = unsafe { libc::syscall(libc::SYS_getppid, a, b, c, d, e, f) };
    (answer < 0).then(|| {
        let errno = io::Error::last_os_error().raw_os_error();
        errno
            .and_then(|errno| u16::try_from(errno).ok())
            .expect("an errno")
    })
}

fn errno(action: Action) -> Option<u16> {
    match action {
        Action::Errno(errno) => Some(errno),
        _ => None,
    }
}

const VALUES: [u64; 9] = [
    0,
    1,
    2,
    5,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x1_0000_0001,
    0x5_0000_0002,
    u64::MAX,
];

fn arguments() -> Vec<[u64; 6]> {
    let pairs = VALUES
        .iter()
        .flat_map(|&a| VALUES.map(|b| [a, b, 0, 0, 0, b]));
    pairs.collect()
}

/// Refusals of some values: rules of one condition with small constants, or of equality.
fn refusals() -> impl Strategy<Value = Vec<(&'static str, u16, Vec<Condition>)>> {
    let value = || prop::sample::select(VALUES.to_vec());
    let errno = prop::sample::select(vec![1u16, 13, 38]);
    let operator = prop::sample::select(vec!["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]);
    let narrow =
        (0..2u8, operator, value(), value()).prop_map(|(index, operator, value, second)| {
            vec![(index, operator, value & 0xFFFF_FFFF, second)]
        });
    let equal = (value(), value(), value()).prop_map(|(first, mask, second)| {
        vec![(0, "EQ", first, 0), (1, "MASKED_EQ", mask, second)]
    });
    let several = |rule: BoxedStrategy<Vec<Condition>>| {
        let rule = rule.prop_map(|conditions| ("ERRNO", 13, conditions));
        prop::collection::vec(rule, 1..5).boxed()
    };
    let mixed = (errno, equal.clone()).prop_map(|(errno, conditions)| ("ERRNO", errno, conditions));
    prop_oneof![
        several(narrow.boxed()),
        several(equal.boxed()),
        prop::collection::vec(mixed, 1..5),
    ]
}

fn the_kernel_does_what_the_profile_means() {
    let call = Call::named(Abi::X86_64, "getppid").expect("a call");
    let arguments = arguments();
    let config = Config {
        cases: 100,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(38),
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&refusals(), |rules| {
        let profile = profile(&text(("ALLOW", 0), &[], "getppid", &rules));
        // One condition list with two errnos is refused.
        if Program::compile(&profile, Abi::X86_64).is_ok() {
            let meaning = Meaning::of(&profile, Abi::X86_64);
            let expected = arguments.iter().map(|one| errno(meaning.action(call, one)));
            prop_assert_eq!(under(&profile, &arguments), expected.collect::<Vec<_>>());
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn the_kernel_does_what_the_proof_says_of_a_wrong_filter() {
    let refuse = |conditions| ("ERRNO", 13, conditions);
    let ranges = [
        refuse(vec![(0, "GT", 0x5_0000_0001, 0)]),
        refuse(vec![(0, "LE", 0, 0)]),
    ];
    let inequalities = [
        refuse(vec![(0, "NE", 0, 0)]),
        refuse(vec![(0, "NE", 1, 0), (1, "NE", 5, 0)]),
    ];
    for rules in [ranges, inequalities] {
        let profile = profile(&text(("ALLOW", 0), &[], "getppid", &rules));
        let proof = proof::prove(&profile, Abi::X86_64, None).expect("a filter");
        let wrong = proof
            .miscompiled
            .first()
            .expect("libseccomp up to 2.6.1 gets this wrong");
        assert_eq!(
            (wrong.meant, wrong.compiled),
            (Action::Allow, Action::Errno(13))
        );
        assert_eq!(under(&profile, &[wrong.witness]), [Some(13)]);
    }
}
