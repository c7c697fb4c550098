//! Call by call: the recording against what is written, and against a second observer of the same run.

use crate::record;
use house_tests::facts::{Counts, counts, differences, named};
use house_tests::load::Load;
use house_tests::witness::{self, Witness};
use house_tests::{arguments, strace, tests};

pub(crate) const WITHOUT_THE_PRODUCT: [(&str, fn()); 1] = tests![strace_sees_what_the_witnesses_do];

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_recording_is_what_was_done,
    ten_times_in_a_row_under_load,
    strace_sees_the_same_in_the_same_run,
    strace_sees_the_same_of_real_programs,
];

fn assert_same(what: &str, one: (&str, &Counts), other: (&str, &Counts)) {
    let differences = differences(one, other);
    assert!(differences.is_empty(), "{what}: {differences:#?}");
}

/// The list of what the witnesses do, the witnesses themselves, and the reader of strace's output agree.
fn strace_sees_what_the_witnesses_do() {
    for Witness { command, calls } in witness::all() {
        let seen = strace::watch(&command);
        assert_same(
            &command.join(" "),
            ("expected", &calls),
            ("strace", &seen.counts),
        );
    }
}

fn assert_recorded(witness: &Witness) {
    let recorded = counts(&record(&witness.command));
    assert_same(
        &witness.command.join(" "),
        ("expected", &witness.calls),
        ("recorded", &recorded),
    );
}

fn a_recording_is_what_was_done() {
    let made = witness::all().into_iter().flat_map(|witness| witness.calls);
    let made: u64 = made.map(|(_, count)| count).sum();
    witness::all().iter().for_each(assert_recorded);
    assert_recorded(&witness::filter());
    crate::say(&format!("lost 0 of {made}"));
}

/// No more and no fewer, with 2,000 short-lived processes, while every core is busy with calls of others.
fn ten_times_in_a_row_under_load() {
    let _load = Load::on_every_core();
    for _ in 0..10 {
        witness::all().iter().for_each(assert_recorded);
        assert_recorded(&witness::processes(2000));
        let many = witness::processes(2000);
        let seen = strace::watch(&many.command);
        assert_same(
            "strace",
            ("expected", &many.calls),
            ("strace", &seen.counts),
        );
    }
}

/// Records a command while strace watches us: both see one and the same run.
fn assert_both_see_the_same(program: &str, rest: &[&str], not_made: &Counts) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("recording.json");
    let record = arguments![
        house_tests::product!(),
        "record",
        "-o",
        output,
        "--",
        program
    ];
    let command = record.into_iter().chain(rest.iter().map(Into::into));
    let (run, mut seen) = strace::watch_within(command, program);
    run.exits(0);
    for (call, times) in not_made {
        let count = seen.remove(call);
        assert_eq!(count, Some(*times), "{call}");
    }
    let recorded = counts(&house_tests::facts::read(&output));
    let what = format!("{program} {}", rest.join(" "));
    assert_same(&what, ("strace", &seen), ("recorded", &recorded));
}

fn strace_sees_the_same_in_the_same_run() {
    for Witness { command, .. } in witness::all() {
        let rest: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        assert_both_see_the_same(&command[0], &rest, &Counts::new());
    }
    // strace stops a call before the filter looks at it, so it shows calls that the filter refuses and that
    // are never made.
    let refused = [(named("getgid"), 3)].into();
    assert_both_see_the_same(witness::PATH, &["filter"], &refused);
}

/// Programs that do not do the same twice: loaders, threads, children of children.
fn strace_sees_the_same_of_real_programs() {
    const PYTHON: &str = include_str!("../containers/python.py");
    const SCRIPT: &str =
        "ls -l / > /dev/null; (sleep 0.1; echo late) & cat /proc/self/maps | sort | wc -l; wait";
    let none = Counts::new();
    assert_both_see_the_same("/bin/ls", &["-la", "/"], &none);
    assert_both_see_the_same("/bin/sh", &["-c", SCRIPT], &none);
    assert_both_see_the_same("/usr/bin/python3", &["-c", PYTHON], &none);
}
