//! What was found, as values: cells with their figures and aims, and how cells relate.

use super::plan::{EMPTY_PAIR, OURS, OURS_64, OURS_1000, WATCHING};
use super::rounds::{Cell, Round, Row, Seat, relation, samples};
use super::work::Work;
use super::worker::Task;
use house_tests::figures::{Figures, Spread};

/// A cell with its figures.
pub(crate) struct Line {
    /// Which.
    pub(crate) cell: Cell,
    /// What it gave.
    pub(crate) figures: Figures,
    /// How much it may add, in units of what the empty program adds.
    pub(crate) aim: Option<f64>,
}

/// One cell in units of another.
pub(crate) struct Relation {
    /// In words.
    pub(crate) words: &'static str,
    /// What it gave.
    pub(crate) ratio: Spread,
    /// How large it may be.
    pub(crate) aim: f64,
}

/// The figures of every cell of these rows, in order.
pub(crate) fn lines(rows: &[Row], rounds: &[Round]) -> Vec<Line> {
    let cells = rows
        .iter()
        .flat_map(|row| row.cells.iter().map(|&(seat, task)| (row.name, seat, task)));
    let line = |cell| {
        Some(Line {
            cell,
            figures: Figures::of(&samples(rounds, cell))?,
            aim: aim(cell),
        })
    };
    cells.filter_map(line).collect()
}

/// What recording may cost.
fn aim((name, seat, task): Cell) -> Option<f64> {
    if name != OURS || task.pair {
        return None;
    }
    match (seat, task.work) {
        (Seat::Outside | Seat::OutsideDeep, _) => Some(1.25),
        (_, Work::Untracked) => Some(1.4),
        (_, _) => Some(1.8),
    }
}

/// How much more many may cost than one.
const SCALE_AIM: f64 = 1.1;

/// How much more it may cost to watch refusals than to attach empty programs to the same hooks. Every task of the host
/// pays it.
const WATCHING_AIM: f64 = 1.25;

/// How cells relate.
pub(crate) fn relations(rounds: &[Round]) -> Vec<Relation> {
    let task = |work, pair| Task { work, pair };
    let alone = |work| (OURS, Seat::Scope, task(work, false));
    let pair = |work| (OURS, Seat::Scope, task(work, true));
    let of_64 = |work| (OURS_64, Seat::Of64, task(work, false));
    let of_1000 = |work| (OURS_1000, Seat::Of1000, task(work, false));
    let on_both = |name, seat| (name, seat, task(Work::Untracked, false));
    let (plain, tracked) = (Work::Untracked, Work::Tracked);
    let scale = [
        (
            "64 scopes to one, nothing tracked",
            of_64(plain),
            alone(plain),
        ),
        (
            "64 scopes to one, one argument tracked",
            of_64(tracked),
            alone(tracked),
        ),
        (
            "1,000 scopes to one, nothing tracked",
            of_1000(plain),
            alone(plain),
        ),
        (
            "1,000 scopes to one, one argument tracked",
            of_1000(tracked),
            alone(tracked),
        ),
        (
            "two CPUs to one, nothing tracked",
            pair(plain),
            alone(plain),
        ),
        (
            "two CPUs to one, one argument tracked",
            pair(tracked),
            alone(tracked),
        ),
    ];
    let watching = [
        (
            "watching refusals to empty programs at entry and return, bystander",
            on_both(WATCHING, Seat::Outside),
            on_both(EMPTY_PAIR, Seat::Outside),
        ),
        (
            "watching refusals to empty programs at entry and return, in the scope",
            on_both(WATCHING, Seat::Scope),
            on_both(EMPTY_PAIR, Seat::Scope),
        ),
    ];
    let aimed = |aim: f64| move |(words, cell, to)| (words, cell, to, aim);
    let scale = scale.into_iter().map(aimed(SCALE_AIM));
    let all = scale.chain(watching.into_iter().map(aimed(WATCHING_AIM)));
    all.filter_map(|(words, cell, to, aim)| {
        Some(Relation {
            words,
            ratio: Spread::of(relation(rounds, cell, to))?,
            aim,
        })
    })
    .collect()
}
