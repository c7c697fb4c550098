//! Where the operating system gives little: an error that says of what, or a recording; never a panic.

use crate::product;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Run};
use house_tests::{arguments, product as product_path, tests, witness};

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    few_descriptors_are_said,
    little_address_space_is_said,
    a_time_namespace_changes_no_times,
];

/// The product under a limit, as util-linux sets it.
fn limited(limit: &str, words: &[&str]) -> Run {
    let limited = Program::new("prlimit").args([limit, product_path!()]);
    limited.args(words).run()
}

/// Expects a recording, or that what is short is said. Says whether there was one.
#[track_caller]
fn says(limit: &str, cause: &str, hint: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = folder.path().join("rec.json").display().to_string();
    let words = ["record", "-q", "-o", &output, "--", witness::PATH, "static"];
    let run = limited(limit, &words);
    if run.code() == 0 {
        let recording = facts::read(&output);
        assert_eq!(counts(&recording)[&named("getppid")], 5, "{run}");
        return true;
    }
    assert!([3, 125, 126].contains(&run.code()), "{run}");
    run.stdout("").stderr_has(cause).stderr_has(hint);
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0, "{run}");
    false
}

fn few_descriptors_are_said() {
    // With fewer the C library is not found.
    let recorded = (4..64).step_by(3).map(|files| {
        let limit = format!("--nofile={files}");
        says(
            &limit,
            "Too many open files (os error 24)",
            "hint: this program may not open more files at once",
        )
    });
    let recorded: Vec<bool> = recorded.collect();
    assert!(
        !recorded[0] && recorded.last() == Some(&true),
        "{recorded:?}"
    );
}

fn little_address_space_is_said() {
    // Below, the program itself finds no place.
    let starts = |mebibytes: u64| limited(&address_space(mebibytes), &["--version"]).code() == 0;
    let smallest = (1..512).step_by(4).find(|&mebibytes| starts(mebibytes));
    let smallest = smallest.expect("a size at which it starts");
    let recorded = (smallest..smallest + 80).step_by(6).map(|mebibytes| {
        let limit = address_space(mebibytes);
        says(
            &limit,
            "Cannot allocate memory (os error 12)",
            "hint: there is too little memory: raise the limit on",
        )
    });
    let recorded: Vec<bool> = recorded.collect();
    assert!(
        !recorded[0] && recorded.last() == Some(&true),
        "{recorded:?}"
    );
}

fn address_space(mebibytes: u64) -> String {
    format!("--as={}", mebibytes << 20)
}

/// The namespace's clock is a day ahead of the one that the kernel side reads, or behind it.
fn a_time_namespace_changes_no_times() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = folder.path().join("rec.json");
    let plain = || {
        let words = arguments!["record", "-q", "-o", output, "--", witness::PATH, "static"];
        product().args(words)
    };
    for offset in ["86400", "-100"] {
        let inside = Program::new("unshare").args(["--time", "--monotonic", offset]);
        let record = arguments![
            product_path!(),
            "record",
            "-q",
            "-o",
            output,
            "--",
            witness::PATH,
            "static"
        ];
        inside.args(record).run().exits(0);
        let recording = facts::read(&output);
        assert_eq!(counts(&recording)[&named("getppid")], 5);
        assert!(
            recording.window.duration_ms < 60_000,
            "{:?}",
            recording.window
        );
        assert!(recording.window.last_new_fact_ms <= recording.window.duration_ms);
        plain().run().exits(0);
        let outside = facts::read(&output);
        assert!(recording.window.start <= outside.window.start);
        // The same day; an hour may end in between.
        assert_eq!(recording.window.start[..10], outside.window.start[..10]);
    }
}
