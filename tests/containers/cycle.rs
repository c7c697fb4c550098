//! Record a real container, make its profile, run it under that profile.

use crate::product;
use crate::recorder::{Recorded, Recorder};
use crate::workloads::{self, Workload};
use house_tests::docker::Docker;
use house_tests::facts::{counts_where, named, set};
use house_tests::verdict::{Verdict, letting_through};
use house_tests::{filter, judge, tests};
use seccomp_tracer::recording::{SeccompState, TargetKind, WindowEnd, WindowStart};
use seccomp_tracer::syscall::{Abi, Call};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_shell_script_lives_with_its_profile,
    python_lives_with_its_profile,
    nginx_lives_with_its_profile,
    redis_lives_with_its_profile,
];

fn a_shell_script_lives_with_its_profile() {
    lives_with_its_profile(&workloads::busybox());
}

fn python_lives_with_its_profile() {
    lives_with_its_profile(&workloads::python());
}

fn nginx_lives_with_its_profile() {
    lives_with_its_profile(&workloads::nginx());
}

fn redis_lives_with_its_profile() {
    lives_with_its_profile(&workloads::redis());
}

fn lives_with_its_profile(workload: &Workload) {
    let default = record(workload, workload.docker());
    assert_ran_under_the_default(&default);
    let unconfined = record(workload, workload.docker().unconfined());
    assert_ran_unconfined(&unconfined);
    for recorded in [default, unconfined] {
        let profile = generate(&recorded);
        let text = fs::read_to_string(&profile).expect("a profile");
        let verdict = Verdict::on(&text, &recorded.recording);
        assert_within_the_default(&verdict);
        assert_audited(&recorded, &profile, &verdict);
        for docker in [workload.docker(), workload.docker().no_new_privileges()] {
            docker
                .clone()
                .under(&profile)
                .go()
                .exits(0)
                .stdout(workload.output);
            assert_denied_nothing(workload, docker, &profile, &verdict);
        }
    }
}

/// Records a workload from its first call to its last.
fn record(workload: &Workload, docker: Docker) -> Recorded {
    let recorded = Recorder::docker(&docker).finish();
    recorded.run.exits(0).stdout(workload.output);
    let Recorded { recording, .. } = &recorded;
    assert_eq!(recording.window.from, WindowStart::Exec);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    let target = &recording.target;
    assert_eq!(target.kind, TargetKind::Container);
    assert_eq!(target.command, docker.command_line());
    assert_eq!(target.no_new_privs, Some(false));
    let capabilities = DOCKER_CAPABILITIES.map(|name| format!("CAP_{name}"));
    assert_eq!(target.capabilities, Some(capabilities.into()));
    let container = target.container.as_ref().expect("a container");
    assert_eq!(container.image.as_ref(), Some(&workload.image.name));
    assert_eq!(container.runtime.as_deref(), Some("runc"));
    recorded
}

/// What Docker grants unless told otherwise.
const DOCKER_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The runtime's first process.
const RUNTIME: &str = "runc:[2:INIT]";

/// What runc does between installing the filter and the exec, measured with another tool; then what its
/// language's scheduler may do at any moment.
const RUNTIME_CALLS: &str = "capget capset chdir close epoll_ctl execve faccessat2 fchown fcntl fstat \
    fstatfs futex getcwd getdents64 getpid getppid newfstatat openat prctl read setgid setgroups setuid \
    write \
    epoll_pwait madvise mmap mprotect munmap nanosleep rt_sigprocmask rt_sigreturn sched_yield sigaltstack \
    tgkill";

/// What only a container's set-up does.
const SET_UP: &str = "keyctl mknodat mount pivot_root seccomp sethostname setns umount2 unshare";

fn calls(names: &str) -> BTreeSet<Call> {
    names.split_whitespace().map(named).collect()
}

/// All was done under the filter, and of the runtime there is only what it did under it.
fn assert_ran_under_the_default(recorded: &Recorded) {
    let recording = &recorded.recording;
    assert_eq!(recording.target.seccomp, Some(SeccompState::EngineDefault));
    assert_eq!(recording.target.filtered_at_start, Some(true));
    let unfiltered = counts_where(recording, false);
    assert!(unfiltered.is_empty(), "{unfiltered:?}");
    let all = set(&counts_where(recording, true));
    assert!(all.is_disjoint(&calls(SET_UP)), "{all:?}");
    let runtime = recorded.first_by(RUNTIME);
    assert!(runtime.is_subset(&calls(RUNTIME_CALLS)), "{runtime:?}");
}

