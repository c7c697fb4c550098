//! Clients of container engines that a recorded command executes.

use crate::{product, record_with};
use house_tests::run::Program;
use house_tests::{arguments, tests};
use seccomp_tracer::recording::to_json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    every_client_is_noticed_wherever_it_is_executed,
    a_client_by_another_name_is_noticed,
    a_client_that_lives_for_a_moment_is_noticed,
    a_command_without_a_client_is_not_marked,
];

/// A program of that name; it ends at once, or waits.
fn client(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    let copy = Program::new("cp").args(["/bin/sleep".as_ref(), path.as_os_str()]);
    copy.run().exits(0);
    path.to_string_lossy().into_owned()
}

/// Records a command; the clients by which it is marked.
#[track_caller]
fn clients(command: &[&str]) -> Vec<String> {
    let (run, recording) = record_with(&[], command);
    let recording = recording.expect("a recording");
    assert_eq!(recording.clients(), recording.target.clients);
    let clients: Vec<String> = recording.target.clients.iter().cloned().collect();
    for client in &clients {
        run.stderr_has(&format!("warning: `{client}` was executed, and what it"));
    }

    // No profile is made of it, unless the client is what is meant.
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("recording.json");
    fs::write(&path, to_json(&recording)).expect("a file");
    let generate = |flags: &[&str]| product().args(arguments!["generate", path]).args(flags);
    let refused = generate(&[]).run();
    match clients.first() {
        Some(client) => refused
            .exits(4)
            .stdout("")
            .stderr_has(&format!("error: `{client}` was executed")),
        None => refused.exits(0),
    };
    generate(&["--client"]).run().exits(0);
    clients
}

fn every_client_is_noticed_wherever_it_is_executed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for name in [
        "buildah",
        "crictl",
        "ctr",
        "docker",
        "docker-compose",
        "kubectl",
        "machinectl",
        "nerdctl",
        "podman",
        "systemd-run",
    ] {
        let path = client(folder.path(), name);
        assert_eq!(clients(&[&path, "0"]), [name]);
        let line = format!("ls /; {path} 0");
        assert_eq!(clients(&["sh", "-c", &line]), [name], "{line}");
    }
    let make = folder.path().join("script");
    fs::write(
        &make,
        format!(
            "{}/docker 0\n{}/ctr 1\n",
            folder.path().display(),
            folder.path().display()
        ),
    )
    .expect("a file");
    let script = make.to_string_lossy().into_owned();
    assert_eq!(
        clients(&["timeout", "60", "sh", &script]),
        ["ctr", "docker"]
    );
}

/// By a link, and after it has called itself otherwise; who is there is looked at, too.
fn a_client_by_another_name_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = client(folder.path(), "podman");
    let link = folder.path().join("innocent");
    symlink(path, &link).expect("a link");
    let line = format!("sleep 0; sleep 0; {} 1", link.display());
    assert_eq!(clients(&["sh", "-c", &line]), ["podman"]);
}

/// It makes no call that was not made before it, and is gone before anybody could look.
fn a_client_that_lives_for_a_moment_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("nerdctl");
    let copy = Program::new("cp").args(["/bin/true".as_ref(), path.as_os_str()]);
    copy.run().exits(0);
    let link = folder.path().join("innocent");
    symlink(&path, &link).expect("a link");
    for name in [&path, &link] {
        let line = format!("/bin/true; /bin/true; {}; /bin/true", name.display());
        for _ in 0..if crate::is_slow() { 1 } else { 5 } {
            assert_eq!(clients(&["sh", "-c", &line]), ["nerdctl"], "{line}");
        }
    }
}

fn a_command_without_a_client_is_not_marked() {
    // To be talked of is not to be executed.
    assert_eq!(
        clients(&["sh", "-c", "ls docker; echo podman run"]),
        [""; 0]
    );
}
