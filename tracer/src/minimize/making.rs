//! The way from evidence to an outcome, and how far it may be gone back.

use super::kept::Kept as Before;
use super::needs::{Question, Wanted};
use super::outcome::{bypasses, denied};
use super::values::{self, Back, Narrowed};
use super::{Evidence, Kept, Narrowing, Options, Outcome, rules};
use crate::profile::proof::Miscompiled;
use crate::profile::{ArgumentSet, Meaning, base};
use crate::recording::Runs;
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// The most steps back; then a call's rules are what the base permits.
const STEPS_MAX: u8 = 1 + values::BACK_MAX;

/// How far the rules for each name go back from the closest ones. The first step spells the same set in
/// another way; each further one permits more.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(BTreeMap<&'static str, (u8, Miscompiled)>);

impl Steps {
    /// Goes one step back, for a reason; whether there was one.
    pub(super) fn take(&mut self, name: &'static str, wrong: &Miscompiled) -> bool {
        let (taken, _) = self.0.entry(name).or_insert_with(|| (0, wrong.clone()));
        *taken += 1;
        *taken <= STEPS_MAX
    }

    /// Whether the rules for a name are spelt in the other way.
    pub(super) fn respelt(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|&(taken, _)| taken == 1)
    }

    fn of(&self, call: Call) -> Back {
        let known = call.name().and_then(|name| self.0.get(name));
        Back(known.map_or(0, |&(taken, _)| taken.saturating_sub(1)))
    }

    fn loosened(&self) -> BTreeMap<&'static str, Miscompiled> {
        let loosened = self.0.iter().filter(|(_, (taken, _))| *taken > 1);
        loosened
            .map(|(&name, (_, wrong))| (name, wrong.clone()))
            .collect()
    }
}

/// Everything that does not depend on steps back.
pub(super) struct Making<'a> {
    pub(super) options: &'a Options,
    pub(super) meaning: Meaning,
    evidence: Evidence,
    abis: BTreeSet<Abi>,
    wanted: Wanted,
    before: Before,
}

impl<'a> Making<'a> {
    pub(super) fn of(runs: &Runs, options: &'a Options) -> Self {
        let evidence = Evidence::of(runs);
        let meaning = options
            .base
            .as_ref()
            .map_or_else(Meaning::unconfined, |base| {
                Meaning::of(base, options.native)
            });
        let before = Before::of(options, &meaning);
        let mut abis = abis(&evidence, &meaning, options.native);
        abis.extend(before.abis());
        let wanted = Wanted::of(&Question {
            runs,
            evidence: &evidence,
            abis: &abis,
            options,
            refused: &|call| meaning.permitted(call).is_none(),
        });
        Self {
            options,
            meaning,
            evidence,
            abis,
            wanted,
            before,
        }
    }

    pub(super) fn outcome(&self, steps: &Steps) -> Outcome {
        let (mut permitted, mut narrowings) = narrow(self, steps);
        let mut reasons = self.wanted.reasons.clone();
        self.before
            .add(&mut permitted, &mut narrowings, &mut reasons);
        let refused = self.evidence.calls().map(|(call, _)| call);
        let refused = refused
            .filter(|call| !permitted.contains_key(call))
            .filter_map(Call::name)
            .chain(self.before.answered());
        let mut by_name = rules::by_name(&permitted, &self.abis, &self.meaning, steps);
        let base = self.options.base.as_ref();
        let native = self.options.native;
        let mut profile = rules::profile(&by_name, &self.abis, base, &refused.collect());
        let is_made = |name: &str| by_name.get(name).is_some_and(Option::is_some);
        for shut in rules::shut_multiplexers(&mut profile, is_made, native, &self.meaning) {
            by_name.remove(shut);
        }
        let is_permitted = |call: &Call| {
            let known = call.name().and_then(|name| by_name.get(name));
            known.is_some_and(Option::is_some)
        };
        reasons.retain(|call, _| is_permitted(call));
        narrowings.retain(|call, _| is_permitted(call));
        Outcome {
            bypasses: bypasses(&profile, native),
            denied: denied(&self.evidence, &by_name, &self.abis),
            profile,
            reasons,
            narrowings,
            loosened: steps.loosened(),
        }
    }
}

/// What is permitted of each call that is wanted, and what was made of its values.
fn narrow(
    making: &Making<'_>,
    steps: &Steps,
) -> (BTreeMap<Call, ArgumentSet>, BTreeMap<Call, Narrowing>) {
    let each = making.wanted.demands.iter().map(|(&call, demand)| {
        let bound = base::permitted_in_both_views(&making.meaning, call);
        let narrowed = Narrowed::of(call, making.options.precision, &bound);
        (call, demand, bound, narrowed)
    });
    let each: Vec<_> = each.filter(|(_, _, bound, _)| !bound.is_none()).collect();
    let room = values::room(
        each.iter()
            .map(|(_, demand, _, narrowed)| (narrowed, *demand)),
        making.abis.len(),
    );
    let (mut permitted, mut narrowings) = (BTreeMap::new(), BTreeMap::new());
    for (call, demand, bound, narrowed) in each {
        let (candidate, narrowing) = values::candidate(&narrowed, demand, room, steps.of(call));
        let set = candidate.intersection(&bound);
        if !set.is_none() {
            permitted.insert(call, set);
            if narrowing != Narrowing::default() {
                let mut narrowing = narrowing;
                if let Some(Kept::Tuples(tuples) | Kept::Fewer { tuples, .. }) = &mut narrowing.kept
                {
                    narrowed.within(tuples, &bound);
                    let sources = making.wanted.sources.get(&call);
                    narrowing.origins = sources
                        .map(|sources| narrowed.origins(tuples, sources))
                        .unwrap_or_default();
                }
                narrowings.insert(call, narrowing);
            }
        }
    }
    (permitted, narrowings)
}

/// The ABIs to open: the native one, and those that were used and the base knows.
fn abis(evidence: &Evidence, base: &Meaning, native: Abi) -> BTreeSet<Abi> {
    let used = evidence
        .calls()
        .map(|(call, _)| call.abi)
        .filter(|abi| base.abis().contains(abi));
    used.chain([native]).collect()
}
