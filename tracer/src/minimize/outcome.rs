//! What comes out: the profile, why it is as it is, and what it leaves out.

use super::{Evidence, Narrowing, Reason, Seen, rules};
use crate::profile::proof::Miscompiled;
use crate::profile::{ArgumentSet, Meaning, Profile, fallback, multiplexer};
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The profile.
    pub profile: Profile,
    /// Why each call is permitted.
    pub reasons: BTreeMap<Call, BTreeSet<Reason>>,
    /// What was made of the argument values of those calls that are not permitted with any.
    pub narrowings: BTreeMap<Call, Narrowing>,
    /// Names whose rules permit more than what the values seen call for, because libseccomp makes another
    /// filter of closer ones; with a call that shows it.
    pub loosened: BTreeMap<&'static str, Miscompiled>,
    /// Names whose argument rules 32-bit programs can go around, and the call by which they can.
    pub bypasses: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// What was seen and is not permitted.
    pub denied: Vec<Denied>,
}

impl Outcome {
    /// What was let through while recording and the profile refuses, where nobody knows what every program does
    /// instead: that was not observed.
    pub fn unobserved(&self) -> impl Iterator<Item = &Denied> {
        self.denied.iter().filter(|denied| {
            let known = fallback::known().kernel.iter();
            let name = denied.call.name();
            let mut known = known.filter(|one| name.is_some_and(|name| one.is_of(name)));
            name.is_some() && !known.any(|one| one.every_program)
        })
    }
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
    /// What the base permits of the call takes more equalities and masks than a filter can hold.
    Unwritable,
}

/// The names whose rules look at arguments, if 32-bit programs can make them by a call that hides these.
pub(super) fn bypasses(
    profile: &Profile,
    native: Abi,
) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
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

/// What was seen and is not permitted.
pub(super) fn denied(
    evidence: &Evidence,
    permitted: &rules::ByName,
    abis: &BTreeSet<Abi>,
) -> Vec<Denied> {
    let cause = |call: Call, seen: &Seen| {
        let Some(name) = call.name() else {
            return Some(Cause::Nameless);
        };
        let Some(known) = permitted.get(name).filter(|_| abis.contains(&call.abi)) else {
            return Some(Cause::Base);
        };
        let Some(known) = known else {
            return Some(Cause::Unwritable);
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
