//! From what was seen to the smallest profile that permits it again.
//!
//! facts → + floor, runtime, fallbacks (each with its reason) → argument rules → ∩ base → profile.
//! Pure: the same evidence gives the same profile, whatever its order, and more evidence never takes a
//! permission away.

mod evidence;
mod needs;
mod rules;

#[cfg(test)]
mod laws;

pub use evidence::{Evidence, Seen};
pub use needs::{Reason, known_runtimes};

use crate::profile::{ArgumentSet, Meaning, Profile, base};
use crate::recording::Runs;
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// What a profile is made for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The profile that must not be exceeded, resolved; `None` for no bound.
    pub base: Option<Profile>,
    /// Native ABI of the host.
    pub native: Abi,
    /// Runtimes that will start the container; empty when none will.
    pub runtimes: BTreeSet<String>,
    /// Whether the runtime installs the filter late, because no_new_privs is set for certain.
    pub late: bool,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The profile.
    pub profile: Profile,
    /// Why each call is permitted.
    pub reasons: BTreeMap<Call, BTreeSet<Reason>>,
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
    let wanted = needs::wanted(&evidence, &abis, options);
    let mut permitted = BTreeMap::new();
    let mut reasons = BTreeMap::new();
    for (call, why) in wanted {
        let bound = base::permitted_in_both_views(&meaning, call);
        let set = rules::candidate(call, evidence.seen(call)).intersection(&bound);
        if !set.is_none() {
            permitted.insert(call, set);
            reasons.insert(call, why);
        }
    }
    let profile = rules::profile(&permitted, &abis, options.base.as_ref(), &meaning);
    let denied = denied(&evidence, &permitted);
    Outcome {
        profile,
        reasons,
        denied,
    }
}

/// The ABIs to open: the native one, and those that were used and the base knows.
fn abis(evidence: &Evidence, base: &Meaning, native: Abi) -> BTreeSet<Abi> {
    let used = evidence
        .calls()
        .map(|(call, _)| call.abi)
        .filter(|abi| base.abis().contains(abi));
    used.chain([native]).collect()
}

fn denied(evidence: &Evidence, permitted: &BTreeMap<Call, ArgumentSet>) -> Vec<Denied> {
    let cause = |call: Call, seen: &Seen| {
        if call.name().is_none() {
            return Some(Cause::Nameless);
        }
        let Some(set) = permitted.get(&call) else {
            return Some(Cause::Base);
        };
        let refused = |values: &&Vec<(u8, u64)>| !set.contains(&rules::registers(values));
        let values: Vec<_> = seen.tuples().filter(refused).cloned().collect();
        (!values.is_empty()).then_some(Cause::Values(values))
    };
    let each = evidence
        .calls()
        .filter_map(|(call, seen)| cause(call, seen).map(|cause| Denied { call, cause }));
    each.collect()
}
