//! Tests on kernels that Debian's suites have, and the table that says what was lost.

use super::FOLDER;
use super::debian::{self, Package};
use super::small::{self, BEGINS, ENDED};
use crate::command::{self, root};
use crate::talk;
use crate::tally::Tally;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Series that users have, beside the oldest and the newest that are listed.
const SERIES: [&str; 6] = ["5.10", "6.1", "6.12", "7.1", "7.2", "7.3"];

/// The longest that one kernel may take; emulated processors are ten times slower than ours, and others may be busy.
const PATIENCE: &str = "40m";

/// Where the table is.
const TABLE: &str = "BENCHMARKS.md";

/// How its part begins, which reaches to the end.
const HEADING: &str = "## Kernels";

/// What is run, with what it is called in the table.
const TESTS: [(&str, &str); 8] = [
    ("witnesses", "a_recording_is_what_was_done"),
    ("crowd", "every_call_is_counted_in_a_crowd"),
    ("storm", "nothing_is_lost_in_a_storm"),
    ("leaving", "who_is_born_outside_is_counted"),
    ("clients", "a_client_that_lives_for_a_moment_is_noticed"),
    ("denials", "every_refused_call_is_kept"),
    ("harden", "what_is_missing_is_added_until_a_clean_pass"),
    ("kill -9", "a_hundred_sudden_deaths_lose_nothing"),
];

/// Those that take minutes only, for the oldest and the newest kernel.
const SHORT: [&str; 2] = ["crowd", "leaving"];

/// What became of one kernel.
struct Row {
    release: String,
    hook: String,
    /// By what the test is called: what it said it had lost, or how it came out.
    cells: BTreeMap<&'static str, String>,
    failed: Vec<&'static str>,
}

/// What is to be done.
pub(super) struct Wanted<'a> {
    /// Kernels of these series …
    pub(super) series: &'a [String],
    /// … or of all that matter.
    pub(super) all: bool,
    /// These tests, or all if there are none.
    pub(super) tests: &'a [String],
    /// Whether the table is written down.
    pub(super) write: bool,
}

/// Runs tests on kernels.
pub(super) fn run(wanted: &Wanted<'_>) -> Result<()> {
    let tests = chosen(wanted.tests)?;
    let packages = packages(wanted)?;
    let mut rows = Vec::new();
    for package in &packages {
        rows.push(boot(package, &tests)?);
        rows.sort_by_key(|row: &Row| numbers(&row.release));
        talk::say(&table(&rows));
        // Each by itself: they take their time, and who is interrupted keeps what was found.
        if wanted.write {
            write(&table(&rows))?;
            tell(&rows)?;
        }
    }
    judge(&rows)
}

/// Runs a few tests on the oldest and the newest kernel that Debian's suites list.
pub(crate) fn short(tally: &mut Tally) -> Result<()> {
    // A promise in CI only: elsewhere there may be no way to Debian's packages, which is said.
    let listed = match debian::listed() {
        Err(error) if std::env::var_os("CI").is_none() => {
            talk::say(&format!(
                "NOT RUN: the oldest and the newest kernel: {error:#}"
            ));
            return Ok(());
        }
        listed => listed,
    };
    let result = || {
        let tests = chosen(&SHORT.map(str::to_owned))?;
        let listed = listed?;
        let both = listed.first().into_iter().chain(listed.last());
        let rows: Vec<Row> = both
            .map(|package| boot(package, &tests))
            .collect::<Result<_>>()?;
        talk::say(&table(&rows));
        judge(&rows)
    };
    tally.count("oldest and newest kernel", result())
}

fn chosen(names: &[String]) -> Result<Vec<(&'static str, &'static str)>> {
    for name in names {
        let known = TESTS.map(|(column, _)| column);
        ensure!(
            known.contains(&name.as_str()),
            "there is no test `{name}`, but {}",
            known.join(", ")
        );
    }
    let is_wanted = |column: &str| names.is_empty() || names.iter().any(|name| name == column);
    let chosen = TESTS.into_iter().filter(|(column, _)| is_wanted(column));
    Ok(chosen.collect())
}

fn packages(wanted: &Wanted<'_>) -> Result<Vec<Package>> {
    let series: Vec<String> = match wanted.all {
        true => SERIES.map(str::to_owned).to_vec(),
        false => wanted.series.to_vec(),
    };
    let listed = debian::listed()?;
    let mut packages = Vec::new();
    for one in &series {
        let package = listed.iter().find(|package| package.series() == *one);
        let Some(package) = package else {
            let known: Vec<String> = listed.iter().map(Package::series).collect();
            bail!(
                "Debian's suites have no Linux {one}, but {}",
                known.join(", ")
            );
        };
        packages.push(package.clone());
    }
    if wanted.all {
        packages.extend(listed.first().into_iter().chain(listed.last()).cloned());
        packages.sort();
        packages.dedup();
    }
    Ok(packages)
}

