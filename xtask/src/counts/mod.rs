//! Counts the instructions that the product runs for given work, and compares them with what is written down.
//!
//! Counts, not times: the same program does the same work with the same instructions wherever and whenever it
//! runs. Only those of the product itself count; what libraries of the machine do depends on their versions.

mod profile;

use crate::command::{self, cargo, root};
use crate::setup::{self, Purpose};
use crate::talk;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Count the instructions of the product's work, and compare them with the numbers that are written down.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write down what is counted.
    #[arg(long)]
    write: bool,
}

/// Where they are written down.
const WRITTEN: &str = "tests/data/instructions.txt";

/// What may be above and below, in per cent. A larger change is meant, and comes with other numbers.
const TOLERANCE: u64 = 5;

/// The product, as its users have it.
const PRODUCT: &str = "target/release/seccomp-tracer";

/// A recording in the tree.
const RECORDING: &str = "tests/data/small.rec.json";

/// How many recordings are merged.
const RUNS: u32 = 500;

/// Work by name: the words of a command, run one after the other in a folder of its own, in which `day` holds
/// recordings and `docker.json` is Docker's default.
const WORK: [(&str, &str); 7] = [
    ("start", "--version"),
    ("merge", "merge day -o all.json"),
    ("generate", "generate all.json -o profile.json"),
    ("check", "check profile.json --recording all.json"),
    ("audit", "audit profile.json --recording all.json"),
    ("diff", "diff profile.json docker.json"),
    ("explain", "explain socket --recording all.json"),
];

/// Numbers of instructions, by the name of the work.
type Counts = BTreeMap<String, u64>;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_for(Purpose::Build)?;
    setup::ensure_programs(&[("valgrind", "valgrind")])?;
    let found = count()?;
    if arguments.write {
        fs::write(root().join(WRITTEN), text(&found)).context("cannot write it down")?;
        talk::say(&format!("wrote `{WRITTEN}`"));
        return Ok(());
    }
    compare(&found)
}

/// Counts, and compares with what is written down.
pub(crate) fn check() -> Result<()> {
    compare(&count()?)
}

fn compare(found: &Counts) -> Result<()> {
    let written = fs::read_to_string(root().join(WRITTEN)).context("nothing is written down")?;
    let problems = differences(&parse(&written)?, found);
    ensure!(
        problems.is_empty(),
        "the product does not work with the instructions that are written down:\n{}\n\
         hint: if that is meant, run `cargo xtask counts --write`",
        problems.join("\n")
    );
    Ok(())
}

/// Does all the work and counts.
fn count() -> Result<Counts> {
    let mut build = cargo();
    build.args(["build", "--release", "--locked"]);
    talk::step(&command::typed(&build));
    command::run(&mut build)?;
    let folder = prepare()?;
    let mut counts = Counts::new();
    for (name, words) in WORK {
        let count = instructions(&folder, words).with_context(|| format!("cannot count {name}"))?;
        talk::say(&format!("{name}: {count} instructions"));
        counts.insert(name.to_owned(), count);
    }
    Ok(counts)
}

/// Makes the folder in which the work is done.
fn prepare() -> Result<PathBuf> {
    let folder = root().join("target/counts");
    let day = folder.join("day");
    if day.exists() {
        fs::remove_dir_all(&day).context("cannot clear the folder")?;
    }
    fs::create_dir_all(&day).context("cannot make the folder")?;
    fs::copy(
        root().join("profiles/docker.json"),
        folder.join("docker.json"),
    )
    .context("no profile")?;
    let recording = fs::read_to_string(root().join(RECORDING)).context("no recording")?;
    let own = r#""runId": "small""#;
    ensure!(recording.contains(own), "the recording has another id");
    for run in 0..RUNS {
        let text = recording.replace(own, &format!(r#""runId": "run-{run:04}""#));
        fs::write(day.join(format!("{run:04}.json")), text).context("no recording")?;
    }
    Ok(folder)
}

/// The instructions of one command. Gates may say no.
fn instructions(folder: &Path, words: &str) -> Result<u64> {
    let out = folder.join("callgrind.out");
    let product = root().join(PRODUCT);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(&product).args(words.split(' '));
    let output = command::collect(valgrind.current_dir(folder))?;
    ensure!(
        matches!(output.status.code(), Some(0 | 1)),
        "`{words}` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let profile = fs::read_to_string(&out).context("nothing was counted")?;
    profile::of_object(&profile, &product.to_string_lossy())
}

const HEAD: &str = "\
# Instructions that the product runs for work of the tests, by `cargo xtask counts --write`.\n";

fn text(counts: &Counts) -> String {
    let mut text = HEAD.to_owned();
    for (name, count) in counts {
        let _ = writeln!(text, "{name} {count}");
    }
    text
}

fn parse(text: &str) -> Result<Counts> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, count) = line.split_once(' ').context("a line without a number")?;
            Ok((name.to_owned(), count.parse().context("not a number")?))
        })
        .collect()
}

/// Where the numbers are further apart than they may be.
fn differences(written: &Counts, found: &Counts) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = written.keys().chain(found.keys()).collect();
    let difference = |name: &String| match (written.get(name), found.get(name)) {
        (Some(&written), Some(&found)) => {
            let is_near = found.abs_diff(written) * 100 <= written * TOLERANCE;
            (!is_near).then(|| format!("  {name}: {found} instead of {written}"))
        }
        (None, _) => Some(format!("  {name}: not written down")),
        (_, None) => Some(format!("  {name}: no longer counted")),
    };
    names.into_iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: &[(&str, u64)]) -> Counts {
        all.iter()
            .map(|&(name, count)| (name.to_owned(), count))
            .collect()
    }

    #[test]
    fn what_is_written_down_is_read_back() {
        let all = counts(&[("audit", 7), ("merge", 123_456)]);
        assert_eq!(parse(&text(&all)).unwrap(), all);
        assert!(parse("merge\n").is_err());
        assert!(parse("merge many\n").is_err());
    }

    #[test]
    fn five_per_cent_are_near() {
        let written = counts(&[("a", 1000), ("b", 1000), ("c", 1000), ("d", 1000), ("e", 1)]);
        let found = counts(&[("a", 1050), ("b", 1051), ("c", 950), ("d", 949), ("f", 1)]);
        assert_eq!(
            differences(&written, &found),
            [
                "  b: 1051 instead of 1000",
                "  d: 949 instead of 1000",
                "  e: no longer counted",
                "  f: not written down",
            ]
        );
    }
}
