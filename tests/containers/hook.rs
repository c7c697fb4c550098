//! The OCI hook, as Podman runs it.

use crate::podman::{self, OUTPUT, PLAIN};
use crate::product;
use crate::recorder::Recorder;
use house_tests::image::Rootfs;
use house_tests::run::{Program, Run};
use house_tests::{arguments, facts, tests};
use seccomp_tracer::profile::{Action, Source, read};
use seccomp_tracer::recording::{Recording, WindowEnd, WindowStart};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    a_container_that_asks_for_it_gets_the_profile_that_a_recording_gives,
    the_profile_adds_to_the_input,
    a_recorder_outlives_its_hook_and_sees_the_container_to_its_end,
    a_container_that_cannot_be_recorded_does_not_start_unless_told_so,
    a_profile_that_could_never_be_written_keeps_the_container_from_starting,
    a_profile_that_cannot_be_written_does_not_disturb_the_container,
];

/// An installed hook, and a place for what it writes.
struct Hook {
    directory: TempDir,
}

impl Hook {
    fn install(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("recordings")).expect("a directory");
        let hook = Self { directory };
        let (hooks, recordings) = (hook.path("hooks"), hook.path("recordings"));
        let install = arguments![
            "hook",
            "install",
            "--dir",
            hooks,
            "--recordings",
            recordings
        ];
        let install = product().args(install).args(flags).run();
        install.exits(0).stdout("");
        hook
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The annotation that asks for a profile there.
    fn asks(&self, name: &str) -> String {
        format!("of:{}", self.path(name).display())
    }

    /// A `podman run` with this annotation.
    fn podman(&self, annotation: &str, options: &[&str], rootfs: &Rootfs, command: &[&str]) -> Run {
        let annotation = format!("--annotation=io.containers.trace-syscall={annotation}");
        let options = [&[&*annotation], options].concat();
        let mut line = PLAIN.line(&options, rootfs, command);
        // An option of the program, not of its verb.
        line.insert(1, format!("--hooks-dir={}", self.path("hooks").display()));
        Program::new(&line[0]).args(&line[1..]).run()
    }

    /// The one recording that was kept, when it is.
    fn recording(&self) -> (PathBuf, Recording) {
        let only = || {
            let mut entries = fs::read_dir(self.path("recordings")).expect("a directory");
            let path = entries.next()?.expect("an entry").path();
            // What is being written has another name.
            (path.extension()? == "json").then_some(path)
        };
        let path = eventually("a recording", only);
        let recording = facts::read(&path);
        (path, recording)
    }

    /// The profile, when it is written.
    fn profile(&self, name: &str) -> String {
        let path = self.path(name);
        eventually("a profile", || fs::read_to_string(&path).ok())
    }
}

/// Waits for something that another process does.
fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The profile that `generate` makes of a recording.
fn generated(recording: &Path) -> String {
    let generate = arguments!["generate", "--base", "podman", recording];
    let run = product().args(generate).run();
    run.exits(0);
    run.stdout_text()
}

/// The calls that a profile allows under some conditions.
fn allowed(profile: &Source) -> BTreeSet<&str> {
    let rules = profile.rules.iter();
    let allowing = rules.filter(|rule| rule.action == Action::Allow);
    let names = allowing.flat_map(|rule| &rule.names);
    names.map(String::as_str).collect()
}

const SCRIPT: [&str; 2] = ["/bin/sh", "/script.sh"];

fn a_container_that_asks_for_it_gets_the_profile_that_a_recording_gives() {
    let rootfs = podman::rootfs();
    let hook = Hook::install(&[]);
    let run = hook.podman(&hook.asks("profile.json"), &[], &rootfs, &SCRIPT);
    run.exits(0).stdout(OUTPUT);
    let profile = hook.profile("profile.json");

    // What the hook saw is what was made of it.
    let (path, recording) = hook.recording();
    assert_eq!(profile, generated(&path));
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert!(recording.losses.is_complete());
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.runtime.as_deref(), Some("runc"));
    let capabilities = recording.target.capabilities.as_ref().expect("known");
    assert!(!capabilities.contains("CAP_SYS_ADMIN"), "{capabilities:?}");

    // It is what watching from outside gives.
    let mut words = vec!["--".to_owned()];
    words.extend(PLAIN.line(&[], &rootfs, &SCRIPT));
    let recorded = Recorder::start(&words).finish();
    recorded.run.exits(0).stdout(OUTPUT);
    let outside = generated(&recorded.path);
    let [inside, outside] = [&profile, &outside].map(|text| read::profile(text).expect("ours"));
    assert_eq!(allowed(&inside), allowed(&outside));

    // The container lives with it.
    let under = format!(
        "--security-opt=seccomp={}",
        hook.path("profile.json").display()
    );
    let line = PLAIN.line(&[&under], &rootfs, &SCRIPT);
    let again = Program::new(&line[0]).args(&line[1..]).run();
    again.exits(0).stdout(OUTPUT);
}

