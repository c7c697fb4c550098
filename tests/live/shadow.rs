//! `watch --profile`: what a profile would refuse of a target that runs without it, as exactly as `check` says it of
//! the same run.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::{self, counts};
use house_tests::run::Run;
use house_tests::witness::{self, Witness};
use house_tests::{arguments, tests};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    nothing_is_lost_and_a_check_of_the_run_says_the_same,
    what_is_foreseen_is_said_while_it_happens,
    what_cannot_be_decided_is_never_a_pass,
    what_would_only_be_logged_counts,
    programs_can_read_what_is_foreseen,
    what_the_daemon_records_is_judged_and_goes_on,
];

/// A profile for what the plainest witness does.
const FOR_STATIC: [&str; 5] = ["execve", "exit_group", "getpid", "getppid", "getuid"];

/// Files of a test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn profile(&self, profile: &Value) -> PathBuf {
        let path = self.path("profile.json");
        fs::write(&path, profile.to_string()).expect("a file");
        path
    }
}

fn allowing(names: &[&str]) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
    })
}

/// A profile that permits all but this rule.
fn but(rule: Value) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [rule],
    })
}

fn watch(profile: &Path, flags: &[&str], command: &[impl AsRef<std::ffi::OsStr>]) -> Run {
    let watch = product().args(["watch", "-q", "--profile"]).args([profile]);
    watch.args(flags).args(["--"]).args(command).run()
}

/// The report in the end, which begins with the verdict.
fn report(said: &str) -> &str {
    let begins = ["pass: ", "fail: ", "unclear: "];
    let mut at = said.match_indices(['\n']).map(|(at, _)| at + 1);
    let at = std::iter::once(0).chain(at.by_ref());
    let mut at = at.filter(|&at| begins.iter().any(|word| said[at..].starts_with(word)));
    &said[at.next().unwrap_or_else(|| panic!("no verdict: {said}"))..]
}

/// Every way in which a witness makes calls, with a profile that permits some of them.
fn nothing_is_lost_and_a_check_of_the_run_says_the_same() {
    let files = Files::new();
    let profile = files.profile(&allowing(&FOR_STATIC));
    let recorded = files.path("recorded.json");
    let keep = recorded.to_string_lossy().into_owned();
    for Witness { command, calls } in witness::all() {
        let run = watch(&profile, &["-o", &keep], &command);
        let recording = facts::read(&recorded);
        assert_eq!(counts(&recording), calls, "{command:?}");
        assert!(recording.losses.is_complete(), "{:?}", recording.losses);
        let check = product().args(["check"]).args([&profile]);
        let check = check.args(arguments!["--recording", recorded]).run();
        run.exits(check.code());
        let said = run.stdout_text();
        assert_eq!(report(&said), check.stdout_text(), "{command:?}");
        // All that is in the report was said before, once.
        let check = product()
            .args(["check", "--format", "json"])
            .args([&profile]);
        let check = check.args(arguments!["--recording", recorded]).run();
        let facts: Value = serde_json::from_slice(&check.stdout).expect("JSON");
        let many = |list: &str| facts[list].as_array().expect("a list").len();
        let ways = ["would be ", "cannot be shown: "];
        let lines = said
            .lines()
            .filter(|line| ways.iter().any(|way| line.starts_with(way)));
        assert_eq!(lines.count(), many("denied") + many("undecided"), "{run}");
    }
}

fn what_is_foreseen_is_said_while_it_happens() {
    let files = Files::new();
    let profile = files.profile(&allowing(&FOR_STATIC));
    let mut running = product()
        .args(["watch", "-q", "--profile"])
        .args([&profile])
        .args(["--", witness::PATH, "ticks", "400"])
        .start();
    running.await_stdout("would be refused with EPERM: nanosleep: `witness` (pid ");
    assert!(!running.has_ended(), "said while the witness runs");
    running.signal(libc::SIGTERM);
    let run = running.finish();
    run.exits(1);
    assert_eq!(run.stdout_text().matches("would be ").count(), 1, "{run}");
}

