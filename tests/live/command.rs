//! `record -- CMD`: exit codes, windows, and what is left behind.

use crate::{product, record, record_with};
use house_tests::facts::{counts, named};
use house_tests::run::Program;
use house_tests::{cgroup, facts, tests, witness};
use seccomp_tracer::recording::{Arguments, TargetKind, WindowEnd, WindowStart, to_json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 9] = tests![
    the_exit_code_is_the_commands,
    output_of_the_command_is_its_own,
    a_daemon_is_waited_for,
    an_interrupt_ends_the_recording_cleanly,
    an_interrupt_at_any_moment_leaves_nothing_behind,
    a_time_limit_ends_the_recording,
    nothing_is_left_behind,
    the_same_run_twice_gives_the_same_recording,
    a_terminal_shows_one_line_that_changes,
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
    let (_, recording) = record_with(&["--for", "1s"], &[witness::PATH, "ticks", "600"]);
    let recording = recording.expect("a recording");
    assert_eq!(recording.window.until, WindowEnd::Duration);
    let ticks = counts(&recording)[&named("getppid")];
    assert!((1..600).contains(&ticks), "{ticks}");
}

/// Apart from what names the run, who ran, and when.
fn the_same_run_twice_gives_the_same_recording() {
    let timeless = || {
        let mut recording = record(&witness::arguments().command);
        recording.run_id.clear();
        recording.window.start.clear();
        recording.window.duration_ms = 0;
        recording.window.last_new_fact_ms = 0;
        for facts in recording.facts.values_mut() {
            facts.last_ms = 0;
            let firsts = match &mut facts.arguments {
                Arguments::Untracked => Vec::new(),
                Arguments::Exact(tuples) | Arguments::Unbounded(tuples) => {
                    tuples.seen.values_mut().collect()
                }
            };
            let firsts = firsts.into_iter().map(|tuple| &mut tuple.first);
            for first in firsts.chain([&mut facts.first]).flatten() {
                (first.at_ms, first.pid) = (0, 0);
            }
        }
        to_json(&recording)
    };
    assert_eq!(timeless(), timeless());
}

/// Plain lines are for files: the other tests see them.
fn a_terminal_shows_one_line_that_changes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let line = format!(
        "{} record -o {} -- {} ticks 250",
        house_tests::product!(),
        directory.path().join("rec.json").display(),
        witness::PATH,
    );
    // A program of every Debian that gives it a terminal.
    let script = Program::new("script").args(["--quiet", "--return", "--command", &line]);
    let run = script.args(["/dev/null"]).run();
    let shown = run.exits(0).stdout_text();
    let label = witness::PATH;
    assert!(
        shown.contains(&format!(
            "\nrecording {label}: 3 calls, 0 argument facts, nothing new for "
        )),
        "{shown:?}"
    );
    // The line is removed before the next is said.
    assert!(shown.contains(" lost\r\u{1b}[Kwrote "), "{shown:?}");
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
pub(crate) fn left_behind(ours: &str) -> Vec<PathBuf> {
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
    let mut all = BTreeSet::new();
    collect(&cgroup::mount(), &mut all);
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
