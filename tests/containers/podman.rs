//! Podman: no daemon, other defaults, the same result.

use crate::product;
use crate::recorder::Recorder;
use house_tests::facts::{counts_where, named, set};
use house_tests::image::Rootfs;
use house_tests::run::{Program, Running};
use house_tests::{arguments, tests};
use seccomp_tracer::recording::{Recording, SeccompState, TargetKind, WindowEnd, WindowStart};
use std::path::PathBuf;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    a_podman_run_is_recorded_from_its_first_call_and_lives_with_its_profile,
    a_container_of_podmans_is_found_by_its_name,
    a_podman_run_is_hardened,
    a_container_with_a_kernel_of_its_own_is_refused,
    a_container_of_podmans_is_started_again_and_visited,
];

const SCRIPT: &str = include_str!("busybox.sh");
pub(crate) const OUTPUT: &str = "a\nb\nc\n500500\nmoved\nlater 3\n";

/// Podman as it works with or without systemd.
pub(crate) const PLAIN: Podman = Podman("--cgroup-manager=cgroupfs --runtime=runc");

/// Podman, with flags of its own.
#[derive(Clone, Copy)]
pub(crate) struct Podman(pub(crate) &'static str);

/// Works where limits cannot be raised.
const RUN: &str = "run --rm --network=none --pids-limit=-1 --ulimit=nofile=20000:20000 \
                   --ulimit=nproc=1000:1000";

/// What the script needs.
pub(crate) fn rootfs() -> Rootfs {
    let applets = [
        "sh", "ls", "cat", "sort", "wc", "seq", "mkdir", "rm", "mv", "ln", "sleep", "touch",
    ];
    let rootfs = Rootfs::default().busybox(&applets);
    rootfs.file("script.sh", SCRIPT)
}

impl Podman {
    /// The command line of a container from a directory.
    pub(crate) fn line(self, options: &[&str], rootfs: &Rootfs, command: &[&str]) -> Vec<String> {
        let directory = rootfs.directory().to_string_lossy();
        let words = ["podman"].into_iter().chain(self.0.split_whitespace());
        let words = words.chain(RUN.split_whitespace());
        let words = words.chain(options.iter().copied());
        let words = words.chain(["--rootfs", &*directory]);
        let words = words.chain(command.iter().copied());
        words.map(str::to_owned).collect()
    }
}

fn start(line: &[String]) -> Running {
    Program::new(&line[0]).args(&line[1..]).start()
}

fn a_podman_run_is_recorded_from_its_first_call_and_lives_with_its_profile() {
    is_recorded_and_lives_with_its_profile(PLAIN);
}

fn a_container_of_podmans_is_found_by_its_name() {
    is_found_by_its_name(PLAIN);
}

/// Gives the recording.
pub(crate) fn is_recorded_and_lives_with_its_profile(podman: Podman) -> Recording {
    let rootfs = rootfs();
    let command = ["/bin/sh", "/script.sh"];
    let mut words = vec!["--".to_owned()];
    words.extend(podman.line(&[], &rootfs, &command));
    let recorded = Recorder::start(&words).finish();
    recorded.run.exits(0).stdout(OUTPUT);
    let recording = &recorded.recording;
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert_eq!(recording.target.kind, TargetKind::Container);
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.engine.as_deref(), Some("podman"));
    let capabilities = recording.target.capabilities.as_ref();
    let capabilities = capabilities.expect("capabilities");
    assert!(!capabilities.contains("CAP_SYS_ADMIN"), "{capabilities:?}");
    // Podman's default lets through what makes a container, and none of that is in it.
    let seen = set(&counts_where(recording, true));
    assert!(seen.contains(&named("execve")), "{seen:?}");
    for name in ["mount", "pivot_root", "unshare", "sethostname"] {
        assert!(!seen.contains(&named(name)), "{name} is the runtime's");
    }

    let profile = recorded.beside("profile.json");
    let generate = arguments!["generate", recorded.path, "-o", profile];
    product().args(generate).run().exits(0);
    let under = format!("--security-opt=seccomp={}", profile.display());
    let late = "--security-opt=no-new-privileges";
    for options in [&[&*under][..], &[&*under, late]] {
        let again = start(&podman.line(options, &rootfs, &command)).finish();
        again.exits(0).stdout(OUTPUT);
    }
    // The profile is in force: nobody was seen to change the root.
    let refused = podman.line(&[&under], &rootfs, &["/bin/busybox", "chroot", "/"]);
    assert_ne!(start(&refused).finish().code(), 0);
    recorded.recording
}

