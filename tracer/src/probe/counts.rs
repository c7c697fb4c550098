//! What the kernel side has kept, read out of its maps.

use super::attach::{Maps, ProbeError, map_error};
use super::sighting::fact_key;
use crate::recording::{self, DenialLosses, FactKey, Loss, Losses};
use crate::syscall::catalog;
use aya::Pod;
use seccomp_tracer_ebpf as wire;
use std::collections::{BTreeMap, BTreeSet};

/// Everything kept for one scope.
pub type Snapshot = BTreeMap<FactKey, CallCount>;

/// What is kept for one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallCount {
    /// How often it was made, on all CPUs together.
    pub count: u64,
    /// The tracked argument positions; empty when none are.
    pub indexes: Vec<u8>,
    /// How often each tuple was seen; as many values as indexes.
    pub tuples: BTreeMap<Vec<u64>, u64>,
    /// Whether there were more tuples than were kept.
    pub unbounded: bool,
}

/// A wire type as a map value or key.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Wire<T>(pub(super) T);

// SAFETY: the wire types are `repr(C)`, integers only, without padding, so any bytes are a value.
unsafe impl Pod for Wire<wire::CallTable> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Near> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::TupleKey> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::DenialKey> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::DeniedTupleKey> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::OddKey> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::TupleCount> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Tracked> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Seen> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Config> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Offsets> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Counters> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Executed> {}
// SAFETY: as above.
unsafe impl Pod for Wire<wire::Path> {}

/// Reads everything kept for a scope.
pub(super) fn snapshot(maps: &Maps, slot: u32) -> Result<Snapshot, ProbeError> {
    let (mut snapshots, _) = snapshots(maps, &[slot].into())?;
    Ok(snapshots.remove(&slot).unwrap_or_default())
}

/// Reads everything kept for some scopes; what all scopes share is read once. Says how full that is.
pub(super) fn snapshots(
    maps: &Maps,
    slots: &BTreeSet<u32>,
) -> Result<(BTreeMap<u32, Snapshot>, Shared), ProbeError> {
    let read = |&slot: &u32| table(maps, slot).map(|table| (slot, table));
    let mut all = slots.iter().map(read).collect::<Result<_, _>>()?;
    let shared = Shared {
        odd_calls: odd_calls(maps, &mut all)?,
        tuples: tuples(maps, &mut all)?,
    };
    for (&slot, snapshot) in &mut all {
        near_tuples(maps, slot, snapshot)?;
        unbounded(maps, slot, snapshot)?;
    }
    Ok((all, shared))
}

/// How many entries the maps have that all scopes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) tuples: usize,
    pub(super) odd_calls: usize,
}

/// Reads calls and how often they were made, without arguments.
pub(super) fn calls(maps: &Maps, slot: u32) -> Result<Snapshot, ProbeError> {
    let mut all = [(slot, table(maps, slot)?)].into();
    odd_calls(maps, &mut all)?;
    Ok(all.remove(&slot).unwrap_or_default())
}

/// The calls that have a place in the table.
fn table(maps: &Maps, slot: u32) -> Result<Snapshot, ProbeError> {
    let mut snapshot = Snapshot::new();
    let tables = maps.calls.get(&slot, 0).map_err(map_error("CALLS"))?;
    for (index, at) in (0..wire::SLOT_LEN).zip(0..) {
        let count = tables.iter().map(|Wire(table)| table[at]).sum();
        let (abi, filtered, number) = wire::table_call(index);
        add(&mut snapshot, fact_key(abi, filtered, number), count);
    }
    Ok(snapshot)
}

/// The calls that have none.
fn odd_calls(maps: &Maps, all: &mut BTreeMap<u32, Snapshot>) -> Result<usize, ProbeError> {
    let mut entries = 0;
    for entry in maps.odd_calls.iter() {
        let (Wire(key), counts) = entry.map_err(map_error("ODD_CALLS"))?;
        entries += 1;
        if let Some(snapshot) = all.get_mut(&key.slot) {
            let fact = fact_key(key.abi, key.filtered != 0, key.number);
            add(snapshot, fact, counts.iter().sum());
        }
    }
    Ok(entries)
}

fn add(snapshot: &mut Snapshot, key: Option<FactKey>, count: u64) {
    let Some(key) = key.filter(|_| count > 0) else {
        return;
    };
    let tracked = catalog::of(key.call);
    let indexes = tracked.iter().map(|argument| argument.index).collect();
    snapshot.insert(
        key,
        CallCount {
            count,
            indexes,
            ..CallCount::default()
        },
    );
}

fn tuples(maps: &Maps, all: &mut BTreeMap<u32, Snapshot>) -> Result<usize, ProbeError> {
    let mut entries = 0;
    for entry in maps.tuples.iter() {
        let (Wire(key), counts) = entry.map_err(map_error("TUPLES"))?;
        entries += 1;
        if let Some(snapshot) = all.get_mut(&key.slot) {
            add_tuple(snapshot, key.index, &key.values, counts.iter().sum());
        }
    }
    Ok(entries)
}

