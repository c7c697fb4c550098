//! What a fleet's day costs: merging thousands of recordings, and every verb on the result.
//!
//! `cargo bench -p house-tests --bench fleet [-- [RUNS] [FOLDER]]`; what is made stays in the folder. The recordings are made from a fixed seed: some calls
//! that every run makes, and a tail that fewer and fewer do, as in real ones. Times are those of whole
//! processes, the least of several rounds; memory is the largest that the kernel saw resident.

use anyhow::{Context, Result, ensure};
use seccomp_tracer::recording::{
    self, Arguments, CallFacts, FactKey, Host, Losses, Recording, Sighting, Target, TargetKind,
    TupleFacts, Tuples, Window, WindowEnd, WindowStart,
};
use seccomp_tracer::syscall::{self, Abi, Call, capability, catalog};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A fleet's day.
const RUNS: u64 = 10_000;

/// Facts of each run: calls, and values of their arguments.
const FACTS: usize = 400;

const ROUNDS: usize = 3;

fn main() -> Result<()> {
    // Cargo itself adds `--bench`.
    let words = || {
        std::env::args()
            .skip(1)
            .filter(|word| !word.starts_with('-'))
    };
    let runs = words().find_map(|word| word.parse().ok()).unwrap_or(RUNS);
    let kept = words().find(|word| word.parse::<u64>().is_err());
    let temporary = tempfile::tempdir()?;
    let folder = kept.map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let day = folder.join("day");
    fs::create_dir_all(&day)?;
    let mut bytes = 0;
    let mut facts = 0;
    for run in 0..runs {
        let recording = recording(run);
        facts += size(&recording);
        let text = recording::to_json(&recording);
        bytes += text.len();
        fs::write(day.join(format!("{run:06}.json")), text)?;
    }
    report(&format!(
        "{runs} recordings, {} facts each on average, {} MB",
        facts / usize::try_from(runs)?.max(1),
        bytes >> 20
    ));
    let all = folder.join("all.json");
    let profile = folder.join("profile.json");
    let early = folder.join("day/00[0-4]*.json");
    let half = folder.join("half.json");
    measure("merge", &[&"merge", &day, &"-o", &all])?;
    report(&format!(
        "  the result has {} MB",
        fs::metadata(&all)?.len() >> 20
    ));
    measure("merge of a part", &[&"merge", &early, &"-o", &half])?;
    let again = folder.join("again.json");
    measure("merge of merged", &[&"merge", &half, &all, &"-o", &again])?;
    ensure!(
        fs::read(&all)? == fs::read(&again)?,
        "merging again changes nothing"
    );
    measure("generate", &[&"generate", &all, &"-o", &profile])?;
    measure("audit", &[&"audit", &profile, &"--recording", &all])?;
    measure("check", &[&"check", &profile, &"--recording", &all])?;
    measure("diff", &[&"diff", &half, &all])?;
    Ok(())
}

/// Runs the product a few times and prints what it took.
fn measure(what: &str, arguments: &[&dyn AsRef<OsStr>]) -> Result<()> {
    let mut best: Option<Cost> = None;
    for _ in 0..ROUNDS {
        let cost = cost(arguments).with_context(|| what.to_owned())?;
        best = Some(best.map_or(cost, |best| best.least(cost)));
    }
    let Cost {
        wall,
        cpu,
        resident_kb,
    } = best.context("at least one round")?;
    report(&format!(
        "{what:<16} {:>7.2} s  {:>7.2} s of CPU  {:>5} MB",
        wall.as_secs_f64(),
        cpu.as_secs_f64(),
        resident_kb >> 10
    ));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a benchmark says is its product")]
fn report(line: &str) {
    println!("{line}");
}

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    resident_kb: u64,
}

impl Cost {
    fn least(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            resident_kb: self.resident_kb.max(other.resident_kb),
        }
    }
}

