//! `harden` on plain commands: rounds, exit codes, and what the profile is in the end.

use crate::product;
use house_tests::run::Run;
use house_tests::{arguments, tests};
use std::fs;
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 10] = tests![
    what_is_missing_is_added_until_a_clean_pass,
    all_that_is_done_without_a_call_is_seen_at_once,
    what_the_programs_own_filter_refuses_is_not_added,
    an_interrupt_writes_what_is_known,
    a_profile_of_before_is_gone_on_with,
    what_the_base_denies_is_added_only_when_asked_for,
    a_command_that_ends_otherwise_is_no_clean_pass,
    the_rounds_have_a_limit,
    a_command_that_is_not_there_is_said,
    a_command_that_fails_proves_nothing_unless_that_is_how_it_ends,
];

fn harden(folder: &Path, flags: &[&str], command: &[&str]) -> Run {
    let harden = product().args(["harden", "-o", "profile.json"]).args(flags);
    let harden = harden.args(["--"]).args(command);
    harden.in_directory(folder).run()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A script that goes another way in every run: `counter` says how often it ran.
const GROWING: &str = r#"
n=$(cat counter 2>/dev/null || echo 0)
echo $((n + 1)) > counter
if [ "$n" -ge 1 ]; then mkdir -p made || exit 9; rmdir made; fi
if [ "$n" -ge 2 ]; then ln -sf a link || exit 9; rm -f link; fi
exit 3
"#;

fn what_is_missing_is_added_until_a_clean_pass() {
    let folder = folder();
    let flags = ["--explain", "--allow-incomplete"];
    let run = harden(folder.path(), &flags, &["sh", "-c", GROWING]);
    run.exits(0);
    let said = run.stderr_text();
    let why = |call: &str| {
        let mut lines = said.lines().filter_map(|line| line.split_once("  "));
        let found = lines.find(|(name, _)| *name == call);
        found.map(|(_, reasons)| reasons.trim().to_owned())
    };
    assert_eq!(why("mkdir").as_deref(), Some("refused in round 1"), "{run}");
    let read = why("read").unwrap_or_default();
    assert!(read.starts_with("observed"), "{run}");
    for line in [
        "round 1: added mkdir: refused, but Docker's default permits it\n",
        ": nothing is missing\n",
        "\npresumes: a process of the host; ",
        "\napply: seccomp-tracer run --profile profile.json -- sh -c $'",
    ] {
        run.stderr_has(line);
    }
    let profile = fs::read_to_string(folder.path().join("profile.json")).expect("a profile");
    for name in ["\"mkdir\"", "\"rmdir\"", "\"symlinkat\""] {
        assert!(profile.contains(name), "{name}: {profile}");
    }
    // It holds: the command goes all its ways under it.
    let again = product().args(["watch", "-q", "--", house_tests::product!(), "run"]);
    let again = again.args(["--profile", "profile.json", "--", "sh", "-c", GROWING]);
    let again = again.in_directory(folder.path()).run();
    again.exits(0).stdout("pass: nothing was refused\n");
}

/// `keyctl` is denied whatever the capabilities are.
const DENIED: &str = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); \
                      libc.syscall(250, 0, -3, 0); print(ctypes.get_errno())";

fn what_the_base_denies_is_added_only_when_asked_for() {
    let folder = folder();
    let python = ["python3", "-c", DENIED];
    let profile = || fs::read_to_string(folder.path().join("profile.json")).expect("a profile");
    let run = harden(folder.path(), &[], &python);
    run.exits(0)
        .stderr_has("round 1: left out keyctl: refused, as Docker's default does\n")
        // As it is, under the base, and under the profile.
        .stdout("0\n1\n1\n");
    assert!(!profile().contains("\"keyctl\""), "{run}");
    let run = harden(folder.path(), &["--allow", "keyctl", "--explain"], &python);
    run.exits(0).stdout("0\n0\n").stderr_has("asked for");
    assert!(profile().contains("\"keyctl\""), "{run}");
}

