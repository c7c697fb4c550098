//! Which rows and cells there are.

use super::attachment::{Attachment, Nothing, Raw, Typed};
use super::places::{Place, visit};
use super::rounds::{EMPTY, NOTHING, Row, Seat};
use super::work::Work;
use super::worker::{Task, Worker};
use anyhow::{Context, Result};
use seccomp_tracer::probe::{Looking, Probe, Scope, Start, Watch};
use seccomp_tracer::target::cgroup::Hierarchy;
use std::collections::BTreeMap;

/// Everything that the rounds need.
pub(crate) struct Plan {
    /// What is attached in turn.
    pub(crate) rows: Vec<Row>,
    /// Who is timed.
    pub(crate) workers: BTreeMap<Seat, Worker>,
    /// The watched scope.
    pub(crate) scope: Place,
    /// The other places, kept for as long as workers sit in them; the last to go.
    _places: [Place; 3],
}

const fn one(work: Work) -> Task {
    Task { work, pair: false }
}

const fn pair(work: Work) -> Task {
    Task { work, pair: true }
}

/// What the rows without a scope are timed with.
const ALL: [Task; 6] = [
    one(Work::Untracked),
    one(Work::Tracked),
    one(Work::TrackedThree),
    one(Work::Mix),
    pair(Work::Untracked),
    pair(Work::Tracked),
];

/// The recorder's rows.
pub(crate) const OURS: &str = "ours";
/// Where the kernel has no BTF tracepoint.
pub(crate) const OURS_RAW: &str = "ours, raw tracepoint";
/// Every child of a cgroup is a scope, 64 of them.
pub(crate) const OURS_64: &str = "ours, 64 scopes";
/// 1,000 of them.
pub(crate) const OURS_1000: &str = "ours, 1,000 scopes";
/// Refused calls are watched, and nothing is recorded.
pub(crate) const WATCHING: &str = "ours, watching refusals";
/// Empty programs on both hooks that this takes.
pub(crate) const EMPTY_PAIR: &str = "empty programs at entry and return";
/// The program that sends an event per call.
pub(crate) const EVENTS: &str = "an event per call";
/// The empty program as a raw tracepoint.
pub(crate) const EMPTY_RAW: &str = "empty raw tracepoint";

impl Plan {
    /// Makes the places, seats the workers, loads the programs.
    pub(crate) fn new() -> Result<Self> {
        let hierarchy = Hierarchy::detect().context("no cgroup v2 hierarchy")?;
        let place = || Place::new(&hierarchy);
        let (outside, scope, of_64, of_1000) = (place()?, place()?, place()?, place()?);
        let small = children(&of_64, 64)?;
        let large = children(&of_1000, 1000)?;
        let seats = [
            (Seat::Outside, outside.path().to_owned()),
            (Seat::OutsideDeep, outside.child("deeper")?),
            (Seat::Scope, scope.path().to_owned()),
            (Seat::ScopeDeep, scope.child("deeper")?),
            (Seat::Of64, of_64.path().join("5")),
            (Seat::Of1000, of_1000.path().join("777")),
        ];
        let workers = seats.map(|(seat, path)| Ok((seat, Worker::start(&path)?)));
        let rows = vec![
            row(NOTHING[0], Nothing, all_outside()),
            row(EMPTY[0], Typed::empty()?, all_outside()),
            row(OURS, recorder(scope.scope(), false)?, ours()),
            row(OURS_RAW, recorder(scope.scope(), true)?, raw()),
            row(NOTHING[1], Nothing, all_outside()),
            row(EMPTY[1], Typed::empty()?, all_outside()),
            row(EMPTY_RAW, Raw::empty()?, all_outside()),
            row(OURS_64, small, of(Seat::Of64)),
            row(OURS_1000, large, of(Seat::Of1000)),
            row(EMPTY_PAIR, Typed::empty_pair()?, both()),
            row(WATCHING, watcher(scope.scope())?, both()),
            row(EVENTS, Typed::event_per_call()?, events()),
        ];
        Ok(Self {
            rows,
            workers: workers.into_iter().collect::<Result<_>>()?,
            scope,
            _places: [outside, of_64, of_1000],
        })
    }
}

fn row(name: &'static str, attachment: impl Attachment + 'static, cells: Vec<(Seat, Task)>) -> Row {
    Row {
        name,
        attachment: Box::new(attachment),
        cells,
    }
}

fn all_outside() -> Vec<(Seat, Task)> {
    ALL.map(|task| (Seat::Outside, task)).into()
}

fn ours() -> Vec<(Seat, Task)> {
    let mut cells = vec![
        (Seat::Outside, one(Work::Untracked)),
        (Seat::Outside, one(Work::Mix)),
        (Seat::OutsideDeep, one(Work::Untracked)),
        (Seat::ScopeDeep, one(Work::Untracked)),
        (Seat::ScopeDeep, one(Work::Tracked)),
    ];
    cells.extend(ALL.map(|task| (Seat::Scope, task)));
    cells
}

fn raw() -> Vec<(Seat, Task)> {
    let scoped = [
        Work::Untracked,
        Work::Tracked,
        Work::TrackedThree,
        Work::Mix,
    ];
    let mut cells = vec![(Seat::Outside, one(Work::Untracked))];
    cells.extend(scoped.map(|work| (Seat::Scope, one(work))));
    cells
}

fn of(seat: Seat) -> Vec<(Seat, Task)> {
    vec![
        (seat, one(Work::Untracked)),
        (seat, one(Work::Tracked)),
        (Seat::Outside, one(Work::Untracked)),
    ]
}

/// Nothing is looked at but whether the task has entered, so it does not matter what is called.
fn both() -> Vec<(Seat, Task)> {
    vec![
        (Seat::Outside, one(Work::Untracked)),
        (Seat::Scope, one(Work::Untracked)),
        (Seat::Outside, one(Work::Mix)),
    ]
}

fn events() -> Vec<(Seat, Task)> {
    vec![
        (Seat::Outside, one(Work::Untracked)),
        (Seat::Outside, one(Work::Mix)),
    ]
}

/// The recorder, loaded and not attached.
pub(crate) fn recorder(scope: Scope, raw_tracepoint: bool) -> Result<Probe> {
    probe(scope, Looking::AtCalls, raw_tracepoint)
}

/// What `watch` loads.
fn watcher(scope: Scope) -> Result<Probe> {
    probe(scope, Looking::AtDenials, false)
}

fn probe(scope: Scope, what: Looking, raw_tracepoint: bool) -> Result<Probe> {
    let watch = Watch {
        scope,
        start: Start::Now,
        what,
        raw_tracepoint,
    };
    Probe::load(&watch).context("cannot load the recorder")
}

/// The recorder with so many children of that place as its scopes, all of which it has seen.
fn children(place: &Place, count: u32) -> Result<Probe> {
    let paths = (0..count).map(|number| place.child(&number.to_string()));
    let paths = paths.collect::<Result<Vec<_>>>()?;
    let mut probe = recorder(place.scope_of_children(count), false)?;
    probe.start().context("cannot attach the recorder")?;
    paths.iter().try_for_each(|path| visit(path))?;
    probe.detach().context("cannot detach the recorder")?;
    let seen = probe.slots().context("cannot read the scopes")?.len();
    anyhow::ensure!(seen == paths.len(), "{seen} of {count} scopes were found");
    Ok(probe)
}
