//! Recording where it is not as on this machine: without root, and in a pure cgroup v2 set-up.

use crate::product;
use house_tests::facts::{self, counts, named};
use house_tests::run::Program;
use house_tests::{arguments, tests, witness};
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    what_the_kernel_refuses_is_found_by_trying,
    three_capabilities_are_enough,
    a_pure_hierarchy_is_as_good_as_one_beside_others,
];

/// Nothing but the attempt shows it, and each reason has a hint of its own.
fn what_the_kernel_refuses_is_found_by_trying() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let profile = directory.path().join("profile.json");
    for (errno, hint) in [
        (libc::EPERM, "recording needs CAP_BPF and CAP_PERFMON"),
        (libc::EINVAL, "this kernel refuses the program"),
    ] {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
                {{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": {errno}}}]}}"#
        );
        fs::write(&profile, text).expect("a file");
        let path = profile.to_str().expect("a path");
        let doctor = product().args(["doctor"]);
        let doctor = doctor.confined(house_tests::product!(), path).run();
        let text = doctor.exits(3).stdout_text();
        let (_, found) = text.split_once("failure  program").expect(&text);
        assert!(found.contains(&format!("hint: {hint}")), "{text}");
    }
}

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
    assert!(text.contains("it loads, attaches by `"), "{text}");
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
