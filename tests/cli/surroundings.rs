//! Surroundings that lack something: no root, no BTF, no cgroup v2, no engine.

use crate::product;
use house_tests::run::Program;
use house_tests::tests;
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub(crate) const TESTS: [(&str, fn()); 1] = tests![help_needs_no_rights];

pub(crate) const TESTS_WHERE_RECORDING_WORKS: [(&str, fn()); 5] = tests![
    what_recording_lacks_is_said_first,
    engines_that_do_not_answer,
    targets_that_are_not_there,
    commands_that_cannot_be_run,
    recordings_that_cannot_be_written,
];

/// A copy of the product that nobody can run, wherever it was built.
fn for_everybody() -> (tempfile::TempDir, Program) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("permissions");
    let program = Program::copied_product(house_tests::product!(), folder);
    (directory, program)
}

fn help_needs_no_rights() {
    let expected = product().args(["generate", "--help"]).run();
    let (_directory, program) = for_everybody();
    let run = program.as_nobody().args(["generate", "--help"]).run();
    run.exits(0).stdout(&expected.stdout_text()).stderr("");
}

/// Records `true` on a machine that lacks something, and asks `doctor` about it.
#[track_caller]
fn lacks(lack: impl Fn(Program) -> Program, error: &str, hint: &str) {
    let (directory, program) = for_everybody();
    let run = lack(program.words("record -o rec.json -- true")).run();
    run.exits(3).stdout("").stderr_has(error).stderr_has(hint);
    let left = fs::read_dir(directory.path()).expect("a folder").count();
    assert_eq!(left, 1, "only the product is there: {run}");
    let (_directory, program) = for_everybody();
    let doctor = lack(program.args(["doctor"])).run();
    doctor.exits(3).stderr("");
    let verdict = hint.split(';').next().unwrap_or(hint);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words(&doctor.stdout_text()).contains(&words(verdict)),
        "doctor gives another hint than {verdict:?}: {doctor}"
    );
}

const EVERY_CGROUP2: &str = r#"$(awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts)"#;

fn what_recording_lacks_is_said_first() {
    lacks(
        Program::as_nobody,
        "error: cannot record on this machine: missing CAP_BPF and CAP_PERFMON\n",
        "run as root",
    );
    lacks(
        |program| program.after("mount -t tmpfs none /sys/kernel/btf"),
        "error: cannot record on this machine: the kernel does not show its types: no \
         `/sys/kernel/btf/vmlinux`\n",
        "boot a kernel with CONFIG_DEBUG_INFO_BTF=y",
    );
    lacks(
        |program| program.after(&format!("umount --lazy {EVERY_CGROUP2}")),
        "error: cannot record on this machine: no cgroup v2 hierarchy is mounted\n",
        "mount",
    );
    // Watching a cgroup that is there would do without.
    let read_only = format!("mount -o remount,bind,ro {EVERY_CGROUP2}");
    let record = product().words("record -o /dev/null -- true");
    record
        .after(&read_only)
        .run()
        .exits(3)
        .stderr_has("error: cannot create cgroup `")
        .stderr_has("\n  cause: Read-only file system (os error 30)\n")
        .stderr_has("\nhint: creating cgroups needs root and a writable cgroup v2 mount");
}

fn engines_that_do_not_answer() {
    let record = || product().words("record -o /dev/null --container web");
    record().env("PATH", "/nonexistent").run().exits(3).stderr(
        "error: `docker` is not installed\n\nhint: install the engine's client, or record without an \
             engine: `--pid`, `--cgroup` or `-- CMD`\n",
    );
    // Another engine may be there and answer that it has no such container.
    for record in [
        record().words("--engine docker"),
        product().words("record -o /dev/null -- docker run image"),
    ] {
        let run = record.env("DOCKER_HOST", "unix:///nonexistent").run();
        run.exits(3)
            .stdout("")
            .stderr_has("error: cannot reach the container engine\n  cause: ")
            .stderr_has("unix:///nonexistent")
            .stderr_has("\nhint: is it running?");
    }
}

fn targets_that_are_not_there() {
    // A process that was there: the kernel does not give its id away at once.
    let gone = Program::new("true").start();
    let pid = gone.pid().to_string();
    gone.finish().exits(0);
    let run = product()
        .words("record -o /dev/null --pid")
        .args([&pid])
        .run();
    run.exits(3).stderr(&format!(
        "error: no process with pid {pid}\n\nhint: pids are those of this pid namespace; `ps -e` lists \
         them\n"
    ));
    for path in ["/no/such/cgroup", "../../..", "/etc", "\u{1b}[2J"] {
        let run = product()
            .words("record -o /dev/null --cgroup")
            .args([path])
            .run();
        run.exits(3)
            .stderr_has("error: no cgroup v2 at `")
            .stderr_has("\nhint: ");
        assert!(!run.stderr.contains(&0x1b), "{run}");
    }
}

fn commands_that_cannot_be_run() {
    for (command, code, error) in [
        (
            "no-such-command",
            127,
            "error: command `no-such-command` not found\n",
        ),
        ("/no/such/file", 127, "error: "),
        (
            "/etc/passwd",
            126,
            "error: `/etc/passwd` cannot be executed\n",
        ),
        ("/etc", 126, "error: `/etc` cannot be executed\n"),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let record = product()
            .in_directory(directory.path())
            .words("record --")
            .args([command]);
        record.run().exits(code).stdout("").stderr_has(error);
        let left = fs::read_dir(directory.path()).expect("a folder").count();
        assert_eq!(left, 0, "{command} left something behind");
    }
}

/// A command is not even started where its recording could not be kept, and its exit code is not taken for
/// its own.
fn recordings_that_cannot_be_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let record = |output: &str| {
        let program = product().in_directory(directory.path());
        program
            .args(["record", "--state", "state", "-o", output])
            .args(["--", "sh", "-c", "echo ran"])
            .run()
    };
    record("no/such/folder/rec.json")
        .exits(125)
        .stdout("")
        .stderr(
        "error: cannot write `no/such/folder/rec.json`\n  cause: No such file or directory (os error 2)\n",
    );
    record(".")
        .exits(125)
        .stdout("")
        .stderr("error: cannot write `.`\n  cause: is a directory\n");
    // A disk that fills up meanwhile cannot be foreseen.
    record("/dev/full").exits(125).stdout("ran\n").stderr_has(
        "error: cannot write `/dev/full`\n  cause: No space left on device (os error 28)\n",
    );
    let folder = directory.path().display();
    let fill = format!("mount -t tmpfs -o size=4k none {folder}");
    let state = tempfile::tempdir().expect("a temporary directory");
    let state = state.path().join("state").display().to_string();
    let program = product().args([
        "record",
        "-q",
        "--state",
        &state,
        "-o",
        &format!("{folder}/rec.json"),
        "--",
        "true",
    ]);
    let look = format!("{fill}\n\"$@\" || code=$?\nset -- sh -c \"ls -A {folder}; exit $code\"");
    let run = program.after(&look).run();
    let kept = fs::read_dir(&state).expect("a folder").flatten();
    let kept: Vec<_> = kept.map(|entry| entry.path()).collect();
    assert_eq!(kept.len(), 1, "{run}");
    run.exits(125).stdout("").stderr(&format!(
        "note: the recording is in `{}` instead\nerror: cannot write `{folder}/rec.json`\n  cause: No space left on \
         device (os error 28)\n",
        kept[0].display()
    ));
}
