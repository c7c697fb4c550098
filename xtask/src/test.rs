//! Everything that can be verified is verified, and counted.
//!
//! All of it runs, whatever fails, and the last line is the sum.

use crate::command::{self, Root, cargo};
use crate::engine::Engine;
use crate::setup::{self, Purpose};
use crate::tally::Tally;
use crate::{check, counts, demo, readme, talk};
use anyhow::{Result, ensure};
use std::path::Path;

/// Install what is missing, check everything, and run all tests; with an engine of our own if none runs.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Makes a live test that cannot run fail; the tests read it.
const REQUIRE_LIVE: &str = "SECCOMP_TRACER_REQUIRE_LIVE";

/// What cargo runs test programs with.
const RUNNER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER";

pub(crate) fn run() -> Result<()> {
    setup::ensure_for(Purpose::Test)?;
    let mut tally = Tally::default();
    check::all(&mut tally)?;
    tally.count("instruction counts", counts::check())?;
    if live() {
        let engine = Engine::ready()?;
        tests(&mut tally, Some(&engine))?;
        tally.count("demonstration", demo::show(&[], Some(&engine)))?;
        tally.count("demonstration without containers", demo::show(&[], None))?;
        readme::check(&mut tally, &engine)?;
    } else {
        tests(&mut tally, None)?;
        talk::say("NOT RUN: the demonstration and the README's commands");
    }
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
    talk::step(&command::typed(&test));
    let (status, text) = command::echo(&mut test)?;
    let results: Vec<Counts> = text.lines().filter_map(counts).collect();
    let sum = |of: fn(&Counts) -> usize| results.iter().map(of).sum();
    let (passed, failed, skipped) = (
        sum(|it| it.passed),
        sum(|it| it.failed),
        sum(|it| it.skipped),
    );
    tally.add(passed, failed, skipped);
    let result = || {
        ensure!(
            status.success() || failed > 0,
            "`{}` failed: {status}",
            command::typed(&test)
        );
        ensure!(
            engine.is_none() || skipped == 0,
            "{skipped} tests did not run"
        );
        ensure!(failed == 0, "{failed} tests failed");
        Ok(())
    };
    tally.count("tests", result())
}

/// What a test program counted.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
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