fn a_command_that_ends_otherwise_is_no_clean_pass() {
    let folder = folder();
    let script = "[ -e ran ] && exit 4; touch ran; exit 0";
    let run = harden(folder.path(), &[], &["sh", "-c", script]);
    run.exits(1)
        .stderr_has("round 1: it ended with exit code 4 instead of 0\n");
    assert!(folder.path().join("profile.json").exists(), "{run}");
}

fn the_rounds_have_a_limit() {
    let folder = folder();
    let run = harden(
        folder.path(),
        &["--allow-incomplete", "--rounds", "1"],
        &["sh", "-c", GROWING],
    );
    run.exits(1)
        .stderr_has("something was missing in each of 1 rounds\n")
        .stderr_has("hint: `--from profile.json --rounds 2` goes on from here\n");
}

fn a_command_that_is_not_there_is_said() {
    let folder = folder();
    let run = harden(folder.path(), &[], &["/nonexistent"]);
    run.exits(127).stderr_has("error: ");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
    let bad = product().args(arguments!["harden", "--allow", "nonsense", "--", "true"]);
    bad.run()
        .exits(2)
        .stderr_has("error: unknown call `nonsense`");
}

/// Makes a ring, and does without where there is none: one call after the other, each only if the one before it was
/// made.
const RING: &str = "import ctypes, os\n\
    libc = ctypes.CDLL(None, use_errno=True)\n\
    if libc.syscall(425, 4, ctypes.create_string_buffer(120)) < 0:\n \
    os.mkdir('a'); os.rename('a', 'b'); os.symlink('b', 'c'); os.unlink('c'); os.chmod('b', 0o700); os.rmdir('b')\n\
    print('done')";

/// The recording shows the ring; the profile refuses it; the rest is seen in one run under the base.
fn all_that_is_done_without_a_call_is_seen_at_once() {
    let folder = folder();
    let python = ["python3", "-c", RING];
    let path = |name: &str| folder.path().join(name);
    let record = product()
        .args(["record", "-q", "-o"])
        .args([path("rec.json")]);
    record.args(["--"]).args(python).run().exits(0);
    let generate = product().args(["generate", "-o", "none.json", "rec.json"]);
    let generate = generate.in_directory(folder.path()).run();
    generate
        .exits(0)
        .stderr_has("note: the recording let through io_uring_setup, which the profile refuses: what is done instead was not observed\n")
        .stderr_has("hint: seccomp-tracer harden -- CMD observes it\n");
    let run = harden(folder.path(), &["--explain"], &python);
    run.exits(0)
        .stdout("done\ndone\ndone\n")
        .stderr_has("under Docker's default: once, to see what is done without io_uring_setup\n")
        .stderr_has("round 1: nothing is missing\n");
    let profile = fs::read_to_string(path("profile.json")).expect("a profile");
    for name in ["mkdir", "rename", "symlink", "unlink", "chmod", "rmdir"] {
        assert!(profile.contains(&format!("\"{name}\"")), "{name}: {run}");
    }
}

/// A program with a filter of its own, of which one answer is the profile's and the other is not.
const OWN_FILTER: &str = "import ctypes, os, struct\n\
    libc = ctypes.CDLL(None)\n\
    rule = lambda code, no, k: struct.pack('HBBI', code, 0, no, k)\n\
    rules = [rule(0x20, 0, 0), rule(0x15, 1, 83), rule(6, 0, 0x5000D), rule(0x15, 1, 84), rule(6, 0, 0x50001),\n  \
    rule(6, 0, 0x7FFF0000)]\n\
    code = ctypes.create_string_buffer(b''.join(rules))\n\
    libc.prctl(38, 1, 0, 0, 0)\n\
    libc.prctl(22, 2, struct.pack('H6xQ', len(rules), ctypes.addressof(code)))\n\
    for refused in (os.mkdir, os.rmdir):\n \
    try: refused('made')\n \
    except PermissionError as error: print(error.errno)";