/// Gives the recording.
pub(crate) fn is_found_by_its_name(podman: Podman) -> Recording {
    let rootfs = rootfs();
    let name = format!("house-podman-{}", std::process::id());
    let option = format!("--name={name}");
    let busy = [
        "/bin/sh",
        "-c",
        "while ls / > /dev/null; do sleep 0.05; done",
    ];
    let running = start(&podman.line(&[&option], &rootfs, &busy));
    await_running(&name);
    let recorded = Recorder::attach(&name, &["--for", "500ms"]).finish();
    let said = format!("recording {name} of podman\n");
    recorded.run.exits(0).stderr_has(&said);
    let recording = &recorded.recording;
    assert_eq!(recording.window.from, WindowStart::Attach);
    assert_eq!(recording.target.seccomp, Some(SeccompState::EngineDefault));
    let seen = set(&counts_where(recording, true));
    assert!(seen.contains(&named("execve")), "{seen:?}");

    // Its filter is Podman's default, which is not Docker's.
    let audit = |base: &str| {
        let profile =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../profiles/{base}.json"));
        let audit = product().args([
            "audit",
            "--base=none",
            "--format=json",
            "--container",
            &name,
        ]);
        audit.args(arguments![profile]).run()
    };
    audit("docker")
        .exits(1)
        .stdout_has("by the container's filter it is allowed")
        .stdout_has("\"unshare\"");

    // Nearly right.
    let wrong = format!("{name}x");
    let record = |flags: &[&str]| {
        let program = product().args(["record", "-o", "/dev/null"]);
        program.args(flags).run()
    };
    record(&["--container", &wrong])
        .exits(3)
        .stderr_has(&format!("error: no container `{wrong}`\n"))
        .stderr_has(&format!("`{name}`"));
    record(&["--container", &name, "--engine", "docker"]).exits(3);
    Program::new("podman").args(["kill", &name]).run().exits(0);
    let _ = running.finish();
    recorded.recording
}

