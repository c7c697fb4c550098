//! `record --container`: containers that run already, that are gone, and that never were.

use crate::product;
use crate::recorder::Recorder;
use crate::workloads::nginx_rootfs;
use house_tests::docker::{Container, Docker, container_name};
use house_tests::facts::{counts_where, named};
use house_tests::image::{Image, Rootfs};
use house_tests::tests;
use seccomp_tracer::recording::{SeccompState, TargetKind, WindowEnd, WindowStart};

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    a_server_is_recorded_until_it_ends,
    a_time_limit_leaves_the_container_alone,
    the_container_is_the_one_that_was_named,
    a_container_that_is_not_there_is_answered_with_those_that_are,
    a_container_that_has_ended_is_said_to_have_ended,
];

fn nginx(image: &Image) -> Container {
    let command = ["nginx", "-c", "/etc/nginx.conf", "-g", "daemon off;"];
    let container = Container::start("nginx", Docker::run(&image.name, &command));
    container.await_success(FETCH);
    container
}

const FETCH: &[&str] = &["wget", "-q", "-O", "-", "http://127.0.0.1:8080/index.html"];

fn a_server_is_recorded_until_it_ends() {
    let image = nginx_rootfs().import("served");
    let container = nginx(&image);
    let id = container.id();
    let recorder = Recorder::attach(&container.name, &[]);
    for _ in 0..3 {
        container.exec(FETCH).exits(0).stdout("served\n");
    }
    container.order(&["stop"]);
    let recorded = recorder.finish();
    recorded.run.exits(0).stdout("");
    let recording = &recorded.recording;
    assert_eq!(recording.window.from, WindowStart::Attach);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    let target = &recording.target;
    assert_eq!(target.kind, TargetKind::Container);
    assert_eq!(target.seccomp, Some(SeccompState::EngineDefault));
    assert_eq!(target.no_new_privs, Some(false));
    let known = target.container.as_ref().expect("a container");
    assert_eq!(known.id, id);
    assert_eq!(known.name.as_ref(), Some(&container.name));
    assert_eq!(known.image.as_ref(), Some(&image.name));
    // The server's calls, and those of the client that was executed in the container.
    let filtered = counts_where(recording, true);
    assert_eq!(filtered.get(&named("connect")), Some(&3), "{filtered:?}");
    assert!(filtered[&named("accept4")] >= 3, "{filtered:?}");
    for (call, program) in [("connect", "wget"), ("accept4", "nginx")] {
        let first = recorded.first(named(call), true).expect("a sighting");
        assert_eq!(first.program, program, "{call}");
    }
    // What a server does while it serves is not enough to start one.
    let generate = product().args(["generate"]).args([&recorded.path]).run();
    generate
        .exits(0)
        .stderr_has("note: no recording covers the target's start,");
}

fn a_time_limit_leaves_the_container_alone() {
    let image = nginx_rootfs().import("limited");
    let container = nginx(&image);
    let recorder = Recorder::attach(&container.name, &["--for", "3s"]);
    // A recording in which nothing was seen is none.
    container.exec(FETCH).exits(0).stdout("served\n");
    let recorded = recorder.finish();
    recorded.run.exits(0);
    assert_eq!(recorded.recording.window.until, WindowEnd::Duration);
    let state = container.inspect("{{.State.Status}}");
    assert_eq!(state.as_deref(), Some("running"));
    container.exec(FETCH).exits(0).stdout("served\n");
}

/// A container that sleeps.
fn sleeper(image: &Image, name: &str) -> Container {
    Container::start(name, Docker::run(&image.name, &["sleep", "1000"]))
}

fn shell_image() -> Image {
    let applets = ["sh", "sleep", "true", "touch"];
    Rootfs::default().busybox(&applets).import("shell")
}

/// By name, though another name begins with it; by id; and by the beginning of an id.
fn the_container_is_the_one_that_was_named() {
    let image = shell_image();
    let one = sleeper(&image, "web");
    let other = Container {
        name: format!("{}-2", one.name),
    };
    let docker = Docker::run(&image.name, &["sleep", "1000"]);
    docker
        .with(&["--detach", "--name", &other.name])
        .go()
        .exits(0);
    let ids = [one.id(), other.id()];
    for (asked, id) in [
        (&*one.name, &ids[0]),
        (&*other.name, &ids[1]),
        (&*ids[0], &ids[0]),
        (&ids[1][..12], &ids[1]),
    ] {
        let recorder = Recorder::attach(asked, &[]);
        // Calls in both, so that those of the wrong one would be seen.
        let (theirs, others) = if *id == ids[0] {
            (&one, &other)
        } else {
            (&other, &one)
        };
        others.exec(&["touch", "/tmp/file"]).exits(0);
        theirs.exec(&["true"]).exits(0);
        recorder.running.signal(libc::SIGINT);
        let recorded = recorder.finish();
        let container = recorded.recording.target.container.as_ref();
        assert_eq!(
            container.map(|container| &container.id),
            Some(id),
            "{asked}"
        );
        let filtered = counts_where(&recorded.recording, true);
        assert!(
            filtered.contains_key(&named("execve")),
            "{asked}: {filtered:?}"
        );
        assert!(
            !filtered.contains_key(&named("utimensat")),
            "{asked}: {filtered:?}"
        );
    }
}

/// What `record` says of a container that it cannot record; of what it suggests, the beginning, as others
/// may have containers too.
#[track_caller]
fn assert_refused(name: &str, error: &str, hint: &str) {
    let run = product()
        .args(["record", "--output", "/dev/null", "--container", name])
        .run();
    let said = run.exits(3).stdout("").stderr_text();
    let expected = format!("error: {error}\n\nhint: {hint}");
    assert!(said.starts_with(&expected), "not {expected:?}: {run}");
}

fn a_container_that_is_not_there_is_answered_with_those_that_are() {
    let image = shell_image();
    let (one, other) = (sleeper(&image, "front"), sleeper(&image, "front-end"));
    let one_and_other = format!("`{}`, `{}`", one.name, other.name);
    // A beginning of an id means a container, a beginning or a part of a name does not.
    let part = one.name.trim_start_matches("house-");
    let suggestion = "running containers with the most similar names:";
    for (asked, suggested) in [
        (&*container_name("fornt"), &*one_and_other),
        (part, &format!("`{}`", one.name)),
    ] {
        let error = format!("no container `{asked}`");
        assert_refused(asked, &error, &format!("{suggestion} {suggested}"));
    }
}

fn a_container_that_has_ended_is_said_to_have_ended() {
    let image = shell_image();
    let ended = Container::expected("ended");
    let run = Docker::run(&image.name, &["true"]).kept();
    run.with(&["--name", &ended.name]).go().exits(0);
    assert_refused(
        &ended.name,
        &format!("container `{}` is not running", ended.name),
        &format!(
            "its state is `exited`; to record it from its first call, start it with \
             `seccomp-tracer record -- docker run …`, else `docker start {}` first\n",
            ended.name
        ),
    );
    ended.order(&["rm"]);
    assert_refused(&ended.name, &format!("no container `{}`", ended.name), "");
}
