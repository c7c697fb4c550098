//! Whether a container starts with a profile: what runc and crun do with each of a table of profiles, and what the
//! audit says of it.

use crate::product;
use house_tests::image::Rootfs;
use house_tests::run::{Program, Run};
use house_tests::tests;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::id;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 1] =
    tests![the_audit_says_of_each_profile_whether_a_container_starts_and_ends];

/// What busybox makes for `true`, in any of its builds.
const PROGRAM: &str = "arch_prctl brk execve exit exit_group getrandom getuid mprotect newfstatat prctl prlimit64 readlink \
    readlinkat restart_syscall rseq rt_sigreturn set_robust_list set_tid_address setgid setuid";
const RUNC_LATE: &str = "close openat write fstatfs getdents64 futex epoll_ctl getpid epoll_pwait nanosleep sched_yield tgkill \
    sigaltstack rt_sigprocmask mmap munmap madvise";
const RUNC_EARLY: &str =
    "capget capset chdir fchown fcntl fstat getcwd getppid read setgroups faccessat2";
const CRUN_EARLY: &str = "capset close rt_sigaction rt_sigprocmask setresgid setresuid write";

/// A profile, and whether it is for containers with no_new_privs.
struct Case {
    name: &'static str,
    profile: Value,
    late: bool,
}

fn rule(names: &str, action: &str) -> Value {
    let names: Vec<&str> = names.split_whitespace().collect();
    json!({"names": names, "action": format!("SCMP_ACT_{action}")})
}

fn with(mut value: Value, more: &Value) -> Value {
    for (key, member) in more.as_object().expect("members") {
        value[key] = member.clone();
    }
    value
}

fn on(names: &str, action: &str, index: u8, value: u64) -> Value {
    let test = json!([{"index": index, "value": value, "op": "SCMP_CMP_EQ"}]);
    with(rule(names, action), &json!({"args": test}))
}

fn profile(default: &str, rules: Vec<Value>) -> Value {
    json!({
        "defaultAction": format!("SCMP_ACT_{default}"),
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": rules,
    })
}

/// A list of what is permitted.
fn list(default: &str, parts: &[&str]) -> Value {
    profile(default, vec![rule(&parts.join(" "), "ALLOW")])
}

/// A list of what is not.
fn deny(rules: Vec<Value>) -> Value {
    profile("ALLOW", rules)
}