fn await_running(name: &str) {
    let format = "--format={{.State.Running}}";
    let inspect = || Program::new("podman").args(["inspect", "--type=container", format, name]);
    while inspect().run().stdout_text().trim() != "true" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A runtime is known by its name; this one is none, but for the name.
fn a_container_with_a_kernel_of_its_own_is_refused() {
    let rootfs = rootfs();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let runtime = folder.path().join("runsc");
    let runc = ["/usr/sbin/runc", "/usr/bin/runc"].map(std::path::Path::new);
    let runc = runc.into_iter().find(|path| path.exists()).expect("runc");
    std::os::unix::fs::symlink(runc, &runtime).expect("a link");
    let name = format!("house-podman-own-{}", std::process::id());
    let before: Vec<String> = PLAIN
        .line(&["--name", &name], &rootfs, &["/bin/sh", "-c", "sleep 100"])
        .iter()
        .map(|word| {
            word.replace(
                "--runtime=runc",
                &format!("--runtime={}", runtime.display()),
            )
        })
        .collect();
    let record = |words: &[String]| {
        let words = ["record", "-o", "/dev/null"]
            .iter()
            .map(|&word| word.to_owned())
            .chain(words.to_vec());
        product().args(words).run()
    };
    let refused = "which has a kernel of its own\n";
    let separator = vec!["--".to_owned()];
    record(&[separator, before.clone()].concat())
        .exits(3)
        .stderr_has(refused)
        .stderr_has("hint: its calls are that kernel's");
    let running = start(&before);
    await_running(&name);
    record(&["--container".to_owned(), name.clone()])
        .exits(3)
        .stderr_has(refused);
    Program::new("podman").args(["kill", &name]).run().exits(0);
    let _ = running.finish();
}

fn a_container_of_podmans_is_started_again_and_visited() {
    const WAIT: &str = "ls /; until ls /tmp/done; do sleep 0.05; done";
    let rootfs = rootfs();
    let name = format!("house-podman-again-{}", std::process::id());
    let created: Vec<String> = PLAIN
        .line(&["--name", &name], &rootfs, &["/bin/sh", "-c", WAIT])
        .into_iter()
        .filter(|word| word != "--rm")
        .map(|word| {
            if word == "run" {
                "create".to_owned()
            } else {
                word
            }
        })
        .collect();
    start(&created).finish().exits(0);
    let words = |verb: &str, rest: &[&str]| {
        let words = ["--", "podman"].into_iter();
        let words = words.chain(PLAIN.0.split_whitespace());
        let words = words.chain([verb]).chain(rest.iter().copied());
        words.map(str::to_owned).collect::<Vec<String>>()
    };
    let started = Recorder::start(&words("start", &["--attach", &name]));
    await_running(&name);
    let exec = |command: &str| words("exec", &[&name, command, "/tmp/visited"]);
    let visited = Recorder::start(&exec("/bin/mkdir")).finish();
    visited.run.exits(0);
    let seen = set(&counts_where(&visited.recording, true));
    assert!(seen.contains(&named("mkdir")), "{seen:?}");
    std::fs::write(rootfs.directory().join("tmp/done"), "").expect("a file");
    let started = started.finish();
    started.run.exits(0);
    assert_eq!(started.recording.window.from, WindowStart::Exec);
    let seen = set(&counts_where(&started.recording, true));
    for name in ["execve", "clock_nanosleep", "mkdir"] {
        assert!(seen.contains(&named(name)), "{name}: {seen:?}");
    }
    assert!(!seen.contains(&named("pivot_root")), "{seen:?}");
    let remove = ["rm", &name];
    Program::new("podman").args(remove).run().exits(0);
}

/// In every run it does one thing more, until there is no more.
fn a_podman_run_is_hardened() {
    const SCRIPT: &str = "n=$(cat /state/runs 2> /dev/null || echo 0); echo $((n + 1)) > /state/runs; \
                          test $n -ge 1 && mkdir /tmp/made && ls /tmp/made; \
                          test $n -ge 2 && ln -s made /tmp/link; sleep 0.01; exit 0";
    let rootfs = rootfs();
    let state = tempfile::tempdir().expect("a temporary directory");
    let volume = format!("--volume={}:/state", state.path().display());
    let line = |options: &[&str]| {
        PLAIN.line(
            &[&[&*volume], options].concat(),
            &rootfs,
            &["/bin/sh", "-c", SCRIPT],
        )
    };
    let profile = state.path().join("profile.json");
    let harden = product().args(arguments![
        "harden", "--apply", "podman", "-o", profile, "--"
    ]);
    let run = harden.args(line(&[])).run();
    run.exits(0)
        .stderr_has("round 1: added mkdir: refused, but Docker's default permits it\n")
        .stderr_has(": nothing is missing\n")
        .stdout_has(&format!(
            "podman --cgroup-manager=cgroupfs --runtime=runc run --security-opt seccomp={} --rm ",
            profile.display()
        ));
    let under = format!("--security-opt=seccomp={}", profile.display());
    let watch = product().args(["watch", "-q", "--"]).args(line(&[&under]));
    watch.run().exits(0).stdout("pass: nothing was refused\n");
}
