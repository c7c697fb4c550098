//! What already runs: a process, a cgroup; from when on, and until when.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Run, Running};
use house_tests::witness::Ticking;
use house_tests::{arguments, tests};
use seccomp_tracer::recording::{Recording, SeccompState, TargetKind, WindowEnd, WindowStart};
use std::ffi::OsString;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_cgroup_is_watched_until_it_is_empty,
    a_process_is_watched_until_the_time_is_over,
    nothing_new_ends_a_recording,
    processes_that_share_the_cgroup_are_named,
];

/// Something that ticks, in a cgroup of its own.
fn ticking(cgroup: &Cgroup, ticking: &Ticking) -> Running {
    let [program, rest @ ..] = ticking.command();
    let running = Program::new(program).args(rest).start();
    cgroup.add(running.pid());
    running
}

fn record(target: [OsString; 2], flags: &[&str]) -> (Run, Recording) {
    record_until(target, flags, || ())
}

/// Records, and does something as soon as the target is watched.
fn record_until(target: [OsString; 2], flags: &[&str], end: impl FnOnce()) -> (Run, Recording) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("rec.json");
    let record = product().args(arguments!["record", "-o", output]);
    let mut running = record.args(target).args(flags).start();
    running.await_stderr("recording ");
    end();
    let run = running.finish();
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
    let ticks = Ticking::new();
    let running = ticking(&cgroup, &ticks);
    let target = arguments!["--cgroup", cgroup.path()];
    let (_, recording) = record_until(target, &[], || ticks.end());
    running.finish().exits(0);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert_eq!(recording.target.kind, TargetKind::Cgroup);
    // It may be told to end before its next tick.
    assert_ticks(&recording, 0..=u64::MAX, true);
}

fn a_process_is_watched_until_the_time_is_over() {
    let cgroup = Cgroup::new("limit");
    let ticks = Ticking::new();
    let running = ticking(&cgroup, &ticks);
    let pid = running.pid().to_string();
    let (run, recording) = record(arguments!["--pid", pid], &["--for", "2s"]);
    assert_eq!(recording.window.until, WindowEnd::Duration);
    assert_eq!(recording.target.kind, TargetKind::Process);
    assert_eq!(recording.target.seccomp, Some(SeccompState::Unconfined));
    assert_ticks(&recording, 1..=u64::MAX, false);
    assert!(!run.stderr_text().contains("warning"), "{run}");
    // It is left alone.
    running.signal(libc::SIGTERM);
    running.finish().dies_of(libc::SIGTERM);
}

fn nothing_new_ends_a_recording() {
    let cgroup = Cgroup::new("idle");
    let ticks = Ticking::new();
    let running = ticking(&cgroup, &ticks);
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
    assert_ticks(&recording, 1..=u64::MAX, false);
    running.signal(libc::SIGTERM);
    running.finish().dies_of(libc::SIGTERM);
}

fn processes_that_share_the_cgroup_are_named() {
    let cgroup = Cgroup::new("shared");
    let ticks = Ticking::new();
    let running = [ticking(&cgroup, &ticks), ticking(&cgroup, &ticks)];
    let pid = running[0].pid().to_string();
    let (run, _) = record(arguments!["--pid", pid], &["--for", "100ms"]);
    run.stderr_has("warning: 1 other process shares its cgroup and is recorded too: ");
    for running in running {
        running.signal(libc::SIGTERM);
        running.finish().dies_of(libc::SIGTERM);
    }
}
