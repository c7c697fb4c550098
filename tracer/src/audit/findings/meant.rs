//! What there is to say about what a profile means: which calls it permits and refuses.

use super::places::Places;
use super::{Examined, Finding, Matter};
use crate::audit::exploits::Reach;
use crate::audit::rules::Severity;
use crate::audit::types::Excess;
use crate::profile::{Action, ArgumentSet, compare, fallback, floor, multiplexed_calls};
use crate::syscall::{self, Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// `ENOSYS`.
const ENOSYS: u16 = 38;

pub(super) fn findings(
    examined: &Examined<'_>,
    beyond: &[Excess],
    places: &Places<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let beyond = beyond.iter().cloned();
    findings.extend(beyond.map(|excess| {
        let place = places.shown(excess.call, Some(excess.witness));
        Finding::new(Matter::Beyond(excess), place)
    }));
    truncated(examined, places, &mut findings);
    multiplexed(examined, places, &mut findings);
    io_uring(examined, places, &mut findings);
    let default_action = examined.profile.default_action;
    if is_weak(default_action) {
        let matter = Matter::WeakDefault(default_action);
        findings.push(Finding::new(matter, places.default_action()));
    }
    for exposed in examined.exposure {
        if exposed.counts() && exposed.reach != Reach::Stopped {
            let place = exposed.example;
            let place = place.map(|one| places.shown(one.call, Some(one.witness)));
            let place = place.unwrap_or_else(|| places.default_action());
            findings.push(Finding::new(Matter::Exploit(*exposed), place));
        }
    }
    missing(examined, places, &mut findings);
    needs_enosys(examined, places, &mut findings);
    findings
}

/// Anything but a refusal that the program notices.
const fn is_weak(action: Action) -> bool {
    match action {
        Action::Allow | Action::Log | Action::Trace(_) | Action::Notify | Action::Errno(0) => true,
        Action::Errno(_) | Action::Trap | Action::KillThread | Action::KillProcess => false,
    }
}

/// Calls of which some registers pass that are cut to values which do not, unless that is beyond the base
/// and said already.
fn truncated(examined: &Examined<'_>, places: &Places<'_>, findings: &mut Vec<Finding>) {
    let said: BTreeSet<Call> = findings
        .iter()
        .filter_map(|finding| match &finding.matter {
            Matter::Beyond(excess) => Some(excess.call),
            _ => None,
        })
        .collect();
    for call in calls(examined) {
        let permitted = examined.meaning.permitted(call);
        if said.contains(&call) || permitted.is_all() {
            continue;
        }
        let spelt = compare::as_spelt_by_callers(call, &permitted);
        if let Some(witness) = permitted.difference(&spelt).witness() {
            let matter = Matter::Truncated { call, witness };
            findings.push(Finding::new(matter, places.shown(call, Some(witness))));
        }
    }
}

/// Every named call of the ABIs that the filter knows.
fn calls(examined: &Examined<'_>) -> impl Iterator<Item = Call> {
    let abis: Vec<Abi> = examined.meaning.abis().iter().copied().collect();
    abis.into_iter().flat_map(syscall::calls)
}

/// Calls of i386 that do what calls of the native ABI must not, or not always.
fn multiplexed(examined: &Examined<'_>, places: &Places<'_>, findings: &mut Vec<Finding>) {
    if !examined.meaning.abis().contains(&Abi::I386) {
        return;
    }
    let mut open: BTreeMap<Call, BTreeSet<&'static str>> = BTreeMap::new();
    for (multiplexer, number, name) in multiplexed_calls() {
        let native = Call::named(examined.circumstances.host, name);
        let (Some(native), Some(multiplexer)) = (native, Call::named(Abi::I386, multiplexer))
        else {
            continue;
        };
        let number = ArgumentSet::masked(0, u64::from(u32::MAX), number);
        let reached = examined
            .meaning
            .permitted(multiplexer)
            .intersection(&number);
        if !reached.is_none() && !examined.meaning.permitted(native).is_all() {
            open.entry(multiplexer).or_default().insert(name);
        }
    }
    for (call, names) in open {
        let place = places.architectures().or_else(|| places.permitted(call));
        let mut finding = Finding::new(Matter::Multiplexed { call, names }, place);
        // What everybody's containers have open, too, may stay so.
        if examined
            .base
            .is_some_and(|base| !base.permitted(call).is_none())
        {
            finding.severity = Severity::Low;
        }
        findings.push(finding);
    }
}

fn io_uring(examined: &Examined<'_>, places: &Places<'_>, findings: &mut Vec<Finding>) {
    let mut set_up = calls(examined).filter(|call| call.name() == Some("io_uring_setup"));
    let open = set_up.find(|&call| !examined.meaning.permitted(call).is_none());
    if let Some(call) = open {
        findings.push(Finding::new(Matter::IoUring(call), places.permitted(call)));
    }
}

/// What is done with a call, if it is never made.
fn refusal(examined: &Examined<'_>, call: Call) -> Option<Action> {
    let refused = examined.meaning.permitted(call).complement();
    let witness = refused.witness()?;
    Some(examined.meaning.action(call, &witness))
}

/// Calls that everybody needs and that are refused, for some arguments at least. Told once for a name, for
/// the native ABI if it is so there.
fn missing(examined: &Examined<'_>, places: &Places<'_>, findings: &mut Vec<Finding>) {
    for entry in floor::all() {
        for name in &entry.names {
            let found = named(examined, name)
                .find_map(|call| refusal(examined, call).map(|action| (call, action)));
            if let Some((call, action)) = found {
                let reason = entry.reason.as_str();
                let matter = Matter::Missing {
                    call,
                    action,
                    reason,
                };
                findings.push(Finding::new(matter, places.refused(call)));
            }
        }
    }
}

/// The call of that name on each ABI of the profile that has it, the native one first.
fn named<'a>(examined: &'a Examined<'_>, name: &'a str) -> impl Iterator<Item = Call> + 'a {
    let host = examined.circumstances.host;
    let others = examined.meaning.abis().iter().copied();
    let others = others.filter(move |&abi| abi != host);
    let abis = std::iter::once(host).chain(others);
    abis.filter_map(move |abi| Call::named(abi, name))
}

/// Calls that are refused otherwise than with `ENOSYS`, while what would be used instead is permitted. Told
/// once for a name. Where a call is permitted with some arguments, there is nothing to fall back from: who were
/// told of one value that the call does not exist would not make it with the others either.
fn needs_enosys(examined: &Examined<'_>, places: &Places<'_>, findings: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    for (name, fallback, reason) in fallback::unasked() {
        let found = named(examined, name).find_map(|call| {
            if !examined.meaning.permitted(call).is_none() {
                return None;
            }
            let action = refusal(examined, call)?;
            let (other, instead) = fallback.instead(call.abi)?;
            let helps = !examined.meaning.permitted(other).is_none();
            (helps && action != Action::Errno(ENOSYS)).then_some((call, action, instead))
        });
        let Some((call, action, instead)) = found else {
            continue;
        };
        if told.insert(name) {
            let matter = Matter::NeedsEnosys {
                call,
                action,
                instead,
                reason,
            };
            findings.push(Finding::new(matter, places.refused(call)));
        }
    }
}
