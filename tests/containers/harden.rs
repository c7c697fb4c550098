//! `harden` and `watch` with real containers: what is made is enough, and what is taken away is missed by name.

use crate::workloads::{Workload, busybox, redis};
use house_tests::docker::{Container, Docker};
use house_tests::facts::{self, counts, named};
use house_tests::image::Rootfs;
use house_tests::run::{Program, Run};
use house_tests::tests;
use seccomp_tracer::recording::{Answer, DenialKey};
use serde_json::Value;
use std::fs;
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    busybox_is_hardened,
    redis_is_hardened,
    what_the_default_refuses_is_seen_in_a_container,
    what_a_running_container_is_refused_is_seen_from_then_on,
];

fn product() -> Program {
    Program::product(house_tests::product!())
}

fn busybox_is_hardened() {
    hardened(&busybox(), &["mkdir", "symlink"]);
}

fn redis_is_hardened() {
    hardened(&redis(), &["prlimit64", "sysinfo"]);
}

/// Hardens, runs under the result, and misses each of these calls when it is taken away: calls without which the
/// workload still ends.
fn hardened(workload: &Workload, observed: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("profile.json");
    let harden = product().args(["harden", "-o"]).args([&path]).args(["--"]);
    let run = harden.args(workload.docker().command_line()).run();
    run.exits(0)
        .stderr_has(": nothing is missing\n")
        .stderr_has("apply: docker run --security-opt seccomp=");
    let under = |profile: &Path| -> Run {
        let watch = product().args(["watch", "-q", "--"]);
        watch
            .args(workload.docker().under(profile).command_line())
            .run()
    };
    let run = under(&path);
    run.stderr(workload.output);
    assert!(!run.stdout_text().contains("EPERM"), "{run}");
    for name in observed {
        let without = folder.path().join("without.json");
        fs::write(&without, taken_away(&path, name)).expect("a file");
        let run = under(&without);
        run.exits(1);
        let line = format!("refused with EPERM: {name}");
        assert!(run.stdout_text().contains(&line), "{line}: {run}");
    }
}

/// The profile without a call.
fn taken_away(path: &Path, name: &str) -> String {
    let text = fs::read_to_string(path).expect("a profile");
    let mut profile: Value = serde_json::from_str(&text).expect("JSON");
    let rules = profile["syscalls"].as_array_mut().expect("rules");
    let mut found = false;
    for rule in rules.iter_mut() {
        let names = rule["names"].as_array_mut().expect("names");
        let before = names.len();
        names.retain(|one| one != name);
        found |= names.len() < before;
    }
    rules.retain(|rule| {
        rule["names"]
            .as_array()
            .is_some_and(|names| !names.is_empty())
    });
    assert!(found, "`{name}` is not in the profile: {text}");
    profile.to_string()
}

/// Under Docker's own profile, with the engine's answer of choice; nothing of the runtime's start is in it.
fn what_the_default_refuses_is_seen_in_a_container() {
    let image = Rootfs::default().busybox(&["sh", "mount"]).import("mount");
    let command = ["/bin/sh", "-c", "mount -t tmpfs none /mnt; exit 0"];
    let docker = Docker::run(&image.name, &command);
    let run = product()
        .args(["watch", "-q", "--"])
        .args(docker.command_line())
        .run();
    run.exits(1);
    let said = run.stdout_text();
    let refused: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("refused with"))
        .collect();
    assert!(
        refused
            .iter()
            .any(|line| line.starts_with("refused with EPERM: mount")),
        "{run}"
    );
}

/// By name, while it runs; and in a recording.
fn what_a_running_container_is_refused_is_seen_from_then_on() {
    let image = Rootfs::default()
        .busybox(&["sh", "mount", "sleep"])
        .import("refused");
    let script = "while :; do mount -t tmpfs none /mnt 2> /dev/null; sleep 0.1; done";
    let container = Container::start(
        "refused",
        Docker::run(&image.name, &["/bin/sh", "-c", script]),
    );
    let watch = product().args(["watch", "-q", "--for", "2s", "--container", &container.name]);
    let run = watch.run();
    run.exits(1);
    let line = "refused with EPERM: mount";
    assert!(run.stdout_text().starts_with(line), "{run}");

    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("rec.json");
    let record = product().args(["record", "--denials", "-q", "--for", "2s", "-o"]);
    let record = record.args([&path]).args(["--container", &container.name]);
    record.run().exits(0);
    let recording = facts::read(&path);
    // What was refused was not made.
    assert!(!counts(&recording).contains_key(&named("mount")));
    let denials = recording.denials.expect("asked for");
    let mount = DenialKey {
        call: named("mount"),
        answer: Answer::Errno(1),
    };
    assert_eq!(denials.seen.keys().collect::<Vec<_>>(), [&mount]);
    assert!(denials.is_complete(), "{denials:?}");
}
