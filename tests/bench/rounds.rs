//! Rounds: everything is attached once in each, in an order that changes, and every cell is timed while its
//! row is attached.

use super::attachment::Attachment;
use super::worker::{Task, Worker};
use anyhow::{Context, Result};
use house_tests::figures::Sample;
use std::collections::BTreeMap;

/// Where a worker sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seat {
    /// In no scope, beside the one that is watched.
    Outside,
    /// In no scope, and deeper than the one that is watched.
    OutsideDeep,
    /// In the watched scope.
    Scope,
    /// In a cgroup below the watched scope.
    ScopeDeep,
    /// In one of 64 scopes.
    Of64,
    /// In one of 1,000 scopes.
    Of1000,
}

impl Seat {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Outside => "bystander",
            Self::OutsideDeep => "bystander in a deeper cgroup",
            Self::Scope => "in the scope",
            Self::ScopeDeep => "in a cgroup below the scope",
            Self::Of64 => "in one of 64 scopes",
            Self::Of1000 => "in one of 1,000 scopes",
        }
    }
}

/// A row: something that is attached, and what is timed meanwhile.
pub(crate) struct Row {
    /// Names it.
    pub(crate) name: &'static str,
    /// What is attached.
    pub(crate) attachment: Box<dyn Attachment>,
    /// What is timed.
    pub(crate) cells: Vec<(Seat, Task)>,
}

/// The rows that the others are measured against; each is there twice, and the mean of both counts.
pub(crate) const NOTHING: [&str; 2] = ["nothing", "nothing, again"];
/// See above.
pub(crate) const EMPTY: [&str; 2] = ["empty program", "empty program, again"];

/// Names a cell.
pub(crate) type Cell = (&'static str, Seat, Task);

/// The nanoseconds per call of one round.
pub(crate) type Round = BTreeMap<Cell, f64>;

/// How the rounds are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// How many.
    pub(crate) count: usize,
    /// Batches of which the fastest counts.
    pub(crate) batches: u32,
}

/// Batches before the first one that counts, when something has just been attached.
const WARMING: u32 = 2;

impl Rounds {
    /// Does them.
    pub(crate) fn run(
        &self,
        rows: &mut [Row],
        workers: &mut BTreeMap<Seat, Worker>,
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Round>> {
        let mut rounds = Vec::new();
        for number in 0..self.count {
            let mut round = Round::new();
            for index in order(rows.len(), number) {
                self.row(&mut rows[index], workers, &mut round)?;
            }
            rounds.push(round);
            progress(number + 1);
        }
        Ok(rounds)
    }

    fn row(
        &self,
        row: &mut Row,
        workers: &mut BTreeMap<Seat, Worker>,
        round: &mut Round,
    ) -> Result<()> {
        row.attachment
            .start()
            .with_context(|| format!("cannot measure {}", row.name))?;
        for &(seat, task) in &row.cells {
            let worker = workers.get_mut(&seat).context("nobody sits there")?;
            worker.time_ns(task, WARMING)?;
            let ns = worker.time_ns(task, self.batches)?;
            round.insert((row.name, seat, task), ns);
        }
        row.attachment.stop()
    }
}

/// Every round starts with another row, and every other round goes backwards.
pub(crate) fn order(len: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).map(|index| (index + round) % len).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// How much slower the bare call may be than in the fastest round: clocks drift, but a recorder of somebody
/// else on the same hook makes it half as slow again or more.
const SLOWER_MAX: f64 = 1.3;

/// How far apart the two readings of a row may be in a quiet round.
const APART_MAX: f64 = 0.15;

/// The rounds in which the machine was itself. Only the rows without a recorder of ours decide, so that no
/// figure of ours can choose its rounds.
pub(crate) fn quiet(rounds: Vec<Round>, task: Task) -> Vec<Round> {
    let pair = |round: &Round, names: [&'static str; 2]| {
        names.map(|name| {
            round
                .get(&(name, Seat::Outside, task))
                .copied()
                .unwrap_or(f64::NAN)
        })
    };
    let fastest = rounds.iter().flat_map(|round| pair(round, NOTHING));
    let fastest = fastest.fold(f64::INFINITY, f64::min);
    let is_steady = |[first, again]: [f64; 2]| (first / again - 1.0).abs() <= APART_MAX;
    let is_quiet = |round: &Round| {
        let nothing = pair(round, NOTHING);
        let bare = nothing.iter().all(|ns| *ns <= fastest * SLOWER_MAX);
        bare && is_steady(nothing) && is_steady(pair(round, EMPTY))
    };
    rounds.into_iter().filter(is_quiet).collect()
}

/// What each round gave for a cell, beside what the same round gave for the same calls with nothing and with
/// the empty program attached.
pub(crate) fn samples(rounds: &[Round], cell: Cell) -> Vec<Sample> {
    rounds
        .iter()
        .filter_map(|round| sample(round, cell))
        .collect()
}

/// One cell in units of another, round by round.
pub(crate) fn relation(rounds: &[Round], cell: Cell, to: Cell) -> Vec<f64> {
    let relation = |round: &Round| {
        let ratio = |cell| Some(sample(round, cell)?.added_ratio());
        Some(ratio(cell)? / ratio(to)?)
    };
    rounds.iter().filter_map(relation).collect()
}

fn sample(round: &Round, cell: Cell) -> Option<Sample> {
    let (.., task) = cell;
    let mean = |names: [&'static str; 2]| {
        let [first, again] = names.map(|name| round.get(&(name, Seat::Outside, task)));
        Some(f64::midpoint(*first?, *again?))
    };
    Some(Sample {
        nothing_ns: mean(NOTHING)?,
        empty_ns: mean(EMPTY)?,
        ns: *round.get(&cell)?,
    })
}

/// The empty program measured against itself.
pub(crate) fn control(rounds: &[Round], task: Task) -> Vec<f64> {
    let sample = |round: &Round| {
        let at = |name| round.get(&(name, Seat::Outside, task)).copied();
        let nothing = f64::midpoint(at(NOTHING[0])?, at(NOTHING[1])?);
        let ratio = (at(EMPTY[1])? - nothing) / (at(EMPTY[0])? - nothing);
        Some(ratio)
    };
    rounds.iter().filter_map(sample).collect()
}
