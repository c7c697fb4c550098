//! How well a profile from some runs serves others: a profile is made of a few runs of a workload, and what it would
//! deny of each of the others is counted, for every choice of runs that follow each other.
//!
//! `cargo bench -p house-tests --bench holdout [-- RUNS] [-- --page FILE]`. The workloads are in `holdout/`; each
//! of their runs does something that others do not, because runs that are all alike predict each other anyhow.
//! Needs root, and leaves out workloads whose program is not installed.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const RUNS: usize = 10;

/// How many of them a profile is made of.
const SEEN: usize = 4;

/// Workloads, each with the program that it needs.
const WORKLOADS: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("git", "git"),
    ("python", "python3"),
    ("node", "node"),
    ("nginx", "nginx"),
    ("redis", "redis-server"),
];

/// As in a container; what is recorded here has root's.
const CAPABILITIES: [&str; 2] = ["--caps", "docker"];

/// The options that are compared.
const OPTIONS: &[(&str, &str)] = &[
    ("none", "kernel"),
    ("base", "kernel"),
    ("stable", "exact"),
    ("stable", "kernel"),
    ("stable", "libc"),
    ("all", "kernel"),
];

fn main() -> Result<()> {
    // Cargo itself adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut runs, mut page) = (RUNS, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--page" => page = Some(PathBuf::from(words.next().context("--page needs a file")?)),
            number => runs = number.parse().with_context(|| number.to_owned())?,
        }
    }
    ensure!(runs > SEEN, "at least {} runs", SEEN + 1);
    let (mut rows, mut exploits) = (String::new(), Exploits::default());
    for (workload, program) in WORKLOADS {
        if !is_there(program) {
            say(&format!("{workload}: `{program}` is not installed"));
            continue;
        }
        let folder = tempfile::tempdir()?;
        let recordings = record(workload, runs, folder.path())?;
        for &(args, portability) in OPTIONS {
            let row = hold_out(folder.path(), &recordings, args, portability)?;
            exploits = row.exploits;
            let row = row.to_line(workload, args, portability);
            say(row.trim_end());
            rows.push_str(&row);
        }
    }
    if let Some(page) = page {
        fs::write(&page, to_page(runs, &rows, exploits))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a benchmark says is its product")]
fn say(line: &str) {
    println!("{line}");
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn product() -> Command {
    let mut command = Command::new(house_tests::product!());
    command.env("NO_COLOR", "1");
    command
}

/// Records a workload so often.
fn record(workload: &str, runs: usize, folder: &Path) -> Result<Vec<PathBuf>> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/holdout");
    let script = scripts.join(format!("{workload}.sh"));
    let mut recordings = Vec::new();
    for run in 0..runs {
        let work = tempfile::tempdir()?;
        let recording = folder.join(format!("{run}.json"));
        let mut record = product();
        record.args(["record", "--quiet", "-o"]).arg(&recording);
        record.args(["--", "bash"]).arg(&script);
        record.env("RUN", run.to_string()).env("HERE", &scripts);
        record.current_dir(work.path()).stdout(Stdio::null());
        let status = record.status()?;
        ensure!(status.success(), "run {run} of {workload}: {status}");
        recordings.push(recording);
    }
    Ok(recordings)
}

/// What came of a workload with some options, over all choices.
#[derive(Default)]
struct Row {
    /// Profiles, and runs that they were held against.
    profiles: usize,
    checked: usize,
    /// Of profiles from all runs.
    calls: usize,
    rules: usize,
    exploits: Exploits,
    /// Denials: of calls, and of values only.
    calls_denied: usize,
    values_denied: usize,
    runs_denied: usize,
    /// New calls and values to be expected of the next run, as told with each profile.
    expected: f64,
}

fn hold_out(folder: &Path, recordings: &[PathBuf], args: &str, portability: &str) -> Result<Row> {
    let profile = folder.join("profile.json");
    let generate = |from: &[&PathBuf]| -> Result<String> {
        let mut generate = product();
        generate.args([
            "generate",
            "--args",
            args,
            "--portability",
            portability,
            "-o",
        ]);
        generate.arg(&profile).args(CAPABILITIES).args(from);
        let output = generate.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        Ok(said)
    };
    generate(&recordings.iter().collect::<Vec<_>>())?;
    let (calls, rules) = size(&fs::read_to_string(&profile)?)?;
    let mut row = Row {
        calls,
        rules,
        exploits: exploits(&profile)?,
        ..Row::default()
    };
    for first in 0..recordings.len() {
        let turned = recordings[first..].iter().chain(&recordings[..first]);
        let turned: Vec<_> = turned.collect();
        let (seen, others) = turned.split_at(SEEN);
        let said = generate(seen)?;
        row.profiles += 1;
        row.expected += expected(&said).with_context(|| said.clone())?;
        for other in others {
            let mut check = product();
            check.args(["check", "--format", "json"]).arg(&profile);
            check.args(CAPABILITIES).arg("--recording").arg(other);
            let output = check.output()?;
            row.add(&serde_json::from_slice(&output.stdout).context("check says no JSON")?);
        }
    }
    Ok(row)
}

/// The calls that a profile permits, and its rules that look at arguments.
fn size(profile: &str) -> Result<(usize, usize)> {
    let profile: Value = serde_json::from_str(profile)?;
    let rules = profile["syscalls"].as_array().context("rules")?;
    let (mut calls, mut conditional) = (BTreeSet::new(), 0);
    for rule in rules
        .iter()
        .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW")
    {
        let names = rule["names"].as_array().context("names")?;
        calls.extend(names.iter().filter_map(Value::as_str));
        let has_conditions = rule["args"].as_array().is_some_and(|args| !args.is_empty());
        conditional += if has_conditions { names.len() } else { 0 };
    }
    Ok((calls.len(), conditional))
}

/// Known kernel exploits: how many the profile stops, how many Docker's default does, how many there are.
#[derive(Clone, Copy, Default)]
struct Exploits {
    stopped: u64,
    docker: u64,
    known: u64,
}

fn exploits(profile: &Path) -> Result<Exploits> {
    let mut audit = product();
    audit.args(["audit", "--format", "json"]).arg(profile);
    let output = audit.args(CAPABILITIES).output()?;
    let audit: Value = serde_json::from_slice(&output.stdout).context("audit says no JSON")?;
    let number = |of: &str, what: &str| audit["exploits"][of][what].as_u64().context("exploits");
    let mut known = 0;
    for what in ["stopped", "bypassed", "open"] {
        known += number("profile", what)?;
    }
    Ok(Exploits {
        stopped: number("profile", "stopped")?,
        docker: number("docker", "stopped")?,
        known,
    })
}

/// The number in `how sure: 0.59 new calls or argument values are to be expected in the next run`; where no run
/// has anything of its own, none are.
fn expected(said: &str) -> Option<f64> {
    let mut lines = said.lines();
    let line = lines.find_map(|line| line.strip_prefix("how sure: "))?;
    match line.split(' ').next()? {
        "none" => Some(0.0),
        number => number.parse().ok(),
    }
}

impl Row {
    fn add(&mut self, check: &Value) {
        let denied = check["denied"].as_array().into_iter().flatten();
        // What the base refuses is no matter of the runs that a profile was made of.
        let missed = denied.filter(|one| one["standing"] == "breaks" && one["base"] == "allows");
        let (mut calls, mut values) = (0, 0);
        for one in missed {
            let has_values = one["arguments"]
                .as_object()
                .is_some_and(|all| !all.is_empty());
            *(if has_values { &mut values } else { &mut calls }) += 1;
        }
        self.calls_denied += calls;
        self.values_denied += values;
        self.checked += 1;
        self.runs_denied += usize::from(calls + values > 0);
    }

    fn to_line(&self, workload: &str, args: &str, portability: &str) -> String {
        let of_all = |count: usize| hundredths(count, self.checked);
        format!(
            "| {workload} | {args} | {portability} | {} | {} | {} | {:.2} | {} | {} | {} of {} |\n",
            self.calls,
            self.rules,
            self.exploits.stopped,
            self.expected / f64::from(u32::try_from(self.profiles).unwrap_or(u32::MAX)),
            of_all(self.calls_denied),
            of_all(self.values_denied),
            self.runs_denied,
            self.checked
        )
    }
}

/// A quotient, with two decimals.
fn hundredths(count: usize, of: usize) -> String {
    let hundredths = (count * 100 + of / 2) / of.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn to_page(runs: usize, rows: &str, exploits: Exploits) -> String {
    let mut page = format!(
        "# What profiles deny of runs that they were not made of\n\n\
         A profile is made of {SEEN} of {runs} runs of a workload, with Docker's default as its base, and what it would deny\n\
         of each of the others is counted, for every choice of runs that follow each other. The runs are made to differ:\n\
         each does only some of what the workload can do (`tests/bench/holdout/`), clients and tools of the shell included.\n\
         What the base refuses is not counted.\n\n\
         `cargo bench -p house-tests --bench holdout -- --page FILE` measures it again, as root.\n\n"
    );
    let _ = writeln!(
        page,
        "| workload | `--args` | `--portability` | calls | argument rules | exploits stopped | expected new | calls denied | values denied | \
         runs with a denial |\n|---|---|---|--:|--:|--:|--:|--:|--:|--:|"
    );
    page.push_str(rows);
    let Exploits { docker, known, .. } = exploits;
    let _ = write!(
        page,
        "\n- calls, argument rules: of the profile from all runs. Docker's default permits 351 calls here.\n\
         - exploits stopped: of {known} known kernel exploits (`profiles/exploits.json`); Docker's default stops {docker}.\n\
         - expected new: how many new calls and values `generate` said the next run would bring, on average.\n\
         - calls denied, values denied: in a run that the profile was not made of, on average; values of calls that it\n  \
         permits with others.\n",
    );
    page
}