/// Major and minor version.
fn numbers(release: &str) -> Vec<u32> {
    let parts = release.split(['.', '-', '+']).take(2);
    parts.filter_map(|part| part.parse().ok()).collect()
}

fn judge(rows: &[Row]) -> Result<()> {
    let failed: Vec<String> = rows
        .iter()
        .filter(|row| !row.failed.is_empty())
        .map(|row| format!("{}: {}", row.release, row.failed.join(", ")))
        .collect();
    ensure!(failed.is_empty(), "failed on {}", failed.join("; "));
    Ok(())
}

/// Boots a kernel and runs tests on it.
fn boot(package: &Package, tests: &[(&'static str, &'static str)]) -> Result<Row> {
    let kernel = debian::fetch(package)?;
    let folder = root().join(FOLDER);
    let names: Vec<&str> = tests.iter().map(|&(_, name)| name).collect();
    let initial = small::initial(&folder, &names)?;
    let mut qemu = machine(&kernel, &initial);
    talk::step(&command::typed(&qemu));
    let (_, text) = command::echo(&mut qemu)?;
    read(&text, tests)
        .with_context(|| format!("the machine with Linux {} did not start", package.series()))
}

/// One thread for all of its processors: with more, qemu's own faults end the machine when a function is traced that
/// another processor is running.
fn machine(kernel: &Path, initial: &Path) -> Command {
    let mut qemu = Command::new("timeout");
    qemu.args(["--signal=KILL", PATIENCE, "qemu-system-x86_64"])
        .args(["-accel", "tcg,thread=single", "-cpu", "max"])
        .args(["-smp", "2", "-m", "3072"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initial)
        .args(["-append", "console=ttyS0 panic=-1 quiet mitigations=off"])
        .args(["-display", "none", "-no-reboot", "-nic", "none"])
        .args(["-serial", "stdio"]);
    qemu
}

/// Reads what the machine said. A test that did not end has failed, and so has one that did not run.
fn read(text: &str, tests: &[(&'static str, &'static str)]) -> Option<Row> {
    let text = text.replace('\r', "");
    let release = text
        .lines()
        .find_map(|line| line.strip_prefix("@@KERNEL "))?;
    let mut row = Row {
        release: release.to_owned(),
        hook: said(&text, "hook ").unwrap_or_default().to_owned(),
        cells: BTreeMap::new(),
        failed: Vec::new(),
    };
    for &(column, name) in tests {
        let begin = format!("{BEGINS} {name}\n");
        let end = format!("{ENDED} {name} ");
        let part = text.split_once(&begin).map_or("", |(_, rest)| rest);
        let (said_there, code) = part.split_once(&end).unwrap_or((part, ""));
        let is_ok = code.starts_with("0\n") && said_there.contains("1 passed");
        let cell = match (is_ok, said(said_there, "lost ")) {
            (true, Some(lost)) => lost.to_owned(),
            (true, None) => "ok".to_owned(),
            (false, Some(lost)) => format!("**{lost}**"),
            (false, None) => "**failed**".to_owned(),
        };
        row.cells.insert(column, cell);
        if !is_ok {
            row.failed.push(column);
        }
    }
    Some(row)
}

/// What a test said after that word, in a line of its own.
fn said<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    lines.find_map(|line| line.split_once("@@SAYS ")?.1.strip_prefix(word))
}

fn table(rows: &[Row]) -> String {
    let columns = TESTS.map(|(column, _)| column);
    let columns = columns.into_iter().filter(|column| {
        let mut rows = rows.iter();
        rows.any(|row| row.cells.contains_key(column))
    });
    let columns: Vec<&str> = columns.collect();
    let mut text = format!("| Linux | hook | {} |\n|---|---|", columns.join(" | "));
    text.push_str(&"---|".repeat(columns.len()));
    text.push('\n');
    for row in rows {
        let cells = columns.iter().map(|column| {
            let cell = row.cells.get(column);
            cell.map_or("", String::as_str)
        });
        let cells: Vec<&str> = cells.collect();
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            row.release,
            row.hook,
            cells.join(" | ")
        ));
    }
    text
}

/// Puts the table into its place.
fn write(table: &str) -> Result<()> {
    let text = format!("{HEADING}\n\n{EXPLAINED}\n\n{table}");
    put_back(&root().join(TABLE), &text)
}

