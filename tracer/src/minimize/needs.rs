//! Which calls a profile should permit, with which values, each with its reasons.

use super::data::RUNTIMES;
use super::demand::{Demand, Tuple, at};
use super::{Evidence, Init, Options, Portability, Reason, runtime};
use crate::profile::chance::{self, Companions};
use crate::profile::fallback::{self, Fallback, Names, Twins};
use crate::profile::floor;
use crate::recording::Runs;
use crate::syscall::{Abi, Call, catalog};
use std::collections::{BTreeMap, BTreeSet};

/// The calls to permit if the base does.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) reasons: BTreeMap<Call, BTreeSet<Reason>>,
    pub(super) demands: BTreeMap<Call, Demand>,
    /// Which values are there for which reason.
    pub(super) sources: BTreeMap<Call, Sources>,
}

/// Values of a call, each with the reasons for which it is asked.
pub(super) type Sources = BTreeMap<Tuple, BTreeSet<Reason>>;

/// What the evidence is read for.
pub(super) struct Question<'a> {
    pub(super) runs: &'a Runs,
    pub(super) evidence: &'a Evidence,
    pub(super) abis: &'a BTreeSet<Abi>,
    pub(super) options: &'a Options,
    /// Whether the base refuses a call, whatever its arguments.
    pub(super) refused: &'a dyn Fn(Call) -> bool,
}

impl Wanted {
    pub(super) fn of(question: &Question<'_>) -> Self {
        let mut wanted = Self::default();
        wanted.observed(question);
        for &abi in question.abis {
            for entry in floor::all() {
                wanted.plain(abi, &entry.names, &Reason::Floor(&entry.reason));
            }
            if question.options.portability >= Portability::Kernel {
                let vdso = &fallback::known().vdso;
                wanted.plain(abi, &vdso.names, &Reason::Vdso(&vdso.reason));
            }
            if question.options.portability >= Portability::Libc {
                let startup = &fallback::known().startup;
                wanted.plain(abi, &startup.names, &Reason::Startup(&startup.reason));
            }
        }
        wanted.runtimes(question);
        wanted.inits(question.options);
        wanted
    }

    /// What was seen, what it turns into elsewhere, what that turns into, and so on.
    fn observed(&mut self, question: &Question<'_>) {
        let mut waiting = Vec::new();
        for (reason, evidence) in by_reason(question) {
            for (call, seen) in evidence.calls() {
                if call.name().is_some() && question.abis.contains(&call.abi) {
                    self.add(call, reason.clone(), &Demand::seen(seen));
                }
            }
        }
        let calls: Vec<Call> = self.reasons.keys().copied().collect();
        for call in calls {
            self.twins(call, question.options.portability);
            waiting.push(call);
        }
        let mut done: BTreeSet<Call> = waiting.iter().copied().collect();
        while let Some(call) = waiting.pop() {
            for next in self.derived(call, question) {
                if done.insert(next) {
                    waiting.push(next);
                }
            }
        }
    }

    /// Adds what a call turns into, and says what that was.
    fn derived(&mut self, call: Call, question: &Question<'_>) -> Vec<Call> {
        let name = call.name().unwrap_or_default();
        let portability = question.options.portability;
        let mut added = Vec::new();
        if portability >= Portability::Kernel || (question.refused)(call) {
            for fallback in fallback::known()
                .kernel
                .iter()
                .filter(|known| known.is_of(name))
            {
                added.extend(self.fall_back(call, fallback));
            }
        }
        if question.options.makes_room_for_chance() {
            added.extend(self.companions(call, question));
            added.extend(self.tuning(call));
        }
        if portability >= Portability::Libc {
            for group in fallback::known()
                .libc
                .iter()
                .filter(|known| known.names.iter().any(|one| one == name))
            {
                added.extend(self.siblings(call, group, question.evidence));
            }
        }
        added
    }

    fn fall_back(&mut self, call: Call, fallback: &'static Fallback) -> Vec<Call> {
        let of = fallback
            .when
            .iter()
            .find(|name| Some(name.as_str()) == call.name());
        let reason = Reason::Fallback {
            of: of.map_or("", String::as_str),
            reason: &fallback.reason,
        };
        let mut added = Vec::new();
        for next in named(call.abi, &fallback.then).filter(|&next| next != call) {
            self.add(
                next,
                reason.clone(),
                &Demand::named(next, &fallback.arguments),
            );
            added.push(next);
        }
        added
    }

