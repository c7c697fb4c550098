//! What is printed is pasted: each set of options, recorded, and the printed line run as it stands.

use crate::podman::PLAIN;
use crate::product;
use house_tests::docker::Docker;
use house_tests::image::{Image, Rootfs};
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests};
use std::path::{Path, PathBuf};

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    what_is_printed_for_docker_works_as_it_stands,
    a_wide_profile_starts_whatever_the_options_are,
    recordings_that_differ_make_a_profile_for_each_of_them,
    a_recording_of_the_host_makes_a_profile_for_a_container,
];

pub(crate) const PODMANS: [(&str, fn()); 1] = tests![what_is_printed_for_podman_works_as_it_stands];

/// The option sets, each with whether a terminal is needed.
const SETS: [(&str, &[&str]); 8] = [
    ("plain", &[]),
    (
        "no-new-privileges",
        &["--security-opt", "no-new-privileges"],
    ),
    ("user", &["--user", "1000:1000"]),
    ("cap-drop", &["--cap-drop", "ALL"]),
    ("init", &["--init"]),
    ("read-only", &["--read-only"]),
    (
        "all-three",
        &[
            "--security-opt",
            "no-new-privileges",
            "--user",
            "1000:1000",
            "--cap-drop",
            "ALL",
        ],
    ),
    ("tty", &["--tty"]),
];

/// What runs in the container. The quotes must survive the shell that it is pasted into.
const COMMAND: [&str; 3] = [
    "/bin/sh",
    "-c",
    "ls / > /dev/null; echo \"it's $((6 * 7))\"",
];
const OUTPUT: &str = "it's 42";

fn image(name: &str) -> Image {
    Rootfs::default().busybox(&["sh", "ls"]).import(name)
}

/// Records, generates with these flags, and gives the profile and what was said.
fn generated(folder: &Path, name: &str, line: &[String], flags: &[&str]) -> (PathBuf, Run) {
    let recording = folder.join(format!("{name}.rec.json"));
    record(&recording, line);
    let profile = folder.join(format!("{name}.json"));
    let generate = product().args(arguments!["generate", recording, "-o", profile]);
    let run = generate.args(flags).run();
    run.exits(0);
    (profile, run)
}

fn record(recording: &Path, line: &[String]) {
    let record = product().args(arguments!["record", "-q", "-o", recording, "--"]);
    let run = record.args(line).run();
    run.exits(0).stdout_has(OUTPUT);
}

/// The one line behind `apply: `.
fn printed(run: &Run) -> String {
    let said = run.stderr_text();
    let lines: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("apply: "))
        .collect();
    let [line] = lines[..] else {
        panic!("not one line: {run}");
    };
    line.to_owned()
}

/// Pastes it into a shell, at a terminal.
fn paste(line: &str) -> Run {
    let script = ["-qec", line, "/dev/null"];
    Program::new("script").args(script).run()
}

#[track_caller]
fn pasted(name: &str, line: &str) {
    let run = paste(line);
    assert!(
        run.code() == 0 && run.stdout_text().contains(OUTPUT),
        "{name}: {line}\n{run}"
    );
}

fn what_is_printed_for_docker_works_as_it_stands() {
    let image = image("options");
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (name, options) in SETS {
        let docker = Docker::run(&image.name, &COMMAND).with(options);
        let (profile, run) = generated(folder.path(), name, &docker.command_line(), &[]);
        let line = printed(&run);
        assert!(line.contains(&*profile.to_string_lossy()), "{line}");
        assert!(!line.contains('…'), "{name}: {line}");
        pasted(name, &line);
        // Without what makes the runtime install the filter last, a profile for that does not start anything,
        // and it is said.
        let presumes = run
            .stderr_text()
            .contains("without no_new_privs it does not start");
        let plain = Docker::run(&image.name, &COMMAND).under(&profile);
        let run_plain = plain.go();
        assert_eq!(
            run_plain.code() == 0,
            !presumes,
            "{name}: {run_plain}\n{run}"
        );
        // Nor does an init work that was not recorded, which is said as well.
        let presumes = run.stderr_text().contains(", without an init (`--init`)");
        assert_eq!(presumes, name != "init", "{run}");
        if name == "plain" {
            assert_ne!(plain.with(&["--init"]).go().code(), 0);
        }
    }
}

