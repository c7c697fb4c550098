//! Who leaves the scope and goes on outside is counted, named, and makes the recording incomplete.

use crate::{product, record_with};
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts;
use house_tests::run::{Program, Running};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::{Loss, Recording};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    a_thousand_tasks_that_move_are_a_thousand_losses,
    who_was_there_before_and_is_moved_is_counted,
    who_is_born_outside_is_counted,
    who_comes_and_ends_is_no_loss,
    the_daemon_charges_nobody_for_what_another_lost,
];

fn left(recording: &Recording) -> (u64, Vec<(&str, u64)>) {
    let names = recording.losses.left_by().iter();
    let names = names.map(|(name, &count)| (name.as_str(), count));
    (recording.losses.get(Loss::Left), names.collect())
}

/// Each goes by itself.
fn a_thousand_tasks_that_move_are_a_thousand_losses() {
    const LEAVE: &str = "i=0; while [ $i -lt 1000 ]; do \
        (echo 0 > \"$0/cgroup.procs\"); i=$((i+1)); done";
    let outside = Cgroup::new("outside");
    let command = arguments!["sh", "-c", LEAVE, outside.path()];
    let (run, recording) = record_with(&[], &command);
    run.exits(0).stderr_has(
        "\nwarning: 1000 tasks left the target's cgroup (`sh`), and what was done outside is not in the \
         recording\n",
    );
    let recording = recording.expect("a recording");
    assert_eq!(left(&recording), (1000, vec![("sh", 1000)]));
    assert!(!recording.losses.is_complete());
}

fn ticking(cgroup: &Cgroup) -> Running {
    let running = Program::new(witness::PATH)
        .args(["ticks", "100000"])
        .start();
    cgroup.add(running.pid());
    running
}

/// Watches a cgroup until the work is done; ends with this code.
fn watched(cgroup: &Cgroup, code: i32, work: impl FnOnce()) -> Recording {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("rec.json");
    let record = product().args(arguments![
        "record",
        "-o",
        output,
        "--cgroup",
        cgroup.path()
    ]);
    let mut record = record.start();
    record.await_stderr("recording ");
    work();
    record.signal(libc::SIGINT);
    record.finish().exits(code);
    facts::read(&output)
}

/// By others. Further down is still inside, and back again is no second loss.
fn who_was_there_before_and_is_moved_is_counted() {
    let (scope, outside) = (Cgroup::new("scope"), Cgroup::new("outside"));
    let below = scope.child("below");
    let running: Vec<Running> = (0..20).map(|_| ticking(&scope)).collect();
    let recording = watched(&scope, 4, || {
        for (index, one) in running.iter().enumerate() {
            below.add(one.pid());
            if index % 2 == 0 {
                outside.add(one.pid());
                outside.add(one.pid());
                scope.add(one.pid());
            }
        }
    });
    for one in running {
        one.signal(libc::SIGKILL);
        one.finish().dies_of(libc::SIGKILL);
    }
    assert_eq!(left(&recording), (10, vec![("witness", 10)]));
}

/// Enters the one cgroup, and bears a child in the other, with one call.
fn bear(inside: &Path, outside: &Path) {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let enter = inside.join("cgroup.procs");
    let outside = File::open(outside).expect("a cgroup");
    let mut command = Command::new("true");
    let bear = move || {
        std::fs::write(&enter, "0")?;
        let mut arguments = [0_u64; 11];
        arguments[0] = CLONE_INTO_CGROUP;
        arguments[4] = u64::from(libc::SIGCHLD.cast_unsigned());
        arguments[10] = u64::try_from(outside.as_raw_fd()).expect("a descriptor");
        let size = size_of_val(&arguments);
        // SAFETY: arguments of that size; the child shares nothing and ends at once.
        match unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size) } {
            // SAFETY: nothing of the parent's is touched.
            0 => unsafe { libc::_exit(0) },
            -1 => Err(std::io::Error::last_os_error()),
            // SAFETY: waits for any child, and wants no more.
            _ => match unsafe { libc::wait(std::ptr::null_mut()) } {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            },
        }
    };
    // SAFETY: the closure makes calls and does not allocate between clone and exit.
    unsafe { command.pre_exec(bear) };
    let status = command.status().expect("a shell's true");
    assert!(status.success());
}

fn who_is_born_outside_is_counted() {
    let (scope, outside) = (Cgroup::new("scope"), Cgroup::new("outside"));
    let below = scope.child("below");
    let resident = ticking(&scope);
    let recording = watched(&scope, 4, || {
        bear(scope.path(), outside.path());
        bear(scope.path(), below.path());
        bear(below.path(), outside.path());
        bear(outside.path(), outside.path());
    });
    resident.signal(libc::SIGKILL);
    resident.finish().dies_of(libc::SIGKILL);
    let (count, names) = left(&recording);
    assert_eq!((count, names.len()), (2, 1), "{names:?}");
}

/// Strangers move in, end, and move about outside.
fn who_comes_and_ends_is_no_loss() {
    let (scope, outside) = (Cgroup::new("scope"), Cgroup::new("outside"));
    let resident = ticking(&scope);
    let recording = watched(&scope, 0, || {
        for _ in 0..20 {
            let stranger = ticking(&outside);
            outside.add(stranger.pid());
            let comes = ticking(&outside);
            scope.add(comes.pid());
            for one in [stranger, comes] {
                one.signal(libc::SIGKILL);
                one.finish().dies_of(libc::SIGKILL);
            }
        }
    });
    resident.signal(libc::SIGKILL);
    resident.finish().dies_of(libc::SIGKILL);
    assert_eq!(left(&recording), (0, vec![]));
    assert!(recording.losses.is_complete());
}

/// One that was there before and one that comes later leave the one scope; of the other nobody does.
fn the_daemon_charges_nobody_for_what_another_lost() {
    let place = Place::new(house_tests::product!());
    let parent = Cgroup::new("parent");
    let outside = Cgroup::new("outside");
    let (leaky, tight) = (parent.child("leaky"), parent.child("tight"));
    let before = ticking(&leaky);
    let stays = ticking(&tight);
    let daemon = place.start(&["--below", &parent.relative(), "--from", "now"]);
    while place.targets().iter().filter(|one| one.calls > 0).count() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let later = ticking(&outside);
    leaky.add(later.pid());
    outside.add(before.pid());
    outside.add(later.pid());
    for one in [before, later, stays] {
        one.signal(libc::SIGKILL);
        one.finish().dies_of(libc::SIGKILL);
    }
    let mut recordings = place.await_end();
    recordings.sort_by(|(a, _), (b, _)| a.cmp(b));
    let found: Vec<_> = recordings
        .iter()
        .map(|(name, recording)| (name.as_str(), left(recording)))
        .collect();
    let expected = [("leaky", (2, vec![("witness", 2)])), ("tight", (0, vec![]))];
    assert_eq!(found, expected);
    for (name, recording) in &recordings {
        assert_eq!(recording.losses.is_complete(), name == "tight");
        assert!(recording.host.hook.is_some());
    }
    daemon.end(libc::SIGTERM).exits(0);
}
