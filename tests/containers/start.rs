//! `record -- docker run …`: how containers end, and what is done in them from outside.

use crate::concurrent::witness_image_with_shell;
use crate::product;
use crate::recorder::{Recorded, Recorder};
use house_tests::docker::{Container, Docker};
use house_tests::facts::{counts_where, named};
use house_tests::image::Image;
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::{SeccompState, WindowEnd, WindowStart};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 12] = tests![
    a_detached_container_is_recorded_to_its_end,
    what_is_executed_in_a_container_is_recorded,
    without_a_filter_a_visit_is_remarked,
    an_interrupt_ends_the_container,
    an_interrupt_ends_a_detached_container,
    a_client_that_fails_speaks_for_itself,
    a_container_whose_program_is_missing_never_starts,
    a_container_that_is_not_there_yet_is_not_idle,
    a_container_that_cannot_be_described_is_recorded_all_the_same,
    a_container_that_is_started_again_is_recorded_from_its_first_call,
    several_that_are_started_again_have_a_recording_each,
    what_a_client_executes_in_a_container_is_recorded,
];

/// Waits for a file, then ends.
const WAIT: &str = "until test -e /tmp/done; do sleep 0.05; done";

/// Waits for a signal, then ends.
const LISTEN: &str =
    "trap 'echo ended; exit 7' INT; touch /tmp/ready; while true; do sleep 0.05; done";

/// A container that runs a line of shell, and its recording in the making.
fn shell(name: &str, image: &Image, line: &str, options: &[&str]) -> (Container, Recorder) {
    let container = Container::expected(name);
    let docker = Docker::run(&image.name, &["/bin/sh", "-c", line]);
    let docker = docker.with(&["--name", &container.name]).with(options);
    let recorder = Recorder::docker(&docker);
    (container, recorder)
}

/// The witness calls `getegid` three times, and nobody else in these containers does.
#[track_caller]
fn assert_has_the_witness(recorded: &Recorded) {
    let filtered = counts_where(&recorded.recording, true);
    assert_eq!(filtered.get(&named("getegid")), Some(&3));
    let first = recorded.first(named("getegid"), true).expect("a sighting");
    assert_eq!(first.program, "witness");
}

fn a_detached_container_is_recorded_to_its_end() {
    let image = witness_image_with_shell();
    let line = format!("{WAIT}; {} nested", witness::PATH);
    let (container, recorder) = shell("detached", &image, &line, &["--detach"]);
    container.await_success(&["true"]);
    let id = container.id();
    // The client goes when the container runs.
    while recorder.running.has_children() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // It may be gone before the engine has looked at how this ended.
    let _ = container.exec(&["touch", "/tmp/done"]);
    let recorded = recorder.finish();
    recorded.run.exits(0).stdout(&format!("{id}\n"));
    assert_eq!(recorded.recording.window.until, WindowEnd::Empty);
    assert_has_the_witness(&recorded);
}

/// What the runtime does on the way into the container is without the filter, and gets no rule.
fn what_is_executed_in_a_container_is_recorded() {
    let image = witness_image_with_shell();
    let (container, recorder) = shell("visited", &image, WAIT, &[]);
    container.await_success(&["true"]);
    container.exec(&[witness::PATH, "nested"]).exits(0);
    // It may be gone before the engine has looked at how this ended.
    let _ = container.exec(&["touch", "/tmp/done"]);
    let recorded = recorder.finish();
    recorded.run.exits(0);
    assert_has_the_witness(&recorded);
    let way = counts_where(&recorded.recording, false);
    assert!(way.contains_key(&named("keyctl")), "{way:?}");
    let generate = product().args(["generate"]).args([&recorded.path]).run();
    let profile = generate.exits(0).stdout_text();
    assert!(profile.contains("\"getegid\""), "{profile}");
    assert!(!profile.contains("\"keyctl\""), "{profile}");
    assert!(!generate.stderr_text().contains("left out"), "{generate}");
}

