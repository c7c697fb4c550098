//! Reading what the kernel side has counted: of all scopes, put together for each target.

use super::ledgers::Ledgers;
use super::past;
use super::watch::Target;
use crate::probe::{ProbeError, Refused, Side, Snapshot};
use std::collections::BTreeMap;

/// Everything that is kept of each target, by the place of its ledger.
pub(super) fn everything(
    probe: &dyn Side,
    ledgers: &mut Ledgers,
    target: &dyn Target,
) -> Result<BTreeMap<u32, (Snapshot, Refused)>, ProbeError> {
    let mut counts: BTreeMap<u32, (Snapshot, Refused)> = BTreeMap::new();
    for slot in slots(probe, ledgers, target)? {
        let (snapshot, refused) = counts.entry(ledgers.place(slot)).or_default();
        let mut scope = probe.snapshot(slot)?;
        ledgers.of(slot).keep_own(slot, &mut scope);
        past::add(snapshot, &scope);
        add_refused(refused, probe.refused(slot)?);
    }
    Ok(counts)
}

/// Notes the clients of engines that were executed.
pub(super) fn note_clients(
    probe: &dyn Side,
    ledgers: &mut Ledgers,
    target: &dyn Target,
) -> Result<(), ProbeError> {
    for slot in slots(probe, ledgers, target)? {
        let clients = probe.clients(slot)?;
        let ledger = ledgers.of(slot);
        clients.iter().for_each(|name| ledger.note_program(name));
    }
    Ok(())
}

/// The slots to read: those found, or the one that there is.
pub(super) fn slots(
    probe: &dyn Side,
    ledgers: &Ledgers,
    target: &dyn Target,
) -> Result<Vec<u32>, ProbeError> {
    let mut found = probe.slots()?;
    found.retain(|&(_, id)| target.is_own(id));
    let has_scopes = ledgers.iter().any(|ledger| !ledger.cgroup_ids().is_empty());
    if found.is_empty() && !has_scopes && !ledgers.is_apart() {
        return Ok(vec![0]);
    }
    Ok(found.into_iter().map(|(slot, _)| slot).collect())
}

/// As [`past::add`], for refused calls.
fn add_refused(sum: &mut Refused, other: Refused) {
    for (key, call) in other {
        let known = sum.entry(key).or_default();
        known.count += call.count;
        known.indexes = call.indexes;
        for (values, count) in call.tuples {
            *known.tuples.entry(values).or_default() += count;
        }
    }
}