fn cases() -> Vec<Case> {
    let all = [PROGRAM, RUNC_LATE, RUNC_EARLY, CRUN_EARLY];
    let without = |name: &str| {
        let words = all.iter().flat_map(|part| part.split_whitespace());
        let kept: Vec<&str> = words.filter(|word| *word != name).collect();
        kept.join(" ")
    };
    let open = |more: &Value| with(deny(vec![rule("mount ptrace", "ERRNO")]), more);
    let early: Vec<(&'static str, Value)> = vec![
        ("the program's calls only", list("ERRNO", &[PROGRAM])),
        (
            "the same, as a list that kills",
            list("KILL_PROCESS", &[PROGRAM]),
        ),
        ("the same, as a list that traps", list("TRAP", &[PROGRAM])),
        (
            "with runc's late calls",
            list("ERRNO", &[PROGRAM, RUNC_LATE]),
        ),
        (
            "with runc's calls",
            list("ERRNO", &[PROGRAM, RUNC_LATE, RUNC_EARLY]),
        ),
        ("with crun's calls", list("ERRNO", &[PROGRAM, CRUN_EARLY])),
        ("with everybody's calls", list("ERRNO", &all)),
        (
            "with everybody's calls, killing",
            list("KILL_PROCESS", &all),
        ),
        (
            "with everybody's calls, ENOSYS",
            with(list("ERRNO", &all), &json!({"defaultErrnoRet": 38})),
        ),
        ("without epoll_ctl", list("ERRNO", &[&without("epoll_ctl")])),
        (
            "without epoll_ctl, killing",
            list("KILL_PROCESS", &[&without("epoll_ctl")]),
        ),
        (
            "without close, killing",
            list("KILL_PROCESS", &[&without("close")]),
        ),
        ("without execve", list("ERRNO", &[&without("execve")])),
        ("a list of what is forbidden", open(&json!({}))),
        (
            "a list of what is logged",
            profile("LOG", vec![rule("mount", "ERRNO")]),
        ),
        ("capset forbidden", deny(vec![rule("capset", "ERRNO")])),
        (
            "setresuid forbidden",
            deny(vec![rule("setresuid", "ERRNO")]),
        ),
        (
            "getdents64 forbidden",
            deny(vec![rule("getdents64", "ERRNO")]),
        ),
        ("getppid forbidden", deny(vec![rule("getppid", "ERRNO")])),
        (
            "dropping capabilities forbidden",
            deny(vec![on("prctl", "ERRNO", 0, 24)]),
        ),
        (
            "naming threads forbidden",
            deny(vec![on("prctl", "ERRNO", 0, 15)]),
        ),
        (
            "opening to write forbidden",
            deny(vec![on("openat", "ERRNO", 2, 0x80001)]),
        ),
        (
            "exit forbidden",
            deny(vec![rule("exit exit_group", "ERRNO")]),
        ),
        ("an errno on what is allowed", {
            let rule = with(rule("read", "ALLOW"), &json!({"errnoRet": 1}));
            profile("LOG", vec![rule])
        }),
        (
            "an errno on a default that has none",
            open(&json!({"defaultErrnoRet": 1})),
        ),
        (
            "an empty name",
            deny(vec![json!({"names": [""], "action": "SCMP_ACT_ERRNO"})]),
        ),
        ("a name that nobody has", deny(vec![rule("opeen", "ERRNO")])),
        (
            "no names",
            deny(vec![json!({"names": [], "action": "SCMP_ACT_ERRNO"})]),
        ),
        ("asking nobody", deny(vec![rule("chown", "NOTIFY")])),
        (
            "asking nobody about write",
            deny(vec![rule("write", "NOTIFY")]),
        ),
        (
            "a flag",
            open(&json!({"flags": ["SECCOMP_FILTER_FLAG_LOG"]})),
        ),
        ("no flags", open(&json!({"flags": []}))),
        (
            "two actions",
            deny(vec![
                on("socket", "ERRNO", 0, 1),
                on("socket", "KILL", 0, 1),
            ]),
        ),
        (
            "another byte order",
            open(&json!({"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_PPC64"]})),
        ),
        (
            "a foreign architecture",
            open(&json!({"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]})),
        ),
        (
            "an architecture that is unknown",
            open(&json!({"architectures": ["SCMP_ARCH_NONE"]})),
        ),
        ("a mistyped key", {
            let all: Vec<String> = all
                .iter()
                .flat_map(|part| part.split_whitespace())
                .map(str::to_owned)
                .collect();
            profile(
                "ERRNO",
                vec![json!({"nmaes": all, "action": "SCMP_ACT_ALLOW"})],
            )
        }),
        (
            "a seventh argument",
            deny(vec![on("socket", "ERRNO", 6, 1)]),
        ),
        ("an errno that is too large", {
            deny(vec![with(
                rule("ptrace", "ERRNO"),
                &json!({"errnoRet": 5000}),
            )])
        }),
    ];
    let late = vec![
        ("the program's calls only, late", list("ERRNO", &[PROGRAM])),
        (
            "with runc's late calls, late",
            list("ERRNO", &[PROGRAM, RUNC_LATE]),
        ),
        (
            "with runc's late calls, late, killing",
            list("KILL_PROCESS", &[PROGRAM, RUNC_LATE]),
        ),
    ];
    let case = |late: bool| {
        move |(name, profile): (&'static str, Value)| Case {
            name,
            profile,
            late,
        }
    };
    let all = early.into_iter().map(case(false));
    all.chain(late.into_iter().map(case(true))).collect()
}

/// A runtime that can be called by hand.
struct Runtime {
    name: &'static str,
    version: String,
}

impl Runtime {
    fn named(name: &'static str) -> Self {
        let run = Program::new(name).args(["--version"]).run();
        let text = run.exits(0).stdout_text();
        let version = text
            .lines()
            .next()
            .and_then(|line| line.split_whitespace().last());
        let version = version.expect("a version").to_owned();
        Self { name, version }
    }

    fn call(&self, words: &[&str]) -> Run {
        let call = Program::new(self.name);
        match self.name {
            // It wants pure cgroups, which the test's machine need not have.
            "crun" => call
                .args(["--cgroup-manager=disabled"])
                .args(words)
                .after("mount -t cgroup2 none /sys/fs/cgroup")
                .run(),
            _ => call.args(words).run(),
        }
    }

    /// Whether a container with this profile starts, and ends as its program does.
    fn starts(&self, bundle: &Bundle, case: &Case) -> bool {
        bundle.write(case);
        let name = format!("house-verdict-{}-{}", self.name, id());
        let path = bundle.path();
        // What does not end is ended.
        let script = format!(
            "timeout -s KILL 20 {} run --bundle {path} {name} < /dev/null",
            match self.name {
                "crun" => "crun --cgroup-manager=disabled",
                other => other,
            }
        );
        let run = Program::new("bash").args(["-c", &script]);
        let run = match self.name {
            "crun" => run.after("mount -t cgroup2 none /sys/fs/cgroup").run(),
            _ => run.run(),
        };
        if run.code() != 0 {
            self.call(&["delete", "--force", &name]);
        }
        run.code() == 0
    }
}

struct Bundle {
    directory: TempDir,
    config: Value,
}

impl Bundle {
    fn new(rootfs: &Rootfs) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().to_string_lossy().into_owned();
        Program::new("runc")
            .args(["spec", "--bundle", &path])
            .run()
            .exits(0);
        let text = fs::read(directory.path().join("config.json")).expect("a specification");
        let mut config: Value = serde_json::from_slice(&text).expect("JSON");
        config["root"]["path"] = json!(rootfs.directory());
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/bin/true"]);
        config["process"]["rlimits"] = json!([]);
        let linux = config["linux"].as_object_mut().expect("an object");
        linux.remove("resources");
        let is_cgroup = |one: &Value| one["type"] == "cgroup";
        linux["namespaces"]
            .as_array_mut()
            .expect("a list")
            .retain(|one| !is_cgroup(one));
        config["mounts"]
            .as_array_mut()
            .expect("a list")
            .retain(|one| !is_cgroup(one));
        Self { directory, config }
    }

    fn path(&self) -> String {
        self.directory.path().to_string_lossy().into_owned()
    }

    fn write(&self, case: &Case) {
        let mut config = self.config.clone();
        config["process"]["noNewPrivileges"] = json!(case.late);
        config["linux"]["seccomp"] = case.profile.clone();
        let file = self.directory.path().join("config.json");
        fs::write(file, config.to_string()).expect("a file");
    }
}

/// What ends a start, or the program's end.
const RULES: [&str; 3] = ["cannot-start", "refused-profile", "missing-essential"];

/// Whether the audit says so.
fn audited(file: &Path, runtime: &Runtime, case: &Case) -> bool {
    fs::write(file, case.profile.to_string()).expect("a file");
    let runtime = format!("--runtime={}@{}", runtime.name, runtime.version);
    let audit = product().args(["audit", &runtime, "--base", "none", "--format", "json"]);
    let audit = if case.late {
        audit.args(["--no-new-privs"])
    } else {
        audit
    };
    let run = audit.args([file]).run();
    if run.code() == 2 {
        return false;
    }
    let report: Value = serde_json::from_slice(&run.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    let says = |finding: &Value| {
        let rule = finding["rule"].as_str().unwrap_or_default();
        RULES.contains(&rule) && finding["severity"] == "high"
    };
    let is_said = findings.iter().any(says);
    // What is said fails the default gate.
    assert!(!is_said || run.code() == 1, "{}: {run}", case.name);
    !is_said
}

fn the_audit_says_of_each_profile_whether_a_container_starts_and_ends() {
    let rootfs = Rootfs::default().busybox(&["true"]);
    let bundle = Bundle::new(&rootfs);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("profile.json");
    let mut wrong = Vec::new();
    let mut started = 0;
    let cases = cases();
    for runtime in ["runc", "crun"].map(Runtime::named) {
        for case in &cases {
            let starts = runtime.starts(&bundle, case);
            let said = audited(&file, &runtime, case);
            started += usize::from(starts);
            if starts != said {
                wrong.push(format!("{} {}: starts: {starts}", runtime.name, case.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    // A table in which everything starts, or nothing, would say little.
    assert!(
        cases.len() > 30 && started > 20 && started < 2 * cases.len() - 20,
        "{started}"
    );
}
