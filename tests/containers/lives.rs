//! Containers that live more than once: one recording for all lives, each from its first call on.

use crate::podman::PLAIN;
use crate::product;
use crate::recorder::Recorder;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::docker::{Container, Docker};
use house_tests::facts::{self, counts_where, named};
use house_tests::image::{Image, Rootfs};
use house_tests::run::Program;
use house_tests::tests;
use seccomp_tracer::recording::{Loss, Recording, TargetKind, WindowEnd, WindowStart};
use std::thread;
use std::time::Duration;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    a_restart_is_another_life_from_its_first_call_on,
    a_restart_policy_is_followed_for_its_time,
    what_gives_up_ends_its_recording,
    a_life_that_cannot_be_followed_is_said_and_makes_it_incomplete,
    the_daemon_keeps_one_recording_for_all_lives,
    the_daemon_follows_a_container_that_it_was_asked_for,
];

pub(crate) const PODMAN: [(&str, fn()); 1] = tests![podmans_restart_is_another_life];

fn shell_image() -> Image {
    let applets = ["sh", "sleep"];
    Rootfs::default().busybox(&applets).import("lives")
}

/// Says that it lives, and then only sleeps.
const LIFE: [&str; 3] = ["sh", "-c", "echo alive; exec sleep 1000"];

/// Waits until it has said so often that it lives.
fn await_lives(container: &Container, many: usize) {
    let lives = || {
        let logs = Program::new("docker").args(["logs", &container.name]).run();
        logs.stdout_text().matches("alive").count()
    };
    while lives() < many {
        thread::sleep(Duration::from_millis(50));
    }
}

/// The calls that only a start makes: the shell's exec and the sleeper's.
fn starts(recording: &Recording) -> u64 {
    let filtered = counts_where(recording, true);
    filtered.get(&named("execve")).copied().unwrap_or(0) / 2
}

/// While others come and go beside it.
fn a_restart_is_another_life_from_its_first_call_on() {
    let image = shell_image();
    let container = Container::start("lives", Docker::run(&image.name, &LIFE).kept());
    await_lives(&container, 1);
    let recorder = Recorder::attach(&container.name, &[]);
    for life in 2..=3 {
        Docker::run(&image.name, &["sh", "-c", "exec sleep 0"])
            .go()
            .exits(0);
        container.order(&["restart", "--time", "0"]);
        await_lives(&container, life);
    }
    recorder.running.signal(libc::SIGINT);
    let recorded = recorder.finish();
    recorded.run.exits(0);
    let recording = &recorded.recording;
    assert_eq!(recording.window.lives, Some(3));
    assert_eq!(recording.window.from, WindowStart::Attach);
    assert_eq!(starts(recording), 2, "of lives, and of nobody else");
    assert_eq!(recording.target.kind, TargetKind::Container);
}

fn a_restart_policy_is_followed_for_its_time() {
    let image = shell_image();
    let command = ["sh", "-c", "echo alive; sleep 4; exit 1"];
    let run = Docker::run(&image.name, &command).kept();
    let container = Container::start("policy", run.with(&["--restart", "always"]));
    let recorded = Recorder::attach(&container.name, &["--for", "12s"]).finish();
    recorded.run.exits(0);
    let window = &recorded.recording.window;
    assert_eq!(window.until, WindowEnd::Duration);
    assert!(window.lives.is_some_and(|lives| lives >= 2), "{window:?}");
    assert!(window.duration_ms >= 11_000, "{window:?}");
}

/// Three lives, and none after.
fn what_gives_up_ends_its_recording() {
    let image = shell_image();
    let command = ["sh", "-c", "echo alive; sleep 5; exit 1"];
    let run = Docker::run(&image.name, &command).kept();
    let container = Container::start("giveup", run.with(&["--restart", "on-failure:2"]));
    let recorded = Recorder::attach(&container.name, &[]).finish();
    recorded.run.exits(0);
    let window = &recorded.recording.window;
    assert_eq!((window.until, window.lives), (WindowEnd::Empty, Some(3)));
    drop(container);
}