/// What one run of the product costs. Gates may say no.
fn cost(arguments: &[&dyn AsRef<OsStr>]) -> Result<Cost> {
    let mut command = Command::new(house_tests::product!());
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn()?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let pid = libc::pid_t::try_from(child.id())?;
    // SAFETY: both pointers are to our own variables, which outlive the call; the child is ours, and nobody
    // else waits for it.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    let wall = start.elapsed();
    ensure!(waited == pid, "wait4: {}", std::io::Error::last_os_error());
    ensure!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) <= 1,
        "status {status}"
    );
    // SAFETY: all-zero bytes are a value of this type, and the kernel filled it in.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| -> Result<Duration> {
        let (seconds, micros) = (time.tv_sec.try_into()?, time.tv_usec.try_into()?);
        Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
    };
    Ok(Cost {
        wall,
        cpu: time(usage.ru_utime)? + time(usage.ru_stime)?,
        resident_kb: usage.ru_maxrss.try_into()?,
    })
}

/// A small generator, so that the same number gives the same recordings everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small values often, large ones seldom.
    fn skewed(&mut self) -> u64 {
        let bits = self.below(20);
        self.below(1 << bits) + 1
    }
}

fn size(recording: &Recording) -> usize {
    let sizes = recording
        .facts
        .values()
        .map(|facts| match &facts.arguments {
            Arguments::Untracked => 1,
            Arguments::Exact(tuples) | Arguments::Unbounded(tuples) => 1 + tuples.seen.len(),
        });
    sizes.sum()
}

fn recording(run: u64) -> Recording {
    let mut random = Random(run);
    let mut facts = BTreeMap::new();
    let calls: Vec<Call> = syscall::calls(Abi::X86_64).collect();
    let mut left = FACTS;
    for (rank, &call) in calls.iter().enumerate() {
        // The first hundred calls always, the others ever more seldom.
        let seldom = 1 + (rank as u64).saturating_sub(100).pow(2);
        if left == 0 || random.below(seldom) > 0 {
            continue;
        }
        let (count, arguments) = arguments(call, &mut left, &mut random);
        let value = CallFacts {
            count,
            first: Some(sighting(&mut random)),
            last_ms: random.below(600_000),
            arguments,
        };
        let key = FactKey {
            call,
            filtered: true,
        };
        facts.insert(key, value);
        left = left.saturating_sub(1);
    }
    Recording {
        tool_version: "0.1.0".to_owned(),
        run_id: format!("{:016x}-{run:06}", random.next()),
        host: Host {
            kernel: "6.1.0-13-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
        },
        target: Target {
            kind: TargetKind::Container,
            capabilities: Some(capability::docker_default()),
            ..Target::default()
        },
        window: Window {
            start: format!(
                "2026-01-01T{:02}:{:02}:{:02}.000Z",
                run / 3600 % 24,
                run / 60 % 60,
                run % 60
            ),
            duration_ms: 600_000,
            last_new_fact_ms: 500_000,
            from: WindowStart::Exec,
            until: WindowEnd::Empty,
        },
        facts,
        losses: Losses::default(),
        denials: None,
    }
}

fn arguments(call: Call, left: &mut usize, random: &mut Random) -> (u64, Arguments) {
    let tracked = catalog::tracked(call.name().unwrap_or_default());
    if tracked.is_empty() {
        return (random.skewed(), Arguments::Untracked);
    }
    let mut seen = BTreeMap::new();
    for tuple in 0..24.min(*left as u64) {
        let value = tuple * 3 + u64::from(random.below(40) == 0);
        let values: Vec<u64> = tracked.iter().map(|_| value).collect();
        let first = Some(sighting(random));
        let count = random.skewed();
        seen.insert(values, TupleFacts { count, first });
    }
    *left = left.saturating_sub(seen.len());
    let count = seen.values().map(|facts| facts.count).sum::<u64>().max(1);
    let indexes = tracked.iter().map(|argument| argument.index).collect();
    (count, Arguments::Exact(Tuples { indexes, seen }))
}

fn sighting(random: &mut Random) -> Sighting {
    const PROGRAMS: [&str; 5] = ["nginx", "sh", "docker-entrypoi", "sed", "find"];
    Sighting {
        at_ms: random.skewed(),
        pid: 1000 + u32::try_from(random.below(30_000)).expect("small"),
        program: PROGRAMS[usize::try_from(random.below(5)).expect("small")].to_owned(),
    }
}