/// Without a filter there is nothing that tells the runtime from the container; that is said.
fn without_a_filter_a_visit_is_remarked() {
    const REMARK: &str = "warning: something was executed in the container from outside;";
    const UNCONFINED: &[&str] = &["--security-opt", "seccomp=unconfined"];
    let image = witness_image_with_shell();
    let (container, visited) = shell("visited", &image, WAIT, UNCONFINED);
    container.await_success(&["true"]);
    // It may be gone before the engine has looked at how this ended.
    let _ = container.exec(&["touch", "/tmp/done"]);
    visited.finish().run.exits(0).stderr_has(REMARK);
    let (_container, alone) = shell("alone", &image, "true", UNCONFINED);
    let said = alone.finish().run.exits(0).stderr_text();
    assert!(!said.contains("warning"), "{said}");
}

fn an_interrupt_ends_the_container() {
    let image = witness_image_with_shell();
    let (container, recorder) = shell("interrupted", &image, LISTEN, &[]);
    container.await_success(&["test", "-e", "/tmp/ready"]);
    recorder.running.signal(libc::SIGINT);
    let recorded = recorder.finish();
    recorded.run.exits(7).stdout("ended\n");
    assert_eq!(recorded.recording.window.until, WindowEnd::Interrupted);
    assert_eq!(container.inspect("{{.State.Status}}"), None);
}

