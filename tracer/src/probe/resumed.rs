//! The kernel side of a recording whose user space died, picked up: what is pinned of it.

use super::attach::{Maps, ProbeError, map_error};
use super::counts::{self, Snapshot};
use super::hook;
use super::kept::Kept;
use super::programs;
use super::refused::{self, Refused};
use super::side::Side;
use super::sighting::Event;
use crate::recording::{DenialLosses, Losses};
use aya::maps::{Array, Map, MapData, MapError, RingBuf};
use seccomp_tracer_ebpf as wire;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What is left of it.
pub struct Resumed {
    kept: Kept,
    maps: Maps,
    refused: refused::Maps,
    armed: Array<MapData, u64>,
    events: RingBuf<MapData>,
    programs: Vec<(String, OwnedFd)>,
    /// Whether what the kernel skipped may have been the scope's.
    may_skip: bool,
}

impl Resumed {
    /// Picks it up.
    ///
    /// # Errors
    ///
    /// [`ProbeError`] if what is pinned cannot be used.
    pub fn pick_up(kept: Kept) -> Result<Self, ProbeError> {
        let maps = maps(&kept)?;
        let refused = refused::Maps::of(|name| kept.map(name))?;
        let armed = typed(kept.map("ARMED")?, "ARMED")?;
        let events = typed(kept.map("EVENTS")?, "EVENTS")?;
        let programs = kept.programs();
        let may_skip = programs::may_skip_when_pinned(&programs)?;
        Ok(Self {
            kept,
            maps,
            refused,
            armed,
            events,
            programs,
            may_skip,
        })
    }

    /// Whether the target's start was seen, for a recording that waits for one.
    #[must_use]
    pub fn has_started(&self) -> bool {
        let states = self.armed.iter().flatten();
        let waiting = [wire::armed::NOT_YET, wire::armed::AT_EXEC];
        states.into_iter().any(|state| !waiting.contains(&state))
    }

    fn skipped(&self, hooks: &[&hook::Hook]) -> u64 {
        if !self.may_skip {
            return 0;
        }
        let programs = self.programs.iter();
        let of_hook = programs.filter(|(name, _)| hooks.iter().any(|hook| hook.is_called(name)));
        of_hook.map(|(_, fd)| hook::skipped(fd.as_fd())).sum()
    }
}

impl Side for Resumed {
    fn next_event(&mut self) -> Option<Event> {
        loop {
            let item = self.events.next()?;
            if let Some(event) = Event::from_bytes(&item) {
                return Some(event);
            }
        }
    }

    fn events_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    fn flush_messages(&mut self) {}

    fn snapshot(&self, slot: u32) -> Result<Snapshot, ProbeError> {
        counts::snapshot(&self.maps, slot)
    }

    fn call_counts(&self, slot: u32) -> Result<Snapshot, ProbeError> {
        counts::calls(&self.maps, slot)
    }

    fn slots(&self) -> Result<Vec<(u32, u64)>, ProbeError> {
        let entries = self.maps.slots.iter();
        let entries = entries.map(|entry| entry.map(|(id, slot)| (slot, id)));
        let slots: Result<Vec<_>, _> = entries.collect();
        let mut slots = slots.map_err(map_error("SLOTS"))?;
        // The list has others as well.
        slots.retain(|&(slot, _)| slot < wire::listed::FIRST);
        slots.sort_unstable();
        Ok(slots)
    }

    fn clients(&self, slot: u32) -> Result<Vec<&'static str>, ProbeError> {
        counts::clients(&self.maps, slot)
    }

    fn losses(&self) -> Result<Losses, ProbeError> {
        counts::losses(&self.maps, self.skipped(&hook::RECORDING))
    }

    fn refused(&self, slot: u32) -> Result<Refused, ProbeError> {
        self.refused.read(slot)
    }

    fn denial_losses(&self) -> Result<DenialLosses, ProbeError> {
        counts::denial_losses(&self.maps, self.skipped(&hook::REFUSING))
    }

    fn detach(&mut self) -> Result<(), ProbeError> {
        self.kept.detach();
        Ok(())
    }
}

fn typed<M: TryFrom<Map, Error = MapError>>(map: Map, name: &'static str) -> Result<M, ProbeError> {
    map.try_into().map_err(map_error(name))
}

fn maps(kept: &Kept) -> Result<Maps, ProbeError> {
    Ok(Maps {
        calls: typed(kept.map("CALLS")?, "CALLS")?,
        near: typed(kept.map("NEAR")?, "NEAR")?,
        tuples: typed(kept.map("TUPLES")?, "TUPLES")?,
        tuple_counts: typed(kept.map("TUPLE_COUNTS")?, "TUPLE_COUNTS")?,
        odd_calls: typed(kept.map("ODD_CALLS")?, "ODD_CALLS")?,
        counters: typed(kept.map("COUNTERS")?, "COUNTERS")?,
        members: typed(kept.map("MEMBERS")?, "MEMBERS")?,
        executed: typed(kept.map("EXECUTED")?, "EXECUTED")?,
        slots: typed(kept.map("SLOTS")?, "SLOTS")?,
    })
}
