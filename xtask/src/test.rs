//! Everything that can be verified is verified, and counted.
//!
//! All of it runs, whatever fails, and the last line is the sum.

use crate::command::{self, Root, cargo};
use crate::engine::Engine;
use crate::setup::{self, Purpose};
use crate::tally::Tally;
use crate::vm::Machine;
use crate::{check, compose, counts, demo, readme, talk};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Install what is missing, check everything, and run all tests; with an engine of our own if none runs.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only what needs no engine, no virtual machine and no recording: texts, units, the command line, proofs.
    #[arg(long)]
    quick: bool,
}

/// Check the laws of the minimizer for every combination of options, optimised; the tests check some of them.
#[derive(clap::Args)]
pub(crate) struct LawArguments {}

/// Makes the laws cover every combination; they read it.
const WHOLE_LAWS: &str = "SECCOMP_TRACER_WHOLE_LAWS";

/// Makes a live test that cannot run fail; the tests read it.
const REQUIRE_LIVE: &str = "SECCOMP_TRACER_REQUIRE_LIVE";

/// Makes the tests those that are for the virtual machine; the tests read it.
const IN_MACHINE: &str = "SECCOMP_TRACER_IN_MACHINE";

/// What cargo runs test programs with.
const RUNNER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.quick {
        return quick();
    }
    setup::ensure_for(Purpose::Test)?;
    let mut tally = Tally::default();
    check::all(&mut tally)?;
    tally.count("instruction counts", counts::check())?;
    if live() {
        let engine = Engine::ready()?;
        tally.count("Compose for the tests", compose::ready())?;
        tests(&mut tally, Some(&engine))?;
        machine(&mut tally)?;
        tally.count("demonstration", demo::show(&[], Some(&engine)))?;
        tally.count("demonstration without containers", demo::show(&[], None))?;
        readme::check(&mut tally, &engine)?;
    } else {
        tests(&mut tally, None)?;
        talk::say("NOT RUN: the demonstration and the README's commands");
    }
    tally.close()
}

/// What can be known in three minutes, whatever else the machine does.
fn quick() -> Result<()> {
    setup::ensure_for(Purpose::Build)?;
    let mut tally = Tally::default();
    check::texts(&mut tally)?;
    let mut test = cargo();
    test.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    test.args(["--lib", "--bins", "--test=cli", "--test=proof"]);
    counted(&mut tally, "tests", &mut test, true)?;
    talk::say("NOT RUN: lints, and everything that records; `cargo xtask test` runs them");
    tally.close()
}

/// Checks the laws for every combination of options.
pub(crate) fn laws() -> Result<()> {
    setup::ensure_for(Purpose::Build)?;
    let mut tally = Tally::default();
    let mut test = cargo();
    test.args(["test", "--locked", "--release", "--package=seccomp-tracer"]);
    test.args(["--lib", "--", "laws"]).env(WHOLE_LAWS, "1");
    counted(&mut tally, "laws", &mut test, false)?;
    tally.close()
}

/// Whether recording is possible here; says loudly if it is not.
fn live() -> bool {
    let lacking = if Root::now() == Root::Absent {
        "root"
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        "a kernel with BTF"
    } else {
        return true;
    };
    talk::say(&format!(
        "NOT RUN: everything that records, which needs {lacking}"
    ));
    false
}

/// Runs every test of the workspace.
fn tests(tally: &mut Tally, engine: Option<&Engine>) -> Result<()> {
    let mut test = cargo();
    test.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    if let Some(engine) = engine {
        let mut variables = engine.variables();
        variables.push((REQUIRE_LIVE, "1".to_owned()));
        if Root::now() == Root::Sudo {
            // Only the test programs need root; what cargo writes stays the user's.
            let words = variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            let runner = ["sudo".to_owned(), "env".to_owned()]
                .into_iter()
                .chain(words);
            test.env(RUNNER, runner.collect::<Vec<_>>().join(" "));
        }
        test.envs(variables);
    }
    counted(tally, "tests", &mut test, engine.is_none())
}

