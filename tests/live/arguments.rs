//! Argument values, and who did what first.

use crate::{product, record};
use house_tests::facts::{counts, counts_where, named, on, tuples};
use house_tests::{facts, tests, witness};
use seccomp_tracer::recording::FactKey;
use seccomp_tracer::syscall::Abi;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    tuples_are_what_was_passed_cut_to_the_c_type,
    too_many_tuples_are_said_to_be_unbounded,
    a_filter_divides_the_facts,
    a_hostile_name_is_kept_but_does_not_reach_the_terminal,
];

fn tuples_are_what_was_passed_cut_to_the_c_type() {
    let recording = record(&witness::arguments().command);
    for (call, expected) in witness::argument_tuples() {
        let (seen, exact) = tuples(&recording, call).expect("tracked");
        assert_eq!(seen, expected.into_iter().collect(), "{call}");
        assert!(exact, "{call}");
    }
    let recording = record(&witness::int80().command);
    let call = on(Abi::I386, "socketcall");
    assert_eq!(
        tuples(&recording, call),
        Some(([(vec![99], 1)].into(), true))
    );
}

/// More distinct requests than any table of ours has room for: the call says so, and its count is exact.
fn too_many_tuples_are_said_to_be_unbounded() {
    const MANY: u64 = 5000;
    let few = record(&witness::ioctls(10).command);
    let (seen, exact) = tuples(&few, named("ioctl")).expect("tracked");
    assert_eq!(seen, (0..10).map(|request| (vec![request], 1)).collect());
    assert!(exact);

    let many = record(&witness::ioctls(MANY).command);
    let (seen, exact) = tuples(&many, named("ioctl")).expect("tracked");
    assert!(!exact && !seen.is_empty(), "{} tuples", seen.len());
    assert!(seen.keys().all(|values| values[0] < MANY));
    assert_eq!(counts(&many)[&named("ioctl")], MANY);
}

/// Calls before the filter, calls under it, and refused calls, which are not made.
fn a_filter_divides_the_facts() {
    let recording = record(&witness::filter().command);
    let before = [
        (named("execve"), 1),
        (named("getuid"), 2),
        (named("prctl"), 1),
        (named("seccomp"), 1),
    ];
    let after = [(named("getuid"), 4), (named("exit_group"), 1)];
    assert_eq!(counts_where(&recording, false), before.into());
    assert_eq!(counts_where(&recording, true), after.into());
}

fn a_hostile_name_is_kept_but_does_not_reach_the_terminal() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("recording.json");
    let run = product()
        .args(["record", "-o"])
        .args([&output])
        .args(["--"])
        .args(witness::comm().command)
        .run();
    run.exits(0);
    assert!(!run.stderr.contains(&0x1b), "{run}");
    let recording = facts::read(&output);
    let key = FactKey {
        call: named("getpgrp"),
        filtered: false,
    };
    let first = recording.facts[&key].first.as_ref().expect("a sighting");
    assert_eq!(first.program, "\u{1b}[2J\u{fffd}\"\\\n`x");

    let explained = product()
        .args(["generate", "--explain"])
        .args([&output])
        .run();
    assert!(!explained.exits(0).stderr.contains(&0x1b), "{explained}");
    assert!(!explained.stdout.contains(&0x1b), "{explained}");
}