/// Says in the README what was tested, and that nothing else was.
fn tell(rows: &[Row]) -> Result<()> {
    const README: &str = "README.md";
    let path = root().join(README);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read `{README}`"))?;
    let line = tested(rows);
    let mut lines = old.lines().map(|old| match old.starts_with(TESTED) {
        true => line.as_str(),
        false => old,
    });
    let text = lines
        .by_ref()
        .flat_map(|line| [line, "\n"])
        .collect::<String>();
    ensure!(
        text.contains(&line),
        "`{README}` has no line that begins with `{TESTED}`"
    );
    fs::write(&path, text).with_context(|| format!("cannot write `{README}`"))
}

/// How the README's line begins.
const TESTED: &str = "- Tested on Linux ";

fn tested(rows: &[Row]) -> String {
    let whole = rows.iter().filter(|row| row.failed.is_empty());
    let series = whole.map(|row| {
        let numbers: Vec<String> = numbers(&row.release).iter().map(u32::to_string).collect();
        numbers.join(".")
    });
    let series: Vec<String> = series.collect();
    format!(
        "{TESTED}{} ([Debian's kernels](BENCHMARKS.md#kernels)); others are untested.",
        series.join(", ")
    )
}

/// The part of the page that is ours; whoever writes the rest keeps it.
pub(crate) fn kept(page: &Path) -> String {
    let page = fs::read_to_string(page).unwrap_or_default();
    let ours = page.find(HEADING).and_then(|at| page.get(at..));
    ours.unwrap_or_default().to_owned()
}

/// Puts it back.
pub(crate) fn put_back(page: &Path, kernels: &str) -> Result<()> {
    let problem = || format!("cannot write `{}`", page.display());
    let old = fs::read_to_string(page).with_context(problem)?;
    let rest = old.split(HEADING).next().unwrap_or_default().trim_end();
    let text = match kernels.is_empty() {
        true => format!("{rest}\n"),
        false => format!("{rest}\n\n{kernels}"),
    };
    fs::write(page, text).with_context(problem)
}

const EXPLAINED: &str = "\
Written by `cargo xtask vm`: Debian's kernels in a virtual machine without virtualisation by the processor, with two \
processors. Figures are calls lost of calls made, where each call is known; all other cells say whether every count, loss and \
refusal was as written. Kernels that are not here are untested.

*witnesses*: programs whose every call is known. *crowd*: a real-time target, beside processes that do nothing but make \
calls and others that do nothing but change eBPF maps. *storm*: calls on all processors at once. *kill -9*: the daemon, \
killed at random moments. Before Linux 5.16 the kernel does not say which task a filter has ended, so *denials* fails there by \
that one refusal.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_said_becomes_a_row() {
        let text = "noise\n@@KERNEL 7.3.4\r\n@@BEGINS a\nrunning 1 test\n@@SAYS hook perf_submit\n@@SAYS lost 0 of 12\n\
            test a ... ok\n\ntest result: ok. 1 passed; 0 failed\n@@ENDED a 0\n@@BEGINS b\ntest b ... FAILED\n\
            @@ENDED b 101\n@@BEGINS c\npanic\n";
        let tests = [("one", "a"), ("two", "b"), ("three", "c"), ("four", "d")];
        let row = read(text, &tests).expect("a row");
        assert_eq!((&*row.release, &*row.hook), ("7.3.4", "perf_submit"));
        let cells: Vec<_> = tests
            .iter()
            .map(|(column, _)| &*row.cells[column])
            .collect();
        assert_eq!(cells, ["0 of 12", "**failed**", "**failed**", "**failed**"]);
        assert_eq!(row.failed, ["two", "three", "four"]);
        assert!(read("panic", &tests).is_none());
    }

    #[test]
    fn what_was_tested_is_what_passed() {
        let row = |release: &str, failed: &[&'static str]| Row {
            release: release.to_owned(),
            hook: String::new(),
            cells: BTreeMap::new(),
            failed: failed.to_vec(),
        };
        let rows = [
            row("5.10.0-32-amd64", &[]),
            row("6.1.0", &["one"]),
            row("7.3.4+deb13-amd64", &[]),
        ];
        assert_eq!(
            tested(&rows),
            "- Tested on Linux 5.10, 7.3 ([Debian's kernels](BENCHMARKS.md#kernels)); others are untested."
        );
    }

    #[test]
    fn a_test_that_is_not_there_has_not_passed() {
        let text = "@@KERNEL 1\n@@BEGINS a\ntest result: ok. 0 passed; 0 failed\n@@ENDED a 0\n";
        let row = read(text, &[("one", "a")]).expect("a row");
        assert_eq!(row.failed, ["one"]);
    }
}
