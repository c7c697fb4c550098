//! `harden` on plain commands: rounds, exit codes, and what the profile is in the end.

use crate::product;
use house_tests::run::Run;
use house_tests::{arguments, tests};
use std::fs;
use std::path::Path;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    what_is_missing_is_added_until_a_clean_pass,
    what_the_base_denies_is_added_only_when_asked_for,
    a_command_that_ends_otherwise_is_no_clean_pass,
    the_rounds_have_a_limit,
    a_command_that_is_not_there_is_said,
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
    let run = harden(folder.path(), &["--explain"], &["sh", "-c", GROWING]);
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
        .stdout("0\n1\n");
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
    let run = harden(folder.path(), &["--rounds", "1"], &["sh", "-c", GROWING]);
    run.exits(1)
        .stderr_has("something was missing in each of 1 rounds\n");
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
