//! Refused calls, read out of the kernel side's maps.

use super::attach::{ProbeError, map_error, take};
use super::counts::Wire;
use super::sighting::denial_key;
use crate::recording::DenialKey;
use crate::syscall::{Call, catalog};
use aya::maps::{Map, MapData, PerCpuHashMap};
use aya::{Ebpf, EbpfLoader};
use seccomp_tracer_ebpf as wire;
use std::collections::BTreeMap;

/// Refused calls, and tuples of them, that there is room for. A program would have to try every call with every
/// errno to fill it.
const DENIALS_MAX: u32 = 1 << 12;
const DENIED_TUPLES_MAX: u32 = 1 << 13;

/// Every refused call of one scope.
pub type Refused = BTreeMap<DenialKey, RefusedCount>;

/// What is kept for one refused call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedCount {
    /// How often it was refused, on all CPUs together.
    pub count: u64,
    /// The tracked argument positions; empty when none are.
    pub indexes: Vec<u8>,
    /// How often each tuple was refused; as many values as indexes.
    pub tuples: BTreeMap<Vec<u64>, u64>,
}

/// The maps with refused calls.
pub(super) struct Maps {
    calls: PerCpuHashMap<MapData, Wire<wire::DenialKey>, u64>,
    tuples: PerCpuHashMap<MapData, Wire<wire::DeniedTupleKey>, u64>,
}

/// Makes room for what will be refused.
pub(super) fn make_room(loader: &mut EbpfLoader<'_>) {
    let groups = wire::TASKS_MAX / wire::PLACES_LEN;
    loader
        .map_max_entries("PLACES", groups)
        .map_max_entries("DENIALS", DENIALS_MAX)
        .map_max_entries("DENIED_TUPLES", DENIED_TUPLES_MAX);
}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, ProbeError> {
        Ok(Self {
            calls: take(ebpf, "DENIALS")?,
            tuples: take(ebpf, "DENIED_TUPLES")?,
        })
    }

    /// The same of another user space.
    pub(super) fn of(
        map: impl Fn(&'static str) -> Result<Map, ProbeError>,
    ) -> Result<Self, ProbeError> {
        let typed = |name| map(name)?.try_into().map_err(map_error(name));
        Ok(Self {
            calls: typed("DENIALS")?,
            tuples: map("DENIED_TUPLES")?
                .try_into()
                .map_err(map_error("DENIED_TUPLES"))?,
        })
    }

    /// Reads everything kept for a scope.
    pub(super) fn read(&self, slot: u32) -> Result<Refused, ProbeError> {
        let mut refused = Refused::new();
        for entry in self.calls.iter() {
            let (Wire(key), counts) = entry.map_err(map_error("DENIALS"))?;
            if key.slot != slot {
                continue;
            }
            if let Some(key) = denial_key(key.abi, key.number, key.answer) {
                let kept = RefusedCount {
                    count: counts.iter().sum(),
                    indexes: indexes(key.call),
                    tuples: BTreeMap::new(),
                };
                refused.insert(key, kept);
            }
        }
        for entry in self.tuples.iter() {
            let (Wire(key), counts) = entry.map_err(map_error("DENIED_TUPLES"))?;
            let wire::DeniedTupleKey { denial, values } = key;
            if denial.slot != slot {
                continue;
            }
            let key = denial_key(denial.abi, denial.number, denial.answer);
            // One that was refused after its call was read is in the next reading.
            if let Some(kept) = key.and_then(|key| refused.get_mut(&key)) {
                let values = values[..kept.indexes.len()].to_vec();
                kept.tuples.insert(values, counts.iter().sum());
            }
        }
        Ok(refused)
    }
}

/// The tracked argument positions of a call.
fn indexes(call: Call) -> Vec<u8> {
    let tracked = call.name().map_or(&[][..], catalog::tracked);
    tracked.iter().map(|argument| argument.index).collect()
}
