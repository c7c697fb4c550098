//! What a fleet's day costs: merging thousands of recordings, and every verb on the result. Times are those of
//! whole processes, the least of several rounds; memory is the largest that the kernel saw resident.

mod recordings;

use anyhow::{Context, Result, ensure};
use seccomp_tracer::recording;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often each verb runs.
const ROUNDS: usize = 3;

/// What was found.
pub(crate) struct Fleet {
    /// Recordings.
    runs: u64,
    /// Facts of each, on average.
    facts: usize,
    /// Bytes of all of them, and of what they are merged to.
    bytes: [u64; 2],
    verbs: Vec<Verb>,
}

/// What a verb costs.
struct Verb {
    name: &'static str,
    cost: Cost,
    /// How many seconds it may take.
    aim_s: Option<f64>,
    /// How many MiB it may take.
    aim_mib: Option<u64>,
}

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    resident_kib: u64,
}

/// Makes the recordings and runs the verbs.
pub(crate) fn measure(runs: u64, product: &str) -> Result<Fleet> {
    let temporary = tempfile::tempdir().context("no temporary folder")?;
    let folder = temporary.path();
    let day = folder.join("day");
    fs::create_dir(&day).context("cannot make a folder")?;
    let (mut bytes, mut facts) = (0, 0);
    for run in 0..runs {
        let recording = recordings::recording(run);
        facts += recordings::size(&recording);
        let text = recording::to_json(&recording);
        bytes += u64::try_from(text.len())?;
        fs::write(day.join(format!("{run:06}.json")), text).context("cannot write")?;
    }
    let verbs = verbs(folder, product)?;
    let merged = fs::metadata(folder.join("all.json")).context("nothing was merged")?;
    Ok(Fleet {
        runs,
        facts: facts / usize::try_from(runs)?.max(1),
        bytes: [bytes, merged.len()],
        verbs,
    })
}

/// Runs every verb on the recordings in the folder.
fn verbs(folder: &Path, product: &str) -> Result<Vec<Verb>> {
    let path = |name: &str| folder.join(name);
    let (day, all, profile) = (path("day"), path("all.json"), path("profile.json"));
    let (early, half, again) = (
        path("day/00[0-4]*.json"),
        path("half.json"),
        path("again.json"),
    );
    type Words<'a> = &'a [&'a dyn AsRef<OsStr>];
    let verb = |name, words: Words<'_>, aim_s, aim_mib| {
        let cost = repeated(product, words).context(name)?;
        Ok::<_, anyhow::Error>(Verb {
            name,
            cost,
            aim_s,
            aim_mib,
        })
    };
    let verbs = vec![
        verb(
            "merge",
            &[&"merge", &day, &"-o", &all],
            Some(5.0),
            Some(200),
        )?,
        verb(
            "merge of a part",
            &[&"merge", &early, &"-o", &half],
            None,
            None,
        )?,
        verb(
            "merge of merged",
            &[&"merge", &half, &all, &"-o", &again],
            None,
            None,
        )?,
        verb(
            "generate",
            &[&"generate", &all, &"-o", &profile],
            Some(1.0),
            None,
        )?,
        verb(
            "audit",
            &[&"audit", &profile, &"--recording", &all],
            Some(1.0),
            None,
        )?,
        verb(
            "check",
            &[&"check", &profile, &"--recording", &all],
            Some(1.0),
            None,
        )?,
        verb("diff", &[&"diff", &half, &all], None, None)?,
    ];
    ensure!(
        fs::read(&all)? == fs::read(&again)?,
        "merging again changes something"
    );
    Ok(verbs)
}

/// Runs the product a few times.
fn repeated(product: &str, words: &[&dyn AsRef<OsStr>]) -> Result<Cost> {
    let costs = (0..ROUNDS).map(|_| cost(product, words));
    let costs = costs.collect::<Result<Vec<_>>>()?;
    let best = costs.into_iter().reduce(Cost::least);
    best.context("at least one round")
}

impl Cost {
    fn least(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            resident_kib: self.resident_kib.max(other.resident_kib),
        }
    }
}

/// What one run of the product costs. Gates may say no.
fn cost(product: &str, words: &[&dyn AsRef<OsStr>]) -> Result<Cost> {
    let mut command = Command::new(product);
    command.args(words).stdin(Stdio::null());
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
        resident_kib: usage.ru_maxrss.try_into()?,
    })
}

const PREFACE: &str = "\
A fleet's day: so many recordings are merged, and every verb works on the result. Times of whole processes, the \
least of three; memory is the most that was resident.\n\n";

/// The section of the page.
pub(crate) fn page(fleet: &Fleet) -> String {
    let [all, merged] = fleet.bytes.map(|bytes| bytes >> 20);
    let mut page = PREFACE.to_owned();
    let _ = writeln!(
        page,
        "{} recordings, {} facts each on average, {all} MiB; merged, {merged} MiB.\n",
        fleet.runs, fleet.facts
    );
    page.push_str("| | s | s of CPU | MiB | aim |\n|---|---|---|---|---|\n");
    for verb in &fleet.verbs {
        let Cost {
            wall,
            cpu,
            resident_kib,
        } = verb.cost;
        let (wall, mib) = (wall.as_secs_f64(), resident_kib >> 10);
        let is_reached =
            verb.aim_s.is_none_or(|aim| wall < aim) && verb.aim_mib.is_none_or(|aim| mib < aim);
        let seconds = verb.aim_s.map(|aim| format!("< {aim:.0} s"));
        let memory = verb.aim_mib.map(|aim| format!("< {aim} MiB"));
        let judged = if is_reached { "reached" } else { "missed" };
        let any = seconds.is_some().then(|| judged.to_owned());
        let aim: Vec<String> = [seconds, memory, any].into_iter().flatten().collect();
        let _ = writeln!(
            page,
            "| {} | {wall:.2} | {:.2} | {mib} | {} |",
            verb.name,
            cpu.as_secs_f64(),
            aim.join(", ")
        );
    }
    page
}

/// The same as JSON.
pub(crate) fn json(fleet: &Fleet) -> Value {
    let verb = |verb: &Verb| {
        json!({
            "verb": verb.name,
            "wallS": verb.cost.wall.as_secs_f64(),
            "cpuS": verb.cost.cpu.as_secs_f64(),
            "residentKib": verb.cost.resident_kib,
            "aimS": verb.aim_s,
            "aimMib": verb.aim_mib,
        })
    };
    json!({
        "recordings": fleet.runs,
        "facts": fleet.facts,
        "bytes": fleet.bytes[0],
        "mergedBytes": fleet.bytes[1],
        "verbs": fleet.verbs.iter().map(verb).collect::<Vec<_>>(),
    })
}