    /// What comes by chance with a call, and what gives no more power.
    fn companions(&mut self, call: Call, question: &Question<'_>) -> Vec<Call> {
        let chance = chance::known().chance.iter().map(|one| (one, false));
        let equals = chance::known().equals.iter().map(|one| (one, true));
        let name = call.name().unwrap_or_default();
        let mut added = Vec::new();
        for (one, equal) in chance.chain(equals) {
            let Some(of) = one.of(name).filter(|_| applies(one, call, question)) else {
                continue;
            };
            let reason = one.reason.as_str();
            let reason = match equal {
                true => Reason::Equal { of, reason },
                false => Reason::Chance { of, reason },
            };
            for next in named(call.abi, &one.then).filter(|&next| next != call) {
                let demand = Demand::named(next, &one.arguments);
                self.add(next, reason.clone(), &demand);
                added.push(next);
            }
        }
        added
    }

    /// The options that only tune and go with a call.
    fn tuning(&mut self, call: Call) -> Vec<Call> {
        let known = chance::known().tuning.iter();
        let name = call.name().unwrap_or_default();
        let mut added = Vec::new();
        for tuning in known.filter(|one| one.when.iter().any(|when| when == name)) {
            for next in named(call.abi, &tuning.calls) {
                let demand = Demand::beside(tuning.values(next));
                self.add(next, Reason::Tuning(&tuning.reason), &demand);
                added.push(next);
            }
        }
        added
    }

    fn siblings(&mut self, call: Call, group: &'static Names, evidence: &Evidence) -> Vec<Call> {
        let of = group
            .names
            .iter()
            .find(|name| Some(name.as_str()) == call.name());
        let reason = Reason::Sibling {
            of: of.map_or("", String::as_str),
            reason: &group.reason,
        };
        let mut added = Vec::new();
        for next in named(call.abi, &group.names).filter(|&next| next != call) {
            let demand = Demand::carried(call, evidence.seen(call), next);
            self.add(next, reason.clone(), &demand);
            added.push(next);
        }
        added
    }

    /// Adds the values that stand in for those that were seen.
    fn twins(&mut self, call: Call, portability: Portability) {
        let kernel = fallback::known()
            .kernel_values
            .iter()
            .filter(|_| portability >= Portability::Kernel);
        let libc = fallback::known()
            .libc_values
            .iter()
            .filter(|_| portability >= Portability::Libc);
        for twins in kernel.chain(libc) {
            if twins
                .calls
                .iter()
                .any(|name| Some(name.as_str()) == call.name())
            {
                let known = &self.demands[&call].tuples;
                let tuples: BTreeSet<Tuple> = &stand_ins(call, twins, known) - known;
                if !tuples.is_empty() {
                    let demand = Demand {
                        tuples,
                        ..Demand::default()
                    };
                    self.add(call, Reason::Twins(&twins.reason), &demand);
                }
            }
        }
    }

    fn runtimes(&mut self, question: &Question<'_>) {
        let options = question.options;
        for asked in &options.runtimes {
            let wanted = runtime::Wanted::new(asked, question.runs, options);
            let known = RUNTIMES
                .runtimes
                .iter()
                .filter(|known| known.name == asked.name);
            for entry in known
                .clone()
                .flat_map(|known| &known.entries)
                .filter(|entry| wanted.takes(entry))
            {
                let name = known.clone().next().map_or("", |known| known.name.as_str());
                let reason = Reason::Runtime {
                    name,
                    phase: entry.phase,
                    how: &entry.how,
                };
                // Runtimes are native programs.
                for call in named(options.native, &entry.names) {
                    self.add(call, reason.clone(), &Demand::named(call, &entry.arguments));
                }
            }
        }
    }

    fn inits(&mut self, options: &Options) {
        let takes = |chance: bool| match options.start.init {
            Init::Absent => false,
            Init::Recorded => chance,
            Init::Any => true,
        };
        for init in &RUNTIMES.inits {
            for entry in init.entries.iter().filter(|entry| takes(entry.chance)) {
                let reason = Reason::Init {
                    name: &init.name,
                    how: &entry.how,
                };
                // Inits are native programs.
                for call in named(options.native, &entry.names) {
                    self.add(call, reason.clone(), &Demand::named(call, &entry.arguments));
                }
            }
        }
    }

