//! Tests that need something of the machine say what, run by name, and never pass without having run.
//!
//! Where the need is not met, a test is reported as ignored with the reason on stderr; with
//! `SECCOMP_TRACER_REQUIRE_LIVE=1` it fails instead.

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

/// Set to 1 where everything that a test can need was promised.
pub const REQUIRE: &str = "SECCOMP_TRACER_REQUIRE_LIVE";

/// Set to 1 in the virtual machine of `cargo xtask vm`: only what was written for it runs there.
pub const IN_MACHINE: &str = "SECCOMP_TRACER_IN_MACHINE";

/// What a test needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Mount namespaces of its own, other users.
    Root,
    /// Root, and a kernel that can be recorded.
    Recording,
    /// All that, and a Docker engine (`DOCKER_HOST` or the default socket).
    Docker,
    /// All that, and Docker's Compose, which `cargo xtask test` gets.
    Compose,
    /// Root, a kernel that can be recorded, and Podman.
    Podman,
}

impl Needs {
    /// Why the need is not met here.
    fn missing(self) -> Option<&'static str> {
        static ROOT: LazyLock<Option<String>> = LazyLock::new(no_root);
        static RECORDING: LazyLock<Option<String>> = LazyLock::new(no_recording);
        static PODMAN: LazyLock<Option<String>> = LazyLock::new(no_podman);
        static DOCKER: LazyLock<Option<String>> = LazyLock::new(no_docker);
        static COMPOSE: LazyLock<Option<String>> = LazyLock::new(no_compose);
        let reasons: &[&LazyLock<Option<String>>] = match self {
            Self::Nothing => &[],
            Self::Root => &[&ROOT],
            Self::Recording => &[&ROOT, &RECORDING],
            Self::Docker => &[&ROOT, &RECORDING, &DOCKER],
            Self::Compose => &[&ROOT, &RECORDING, &DOCKER, &COMPOSE],
            Self::Podman => &[&ROOT, &RECORDING, &PODMAN],
        };
        reasons.iter().find_map(|reason| reason.as_deref())
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}

const CAP_SYS_ADMIN: u32 = 21;

fn no_root() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()
    };
    let root = field("Uid:") == Some("0");
    let capabilities = field("CapEff:").and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let admin = capabilities.is_some_and(|mask| mask >> CAP_SYS_ADMIN & 1 == 1);
    (!root || !admin).then(|| "it needs root with CAP_SYS_ADMIN".to_owned())
}

fn no_recording() -> Option<String> {
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("the kernel has no BTF".to_owned());
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let unified = mounts
        .lines()
        .any(|line| line.split(' ').nth(2) == Some("cgroup2"));
    (!unified).then(|| "no cgroup v2 hierarchy is mounted".to_owned())
}

fn no_docker() -> Option<String> {
    let mut version = Command::new("docker");
    version.args(["version", "--format", "{{.Server.Version}}"]);
    let answer = version.stdin(Stdio::null()).output();
    match answer {
        Err(error) => Some(format!("cannot run `docker`: {error}")),
        Ok(output) if !output.status.success() => Some(format!(
            "no Docker engine answers: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Ok(_) => None,
    }
}

fn no_compose() -> Option<String> {
    let mut version = Command::new("docker");
    version.args(["compose", "version"]);
    version.env("DOCKER_CONFIG", crate::docker::CONFIG);
    let answer = version.stdin(Stdio::null()).output();
    let works = answer.is_ok_and(|output| output.status.success());
    (!works).then(|| "no Compose; `cargo xtask test` gets one".to_owned())
}

fn no_podman() -> Option<String> {
    let mut version = Command::new("podman");
    let answer = version.arg("--version").stdin(Stdio::null()).output();
    let failure = |error| format!("cannot run `podman`: {error}");
    answer.err().map(failure)
}

/// A list of tests with what they need.
pub struct Suite {
    arguments: Arguments,
    required: bool,
    in_machine: bool,
    trials: Vec<Trial>,
    times: Times,
}

/// How long tests took that passed.
type Times = Arc<Mutex<Vec<(Duration, &'static str)>>>;

/// So many of those that took longest are told.
const SLOWEST: usize = 10;

impl Suite {
    /// A suite that obeys the command line of the test program.
    #[must_use]
    pub fn from_command_line() -> Self {
        Self {
            arguments: Arguments::from_args(),
            required: is_set(REQUIRE),
            in_machine: is_set(IN_MACHINE),
            trials: Vec::new(),
            times: Times::default(),
        }
    }

    /// One test at a time, unless the command line says otherwise: for tests that load the machine.
    #[must_use]
    pub fn one_at_a_time(mut self) -> Self {
        self.arguments.test_threads.get_or_insert(1);
        self
    }

    /// Adds tests that all need the same.
    #[must_use]
    pub fn tests(
        mut self,
        needs: Needs,
        tests: impl IntoIterator<Item = (&'static str, fn())>,
    ) -> Self {
        if self.in_machine {
            return self;
        }
        let missing = needs.missing();
        for (name, test) in tests {
            self.trials.push(match missing {
                None => {
                    let times = Arc::clone(&self.times);
                    Trial::test(name, move || {
                        let start = Instant::now();
                        test();
                        times.lock().expect("times").push((start.elapsed(), name));
                        Ok(())
                    })
                }
                Some(reason) => {
                    say(&format!("NOT RUN: {name}: {reason}"));
                    let failure = move || Err(Failed::from(format!("{name}: {reason}")));
                    Trial::test(name, failure).with_ignored_flag(!self.required)
                }
            });
        }
        self
    }

    /// Adds tests that are for the virtual machine, with its systemd and its one cgroup hierarchy.
    #[must_use]
    pub fn tests_for_machine(
        mut self,
        tests: impl IntoIterator<Item = (&'static str, fn())>,
    ) -> Self {
        if self.in_machine {
            self.in_machine = false;
            self = self.tests(Needs::Recording, tests);
            self.in_machine = true;
        }
        self
    }

    /// Runs them.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let code = libtest_mimic::run(&self.arguments, self.trials).exit_code();
        let mut times = self.times.lock().expect("times");
        times.sort_unstable();
        let slowest = times.iter().rev().take(SLOWEST);
        let slowest: Vec<_> = slowest
            .map(|(time, name)| format!("{name} {:.1}s", time.as_secs_f64()))
            .collect();
        if !slowest.is_empty() {
            say(&format!("slowest: {}", slowest.join(", ")));
        }
        code
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a test that did not run must be heard of"
)]
fn say(line: &str) {
    eprintln!("{line}");
}
