//! The worst load that the machine can make, for minutes: both CPUs in loops over calls of all kinds, with values
//! that change all the time, and children that come and go. What must come out is known call by call.

use anyhow::{Context, Result, ensure};
use house_tests::facts::{self, Counts};
use house_tests::witness;
use seccomp_tracer::recording::{Arguments, Loss, Recording};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rounds of one recording: as many as there are values for, near enough, so that it takes about a minute.
const ROUNDS: u64 = 1_000_000;

/// What all recordings together gave.
#[derive(Default)]
pub(crate) struct Storm {
    recordings: u32,
    duration: Duration,
    calls: u64,
    /// Calls whose count is not what was made.
    inexact: usize,
    /// Facts that may be missing, by the recorder's own counters.
    missing: u64,
    /// First sightings that found no room; no fact depends on them.
    sightings_lost: u64,
    /// The most in one recording of: calls, numbers that no table has, tuples, tuples of one call, calls that
    /// had more tuples than are kept.
    most: Most,
}

/// The most that one recording held.
#[derive(Clone, Copy, Default)]
struct Most {
    facts: usize,
    odd_numbers: usize,
    tuples: usize,
    tuples_of_one: usize,
    unbounded: usize,
}

/// Records storms until so many minutes are over.
pub(crate) fn measure(minutes: u64, product: &str, mut progress: impl FnMut(u32)) -> Result<Storm> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let path = folder.path().join("recording.json");
    let storm = witness::storm(ROUNDS);
    let begun = Instant::now();
    let mut found = Storm::default();
    while found.recordings == 0 || begun.elapsed() < Duration::from_secs(60 * minutes) {
        let start = Instant::now();
        record(product, &storm.command, &path)?;
        found.duration += start.elapsed();
        found.add(&facts::read(&path), &storm.calls);
        progress(found.recordings);
    }
    Ok(found)
}

fn record(product: &str, command: &[String], path: &Path) -> Result<()> {
    let mut record = Command::new(product);
    record.args(["record", "-q", "-o"]).arg(path).arg("--");
    record.args(command).stdin(Stdio::null());
    let status = record.status().context("cannot record")?;
    ensure!(status.success(), "recording failed: {status}");
    Ok(())
}

impl Storm {
    fn add(&mut self, recording: &Recording, made: &Counts) {
        let counts = facts::counts(recording);
        self.recordings += 1;
        self.calls += counts.values().sum::<u64>();
        self.inexact += facts::differences(("made", made), ("recorded", &counts)).len();
        self.missing += recording.losses.missing();
        self.sightings_lost += recording.losses.get(Loss::Sighting);
        self.most.raise(&Most::of(recording));
    }
}

impl Most {
    fn of(recording: &Recording) -> Self {
        let mut most = Self {
            facts: recording.facts.len(),
            ..Self::default()
        };
        for (key, facts) in &recording.facts {
            most.odd_numbers += usize::from(key.call.name().is_none());
            let (Arguments::Exact(tuples) | Arguments::Unbounded(tuples)) = &facts.arguments else {
                continue;
            };
            most.tuples += tuples.seen.len();
            most.tuples_of_one = most.tuples_of_one.max(tuples.seen.len());
            most.unbounded += usize::from(matches!(facts.arguments, Arguments::Unbounded(_)));
        }
        most
    }

    fn raise(&mut self, other: &Self) {
        self.facts = self.facts.max(other.facts);
        self.odd_numbers = self.odd_numbers.max(other.odd_numbers);
        self.tuples = self.tuples.max(other.tuples);
        self.tuples_of_one = self.tuples_of_one.max(other.tuples_of_one);
        self.unbounded = self.unbounded.max(other.unbounded);
    }
}

const PREFACE: &str = "\
Two processes on all CPUs make calls of all kinds and ABIs as fast as they can, with a new argument value each \
time, numbers that no table has, and children that come and go. Every count is compared with what was made. The \
bounds of the maps are what they hold here with room to spare; where one is reached, a counter of its own says \
so, and a call with more values than are kept is marked in the recording.\n\n";

/// The section of the page.
pub(crate) fn page(storm: &Storm) -> String {
    let seconds = storm.duration.as_secs_f64();
    let mut page = format!("{PREFACE}| | |\n|---|---|\n");
    let mut line = |what: &str, value: String| {
        let _ = writeln!(page, "| {what} | {value} |");
    };
    line(
        "recorded",
        format!(
            "{:.1} minutes in {} recordings",
            seconds / 60.0,
            storm.recordings
        ),
    );
    let millions = storm.calls / 1_000_000;
    line("calls", format!("{millions} million"));
    let per_second = Duration::from_secs(storm.calls).as_secs_f64() / seconds / 1e6;
    line("calls a second", format!("{per_second:.1} million"));
    line("counts that are not exact", storm.inexact.to_string());
    line("facts that may be missing", storm.missing.to_string());
    line(
        "first sightings without room",
        storm.sightings_lost.to_string(),
    );
    let most = &storm.most;
    line("different calls in a recording", most.facts.to_string());
    line("of them without a name", most.odd_numbers.to_string());
    line("argument tuples in a recording", most.tuples.to_string());
    line("of one call, at most", most.tuples_of_one.to_string());
    line("calls with more than are kept", most.unbounded.to_string());
    page
}

/// The same as JSON.
pub(crate) fn json(storm: &Storm) -> Value {
    let most = &storm.most;
    json!({
        "recordings": storm.recordings,
        "seconds": storm.duration.as_secs_f64(),
        "calls": storm.calls,
        "inexact": storm.inexact,
        "missing": storm.missing,
        "sightingsLost": storm.sightings_lost,
        "most": {
            "calls": most.facts,
            "withoutName": most.odd_numbers,
            "tuples": most.tuples,
            "tuplesOfOne": most.tuples_of_one,
            "unbounded": most.unbounded,
        },
    })
}