/// The exec is the runtime's last call, and the first that counts.
fn assert_ran_unconfined(recorded: &Recorded) {
    let recording = &recorded.recording;
    assert_eq!(recording.target.seccomp, Some(SeccompState::Unconfined));
    assert_eq!(recording.target.filtered_at_start, Some(false));
    assert!(counts_where(recording, true).is_empty());
    let all = set(&counts_where(recording, false));
    assert!(all.is_disjoint(&calls(SET_UP)), "{all:?}");
    assert_eq!(recorded.first_by(RUNTIME), calls("execve"));
}

fn generate(recorded: &Recorded) -> PathBuf {
    let profile = recorded.beside("profile.json");
    let generate = product().args(["generate", "--output"]).args([&profile]);
    generate.args([&recorded.path]).run().exits(0).stdout("");
    profile
}

/// Both as the profile is written and as the runtime compiles it.
fn assert_within_the_default(verdict: &Verdict) {
    let Verdict { profile, base } = verdict;
    let none: Vec<String> = Vec::new();
    assert_eq!(judge::excesses(profile, base), none);
    assert_eq!(filter::excesses(profile, base), none);
}

/// The audit's figures are those that the judge counts.
fn assert_audited(recorded: &Recorded, profile: &Path, verdict: &Verdict) {
    let report = |verb: &str| -> Value {
        let run = product().args([verb, "--format", "json"]);
        let run = run.args([profile]).args(["--recording"]);
        let run = run.args([&recorded.path]).run();
        serde_json::from_str(&run.exits(0).stdout_text()).expect("JSON")
    };
    let audit = report("audit");
    let [profile, base] = verdict.permitted(Abi::X86_64);
    let seen = set(&house_tests::facts::counts(&recorded.recording));
    let used = seen.intersection(&profile).count();
    let figure = |path: &str| audit.pointer(path).and_then(Value::as_u64);
    for (path, expected) in [
        ("/surface/0/counts/inBase", base.len()),
        ("/surface/0/counts/left/part", profile.len()),
        ("/evidence/coverage/calls/part", used),
        ("/evidence/coverage/calls/whole", profile.len()),
    ] {
        assert_eq!(figure(path), Some(expected as u64), "{path} in {audit:#}");
    }
    assert_eq!(audit["surface"][0]["abi"], "x86_64");
    assert_eq!(audit["beyond"], Value::Array(Vec::new()));
    // At most what the runtime and every program need is there without having been seen.
    assert!(used * 2 > profile.len(), "{used} of {}", profile.len());
    // The rest of what was seen is `clone3`, which C libraries try first and which nobody permits.
    let left: BTreeSet<Call> = seen.difference(&profile).copied().collect();
    assert!(left.is_subset(&calls("clone3")), "{left:?}");
    for denied in report("check")["denied"].as_array().expect("a list") {
        assert_eq!(denied["standing"], "fallsBack", "{denied:#}");
    }
}

/// Runs it once more where what the profile would refuse is let through and recorded: a refusal cannot be
/// seen from outside, because the filter comes before everything that could tell of it, and a program may
/// swallow it. In this run every call that was tried was also made, so the recording has all of them, and
/// the judge says of each whether the profile permits it.
fn assert_denied_nothing(workload: &Workload, docker: Docker, profile: &Path, verdict: &Verdict) {
    let text = fs::read_to_string(profile).expect("a profile");
    let lenient = profile.with_file_name("lenient.json");
    fs::write(&lenient, letting_through(&text)).expect("a profile");
    let recorded = Recorder::docker(&docker.under(&lenient)).finish();
    recorded.run.exits(0).stdout(workload.output);
    let recording = &recorded.recording;
    let unfiltered = counts_where(recording, false);
    assert!(unfiltered.is_empty(), "{unfiltered:?}");
    let denied = verdict.denied(recording);
    assert!(denied.is_empty(), "{}: {denied:?}", workload.name);
    let check = product().args(["check"]).args([profile]);
    let check = check.args(["--recording"]).args([&recorded.path]);
    check.run().exits(0);
}
