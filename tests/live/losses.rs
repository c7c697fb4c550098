//! What cannot be kept is counted, said out loud, and asked about before it is used.

use crate::{product, record_with};
use house_tests::facts::counts;
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::Loss;
use seccomp_tracer::recording::to_json;
use std::fs;

pub(crate) const TESTS: [(&str, fn()); 1] = tests![numbers_without_room_are_counted_and_said];

/// More numbers that no table has than there is room for.
fn numbers_without_room_are_counted_and_said() {
    const MANY: i32 = 6000;
    let witness = witness::odds(MANY);
    let (run, recording) = record_with(&[], &witness.command);
    let recording = recording.expect("a recording");
    run.exits(0)
        .stderr_has("\nwarning: no room for another odd number, ")
        .stderr_has("\nwarning: the recording is incomplete");
    let lost = recording.losses.get(Loss::OddNumberMapFull);
    assert_eq!(recording.losses.missing(), lost);
    let kept = counts(&recording);
    let odd = kept.iter().filter(|(call, _)| call.name().is_none());
    let odd: Vec<_> = odd.collect();
    assert!(odd.iter().all(|(_, count)| **count == 1), "{odd:?}");
    assert_eq!(odd.len() as u64 + lost, u64::from(MANY.unsigned_abs()));
    assert!(lost > 0);

    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("rec.json");
    fs::write(&file, to_json(&recording)).expect("a file");
    let generate = || product().args(arguments!["generate", file]);
    generate()
        .run()
        .exits(4)
        .stdout("")
        .stderr_has(&format!("is incomplete: {lost} calls could not be kept\n"));
    generate().args(["--allow-incomplete"]).run().exits(0);
}
