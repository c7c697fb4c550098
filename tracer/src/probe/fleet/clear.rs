//! Forgetting what is kept for slots that no scope has any more.

use super::{Fleet, MapError, ProbeError, Wire, counts, map_error, wire};
use std::collections::BTreeSet;

impl Fleet {
    /// Forgets everything kept for some slots, which no scope may have.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be written.
    pub fn clear(&mut self, slots: &BTreeSet<u32>) -> Result<(), ProbeError> {
        for &slot in slots {
            self.clear_tables(slot)?;
        }
        self.clear_members(slots)?;
        let tuples = self.maps.tuples.keys();
        let tuples = tuples.filter(|key| {
            key.as_ref()
                .map_or(true, |Wire(key)| slots.contains(&key.slot))
        });
        let tuples: Vec<_> = tuples
            .collect::<Result<_, _>>()
            .map_err(map_error("TUPLES"))?;
        for key in &tuples {
            self.maps.tuples.remove(key).map_err(map_error("TUPLES"))?;
        }
        let odd = self.maps.odd_calls.keys();
        let odd = odd.filter(|key| {
            key.as_ref()
                .map_or(true, |Wire(key)| slots.contains(&key.slot))
        });
        let odd: Vec<_> = odd
            .collect::<Result<_, _>>()
            .map_err(map_error("ODD_CALLS"))?;
        for key in &odd {
            let removed = self.maps.odd_calls.remove(key);
            removed.map_err(map_error("ODD_CALLS"))?;
        }
        Ok(())
    }

    /// Who is still in a scope that is no longer recorded is in none.
    fn clear_members(&mut self, slots: &BTreeSet<u32>) -> Result<(), ProbeError> {
        let members = self.maps.members.iter();
        let members = members.filter(|member| {
            let slot = member.as_ref().map(|&(_, slot)| slot);
            slot.map_or(true, |slot| slots.contains(&slot))
        });
        let members: Vec<(u32, u32)> = members
            .collect::<Result<_, _>>()
            .map_err(map_error("MEMBERS"))?;
        for (pid, _) in members {
            match self.maps.members.remove(&pid) {
                // It has ended meanwhile.
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(map_error("MEMBERS")(error)),
            }
        }
        Ok(())
    }

    fn clear_tables(&mut self, slot: u32) -> Result<(), ProbeError> {
        let calls = Wire([0; wire::SLOT_LEN as usize]);
        let calls = self.on_every_cpu(calls, "CALLS")?;
        let near = Wire(wire::Near {
            arguments: [0; 8],
            tuples: [wire::NearTuple::default(); wire::NEAR_LEN],
        });
        let near = self.on_every_cpu(near, "NEAR")?;
        let lost = counts::counters(&self.maps, slot)?;
        counts::add_counters(&mut self.lost, &lost);
        let none = self.on_every_cpu(Wire(wire::Counters::default()), "COUNTERS")?;
        let nobody = Wire([0; wire::NAMES_MAX]);
        let set = self.maps.executed.set(slot, &nobody, 0);
        set.map_err(map_error("EXECUTED"))?;
        let set = self.maps.counters.set(slot, none, 0);
        set.map_err(map_error("COUNTERS"))?;
        let set = self.maps.calls.set(slot, calls, 0);
        set.map_err(map_error("CALLS"))?;
        let set = self.maps.near.set(slot, near, 0);
        set.map_err(map_error("NEAR"))?;
        for at in slot * wire::SLOT_LEN..(slot + 1) * wire::SLOT_LEN {
            let Wire(count) = self
                .maps
                .tuple_counts
                .get(&at, 0)
                .map_err(map_error("TUPLE_COUNTS"))?;
            if count.kept != 0 || count.unbounded != 0 {
                let zero = Wire(wire::TupleCount::default());
                let set = self.maps.tuple_counts.set(at, &zero, 0);
                set.map_err(map_error("TUPLE_COUNTS"))?;
            }
        }
        Ok(())
    }
}