/// There is no client any more that could pass the signal on.
fn an_interrupt_ends_a_detached_container() {
    let image = witness_image_with_shell();
    let line = LISTEN.replace("echo ended", &format!("{} nested", witness::PATH));
    let (container, recorder) = shell("left", &image, &line, &["--detach"]);
    container.await_success(&["test", "-e", "/tmp/ready"]);
    while recorder.running.has_children() {
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder.running.signal(libc::SIGINT);
    let recorded = recorder.finish();
    recorded.run.exits(0);
    assert_eq!(recorded.recording.window.until, WindowEnd::Interrupted);
    // It ended by itself, and what it did on its way out is there.
    assert_has_the_witness(&recorded);
}

fn a_client_that_fails_speaks_for_itself() {
    let docker = Docker::run("house-tests/nothing", &["true"]).with(&["--pull", "never"]);
    let recorded = Recorder::docker(&docker).finish();
    let run = recorded.run.exits(125).stdout("");
    run.stderr_has("No such image: house-tests/nothing");
    run.stderr_has("warning: it never started, so the recording says nothing of it\n");
    assert!(recorded.recording.facts.is_empty());
}

/// What the runtime does in vain is under the filter already, but nothing of the container.
fn a_container_whose_program_is_missing_never_starts() {
    let image = witness_image_with_shell();
    let docker = Docker::run(&image.name, &["/nothing"]);
    let recorded = Recorder::docker(&docker).finish();
    let run = recorded.run.exits(127).stdout("");
    run.stderr_has("warning: it never started, so the recording says nothing of it\n");
}

/// A client that does something else first.
struct Client {
    directory: TempDir,
}

impl Client {
    fn new(first: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let client = Self { directory };
        let script = format!("#!/bin/sh\n{first}\nexec docker \"$@\"\n");
        fs::write(client.path(), script).expect("a script");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(client.path(), executable).expect("permissions");
        client
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("docker")
    }

    /// Starts to record what it runs.
    fn record(&self, flags: &[&str], docker: &Docker) -> Recorder {
        let flags = flags.iter().map(OsString::from);
        let line = docker.command_line().into_iter().skip(1);
        let words = flags.chain([OsString::from("--"), self.path().into_os_string()]);
        Recorder::start(&words.chain(line.map(OsString::from)).collect::<Vec<_>>())
    }
}

/// As when the image has to be fetched first.
fn a_container_that_is_not_there_yet_is_not_idle() {
    let image = witness_image_with_shell();
    let client = Client::new("test \"$1\" = run && sleep 1");
    let docker = Docker::run(
        &image.name,
        &["/bin/sh", "-c", &LISTEN.replace("INT", "TERM")],
    );
    let recorded = client.record(&["--until-idle", "400ms"], &docker).finish();
    assert_eq!(recorded.recording.window.until, WindowEnd::Idle);
    // It started: its rights are known.
    assert!(recorded.recording.target.capabilities.is_some());
}

/// A container may be gone before the engine can be asked about it, as with this client always.
fn a_container_that_cannot_be_described_is_recorded_all_the_same() {
    let image = witness_image_with_shell();
    let client = Client::new("test \"$1\" = inspect && exit 1");
    let docker = Docker::run(&image.name, &[witness::PATH, "nested"]);
    let recorded = client.record(&[], &docker).finish();
    recorded.run.exits(0);
    assert_has_the_witness(&recorded);
    let target = &recorded.recording.target;
    assert_eq!(target.seccomp, Some(SeccompState::Filtered));
    let container = target.container.as_ref().expect("a container");
    assert_eq!(container.id.len(), 64);
    assert_eq!(container.image.as_ref(), Some(&image.name));
    assert_eq!(container.engine.as_deref(), Some("docker"));
    assert_eq!([&container.name, &container.runtime], [&None; 2]);
}

/// It has a place below a parent that it shares with others.
fn a_container_that_is_started_again_is_recorded_from_its_first_call() {
    let image = witness_image_with_shell();
    let kept = Docker::run(&image.name, &[witness::PATH, "nested"]).kept();
    let container = Container::expected("again");
    let first = kept.with(&["--name", &container.name]).go();
    first.exits(0);
    for words in [
        &["docker", "start", "--attach"][..],
        &["env", "A=b", "docker", "container", "restart"],
    ] {
        let words = ["--"].iter().chain(words).map(|&word| word.to_owned());
        let words = words.chain([container.name.clone()]);
        let recorded = Recorder::start(&words.collect::<Vec<_>>()).finish();
        recorded.run.exits(0);
        assert_eq!(recorded.recording.window.from, WindowStart::Exec);
        assert_has_the_witness(&recorded);
        let known = recorded.recording.target.container.as_ref();
        let known = known.and_then(|known| known.name.as_ref());
        assert_eq!(known, Some(&container.name));
    }
    // What is not there cannot be started.
    let words = [
        "record",
        "-o",
        "/dev/null",
        "--",
        "docker",
        "start",
        "house-tests-none",
    ];
    product()
        .args(words)
        .run()
        .exits(3)
        .stderr_has("no container `house-tests-none`");
}

fn several_that_are_started_again_have_a_recording_each() {
    let image = witness_image_with_shell();
    let make = |name: &str, command: &[&str]| {
        let container = Container::expected(name);
        let kept = Docker::run(&image.name, command).kept();
        kept.with(&["--name", &container.name]).go().exits(0);
        container
    };
    let made = [
        make("again-one", &[witness::PATH, "nested"]),
        make("again-two", &["/bin/sh", "-c", "echo"]),
    ];
    let folder = tempfile::tempdir().expect("a temporary directory");
    let recordings = folder.path().join("recordings");
    let words = arguments!["record", "-o", recordings, "--", "docker", "start"];
    let names = made.iter().map(|container| OsString::from(&container.name));
    let words: Vec<OsString> = words.into_iter().chain(names).collect();
    product().args(&words).run().exits(0);
    let seen = made.each_ref().map(|container| {
        let path = recordings.join(format!("{}.json", container.name));
        let recording = house_tests::facts::read(&path);
        assert!(recording.losses.is_complete(), "{:?}", recording.losses);
        assert_eq!(recording.window.from, WindowStart::Exec);
        let known = recording.target.container.as_ref();
        let known = known.and_then(|known| known.name.as_ref());
        assert_eq!(known, Some(&container.name));
        counts_where(&recording, true).contains_key(&named("getegid"))
    });
    assert_eq!(seen, [true, false]);
}

/// The container's own calls meanwhile are there as well: it is one profile for both.
fn what_a_client_executes_in_a_container_is_recorded() {
    let image = witness_image_with_shell();
    let docker = Docker::run(&image.name, &["/bin/sh", "-c", WAIT]);
    let container = Container::start("executed", docker);
    let words = ["--", "timeout", "100", "docker", "exec", &container.name];
    let words = words.iter().copied().chain([witness::PATH, "nested"]);
    let recorded = Recorder::start(&words.collect::<Vec<_>>()).finish();
    recorded.run.exits(0);
    assert_eq!(recorded.recording.window.until, WindowEnd::Command);
    assert_has_the_witness(&recorded);
    let seen = counts_where(&recorded.recording, true);
    assert!(seen.contains_key(&named("clock_nanosleep")), "{seen:?}");
}
