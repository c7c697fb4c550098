//! `harden` and `watch` with real containers: what is made is enough, and what is taken away is missed by name.

use crate::product;
use crate::workloads::{Workload, busybox, nginx, postgres, redis};
use house_tests::docker::{Container, Docker};
use house_tests::facts::{self, counts, named};
use house_tests::image::Rootfs;
use house_tests::tests;
use seccomp_tracer::recording::{Answer, DenialKey};
use serde_json::Value;
use std::fs;
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    busybox_is_hardened,
    nginx_is_hardened,
    redis_is_hardened,
    postgres_is_hardened,
    what_the_default_refuses_is_seen_in_a_container,
    what_a_running_container_is_refused_is_seen_from_then_on,
];

fn busybox_is_hardened() {
    hardened(&busybox());
}

fn nginx_is_hardened() {
    hardened(&nginx());
}

fn redis_is_hardened() {
    hardened(&redis());
}

fn postgres_is_hardened() {
    hardened(&postgres());
}

/// How many calls are taken away, and where the choice begins.
const CHOICES: usize = 3;
const SEED: u64 = 0x5EED;

/// Hardens, and runs the whole load under the result; then takes calls away that were seen to be made, one at a
/// time, and each is missed by name.
fn hardened(workload: &Workload) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("profile.json");
    // Servers do a little otherwise each time.
    let harden = product()
        .args(["harden", "--rounds", "9", "-o"])
        .args([&path]);
    let harden = harden.args(["--"]).args(workload.docker().command_line());
    harden
        .run()
        .exits(0)
        .stderr_has(": nothing is missing\n")
        .stderr_has("apply: docker run --security-opt seccomp=");
    let recorded = folder.path().join("rec.json");
    let record = product()
        .args(["record", "-q", "--denials", "-o"])
        .args([&recorded]);
    let under = workload.docker().under(&path);
    let run = record.args(["--"]).args(under.command_line()).run();
    run.exits(0).stdout(workload.output);
    let recording = facts::read(&recorded);
    let denials = recording.denials.as_ref().expect("asked for");
    // What Docker's default refuses too is answered so that nobody minds.
    let missed = |(key, _): &(DenialKey, _)| key.answer != Answer::Errno(ENOSYS);
    let missed: Vec<_> = denials.refusals().filter(missed).collect();
    assert!(missed.is_empty() && denials.is_complete(), "{missed:?}");

    let made = facts::counts_where(&recording, true);
    for name in chosen(workload.name, made.keys().filter_map(|call| call.name())) {
        let without = folder.path().join("without.json");
        fs::write(&without, taken_away(&path, name)).expect("a file");
        // Without some calls a server waits for ever.
        let watch = product().args(["watch", "-q", "--for", "20s", "--"]);
        let run = watch
            .args(workload.docker().under(&without).command_line())
            .run();
        run.exits(1);
        let said = run.stdout_text();
        let refused = said
            .lines()
            .filter_map(|line| line.strip_prefix("refused with "));
        let mut calls = refused.filter_map(|line| line.split([' ', '(', ':']).nth(2));
        assert!(calls.any(|call| call == name), "{name}: {run}");
    }
}

const ENOSYS: u16 = 38;

/// A few of these names, always the same for one workload.
fn chosen<'a>(workload: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let mut state = workload
        .bytes()
        .fold(SEED, |state, byte| state << 5 ^ u64::from(byte));
    let mut next = |below: usize| {
        // Knuth's; the upper bits are the better ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    (0..CHOICES)
        .map(|_| names.swap_remove(next(names.len())))
        .collect()
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
