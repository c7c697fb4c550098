//! Everything that was found, and its form as JSON.

use super::filters::{self, Found};
use super::fleet::{self, Fleet};
use super::loads::Throughput;
use super::machine::Machine;
use super::result::{Line, Relation};
use super::storm::{self, Storm};
use super::user_side::UserSide;
use house_tests::figures::{Figures, Spread};
use seccomp_tracer::probe::Size;
use serde_json::{Value, json};

/// The version of the JSON form.
const SCHEMA_VERSION: u32 = 1;

/// Everything that was found.
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// Rounds that were done.
    pub(crate) rounds: usize,
    /// Those of them that count.
    pub(crate) rounds_quiet: usize,
    /// Batches of a reading.
    pub(crate) batches: u32,
    /// The empty program against itself.
    pub(crate) control: Spread,
    /// Why the figures should not be believed, if so.
    pub(crate) noise: Option<String>,
    /// The cells.
    pub(crate) lines: Vec<Line>,
    /// How cells relate.
    pub(crate) relations: Vec<Relation>,
    /// Cells of other tools.
    pub(crate) peers: Vec<Line>,
    /// Servers.
    pub(crate) loads: Vec<Throughput>,
    /// Filters.
    pub(crate) filters: Vec<Found>,
    /// The worst load, if it was asked for.
    pub(crate) storm: Option<Storm>,
    /// Many recordings, if they were asked for.
    pub(crate) fleet: Option<Fleet>,
    /// Beside the calls.
    pub(crate) user_side: UserSide,
}

impl Report {
    /// Its form as JSON.
    pub(crate) fn to_json(&self) -> Value {
        let side = &self.user_side;
        json!({
            "schemaVersion": SCHEMA_VERSION,
            "machine": {
                "kernel": self.machine.kernel,
                "processor": self.machine.processor,
                "cpus": self.machine.cpus,
            },
            "rounds": self.rounds,
            "roundsQuiet": self.rounds_quiet,
            "batches": self.batches,
            "control": spread(&self.control),
            "noise": self.noise,
            "calls": self.lines.iter().map(line).collect::<Vec<_>>(),
            "scale": self.relations.iter().map(relation).collect::<Vec<_>>(),
            "peers": self.peers.iter().map(line).collect::<Vec<_>>(),
            "loads": self.loads.iter().map(throughput).collect::<Vec<_>>(),
            "filters": filters::json(&self.filters),
            "storm": self.storm.as_ref().map(storm::json),
            "fleet": self.fleet.as_ref().map(fleet::json),
            "userSide": {
                "attachedMs": spread(&side.attached_ms),
                "attached1000Ms": spread(&side.attached_1000_ms),
                "coldMs": spread(&side.cold_ms),
                "trueMs": spread(&side.true_ms),
                "recordTrueMs": spread(&side.record_true_ms),
                "recordTruePeakKib": spread(&side.record_true_peak_kib),
                "productBytes": side.product_bytes,
                "objectBytes": side.object_bytes,
                "btfTracepoint": side.typed.map(size),
                "rawTracepoint": side.raw.map(size),
            },
        })
    }
}

fn line(Line { cell, figures, aim }: &Line) -> Value {
    let (name, seat, task) = cell;
    let Figures {
        added_ns,
        added_ratio,
        whole_ratio,
    } = figures;
    json!({
        "attached": name,
        "who": seat.words(),
        "calls": task.work.name(),
        "cpus": if task.pair { 2 } else { 1 },
        "addedNs": spread(added_ns),
        "addedRatio": spread(added_ratio),
        "wholeRatio": spread(whole_ratio),
        "aim": aim,
    })
}

fn relation(Relation { words, ratio, aim }: &Relation) -> Value {
    json!({ "what": words, "ratio": spread(ratio), "aim": aim })
}

fn throughput(load: &Throughput) -> Value {
    json!({
        "attached": load.attached,
        "load": load.load,
        "ratio": spread(&load.ratio),
        "aim": load.aim,
    })
}

pub(crate) fn spread(spread: &Spread) -> Value {
    json!({ "lower": spread.lower, "median": spread.median, "upper": spread.upper })
}

fn size(size: Size) -> Value {
    json!({ "verified": size.verified, "translated": size.translated })
}