/// Adds what was counted in place to what the hash has.
fn near_tuples(maps: &Maps, slot: u32, snapshot: &mut Snapshot) -> Result<(), ProbeError> {
    let near = maps.near.get(&slot, 0).map_err(map_error("NEAR"))?;
    for near in near.iter().flat_map(|Wire(near)| &near.tuples) {
        let index = near.call.checked_sub(1);
        if let Some(index) = index.and_then(|index| u32::try_from(index).ok()) {
            add_tuple(snapshot, index, &near.values, near.count);
        }
    }
    Ok(())
}

fn add_tuple(snapshot: &mut Snapshot, index: u32, values: &[u64; wire::TUPLE_LEN], count: u64) {
    let (abi, filtered, number) = wire::table_call(index);
    let known = fact_key(abi, filtered, number).and_then(|key| snapshot.get_mut(&key));
    // A call that was made after its count was read is in the next snapshot.
    if let Some(call) = known {
        let values = values[..call.indexes.len()].to_vec();
        *call.tuples.entry(values).or_default() += count;
    }
}

fn unbounded(maps: &Maps, slot: u32, snapshot: &mut Snapshot) -> Result<(), ProbeError> {
    for (key, call) in snapshot {
        let abi = wire_abi(*key);
        let Some(index) = wire::table_index(abi, key.filtered, key.call.number) else {
            continue;
        };
        let at = slot * wire::SLOT_LEN + index;
        let Wire(count) = maps
            .tuple_counts
            .get(&at, 0)
            .map_err(map_error("TUPLE_COUNTS"))?;
        call.unbounded = count.unbounded != 0;
    }
    Ok(())
}

/// What could not be kept of all scopes together; how often the program was skipped is known elsewhere.
pub(super) fn losses(maps: &Maps, skipped: u64) -> Result<Losses, ProbeError> {
    let mut losses = named(&all_counters(maps)?);
    losses.set(Loss::Recursion, skipped);
    Ok(losses)
}

/// What could not be kept of one scope.
pub(super) fn losses_of(maps: &Maps, slot: u32) -> Result<Losses, ProbeError> {
    let mut losses = named(&counters(maps, slot)?);
    // Of scopes that there was no room for.
    losses.set(Loss::ScopesFull, 0);
    Ok(losses)
}

/// The counters of all scopes together.
pub(super) fn all_counters(maps: &Maps) -> Result<wire::Counters, ProbeError> {
    let mut sum = wire::Counters::default();
    for slot in 0..maps.counters.len() {
        add_counters(&mut sum, &counters(maps, slot)?);
    }
    Ok(sum)
}

/// The counters of one scope, of all CPUs together.
pub(super) fn counters(maps: &Maps, slot: u32) -> Result<wire::Counters, ProbeError> {
    let values = maps.counters.get(&slot, 0).map_err(map_error("COUNTERS"))?;
    let mut sum = wire::Counters::default();
    for Wire(one) in values.iter() {
        add_counters(&mut sum, one);
    }
    Ok(sum)
}

pub(super) fn add_counters(sum: &mut wire::Counters, more: &wire::Counters) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

pub(super) fn named(counters: &wire::Counters) -> Losses {
    let counter = |index: u32| counters[index as usize];
    let mut losses = Losses::default();
    losses.set(Loss::UnknownAbi, counter(wire::counter::UNKNOWN_ABI));
    losses.set(Loss::OddNumberMapFull, counter(wire::counter::ODD_FULL));
    losses.set(Loss::MapError, counter(wire::counter::MAP_ERROR));
    losses.set(Loss::ScopesFull, counter(wire::counter::SCOPES_FULL));
    losses.set(Loss::Sighting, counter(wire::counter::EVENT));
    let left = counter(wire::counter::LEFT) + counter(wire::counter::MEMBERS_FULL);
    losses.set(Loss::Left, left);
    losses
}

/// What could not be kept of what was refused, of all scopes together.
pub(super) fn denial_losses(maps: &Maps, skipped: u64) -> Result<DenialLosses, ProbeError> {
    let counters = all_counters(maps)?;
    let counter = |index: u32| counters[index as usize];
    let not_kept = [
        wire::counter::DENIALS_FULL,
        wire::counter::SCOPES_FULL,
        wire::counter::UNKNOWN_ABI,
    ];
    Ok(DenialLosses {
        calls: not_kept.into_iter().map(counter).sum::<u64>() + skipped,
        arguments: counter(wire::counter::DENIED_TUPLES_FULL),
        unjudged: counter(wire::counter::UNJUDGED),
    })
}

/// The clients of engines that were executed in a scope.
pub(super) fn clients(maps: &Maps, slot: u32) -> Result<Vec<&'static str>, ProbeError> {
    let executed = maps.executed.get(&slot, 0);
    let Wire(executed) = executed.map_err(map_error("EXECUTED"))?;
    let all = recording::CLIENTS.into_iter().zip(executed);
    Ok(all
        .filter_map(|(name, was)| (was != 0).then_some(name))
        .collect())
}

/// Keeps in mind that a process is in a scope.
pub(super) fn follow(maps: &mut Maps, pid: u32, slot: u32) -> Result<(), ProbeError> {
    let kept = maps.members.insert(&pid, &slot, 0);
    kept.map_err(map_error("MEMBERS"))
}

fn wire_abi(key: FactKey) -> u32 {
    let same = |&index: &u32| super::sighting::abi(index) == Some(key.call.abi);
    (0..wire::abi::COUNT).find(same).unwrap_or(wire::abi::COUNT)
}