/// Runs a call of `cargo test` and counts what it counts. It must run something, and all of it unless some may
/// be left out.
fn counted(tally: &mut Tally, name: &str, test: &mut Command, may_skip: bool) -> Result<()> {
    talk::step(&command::typed(test));
    let (status, text) = command::echo(test)?;
    let Counts {
        passed,
        failed,
        skipped,
    } = Counts::sum(&text);
    tally.add(passed, failed, skipped);
    let result = || {
        ensure!(
            status.success() || failed > 0,
            "`{}` failed: {status}",
            command::typed(test)
        );
        ensure!(passed > 0, "no test ran");
        ensure!(may_skip || skipped == 0, "{skipped} tests did not run");
        ensure!(failed == 0, "{failed} tests failed");
        Ok(())
    };
    tally.count(name, result())
}

/// Runs the tests that are for a machine with systemd and one cgroup hierarchy, in one.
fn machine(tally: &mut Tally) -> Result<()> {
    let Some(machine) = Machine::ready()? else {
        talk::say(
            "NOT RUN: what needs systemd and one cgroup hierarchy; it takes qemu and Debian's kernel",
        );
        return Ok(());
    };
    let mut build = cargo();
    build.args([
        "test",
        "--package=house-tests",
        "--test=containers",
        "--locked",
        "--no-run",
    ]);
    build.arg("--message-format=json");
    let program = executable(&command::read(&mut build)?, "containers")
        .context("cargo does not say where the tests are")?;
    let variables = [(REQUIRE_LIVE, "1"), (IN_MACHINE, "1")];
    let done = machine.execute(&[program], &variables)?;
    let counts = Counts::sum(&done.text);
    tally.add(counts.passed, counts.failed, counts.skipped);
    let result = || {
        ensure!(done.code == 0, "exit code {}", done.code);
        ensure!(counts.passed > 0, "no test ran");
        Ok(())
    };
    tally.count("tests in the virtual machine", result())
}

/// Where a test program is, from the lines of JSON that cargo writes.
pub(crate) fn executable(messages: &str, name: &str) -> Option<String> {
    let messages = messages.lines();
    let mut messages = messages.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.find_map(|message| {
        let is_it = message["target"]["name"] == name;
        is_it.then(|| message["executable"].as_str().map(str::to_owned))?
    })
}

/// What a test program counted.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    /// What all the test programs counted that said this.
    fn sum(text: &str) -> Self {
        let none = Self {
            passed: 0,
            failed: 0,
            skipped: 0,
        };
        let all = text.lines().filter_map(counts);
        all.fold(none, |sum, one| Self {
            passed: sum.passed + one.passed,
            failed: sum.failed + one.failed,
            skipped: sum.skipped + one.skipped,
        })
    }
}

/// Reads the closing line of a test program.
fn counts(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| {
        let part = rest.split("; ").find_map(|part| part.strip_suffix(name))?;
        part.trim().parse().ok()
    };
    Some(Counts {
        passed: count("passed")?,
        failed: count("failed")?,
        skipped: count("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_is_found_in_what_cargo_writes() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"cli\"},\"executable\":\"/t/cli-1\"}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"live\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"live\"},\"executable\":\"/t/live-2\"}\n";
        assert_eq!(executable(messages, "live").as_deref(), Some("/t/live-2"));
        assert_eq!(executable(messages, "proof"), None);
    }

    #[test]
    fn closing_lines_are_counted() {
        let line = "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(
            counts(line),
            Some(Counts {
                passed: 5,
                failed: 0,
                skipped: 2
            })
        );
        let line =
            "test result: FAILED. 11 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out";
        assert_eq!(
            counts(line),
            Some(Counts {
                passed: 11,
                failed: 3,
                skipped: 0
            })
        );
        assert_eq!(counts("test result: ok"), None);
        assert_eq!(counts("running 5 tests"), None);
    }
}
