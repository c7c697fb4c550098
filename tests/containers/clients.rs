//! The right subject: a container behind commands that run others, and clients whose containers are elsewhere.

use crate::concurrent::witness_image_with_shell;
use crate::product;
use crate::recorder::{Recorded, Recorder};
use house_tests::docker::Docker;
use house_tests::facts::{counts_where, named};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::TargetKind;

pub(crate) const TESTS: [(&str, fn()); 3] = tests![
    a_run_behind_other_commands_is_recorded_as_a_container,
    a_run_in_a_shell_is_recorded_as_a_client_and_gives_no_profile,
    a_client_in_a_container_is_noticed,
];

/// Records a container with these words before the engine's own.
fn behind(words: &[&str], docker: &Docker) -> Recorded {
    let line = docker.command_line();
    let words = ["--"].iter().chain(words).map(|&word| word.to_owned());
    Recorder::start(&words.chain(line).collect::<Vec<_>>()).finish()
}

fn a_run_behind_other_commands_is_recorded_as_a_container() {
    let image = witness_image_with_shell();
    let docker = Docker::run(&image.name, &[witness::PATH, "nested"]);
    for words in [
        &["env", "-u", "NOTHING", "A=b"][..],
        &["timeout", "--foreground", "-k", "5", "200"],
        &["nice", "-n", "1", "env", "--", "C=d", "timeout", "3m"],
    ] {
        let recorded = behind(words, &docker);
        recorded.run.exits(0);
        let recording = &recorded.recording;
        assert_eq!(recording.target.kind, TargetKind::Container, "{words:?}");
        let seen = counts_where(recording, true);
        assert_eq!(seen.get(&named("getegid")), Some(&3), "{words:?}");
        assert!(recording.clients().is_empty(), "{words:?}");
        assert!(recording.target.container.is_some(), "{words:?}");
    }
    // The engine is asked as the client will be told.
    let host = ["env", "DOCKER_HOST=unix:///nowhere/d.sock"];
    let line = docker.command_line();
    let words = ["record", "-o", "/dev/null", "--"].iter().chain(&host);
    let run = product().args(words).args(line).run();
    run.exits(3).stderr_has("cannot reach the container engine");
}

fn a_run_in_a_shell_is_recorded_as_a_client_and_gives_no_profile() {
    let image = witness_image_with_shell();
    let docker = Docker::run(&image.name, &[witness::PATH, "nested"]);
    let line = docker.command_line().join(" ");
    let recorded = behind(&["sh", "-c", &line], &Docker::run("unused", &[]));
    recorded
        .run
        .exits(0)
        .stderr_has("warning: `docker` was executed, and what it had started elsewhere")
        .stderr_has("`seccomp-tracer record -- docker run …` records that\n");
    assert_eq!(
        recorded.recording.target.clients,
        ["docker".to_owned()].into()
    );
    let generate = |flags: &[&str]| {
        let generate = product().args(arguments!["generate", recorded.path]);
        generate.args(flags).run()
    };
    generate(&[])
        .exits(4)
        .stdout("")
        .stderr_has("error: `docker` was executed");
    generate(&["--client"]).exits(0).stdout_has("\"futex\"");
    let profile = recorded.beside("profile.json");
    let harden = product().args(arguments!["harden", "-o", profile, "--", "sh", "-c", line]);
    harden
        .run()
        .exits(4)
        .stderr_has("error: `docker` was executed");
    assert!(!profile.exists());
}

/// A container that has another engine start something is a client, too.
fn a_client_in_a_container_is_noticed() {
    let image = witness_image_with_shell();
    let line = format!("cp {} /tmp/kubectl && /tmp/kubectl nested", witness::PATH);
    let recorded = behind(&[], &Docker::run(&image.name, &["/bin/sh", "-c", &line]));
    recorded
        .run
        .exits(0)
        .stderr_has("warning: `kubectl` was executed");
    let clients = &recorded.recording.target.clients;
    assert_eq!(clients, &["kubectl".to_owned()].into());
}
