//! The worst load that the machine can make: nothing is lost, and every count is exact.

use crate::{record, record_with};
use house_tests::facts::{Counts, counts, differences, named, on, tuples};
use house_tests::{tests, witness};
use seccomp_tracer::recording::Recording;
use seccomp_tracer::syscall::Abi;
use std::collections::BTreeMap;

pub(crate) const TESTS: [(&str, fn()); 2] = tests![
    nothing_is_lost_in_a_storm,
    nothing_is_lost_in_a_storm_on_the_raw_tracepoint,
];

/// Enough for millions of calls, and for many times the tuples that a call may keep.
fn rounds() -> u64 {
    if crate::is_slow() { 2_000 } else { 40_000 }
}

fn nothing_is_lost_in_a_storm() {
    let storm = witness::storm(rounds());
    check(&record(&storm.command), &storm.calls);
}

fn nothing_is_lost_in_a_storm_on_the_raw_tracepoint() {
    let storm = witness::storm(rounds());
    let (run, recording) = record_with(&["--raw-tracepoint"], &storm.command);
    run.exits(0);
    let recording = recording.expect("a recording");
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    check(&recording, &storm.calls);
}

fn check(recording: &Recording, calls: &Counts) {
    let sum = |calls: &Counts| calls.values().sum::<u64>();
    let (made, kept) = (sum(calls), sum(&counts(recording)));
    crate::say(&format!("lost {} of {made}", made.abs_diff(kept)));
    let differences = differences(("expected", calls), ("recorded", &counts(recording)));
    assert!(differences.is_empty(), "{differences:#?}");

    // Values that all have room: each one is there, as often as it was passed.
    let hundred: BTreeMap<_, _> = (0..100)
        .map(|value| (vec![value], 2 * rounds() / 100))
        .collect();
    for call in [named("fcntl"), on(Abi::I386, "fcntl")] {
        assert_eq!(
            tuples(recording, call),
            Some((hundred.clone(), true)),
            "{call}"
        );
    }
    // Values that have none: the call says so, and those that it kept were all passed, at most as often as
    // that.
    let varied = witness::STORM_VARIED.split_whitespace().map(named);
    for call in varied.chain([on(Abi::I386, "ioctl")]) {
        let (seen, exact) = tuples(recording, call).expect("tracked");
        assert!(!exact && seen.len() >= 256, "{call}: {} tuples", seen.len());
        for (values, count) in seen {
            let passed = values
                .iter()
                .all(|value| (0..rounds()).contains(&(value ^ 1 << 20)));
            assert!(
                passed && (1..=2).contains(&count),
                "{call}: {values:?} {count} times"
            );
        }
    }
}