fn what_the_programs_own_filter_refuses_is_not_added() {
    let folder = folder();
    let run = harden(folder.path(), &[], &["python3", "-c", OWN_FILTER]);
    run.exits(0)
        .stdout("13\n1\n13\n1\n")
        .stderr_has("round 1: left out mkdir, rmdir: refused by a filter of the command's own\n")
        .stderr_has("round 1: nothing is missing\n");
    let profile = fs::read_to_string(folder.path().join("profile.json")).expect("a profile");
    for name in ["mkdir", "rmdir"] {
        assert!(!profile.contains(&format!("\"{name}\"")), "{name}: {run}");
    }
}

fn an_interrupt_writes_what_is_known() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let folder = folder();
        // Its second run, the first under a profile, waits.
        let script = "[ -e ran ] || { touch ran; exit 0; }; echo waits >&2; sleep 1000";
        let harden = product().args(["harden", "-o", "web.json", "--"]);
        let harden = harden
            .args(["sh", "-c", script])
            .in_directory(folder.path());
        let mut running = harden.start();
        running.await_stderr("waits");
        running.signal(signal);
        let run = running.finish();
        run.exits(code)
            .stderr_has("wrote web.rec.json: what was recorded\n")
            .stderr_has(
                "interrupted: the profile is what is known so far; nothing was proved of it\n",
            );
        let generate = product().args(["generate", "web.rec.json", "-o", "again.json"]);
        let generate = generate.in_directory(folder.path()).run();
        generate.exits(0);
        for name in ["web.json", "again.json"] {
            let profile = fs::read_to_string(folder.path().join(name)).expect("a profile");
            assert!(profile.contains("\"execve\""), "{name}: {profile}");
        }
    }
}

/// What a profile refuses is added to it, with what recordings of before show.
fn a_profile_of_before_is_gone_on_with() {
    let folder = folder();
    let sh = |script: &str| ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let record = |name: &str, script: &str| {
        let record = product()
            .args(["record", "-q", "-o", name, "--"])
            .args(sh(script));
        record.in_directory(folder.path()).run().exits(0);
    };
    record("tests.json", "mkdir -p made");
    record("staging.json", "mkdir -p made; ln -sf made link");
    let generate = product().args(["generate", "tests.json", "-o", "tested.json"]);
    generate.in_directory(folder.path()).run().exits(0);
    let flags = [
        "--from",
        "tested.json",
        "--recording",
        "staging.json",
        "--explain",
    ];
    let run = harden(
        folder.path(),
        &flags,
        &["sh", "-c", "mkdir -p made; rmdir made"],
    );
    run.exits(0)
        .stderr_has("added rmdir: made once, first by `rmdir`\n")
        .stderr_has("added symlinkat: made once, first by `ln`\n")
        .stderr_has("permitted by the profile that it began with");
    let profile = fs::read_to_string(folder.path().join("profile.json")).expect("a profile");
    for name in ["mkdir", "rmdir", "symlinkat"] {
        assert!(profile.contains(&format!("\"{name}\"")), "{name}: {run}");
    }
}

fn a_command_that_fails_proves_nothing_unless_that_is_how_it_ends() {
    let folder = folder();
    let script = ["sh", "-c", "echo ran >> runs; exit 3"];
    let run = harden(folder.path(), &[], &script);
    run.exits(3).stderr_has(
        "error: nothing was proved: its command failed with exit code 3\n\nhint: run it by itself to see what it \
         says; `--allow-incomplete` if it ends with 3 when all is well\n",
    );
    assert!(!folder.path().join("profile.json").exists());
    let runs = || fs::read_to_string(folder.path().join("runs")).expect("runs");
    assert_eq!(runs(), "ran\n");
    let run = harden(folder.path(), &["--allow-incomplete"], &script);
    run.exits(0).stderr_has("round 1: nothing is missing\n");
    assert!(folder.path().join("profile.json").exists());
    assert_eq!(runs(), "ran\n".repeat(3));
}
