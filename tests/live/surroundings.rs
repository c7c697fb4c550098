//! Recording where it is not as on this machine: without root, and in a pure cgroup v2 set-up.

use crate::product;
use house_tests::facts::{self, counts, named};
use house_tests::run::Program;
use house_tests::{arguments, tests, witness};
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub(crate) const TESTS: [(&str, fn()); 2] = tests![
    three_capabilities_are_enough,
    a_pure_hierarchy_is_as_good_as_one_beside_others,
];

/// `doctor` says so in a hint.
fn three_capabilities_are_enough() {
    const CAPABILITIES: &str = "+bpf,+perfmon,+dac_override";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("permissions");
    let product = || Program::copied_product(house_tests::product!(), folder);
    let doctor = product()
        .args(["doctor"])
        .as_nobody_with(CAPABILITIES)
        .run();
    doctor.exits(0);
    let text = doctor.stdout_text();
    assert!(!text.contains("not writable"), "{text}");
    let output = folder.join("rec.json");
    let record = product().args(arguments!["record", "-o", output, "--", "true"]);
    record.as_nobody_with(CAPABILITIES).run().exits(0);
    let recording = facts::read(&output);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    assert_eq!(counts(&recording)[&named("execve")], 1);
}

/// The hierarchy is the same one, mounted over everything else.
fn a_pure_hierarchy_is_as_good_as_one_beside_others() {
    const PURE: &str = "mount -t cgroup2 none /sys/fs/cgroup";
    let doctor = product().args(["doctor"]).after(PURE).run();
    let text = doctor.exits(0).stdout_text();
    assert!(text.contains("v2, at `/sys/fs/cgroup`\n"), "{text}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("rec.json");
    let witness = witness::daemon();
    let command = &witness.command;
    let record = product().args(arguments!["record", "-o", output, "--"]);
    record.args(command).after(PURE).run().exits(0);
    let recording = facts::read(&output);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    assert_eq!(counts(&recording), witness.calls);
}