fn what_is_printed_for_podman_works_as_it_stands() {
    let rootfs = Rootfs::default().busybox(&["sh", "ls"]);
    let folder = tempfile::tempdir().expect("a temporary directory");
    // Podman's own init need not be installed.
    let init = ["--init", "--init-path=/usr/bin/docker-init"];
    for (name, options) in SETS {
        let options = if name == "init" { &init[..] } else { options };
        let line = PLAIN.line(options, &rootfs, &COMMAND);
        let (_, run) = generated(folder.path(), name, &line, &[]);
        let line = printed(&run);
        assert!(line.starts_with("podman "), "{line}");
        pasted(name, &line);
    }
}

/// Recorded in one way, started in every other.
fn a_wide_profile_starts_whatever_the_options_are() {
    let image = image("wide");
    let folder = tempfile::tempdir().expect("a temporary directory");
    // The closest profiles there are; others permit more.
    let flags = ["--start", "any", "--portability", "exact"];
    for (name, options) in [SETS[0], SETS[1]] {
        let docker = Docker::run(&image.name, &COMMAND).with(options);
        let (profile, run) = generated(folder.path(), name, &docker.command_line(), &flags);
        let said = run.stderr_text();
        assert!(!said.contains("does not start"), "{run}");
        assert!(!said.contains("without an init"), "{run}");
        for (other, options) in SETS {
            let docker = Docker::run(&image.name, &COMMAND)
                .with(options)
                .under(&profile);
            pasted(&format!("{name} under {other}"), &typed(&docker));
        }
    }
}

/// A command line for a shell.
fn typed(docker: &Docker) -> String {
    let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    let words: Vec<String> = docker.command_line().iter().map(quoted).collect();
    words.join(" ")
}

/// The profile must start each container that was recorded.
fn recordings_that_differ_make_a_profile_for_each_of_them() {
    let image = image("differ");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let recordings = folder.path().join("recordings");
    std::fs::create_dir(&recordings).expect("a directory");
    for (name, options) in SETS {
        let docker = Docker::run(&image.name, &COMMAND).with(options);
        record(
            &recordings.join(format!("{name}.json")),
            &docker.command_line(),
        );
    }
    for portability in ["exact", "kernel"] {
        let profile = folder.path().join("profile.json");
        let generate = product().args(arguments!["generate", recordings, "-o", profile]);
        let run = generate.args(["--portability", portability]).run();
        run.exits(0)
            .stderr_has("note: the recordings were made with different capabilities;");
        assert!(!run.stderr_text().contains("no_new_privs"), "{run}");
        for (name, options) in SETS {
            let docker = Docker::run(&image.name, &COMMAND)
                .with(options)
                .under(&profile);
            pasted(&format!("{name}, {portability}"), &typed(&docker));
        }
    }
}

/// As the README shows it.
fn a_recording_of_the_host_makes_a_profile_for_a_container() {
    let image = Rootfs::default().program("ls").import("host");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let recording = folder.path().join("ls.json");
    let record = product().args(arguments!["record", "-q", "-o", recording, "--", "ls", "/"]);
    record.run().exits(0);
    let profile = folder.path().join("profile.json");
    let generate = |flags: &[&str]| {
        let generate = product().args(arguments!["generate", recording, "-o", profile]);
        generate.args(flags).run()
    };
    let run = generate(&[]);
    run.exits(0)
        .stderr_has("apply: docker run --security-opt seccomp=")
        .stderr_has("; a process of the host was recorded, and `--runtime none` is for that\n");
    let line = printed(&run).replace('…', &format!("--rm --network none {} ls /", image.name));
    let run = paste(&line);
    assert!(
        run.code() == 0 && run.stdout_text().contains("proc"),
        "{run}"
    );
    let docker = Docker::run(&image.name, &["ls", "/"]);
    for docker in [docker.clone(), docker.clone().no_new_privileges()] {
        docker.under(&profile).go().exits(0).stdout_has("proc\n");
    }

    // Without a container it needs less, and no container starts.
    let run = generate(&["--runtime", "none"]);
    run.exits(0)
        .stderr_has("presumes: a process of the host;")
        .stderr_has(&format!(
            "apply: seccomp-tracer run --profile {} -- ls /\n",
            profile.display()
        ));
    docker.under(&profile).go().exits(125);
    let run = product().args(arguments!["run", "--profile", profile, "--", "ls", "/"]);
    run.run().exits(0).stdout_has("proc\n");
    generate(&["--runtime", "none", "--apply", "docker"])
        .exits(2)
        .stderr_has("error: no container starts under a profile for a process of the host\n");
}
