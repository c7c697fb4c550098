//! From what was seen to the smallest profile that permits it again.
//!
//! facts → + floor, runtime, fallbacks (each with its reason) → argument rules → ∩ base → profile.
//! Pure: the same evidence gives the same profile, whatever its order, and more evidence never takes a
//! permission away.

mod cover;
mod cube;
mod data;
mod demand;
mod evidence;
mod level;
mod needs;
mod reason;
mod rules;
mod runtime;
mod values;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use data::Phase;
pub use evidence::{Evidence, Seen};
pub use level::{Portability, Precision};
pub use reason::Reason;
pub use runtime::{RuntimeRelease, known_runtimes};
pub use values::{Kept, Narrowing};

use crate::profile::{ArgumentSet, Meaning, Profile, base, multiplexer};
use crate::recording::Runs;
use crate::syscall::{Abi, Call};
use needs::{Question, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use values::Narrowed;

/// What a profile is made for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The profile that must not be exceeded, resolved; `None` for no bound.
    pub base: Option<Profile>,
    /// Native ABI of the host.
    pub native: Abi,
    /// Runtimes that will start the container; empty when none will.
    pub runtimes: BTreeSet<RuntimeRelease>,
    /// Whether the runtime installs the filter late, because no_new_privs is set for certain.
    pub late: bool,
    /// How far argument values are narrowed.
    pub precision: Precision,
    /// Where the profile must hold.
    pub portability: Portability,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The profile.
    pub profile: Profile,
    /// Why each call is permitted.
    pub reasons: BTreeMap<Call, BTreeSet<Reason>>,
    /// What was made of the argument values of those calls that are not permitted with any.
    pub narrowings: BTreeMap<Call, Narrowing>,
    /// Names whose argument rules 32-bit programs can go around, and the call by which they can.
    pub bypasses: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// What was seen and is not permitted.
    pub denied: Vec<Denied>,
}

/// Something that was seen and that the profile does not permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The call.
    pub call: Call,
    /// Why.
    pub cause: Cause,
}

/// Why something that was seen is not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The base permits no such call.
    Base,
    /// The base permits the call, but not with these argument values (by position).
    Values(Vec<Vec<(u8, u64)>>),
    /// The number has no name, and profiles have no other way to speak of it.
    Nameless,
}

/// Makes the profile.
#[must_use]
pub fn minimize(runs: &Runs, options: &Options) -> Outcome {
    let evidence = Evidence::of(runs);
    let meaning = options
        .base
        .as_ref()
        .map_or_else(Meaning::unconfined, |base| {
            Meaning::of(base, options.native)
        });
    let abis = abis(&evidence, &meaning, options.native);
    let wanted = Wanted::of(&Question {
        runs,
        evidence: &evidence,
        abis: &abis,
        options,
        refused: &|call| meaning.permitted(call).is_none(),
    });
    let (permitted, mut narrowings) = narrow(&wanted, &abis, options, &meaning);
    let refused = evidence.calls().map(|(call, _)| call);
    let refused = refused
        .filter(|call| !permitted.contains_key(call))
        .filter_map(Call::name);
    let mut by_name = rules::by_name(&permitted, &abis, &meaning);
    let mut profile = rules::profile(&by_name, &abis, options.base.as_ref(), &refused.collect());
    rules::shut_multiplexers(&mut profile, &mut by_name, options.native, &meaning);
    let is_permitted = |call: &Call| call.name().is_some_and(|name| by_name.contains_key(name));
    let mut reasons = wanted.reasons;
    reasons.retain(|call, _| is_permitted(call));
    narrowings.retain(|call, _| is_permitted(call));
    Outcome {
        bypasses: bypasses(&profile, options.native),
        denied: denied(&evidence, &by_name, &abis),
        profile,
        reasons,
        narrowings,
    }
}

/// What is permitted of each call that is wanted, and what was made of its values.
fn narrow(
    wanted: &Wanted,
    abis: &BTreeSet<Abi>,
    options: &Options,
    meaning: &Meaning,
) -> (BTreeMap<Call, ArgumentSet>, BTreeMap<Call, Narrowing>) {
    let each = wanted.demands.iter().map(|(&call, demand)| {
        let bound = base::permitted_in_both_views(meaning, call);
        let narrowed = Narrowed::of(call, options.precision, &bound);
        (call, demand, bound, narrowed)
    });
    let each: Vec<_> = each.filter(|(_, _, bound, _)| !bound.is_none()).collect();
    let room = values::room(
        each.iter()
            .map(|(_, demand, _, narrowed)| (narrowed, *demand)),
        abis.len(),
    );
    let (mut permitted, mut narrowings) = (BTreeMap::new(), BTreeMap::new());
    for (call, demand, bound, narrowed) in each {
        let (candidate, narrowing) = values::candidate(&narrowed, demand, room);
        let set = candidate.intersection(&bound);
        if !set.is_none() {
            permitted.insert(call, set);
            if narrowing != Narrowing::default() {
                narrowings.insert(call, narrowing);
            }
        }
    }
    (permitted, narrowings)
}

/// The names whose rules look at arguments, if 32-bit programs can make them by a call that hides these.
fn bypasses(profile: &Profile, native: Abi) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut bypasses: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    if !profile.abis.contains(&Abi::I386) {
        return bypasses;
    }
    let meaning = Meaning::of(profile, native);
    let conditional = profile
        .rules
        .iter()
        .filter(|rule| !rule.conditions.is_empty());
    for name in conditional.flat_map(|rule| &rule.names) {
        let Some((by, sub_call)) = multiplexer(name) else {
            continue;
        };
        let reached = Call::named(Abi::I386, by).map(|call| meaning.permitted(call));
        let this = ArgumentSet::masked(0, u64::from(u32::MAX), sub_call);
        if reached.is_some_and(|reached| !reached.intersection(&this).is_none()) {
            let known = Call::named(Abi::I386, name).or_else(|| Call::named(native, name));
            bypasses
                .entry(by)
                .or_default()
                .extend(known.and_then(Call::name));
        }
    }
    bypasses
}

/// The ABIs to open: the native one, and those that were used and the base knows.
fn abis(evidence: &Evidence, base: &Meaning, native: Abi) -> BTreeSet<Abi> {
    let used = evidence
        .calls()
        .map(|(call, _)| call.abi)
        .filter(|abi| base.abis().contains(abi));
    used.chain([native]).collect()
}

fn denied(evidence: &Evidence, permitted: &rules::ByName, abis: &BTreeSet<Abi>) -> Vec<Denied> {
    let cause = |call: Call, seen: &Seen| {
        let Some(name) = call.name() else {
            return Some(Cause::Nameless);
        };
        let Some(known) = permitted.get(name).filter(|_| abis.contains(&call.abi)) else {
            return Some(Cause::Base);
        };
        let refused = |values: &&Vec<(u8, u64)>| !known.set.contains(&rules::registers(values));
        let values: Vec<_> = seen.tuples().filter(refused).cloned().collect();
        (!values.is_empty()).then_some(Cause::Values(values))
    };
    let each = evidence
        .calls()
        .filter_map(|(call, seen)| cause(call, seen).map(|cause| Denied { call, cause }));
    each.collect()
}
