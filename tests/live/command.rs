//! `record -- CMD`: exit codes, windows, and what is left behind.

use crate::{product, record, record_with};
use house_tests::facts::{counts, named};
use house_tests::{facts, tests, witness};
use seccomp_tracer::recording::{TargetKind, WindowEnd, WindowStart};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 7] = tests![
    the_exit_code_is_the_commands,
    output_of_the_command_is_its_own,
    a_daemon_is_waited_for,
    an_interrupt_ends_the_recording_cleanly,
    an_interrupt_at_any_moment_leaves_nothing_behind,
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
    running.finish().exits(128 + libc::SIGINT);
    let recording = facts::read(&output);
    assert_eq!(recording.window.until, WindowEnd::Interrupted);
    // It may have been interrupted before its first tick, but not before its start.
    assert_eq!(counts(&recording)[&named("execve")], 1);
}

/// Whenever it comes: before there is anything to interrupt, between attaching and starting the command, or
/// while the command runs. Either the program ends before it has made anything, or there is a recording.
fn an_interrupt_at_any_moment_leaves_nothing_behind() {
    for delay_ms in (0..300).step_by(12) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = directory.path().join("recording.json");
        let running = product()
            .args(["record", "-q", "-o"])
            .args([&output])
            .args(["--", witness::PATH, "ticks", "200"])
            .start();
        std::thread::sleep(Duration::from_millis(delay_ms));
        running.signal(libc::SIGINT);
        let ours = format!("-{}-", running.pid());
        let run = running.finish();
        if run.code() == 128 + libc::SIGINT && output.exists() {
            let recording = facts::read(&output);
            assert_eq!(recording.window.until, WindowEnd::Interrupted, "{run}");
        } else {
            run.dies_of(libc::SIGINT);
        }
        let files = fs::read_dir(directory.path()).expect("a folder").flatten();
        let names: Vec<_> = files.map(|file| file.file_name()).collect();
        assert!(
            names.is_empty() || names == ["recording.json"],
            "{names:?}: {run}"
        );
        assert_eq!(left_behind(&ours), Vec::<PathBuf>::new(), "{run}");
    }
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
        assert_eq!(left_behind(&ours), Vec::<PathBuf>::new(), "{command:?}");
    }
}

/// The cgroups with that in their path.
fn left_behind(ours: &str) -> Vec<PathBuf> {
    let mut left = cgroups();
    left.retain(|path| path.to_string_lossy().contains(ours));
    left.into_iter().collect()
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
        std::thread::sleep(Duration::from_millis(5));
    }
}