fn what_cannot_be_decided_is_never_a_pass() {
    let files = Files::new();
    let condition =
        |index, value, operator| json!([{"index": index, "value": value, "op": operator}]);
    // What is written to is not kept.
    let rule = json!({"names": ["write"], "action": "SCMP_ACT_ERRNO",
        "args": condition(0, 77, "SCMP_CMP_EQ")});
    let profile = files.profile(&but(rule));
    let run = watch(&profile, &[], &[witness::PATH, "say"]);
    run.exits(4)
        .stdout_has("cannot be shown: write: the profile tests fd, which is not kept: ");
    run.stdout_has("\nunclear: ");
    // More values than are kept, none of which is refused.
    let rule = json!({"names": ["ioctl"], "action": "SCMP_ACT_ERRNO",
        "args": condition(1, 0xFFFF_0000u32, "SCMP_CMP_EQ")});
    let profile = files.profile(&but(rule));
    let run = watch(&profile, &[], &[witness::PATH, "ioctls", "5000"]);
    run.exits(4)
        .stdout_has("cannot be shown: ioctl: there are more values than are kept\n");
    let run = watch(&profile, &[], &[witness::PATH, "ioctls", "5"]);
    run.exits(0)
        .stdout_has("profile.json` denies nothing that was recorded\n");
}

fn what_would_only_be_logged_counts() {
    let files = Files::new();
    let rule = json!({"names": ["getppid"], "action": "SCMP_ACT_LOG"});
    let profile = files.profile(&but(rule));
    let run = watch(&profile, &[], &[witness::PATH, "static"]);
    run.exits(1)
        .stdout_has("would be logged: getppid: `witness` (pid ")
        .stdout_has("profile.json` would log 1 recorded fact\n")
        .stdout_has(
            "  recorded, let through and logged\n    getppid  allows and logs  made 5 times",
        );
}

fn programs_can_read_what_is_foreseen() {
    let files = Files::new();
    let profile = files.profile(&allowing(&["execve", "exit_group"]));
    let run = watch(
        &profile,
        &["--format", "json"],
        &[witness::PATH, "arguments"],
    );
    run.exits(1);
    let text = run.stdout_text();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let events: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    let (first, last) = (events[0], events[events.len() - 1]);
    assert_eq!((first, last), ("watching", "summary"), "{run}");
    let summary = &lines[lines.len() - 1];
    assert_eq!(summary["verdict"], "fail");
    let denied = summary["denied"].as_array().expect("a list").len();
    assert_eq!(denied, events.len() - 2, "{run}");
    assert_eq!(lines[1]["outcome"], "refused");
    assert_eq!(lines[1]["errno"], 1);
}

/// The daemon keeps what it kept before; what it began for this ends with this.
fn what_the_daemon_records_is_judged_and_goes_on() {
    let files = Files::new();
    let profile = files.profile(&allowing(&FOR_STATIC));
    let place = Place::new(house_tests::product!());
    let daemon = place.start(&["--no-pin"]);
    let [known, fresh] = ["known", "fresh"].map(Cgroup::new);
    let ticks = |cgroup: &Cgroup| cgroup.command(&[witness::PATH, "ticks", "100000"]).start();
    let running = [&known, &fresh].map(ticks);
    for cgroup in [&known, &fresh] {
        cgroup.await_populated();
    }
    place.start_recording(&known).expect("a recording");
    let socket = format!("--daemon={}", place.socket().display());
    for cgroup in [&known, &fresh] {
        let watch = product().args(["watch", "-q", "--for", "3s", "--profile"]);
        let watch = watch.args([&profile]).args([&socket]);
        let run = watch.args(arguments!["--cgroup", cgroup.path()]).run();
        run.exits(1)
            .stdout_has("would be refused with EPERM: nanosleep: `witness`\n");
    }
    let left: Vec<_> = place
        .targets()
        .into_iter()
        .map(|target| target.cgroup)
        .collect();
    assert_eq!(left, [Some(known.relative())]);
    for cgroup in [&known, &fresh] {
        cgroup.kill();
    }
    for running in running {
        running.finish().dies_of(libc::SIGKILL);
    }
    daemon.end(libc::SIGTERM).exits(0);
}
