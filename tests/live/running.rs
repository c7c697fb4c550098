//! What already runs: a process, a cgroup; from when on, and until when.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Run, Running};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::{Recording, SeccompState, TargetKind, WindowEnd, WindowStart};
use std::ffi::OsString;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_cgroup_is_watched_until_it_is_empty,
    a_process_is_watched_until_the_time_is_over,
    nothing_new_ends_a_recording,
    processes_that_share_the_cgroup_are_named,
];

/// Something that ticks, in a cgroup of its own.
fn ticking(cgroup: &Cgroup, ticks: u32) -> Running {
    let program = Program::new(witness::PATH).args(arguments!["ticks", ticks.to_string()]);
    let running = program.start();
    cgroup.add(running.pid());
    running
}

fn record(target: [OsString; 2], flags: &[&str]) -> (Run, Recording) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("rec.json");
    let record = product().args(arguments!["record", "-o", output]);
    let run = record.args(target).args(flags).run();
    run.exits(0);
    let recording = facts::read(&output);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    assert_eq!(recording.window.from, WindowStart::Attach);
    (run, recording)
}

/// Only ticks, and the end where it was seen.
fn assert_ticks(recording: &Recording, ticks: std::ops::RangeInclusive<u64>, end: bool) {
    let mut seen = counts(recording);
    let made = seen.remove(&named("getppid")).unwrap_or(0);
    assert!(ticks.contains(&made), "{made} ticks");
    seen.remove(&named("nanosleep"));
    seen.remove(&named("clock_nanosleep"));
    let ended = seen.remove(&named("exit_group")).is_some();
    assert_eq!((ended, seen), (end, [].into()));
}

fn a_cgroup_is_watched_until_it_is_empty() {
    let cgroup = Cgroup::new("empty");
    let running = ticking(&cgroup, 100);
    let (_, recording) = record(arguments!["--cgroup", cgroup.path()], &[]);
    running.finish().exits(0);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert_eq!(recording.target.kind, TargetKind::Cgroup);
    assert_ticks(&recording, 1..=100, true);
}

fn a_process_is_watched_until_the_time_is_over() {
    let cgroup = Cgroup::new("limit");
    let running = ticking(&cgroup, 3000);
    let pid = running.pid().to_string();
    let (run, recording) = record(arguments!["--pid", pid], &["--for", "300ms"]);
    assert_eq!(recording.window.until, WindowEnd::Duration);
    assert_eq!(recording.target.kind, TargetKind::Process);
    assert_eq!(recording.target.seccomp, Some(SeccompState::Unconfined));
    assert_ticks(&recording, 1..=300, false);
    assert!(!run.stderr_text().contains("warning"), "{run}");
    // It is left alone.
    running.signal(libc::SIGTERM);
    running.finish().dies_of(libc::SIGTERM);
}

fn nothing_new_ends_a_recording() {
    let cgroup = Cgroup::new("idle");
    let running = ticking(&cgroup, 3000);
    let (_, recording) = record(
        arguments!["--cgroup", cgroup.path()],
        &["--until-idle", "400ms"],
    );
    assert_eq!(recording.window.until, WindowEnd::Idle);
    let window = &recording.window;
    assert!(
        window.duration_ms - window.last_new_fact_ms >= 400,
        "{window:?}"
    );
    assert_ticks(&recording, 1..=3000, false);
    running.signal(libc::SIGTERM);
    running.finish().dies_of(libc::SIGTERM);
}

fn processes_that_share_the_cgroup_are_named() {
    let cgroup = Cgroup::new("shared");
    let running = [ticking(&cgroup, 3000), ticking(&cgroup, 3000)];
    let pid = running[0].pid().to_string();
    let (run, _) = record(arguments!["--pid", pid], &["--for", "100ms"]);
    run.stderr_has("warning: 1 other process shares its cgroup and is recorded too: ");
    for running in running {
        running.signal(libc::SIGTERM);
        running.finish().dies_of(libc::SIGTERM);
    }
}
