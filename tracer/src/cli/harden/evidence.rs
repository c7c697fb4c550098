//! What is known of a command while it is hardened: one recording, and what was refused in the rounds after it.

use crate::audit::{self, Judged};
use crate::cli::base::{self, BaseArguments, Resolved};
use crate::cli::closeness::ClosenessArguments;
use crate::cli::failure::Failure;
use crate::cli::generate;
use crate::cli::start::StartArguments;
use crate::minimize::{Options, Outcome, Reason};
use crate::profile::{Meaning, base as bases};
use crate::recording::{Recording, Run, Runs};
use crate::report::text;
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of the command, and the base.
pub(super) struct Evidence {
    first: Recording,
    /// The recording, and for each round a run in which everything was made that was missing.
    groups: Vec<Runs>,
    /// Why those runs are there, by id.
    reasons: BTreeMap<String, Reason>,
    rounds: u32,
    native: Abi,
    base: Resolved,
    meaning: Meaning,
    closeness: ClosenessArguments,
    start: StartArguments,
}

/// What a round showed.
pub(super) struct Lesson {
    judged: Judged,
    /// Refused calls that were not kept.
    pub(super) lost: u64,
}

impl Evidence {
    /// Begins with a recording, and what the user asks for beyond it and beyond the base.
    pub(super) fn new(
        first: &Recording,
        base: &BaseArguments,
        asked: &BTreeSet<String>,
        closeness: ClosenessArguments,
        start: StartArguments,
    ) -> Result<Self, Failure> {
        let runs = Runs::from(first.clone());
        let native = base::native(runs.runs())?;
        let mut base = base.resolve(runs.runs(), native)?;
        base.profile = base.profile.map(|profile| bases::allowing(profile, asked));
        let meaning = base.profile.as_ref();
        let meaning = meaning.map_or_else(Meaning::unconfined, |base| Meaning::of(base, native));
        let mut evidence = Self {
            first: first.clone(),
            groups: vec![runs],
            reasons: BTreeMap::new(),
            rounds: 0,
            native,
            base,
            meaning,
            closeness,
            start,
        };
        let calls = asked.iter().filter_map(|name| Call::named(native, name));
        evidence.add(
            &calls
                .map(|call| (call, audit::Missing::default()))
                .collect(),
            Reason::Asked,
        );
        Ok(evidence)
    }

    /// The base, with what was asked for.
    pub(super) fn base(&self) -> &Resolved {
        &self.base
    }

    /// The run that was recorded.
    pub(super) fn runs(&self) -> &[Run] {
        self.groups.first().map_or(&[], Runs::runs)
    }

    /// The profile for what is known.
    pub(super) fn make(&self) -> Result<(Outcome, Options), Failure> {
        let runs = Runs::merged(&self.groups).map_err(Failure::invalid)?;
        let (closeness, start) = (&self.closeness, &self.start);
        let mut options = generate::options(runs.runs(), &self.base, self.native, closeness, start);
        options.stand_ins.clone_from(&self.reasons);
        let outcome = generate::make(&runs, &options)?;
        Ok((outcome, options))
    }

    /// Adds what another container of the same did.
    pub(super) fn also(&mut self, recording: &Recording) {
        self.groups.push(recording.clone().into());
    }

    /// Adds what was refused in the next round although the base permits it.
    pub(super) fn learn(&mut self, round: &Recording) -> Lesson {
        self.learn_in(self.rounds + 1, round)
    }

    /// The same for the round of that number, in which there may be several recordings.
    pub(super) fn learn_in(&mut self, round: u32, recording: &Recording) -> Lesson {
        let denials = recording.denials.clone().unwrap_or_default();
        let judged = audit::judge(&denials, &self.meaning);
        self.rounds = round;
        self.add(&judged.missing, Reason::Refused { round });
        Lesson {
            judged,
            lost: denials.losses.calls,
        }
    }

    fn add(&mut self, missing: &BTreeMap<Call, audit::Missing>, reason: Reason) {
        if !missing.is_empty() {
            let id = format!("{}-{}", self.first.run_id, self.groups.len());
            let run = audit::as_if_made(&self.first, id.clone(), missing);
            self.reasons.insert(id, reason);
            self.groups.push(run.into());
        }
    }
}

impl Lesson {
    /// Whether nothing was missing.
    pub(super) fn is_empty(&self) -> bool {
        self.judged.missing.is_empty()
    }

    /// What is to be said about it.
    pub(super) fn lines(&self, base: &Resolved) -> Vec<String> {
        let Judged {
            missing,
            refused_too,
        } = &self.judged;
        let added = missing.iter().map(|(&call, missing)| {
            let called = text::missing(call, missing);
            format!("added {called}: refused, but {} permits it", base.name)
        });
        let names: Vec<_> = refused_too.iter().map(ToString::to_string).collect();
        let same = (!names.is_empty()).then(|| {
            let names = names.join(", ");
            format!("left out {names}: refused, as {} does", base.name)
        });
        added.chain(same).collect()
    }
}