    fn plain(&mut self, abi: Abi, names: &[String], reason: &Reason) {
        for call in named(abi, names) {
            self.add(call, reason.clone(), &Demand::plain());
        }
    }

    fn add(&mut self, call: Call, reason: Reason, demand: &Demand) {
        let sources = self.sources.entry(call).or_default();
        for tuple in demand.tuples.iter().chain(&demand.beside) {
            let known = sources.entry(tuple.clone()).or_default();
            known.insert(reason.clone());
        }
        self.reasons.entry(call).or_default().insert(reason);
        self.demands.entry(call).or_default().add(demand);
    }
}

/// What runs show, by what they stand for.
fn by_reason(question: &Question<'_>) -> BTreeMap<Reason, Evidence> {
    let reason = |id: &String| {
        let known = question.options.stand_ins.get(id);
        known.cloned().unwrap_or(Reason::Observed)
    };
    let each: Vec<Reason> = question
        .runs
        .runs()
        .iter()
        .map(|run| reason(&run.id))
        .collect();
    let reasons: BTreeSet<&Reason> = each.iter().collect();
    let of =
        |wanted: &Reason| Evidence::of_those(question.runs, |run| each[run as usize] == *wanted);
    reasons
        .into_iter()
        .map(|reason| (reason.clone(), of(reason)))
        .collect()
}

/// Whether companions go with a call, as far as that hangs on what was seen. Only that counts here, not what
/// is derived from it, so that more evidence only ever adds.
fn applies(one: &Companions, call: Call, question: &Question<'_>) -> bool {
    let seen = |name: &String| {
        let call = Call::named(call.abi, name);
        call.and_then(|call| question.evidence.seen(call))
    };
    if !one.with.iter().all(|name| seen(name).is_some()) {
        return false;
    }
    let has = |tuple: &Tuple, (name, values): (&String, &Vec<String>)| {
        let mut known = catalog::of(call).iter();
        let argument = known.find(|known| known.name == *name)?;
        let value = at(tuple, argument.index)?;
        let decisive = |wanted: u64| match argument.values {
            catalog::Values::OneOf(mask) => value & mask == wanted & mask,
            catalog::Values::Bits { .. } => value & wanted == wanted,
        };
        let mut wanted = values
            .iter()
            .filter_map(|text| catalog::value(call, argument.index, text));
        wanted.any(decisive).then_some(())
    };
    let given = |tuple: &Tuple| one.given.iter().all(|given| has(tuple, given).is_some());
    one.given.is_empty()
        || question
            .evidence
            .seen(call)
            .is_some_and(|seen| !seen.is_exact() || seen.tuples().any(given))
}

/// The calls of these names that an ABI has.
fn named(abi: Abi, names: &[String]) -> impl Iterator<Item = Call> {
    names.iter().filter_map(move |name| Call::named(abi, name))
}

/// Whether a call has a fallback that does without it; it is then refused in a way that makes programs take
/// that.
pub(super) fn falls_back(name: &str) -> bool {
    fallback::known()
        .kernel
        .iter()
        .any(|fallback| fallback.is_of(name))
}

/// The tuples with the value of one argument replaced by those that may stand in for it.
fn stand_ins(call: Call, twins: &Twins, tuples: &BTreeSet<Tuple>) -> BTreeSet<Tuple> {
    let Some(argument) = catalog::of(call)
        .iter()
        .find(|known| known.name == twins.argument)
    else {
        return BTreeSet::new();
    };
    let values = |names: &[String]| -> BTreeSet<u64> {
        names
            .iter()
            .filter_map(|name| catalog::value(call, argument.index, name))
            .collect()
    };
    let (when, then) = (values(&twins.when), values(&twins.then));
    // Modifiers of the value stay as they are.
    let decisive = match argument.values {
        catalog::Values::OneOf(mask) => mask,
        catalog::Values::Bits { .. } => argument.mask(),
    };
    let mut found = BTreeSet::new();
    for tuple in tuples {
        let Some(value) =
            at(tuple, argument.index).filter(|value| when.contains(&(value & decisive)))
        else {
            continue;
        };
        found.extend(then.iter().map(|&other| {
            let other = value & !decisive | other;
            let replaced = tuple.iter().map(|&(index, known)| {
                (
                    index,
                    if index == argument.index {
                        other
                    } else {
                        known
                    },
                )
            });
            replaced.collect::<Tuple>()
        }));
    }
    found
}
