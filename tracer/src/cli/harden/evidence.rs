//! What is known of a command while it is hardened: recordings, and what was refused in the rounds after them.

use crate::audit::{self, Judged, Own, Recorded, Sifted};
use crate::cli::base::{self, BaseArguments, Resolved};
use crate::cli::closeness::ClosenessArguments;
use crate::cli::failure::Failure;
use crate::cli::generate;
use crate::cli::start::StartArguments;
use crate::minimize::{Options, Outcome, Reason};
use crate::profile::{Meaning, Profile, base as bases};
use crate::recording::{Recording, Run, Runs};
use crate::report::text;
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// What hardening begins with.
pub(super) struct Beginning<'a> {
    /// The command as it is.
    pub(super) first: &'a Recording,
    /// Recordings of before.
    pub(super) before: Runs,
    /// A profile of before.
    pub(super) kept: Option<Profile>,
    /// What the user asks for beyond the base.
    pub(super) asked: &'a BTreeSet<String>,
}

/// Runs of the command, and the base.
pub(super) struct Evidence {
    first: Recording,
    /// What was really recorded.
    recorded: Vec<Runs>,
    /// For what was asked for and for each round a run in which everything was made that was missing.
    stand_ins: Vec<Runs>,
    /// Why those runs are there, by id.
    reasons: BTreeMap<String, Reason>,
    rounds: u32,
    native: Abi,
    base: Resolved,
    meaning: Meaning,
    closeness: ClosenessArguments,
    start: StartArguments,
    kept: Option<Profile>,
    /// What the command's own filters refuse.
    own: Own,
}

/// What a round showed.
pub(super) struct Lesson {
    judged: Judged,
    /// Refused by a filter of the command's own.
    own: BTreeSet<Call>,
    /// Refused calls that were not kept.
    pub(super) lost: u64,
}

impl Evidence {
    pub(super) fn new(
        beginning: Beginning<'_>,
        base: &BaseArguments,
        closeness: ClosenessArguments,
        start: StartArguments,
    ) -> Result<Self, Failure> {
        let Beginning {
            first,
            before,
            kept,
            asked,
        } = beginning;
        let runs = Runs::from(first.clone());
        let native = base::native(runs.runs())?;
        let mut base = base.resolve(runs.runs(), native)?;
        base.profile = base.profile.map(|profile| bases::allowing(profile, asked));
        let meaning = base.profile.as_ref();
        let meaning = meaning.map_or_else(Meaning::unconfined, |base| Meaning::of(base, native));
        let mut evidence = Self {
            first: first.clone(),
            recorded: vec![runs, before],
            stand_ins: Vec::new(),
            reasons: BTreeMap::new(),
            rounds: 0,
            native,
            base,
            meaning,
            closeness,
            start,
            kept,
            own: Own::default(),
        };
        if first.target.filtered_at_start == Some(false) {
            // Nobody else could have refused anything.
            let denials = first.denials.clone().unwrap_or_default();
            evidence.own.learn(&denials, &Meaning::unconfined());
        }
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
        self.recorded.first().map_or(&[], Runs::runs)
    }

    /// The profile for what is known.
    pub(super) fn make(&self) -> Result<(Outcome, Options), Failure> {
        let groups: Vec<Runs> = self
            .recorded
            .iter()
            .chain(&self.stand_ins)
            .cloned()
            .collect();
        let runs = Runs::merged(&groups).map_err(Failure::invalid)?;
        let (closeness, start) = (&self.closeness, &self.start);
        let mut options = generate::options(runs.runs(), &self.base, self.native, closeness, start);
        options.stand_ins.clone_from(&self.reasons);
        options.kept.clone_from(&self.kept);
        let outcome = generate::make(&runs, &options)?;
        Ok((outcome, options))
    }

    /// Everything that was really recorded.
    pub(super) fn recorded(&self) -> Result<Runs, Failure> {
        Runs::merged(&self.recorded).map_err(Failure::invalid)
    }

    /// The calls for whose sake the command has to be seen under the base itself: those that were let through and
    /// will be refused, and those of whose refusal it is not known who it was.
    pub(super) fn unobserved(&self) -> Result<BTreeSet<Call>, Failure> {
        let (outcome, _) = self.make()?;
        let refused = match self.first.target.filtered_at_start {
            // Its own filters did it.
            Some(false) => BTreeSet::new(),
            None | Some(true) => {
                let denials = self.first.denials.clone().unwrap_or_default();
                let judged = audit::judge(&denials, &self.meaning);
                judged.missing.into_keys().collect()
            }
        };
        let denied = outcome.unobserved().map(|denied| denied.call);
        Ok(denied.chain(refused).collect())
    }

    /// Takes in what the command does under the base itself: what that permits and is refused all the same, is
    /// refused by the command's own filters.
    pub(super) fn observe(&mut self, under_base: &Recording) {
        let denials = under_base.denials.clone().unwrap_or_default();
        self.own.learn(&denials, &self.meaning);
        self.recorded.push(under_base.clone().into());
    }

    /// What was recorded and the profile of before refuses, though the base does not.
    pub(super) fn beyond_kept(&self) -> Result<Vec<String>, Failure> {
        let Some(kept) = &self.kept else {
            return Ok(Vec::new());
        };
        let runs = self.recorded()?;
        let recorded = Recorded {
            runs,
            inputs: Vec::new(),
        };
        let base = self.base.conditions.clone();
        let base = base.map(|(source, circumstances)| audit::Base::new(source, circumstances));
        let check = audit::check(kept, self.native, None, base.as_ref(), &recorded);
        Ok(text::added(&check, &self.base.name))
    }

    /// Adds what another container of the same did.
    pub(super) fn also(&mut self, recording: &Recording) {
        self.recorded.push(recording.clone().into());
    }

    /// Adds what this profile refused in the next round although the base permits it.
    pub(super) fn learn(&mut self, recording: &Recording, profile: &Profile) -> Lesson {
        self.learn_in(self.rounds + 1, recording, profile)
    }

    /// The same for the round of that number, in which there may be several recordings.
    pub(super) fn learn_in(
        &mut self,
        round: u32,
        recording: &Recording,
        profile: &Profile,
    ) -> Lesson {
        let denials = recording.denials.clone().unwrap_or_default();
        let lost = denials.losses.calls;
        let profile = Meaning::of(profile, self.native);
        let Sifted { rest, own } = self.own.sift(&denials, &profile);
        let judged = audit::judge(&rest, &self.meaning);
        self.rounds = round;
        self.add(&judged.missing, Reason::Refused { round });
        Lesson { judged, own, lost }
    }

    fn add(&mut self, missing: &BTreeMap<Call, audit::Missing>, reason: Reason) {
        if !missing.is_empty() {
            let number = self.stand_ins.len() + 1;
            let id = format!("{}-{number}", self.first.run_id);
            let run = audit::as_if_made(&self.first, id.clone(), missing);
            self.reasons.insert(id, reason);
            self.stand_ins.push(run.into());
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
        let names = |calls: &BTreeSet<Call>| {
            let names: Vec<_> = calls.iter().map(ToString::to_string).collect();
            names.join(", ")
        };
        let same = (!refused_too.is_empty()).then(|| {
            let names = names(refused_too);
            format!("left out {names}: refused, as {} does", base.name)
        });
        let own = (!self.own.is_empty()).then(|| {
            let names = names(&self.own);
            format!("left out {names}: refused by a filter of the command's own")
        });
        added.chain(same).chain(own).collect()
    }
}
