//! `record -- CMD`: exit codes, windows, and what is left behind.

use crate::{product, record, record_with};
use house_tests::facts::{counts, named};
use house_tests::{facts, tests, witness};
use seccomp_tracer::recording::{TargetKind, WindowEnd, WindowStart};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    the_exit_code_is_the_commands,
    output_of_the_command_is_its_own,
    a_daemon_is_waited_for,
    an_interrupt_ends_the_recording_cleanly,
    a_time_limit_ends_the_recording,
    nothing_is_left_behind,
];

fn the_exit_code_is_the_commands() {
    for (mode, code) in [
        (["exit", "0"], 0),
        (["exit", "7"], 7),
        (["exit", "255"], 255),
        (["die", "9"], 137),
        (["die", "15"], 143),
    ] {
        let (run, recording) = record_with(&[], &[&[witness::PATH], &mode[..]].concat());
        run.exits(code);
        assert!(recording.is_some(), "{run}");
    }
}

/// Standard output belongs to the command; ours goes to stderr and to the file.
fn output_of_the_command_is_its_own() {
    let (run, _) = record_with(&[], &[witness::PATH, "say"]);
    run.exits(0).stdout("said\n");
    let (run, _) = record_with(&[], &["sh", "-c", "cat; echo talk >&2"]);
    run.exits(0).stdout("").stderr_has("talk\n");
}

fn a_daemon_is_waited_for() {
    let recording = record(&witness::daemon().command);
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert_eq!(recording.target.kind, TargetKind::Command);
    assert_eq!(recording.target.command, witness::daemon().command);
    assert_eq!(counts(&recording)[&named("getpgrp")], 5);
}

fn an_interrupt_ends_the_recording_cleanly() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("recording.json");
    let running = product()
        .args(["record", "-o"])
        .args([&output])
        .args(["--", witness::PATH, "ticks", "500"])
        .start();
    await_process(witness::PATH);
    running.signal(libc::SIGINT);
    let _ = running.finish();
    let recording = facts::read(&output);
    assert_eq!(recording.window.until, WindowEnd::Interrupted);
    assert!(counts(&recording).contains_key(&named("getppid")));
}

fn a_time_limit_ends_the_recording() {
    let (_, recording) = record_with(&["--for", "300ms"], &[witness::PATH, "ticks", "300"]);
    let recording = recording.expect("a recording");
    assert_eq!(recording.window.until, WindowEnd::Duration);
    let ticks = counts(&recording)[&named("getppid")];
    assert!((1..300).contains(&ticks), "{ticks}");
}

/// Cgroups of our own go away with us, however the recording ends. Others may record at the same time;
/// ours carry our process id.
fn nothing_is_left_behind() {
    for command in [
        &[witness::PATH, "static"][..],
        &[witness::PATH, "daemon"],
        &[witness::PATH, "die", "9"],
        &[witness::PATH, "nested"],
        &["/etc/passwd"],
        &["/nonexistent"],
    ] {
        let running = product()
            .args(["record", "-q", "-o", "/dev/null", "--"])
            .args(command)
            .start();
        let ours = format!("-{}-", running.pid());
        let _ = running.finish();
        let left: Vec<PathBuf> = cgroups()
            .into_iter()
            .filter(|path| path.to_string_lossy().contains(&ours))
            .collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "{command:?}");
    }
}

fn cgroups() -> BTreeSet<PathBuf> {
    fn collect(folder: &Path, into: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                into.insert(entry.path());
                collect(&entry.path(), into);
            }
        }
    }
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let mount = mounts.lines().find(|line| line.contains(" cgroup2 "));
    let mount = mount.and_then(|line| line.split(' ').nth(1));
    let mut all = BTreeSet::new();
    collect(Path::new(mount.expect("a cgroup v2 mount")), &mut all);
    all
}

/// Waits until a program runs somewhere.
fn await_process(path: &str) {
    let runs = || {
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let mut programs = processes.map(|process| fs::read_link(process.path().join("exe")));
        programs.any(|exe| exe.is_ok_and(|exe| exe == Path::new(path)))
    };
    while !runs() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
