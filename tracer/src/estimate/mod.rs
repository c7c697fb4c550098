//! How sure: what runs say about what the next run may bring.
//!
//! A run is the sampling unit, as what happens inside one is strongly dependent. A behaviour is a call,
//! together with the values of those of its arguments that somebody asks about. The estimators are those
//! of incidence data in ecology (Chao and Colwell 2017): behaviours are species, runs are plots. This knows
//! recordings and no profile; who reads its numbers must be told what they rest on.

mod behaviour;
mod incidence;
mod numeric;

#[cfg(test)]
mod simulation;

pub use behaviour::{Behaviour, Classes};
pub use incidence::Incidence;

use crate::recording::{Run, Runs};
use std::collections::BTreeSet;

/// What runs say about the next one, and what that rests on. Counts only; the numbers are computed from
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sureness {
    /// How many runs there are.
    pub runs: usize,
    /// How often each call appeared.
    pub calls: Incidence,
    /// How often each behaviour appeared: each call, with its values where they are told apart.
    pub behaviours: Incidence,
    /// What only one run did, by run.
    pub own: Vec<Own>,
    /// When the last new fact came, if there is one run only.
    pub only: Option<Settling>,
    /// What weakens the numbers.
    pub cautions: Vec<Caution>,
}

/// What one run alone did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its id. Hostile.
    pub run_id: String,
    /// When it started. Hostile.
    pub start: String,
    /// What it alone did, in order.
    pub behaviours: Vec<Behaviour>,
}

/// How a single run settled down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// Milliseconds from the start to the last new fact.
    pub last_new_ms: u64,
    /// Milliseconds that the run was watched.
    pub duration_ms: u64,
}

/// What weakens the numbers, or voids them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caution {
    /// Facts were lost, so that nothing can be said of what has not been seen.
    Lost,
    /// One run is no sample.
    OneRun,
    /// Fewer than [`RUNS_MIN`] runs.
    TooFewRuns,
    /// Fewer than [`RUNS_ENOUGH`] runs.
    FewRuns,
    /// The runs were made on different kernels.
    Kernels(usize),
    /// The runs were made of different images or commands.
    Targets(usize),
    /// The start of some runs was not seen.
    Attached(usize),
    /// Some runs never started, did nothing or failed; they are not among those that are counted.
    Void(usize),
}

/// With fewer runs, nothing can be said.
pub const RUNS_MIN: usize = 3;

/// With fewer runs, the numbers are rough.
pub const RUNS_ENOUGH: usize = 10;

impl Sureness {
    /// What these runs say, with argument values told apart like this.
    #[must_use]
    pub fn of(runs: &Runs, classes: &Classes<'_>) -> Self {
        let voids = runs.voids();
        if voids.is_empty() {
            return Self::of_real(runs, classes);
        }
        let real = runs.select(|run| !voids.contains_key(&run));
        let mut sureness = Self::of_real(&real, classes);
        sureness.cautions.push(Caution::Void(voids.len()));
        sureness
    }

    /// The same of runs that all say something.
    fn of_real(runs: &Runs, classes: &Classes<'_>) -> Self {
        let found = behaviour::appearances(runs, classes);
        let total = runs.runs().len();
        let calls = Incidence::of(total, found.calls.values());
        let behaviours = Incidence::of(total, found.behaviours.values());
        let mut own = vec![Vec::new(); total];
        for (behaviour, bits) in found.behaviours {
            if let Some(run) = bits.only() {
                own[run].push(behaviour);
            }
        }
        let owners = runs
            .runs()
            .iter()
            .zip(own)
            .filter(|(_, own)| !own.is_empty());
        let only = match runs.runs() {
            [run] => Some(Settling {
                last_new_ms: run.window.last_new_fact_ms,
                duration_ms: run.window.duration_ms,
            }),
            _ => None,
        };
        Self {
            runs: total,
            calls,
            behaviours,
            own: if total < 2 {
                Vec::new()
            } else {
                owners
                    .map(|(run, behaviours)| Own::of(run, behaviours))
                    .collect()
            },
            only,
            cautions: cautions(runs),
        }
    }

    /// How many new behaviours to expect in the next run like these; `None` if nothing can be said.
    #[must_use]
    pub fn expected_new(&self) -> Option<f64> {
        self.is_sayable().then(|| self.behaviours.expected_new())
    }

    /// The upper end of that, with 95 % confidence.
    #[must_use]
    pub fn expected_at_most(&self) -> Option<f64> {
        self.is_sayable()
            .then(|| self.behaviours.expected_at_most())
    }

    fn is_sayable(&self) -> bool {
        let void = |caution: &Caution| {
            matches!(
                caution,
                Caution::Lost | Caution::OneRun | Caution::TooFewRuns
            )
        };
        self.runs > 0 && !self.cautions.iter().any(void)
    }
}

impl Own {
    fn of(run: &Run, behaviours: Vec<Behaviour>) -> Self {
        Self {
            run_id: run.id.clone(),
            start: run.window.start.clone(),
            behaviours,
        }
    }
}

fn cautions(runs: &Runs) -> Vec<Caution> {
    let all = runs.runs();
    let mut cautions = Vec::new();
    if runs.missing() > 0 {
        cautions.push(Caution::Lost);
    }
    match all.len() {
        1 => cautions.push(Caution::OneRun),
        few if few < RUNS_MIN => cautions.push(Caution::TooFewRuns),
        few if few < RUNS_ENOUGH => cautions.push(Caution::FewRuns),
        _ => {}
    }
    let kernels: BTreeSet<&str> = all.iter().map(|run| run.host.kernel.as_str()).collect();
    if kernels.len() > 1 {
        cautions.push(Caution::Kernels(kernels.len()));
    }
    let targets: BTreeSet<_> = all.iter().map(target).collect();
    if targets.len() > 1 {
        cautions.push(Caution::Targets(targets.len()));
    }
    let attached = |run: &&Run| run.window.from == crate::recording::WindowStart::Attach;
    match all.iter().filter(attached).count() {
        0 => {}
        some => cautions.push(Caution::Attached(some)),
    }
    cautions
}

/// What makes two runs runs of the same thing, as far as it is known.
fn target(run: &Run) -> (Option<&str>, &[String]) {
    let container = run.target.container.as_ref();
    let image = container.and_then(|one| one.image_id.as_deref().or(one.image.as_deref()));
    (image, &run.target.command)
}

/// Runs as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, run: u32) {
        let (word, bit) = (run as usize / 64, run % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << bit;
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The only run, if there is only one.
    fn only(&self) -> Option<usize> {
        let (at, word) = self.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        (self.count() == 1).then(|| at * 64 + word.trailing_zeros() as usize)
    }
}

impl FromIterator<u32> for Bits {
    fn from_iter<I: IntoIterator<Item = u32>>(runs: I) -> Self {
        let mut bits = Self::default();
        runs.into_iter().for_each(|run| bits.insert(run));
        bits
    }
}
