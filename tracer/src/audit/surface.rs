//! How much of a base a profile leaves, and what it makes of the calls that Docker's documentation names.

use super::types::{Presence, Surface, When};
use crate::profile::{ArgumentSet, Meaning};
use crate::syscall::{self, Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// The ABIs of both, the native one first.
pub(super) fn abis(native: Abi, a: &Meaning, b: &Meaning) -> Vec<Abi> {
    let all: BTreeSet<Abi> = a.abis().iter().chain(b.abis()).copied().collect();
    let mut abis = vec![native];
    abis.extend(all.into_iter().filter(|&abi| abi != native));
    abis
}

/// How much of the base is left, per ABI.
pub(super) fn surfaces(native: Abi, profile: &Meaning, base: &Meaning) -> Vec<Surface> {
    abis(native, profile, base)
        .into_iter()
        .map(|abi| surface(abi, profile, base))
        .collect()
}

fn surface(abi: Abi, profile: &Meaning, base: &Meaning) -> Surface {
    let mut surface = Surface {
        abi,
        listed: profile.abis().contains(&abi),
        always: BTreeSet::new(),
        conditional: BTreeSet::new(),
        narrowed: BTreeSet::new(),
        dropped: BTreeSet::new(),
    };
    for call in syscall::calls(abi) {
        let in_base = base.permitted(call);
        if in_base.is_none() {
            continue;
        }
        let permitted = profile.permitted(call);
        let left = permitted.intersection(&in_base);
        let part = if permitted.is_all() {
            &mut surface.always
        } else if left.is_none() {
            &mut surface.dropped
        } else if left == in_base {
            &mut surface.conditional
        } else {
            &mut surface.narrowed
        };
        part.insert(call);
    }
    surface
}

/// What a profile makes of a name, on each ABI that it lists and that has the call. Writing a condition down takes
/// long, and most ABIs have the same: it is written once.
pub(super) fn presence_by_abi(profile: &Meaning, name: &str) -> BTreeMap<Abi, Presence> {
    let mut written: Vec<(ArgumentSet, When)> = Vec::new();
    let by_abi = called(profile, name).map(|(abi, call)| {
        let presence = presence_as(profile, call, |permitted| {
            if let Some((_, when)) = written.iter().find(|(set, _)| set == permitted) {
                return when.clone();
            }
            let when = when(permitted);
            written.push((permitted.clone(), when.clone()));
            when
        });
        (abi, presence)
    });
    by_abi.collect()
}

/// The [`Presence::degree`] of a name where the profile is most permissive; `None` where no listed ABI has the call.
pub(super) fn degree(profile: &Meaning, name: &str) -> Option<u8> {
    let unwritten = |_: &ArgumentSet| When::Unlisted;
    let all = called(profile, name);
    all.map(|(_, call)| presence_as(profile, call, unwritten).degree())
        .max()
}

/// Whether a call can be made.
pub(super) fn presence(profile: &Meaning, call: Call) -> Presence {
    presence_as(profile, call, when)
}

/// Whether a call can never be made.
pub(super) fn is_blocked(profile: &Meaning, call: Call) -> bool {
    profile.permitted(call).is_none()
}

/// The calls of that name on the ABIs that a profile lists.
fn called(profile: &Meaning, name: &str) -> impl Iterator<Item = (Abi, Call)> {
    let abis = profile.abis().iter().copied();
    abis.filter_map(move |abi| Some((abi, Call::named(abi, name)?)))
}

fn presence_as(
    profile: &Meaning,
    call: Call,
    write: impl FnOnce(&ArgumentSet) -> When,
) -> Presence {
    let permitted = profile.permitted(call);
    if permitted.is_none() {
        Presence::Blocked(profile.action(call, &[0; 6]))
    } else if permitted.is_all() {
        Presence::Allowed
    } else {
        Presence::Conditional(write(&permitted))
    }
}

/// The most alternatives that are written down.
const ALTERNATIVES_MAX: u32 = 4096;

/// How few alternatives are few enough not to try the other way, which takes long where there are many.
const ALTERNATIVES_FEW: u32 = 2;

/// The shorter of the set and its complement, as far as their diagrams tell; the set itself if they are equally short
/// and not both few.
fn when(permitted: &ArgumentSet) -> When {
    let complement = permitted.complement();
    for few in 1..=ALTERNATIVES_FEW {
        if let Some(any) = permitted.cubes_within(few) {
            return When::AnyOf(any);
        }
        if let Some(none) = complement.cubes_within(few) {
            return When::NoneOf(none);
        }
    }
    // Writing a set down takes long, so that only one of them is.
    if complement.paths() < permitted.paths() {
        let none = complement.cubes_within(ALTERNATIVES_MAX);
        return none.map_or(When::Unlisted, When::NoneOf);
    }
    let any = permitted.cubes_within(ALTERNATIVES_MAX);
    any.map_or(When::Unlisted, When::AnyOf)
}