fn the_profile_adds_to_the_input() {
    let rootfs = podman::rootfs();
    let hook = Hook::install(&[]);
    let input = r#"{"defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [{"names": ["mkdir", "bpf"], "action": "SCMP_ACT_LOG", "comment": "as it was"}]}"#;
    fs::write(hook.path("input.json"), input).expect("a file");
    let input = format!("if:{}", hook.path("input.json").display());
    let annotation = format!("{input};{}", hook.asks("profile.json"));
    let run = hook.podman(&annotation, &[], &rootfs, &SCRIPT);
    run.exits(0).stdout(OUTPUT);
    let profile = read::profile(&hook.profile("profile.json")).expect("engines take it");
    let (path, _) = hook.recording();
    let generated = read::profile(&generated(&path)).expect("ours");

    assert_eq!(profile.default_action, Action::Errno(1));
    assert_eq!(profile.arch_map, []);
    assert_eq!(profile.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    let first = &profile.rules[0];
    assert_eq!(first.names, ["mkdir", "bpf"]);
    assert_eq!(first.action, Action::Log);
    assert_eq!(first.comment.as_deref(), Some("as it was"));
    // The script makes a directory, which is the input's business now.
    let mut expected = allowed(&generated);
    assert!(expected.remove("mkdir"), "{expected:?}");
    assert_eq!(allowed(&profile), expected);
}

fn a_recorder_outlives_its_hook_and_sees_the_container_to_its_end() {
    let rootfs = podman::rootfs();
    let hook = Hook::install(&[]);
    let name = format!("house-hook-{}", std::process::id());
    let options = ["--detach", "--name", &name];
    let wait = [
        "/bin/sh",
        "-c",
        "until test -e /tmp/done; do sleep 0.05; done",
    ];
    let run = hook.podman(&hook.asks("profile.json"), &options, &rootfs, &wait);
    let id = run.exits(0).stdout_text().trim().to_owned();
    // Nobody who started it is left.
    assert!(!hook.path("profile.json").exists());
    let exec = Program::new("podman").args(["--cgroup-manager=cgroupfs", "--runtime=runc"]);
    // The container may be gone before Podman has looked at how this ended; what it did is looked at below.
    let _ = exec.args(["exec", &name, "/bin/mkdir", "/tmp/done"]).run();
    let (path, recording) = hook.recording();
    assert_eq!(path.file_stem(), Some(id.as_ref()));
    assert_eq!(recording.window.until, WindowEnd::Empty);
    // What was executed in it is in it.
    let profile = read::profile(&hook.profile("profile.json")).expect("ours");
    assert!(allowed(&profile).contains("mkdir"));
}

fn a_container_that_cannot_be_recorded_does_not_start_unless_told_so() {
    let rootfs = podman::rootfs();
    let hook = Hook::install(&[]);
    let missing = hook.path("missing.json");
    let missing = format!("{};if:{}", hook.asks("x.json"), missing.display());
    let table = [
        ("of:x.json", "invalid annotation"),
        ("if:/x.json", "invalid annotation"),
        ("of:/x.json;", "invalid annotation"),
        (&*missing, "cannot read"),
    ];
    for (annotation, said) in table {
        let run = hook.podman(annotation, &[], &rootfs, &["/bin/touch", "/tmp/started"]);
        assert_ne!(run.code(), 0, "{run}");
        run.stderr_has(said);
    }
    assert!(!rootfs.directory().join("tmp/started").exists());

    let open = Hook::install(&["--fail-open"]);
    for (annotation, _) in table {
        let run = open.podman(annotation, &[], &rootfs, &SCRIPT);
        run.exits(0).stdout(OUTPUT);
    }
}

fn a_profile_that_could_never_be_written_keeps_the_container_from_starting() {
    let rootfs = podman::rootfs();
    let (hook, open) = (Hook::install(&[]), Hook::install(&["--fail-open"]));
    for output in ["of:/dev/null", "of:/proc/self/environ", "of:/no/such/x"] {
        let run = hook.podman(output, &[], &rootfs, &["/bin/touch", "/tmp/started"]);
        assert_ne!(run.code(), 0, "{run}");
        assert!(!rootfs.directory().join("tmp/started").exists());
        let run = open.podman(output, &[], &rootfs, &SCRIPT);
        run.exits(0).stdout(OUTPUT);
    }
}

/// What was writable at its start may no longer be at its end.
fn a_profile_that_cannot_be_written_does_not_disturb_the_container() {
    let rootfs = podman::rootfs();
    let hook = Hook::install(&[]);
    fs::create_dir(hook.path("missing")).expect("a directory");
    let volume = format!("--volume={}:/mnt", hook.directory.path().display());
    let command = ["/bin/sh", "-c", "rmdir /mnt/missing"];
    let run = hook.podman(&hook.asks("missing/x.json"), &[&volume], &rootfs, &command);
    run.exits(0);
    // The recording is not lost with it.
    let (_, recording) = hook.recording();
    assert!(recording.losses.is_complete());
    assert!(!hook.path("missing").exists());
}