/// Directly below the root is what belongs to the whole host.
fn a_life_that_cannot_be_followed_is_said_and_makes_it_incomplete() {
    let image = shell_image();
    let run = Docker::run(&image.name, &LIFE).kept();
    let container = Container::start("unseen", run.with(&["--cgroup-parent", "/"]));
    await_lives(&container, 1);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = folder.path().join("recording.json");
    let record = product().args(["record", "--container", &container.name, "-o"]);
    let mut running = record.args([&output]).start();
    running.await_stderr("recording ");
    container.order(&["restart", "--time", "0"]);
    let run = running.finish();
    run.exits(4)
        .stderr_has("a life of ")
        .stderr_has("incomplete");
    let recording = facts::read(&output);
    assert_eq!(recording.losses.get(Loss::MissedLife), 1);
}

fn the_daemon_keeps_one_recording_for_all_lives() {
    let image = shell_image();
    let place = Place::new(house_tests::product!());
    let parent = Cgroup::new("lives");
    let flags = ["--below", &parent.relative(), "--interval", "1s"];
    let daemon = place.start(&flags);
    let run = Docker::run(&image.name, &LIFE).kept();
    let container = Container::start("daemon", run.with(&["--cgroup-parent", &parent.relative()]));
    await_lives(&container, 1);
    container.order(&["restart", "--time", "0"]);
    await_lives(&container, 2);
    // One more, while another daemon goes on.
    daemon.end(libc::SIGKILL).dies_of(libc::SIGKILL);
    let _daemon = place.start(&flags);
    container.order(&["restart", "--time", "0"]);
    await_lives(&container, 3);
    container.order(&["stop", "--time", "0"]);
    let recordings = place.await_end();
    let [(name, recording)] = &recordings[..] else {
        panic!("{} recordings", recordings.len());
    };
    assert_eq!(*name, container.name);
    assert_eq!(recording.window.lives, Some(3));
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert_eq!(starts(recording), 3);
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
}

/// And nobody beside it.
fn the_daemon_follows_a_container_that_it_was_asked_for() {
    let image = shell_image();
    let container = Container::start("asked", Docker::run(&image.name, &LIFE).kept());
    await_lives(&container, 1);
    let place = Place::new(house_tests::product!());
    let _daemon = place.start(&["--container", &container.name]);
    Docker::run(&image.name, &["sh", "-c", "exec sleep 0"])
        .go()
        .exits(0);
    container.order(&["restart", "--time", "0"]);
    await_lives(&container, 2);
    container.order(&["stop", "--time", "0"]);
    let recordings = place.await_end();
    let [(name, recording)] = &recordings[..] else {
        panic!("{} recordings", recordings.len());
    };
    assert_eq!(*name, container.name);
    assert_eq!(recording.window.lives, Some(2));
    assert_eq!(recording.window.from, WindowStart::Attach);
    assert_eq!(starts(recording), 1);
}

fn podmans_restart_is_another_life() {
    let rootfs = Rootfs::default().busybox(&["sh", "sleep"]);
    let name = house_tests::docker::container_name("podman-lives");
    let line = PLAIN.line(&["--detach", "--name", &name], &rootfs, &["sleep", "1000"]);
    let line = line.iter().filter(|word| *word != "--rm");
    let line: Vec<&String> = line.collect();
    Program::new(line[0]).args(&line[1..]).run().exits(0);
    let podman = |words: &[&str]| {
        let podman = Program::new("podman").args(PLAIN.0.split_whitespace());
        podman.args(words).args([&name]).run()
    };
    let recorder = Recorder::attach(&name, &["--engine", "podman"]);
    podman(&["restart", "--time", "0"]).exits(0);
    recorder.running.signal(libc::SIGINT);
    let recorded = recorder.finish();
    podman(&["rm", "--force", "--time", "0"]).exits(0);
    recorded.run.exits(0);
    assert_eq!(recorded.recording.window.lives, Some(2));
    let filtered = counts_where(&recorded.recording, true);
    assert_eq!(filtered.get(&named("execve")), Some(&1), "{filtered:?}");
}
