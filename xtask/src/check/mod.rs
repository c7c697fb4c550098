//! The house checks itself: everything that can be known without running the product.
//!
//! Each check is a name and a function that says what is wrong; all of them run, whatever fails.

mod layers;
mod text;

use crate::command::{self, cargo, root};
use crate::tally::Tally;
use crate::{codegen, ebpf};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Check formatting, lints, documentation, texts, and files that are generated or required.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// A check's name and what it does.
type Check = (&'static str, fn() -> Result<()>);

/// What takes no compiler.
const TEXTS: &[Check] = &[
    ("licences", text::licences),
    ("changelog", text::changelog),
    ("links", text::links),
    ("words", text::words),
    ("sizes", text::sizes),
    ("layers", layers::check),
    ("catalog of names", codegen::check),
    ("format", format),
];

/// What takes one.
const CODE: &[Check] = &[
    ("lints", lints),
    ("documentation", documentation),
    ("lints of the kernel side", ebpf::lints),
    ("bytes of the kernel side", ebpf::check),
];

pub(crate) fn run() -> Result<()> {
    let mut tally = Tally::default();
    all(&mut tally)?;
    tally.close()
}

/// Runs every check.
pub(crate) fn all(tally: &mut Tally) -> Result<()> {
    texts(tally)?;
    count(tally, CODE)
}

/// Runs the checks that take no compiler.
pub(crate) fn texts(tally: &mut Tally) -> Result<()> {
    count(tally, TEXTS)
}

fn count(tally: &mut Tally, checks: &[Check]) -> Result<()> {
    let mut checks = checks.iter();
    checks.try_for_each(|(name, check)| tally.count(name, check()))
}

fn format() -> Result<()> {
    command::run(cargo().args(["fmt", "--all", "--check"]))
}

fn lints() -> Result<()> {
    let mut clippy = cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ]);
    command::run(clippy.args(["--", "--deny", "warnings"]))
}

fn documentation() -> Result<()> {
    let mut doc = cargo();
    doc.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
        "--quiet",
    ]);
    // The programs are named after their libraries, and those are what is documented.
    command::run(doc.arg("--lib").env("RUSTDOCFLAGS", "--deny warnings"))
}

/// The files of the project: those that git knows or would add.
fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ])
    .current_dir(root());
    let names = command::read(&mut git)?;
    let mut files: Vec<PathBuf> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(Into::into)
        .collect();
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// Reads a file of the project; one that is not text is none of our business.
fn text_of(file: &Path) -> Option<String> {
    std::fs::read_to_string(root().join(file)).ok()
}

/// Fails with everything that is wrong, if anything is.
fn verdict(problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}
