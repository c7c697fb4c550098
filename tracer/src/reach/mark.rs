//! What can be reached: units of code and pieces of data, from file to file by name.

use super::module::{Module, Role, Slot, goes_on, is_filler, target};
use iced_x86::FlowControl;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A place by file and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) module: usize,
    pub(super) address: u64,
}

/// What was reached.
pub(super) struct Marked<'a> {
    /// Units of code.
    pub(super) units: BTreeSet<Place>,
    /// Where names lead.
    pub(super) names: Names<'a>,
    /// Files that ask for others by name.
    pub(super) loading: BTreeSet<usize>,
}

/// Where names lead: to every file that has them, because which one a loader takes depends on its order.
pub(super) struct Names<'a>(BTreeMap<&'a str, Vec<Place>>);

impl<'a> Names<'a> {
    fn of(modules: &'a [Module]) -> Self {
        let mut names: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
        for (module, one) in modules.iter().enumerate() {
            for (name, addresses) in &one.exports {
                let places = addresses.iter().map(|&address| Place { module, address });
                names.entry(name).or_default().extend(places);
            }
        }
        Self(names)
    }

    /// The places of that name.
    pub(super) fn places(&self, name: &str) -> &[Place] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Where a pointer leads.
    pub(super) fn of_slot(&self, module: usize, slot: &Slot) -> Vec<Place> {
        match slot {
            Slot::Symbol(name) => self.places(name).to_vec(),
            &Slot::Address(address) => vec![Place { module, address }],
        }
    }
}

/// A piece of data is taken to reach from a little before an address that code speaks of, because code may
/// speak of what is inside, to the next such address, and at least a little further.
const BEFORE: u64 = 32;
const BEHIND: u64 = 256;

/// Functions by which a program loads others by name.
const LOADING: [&str; 3] = ["dlopen", "dlmopen", "__libc_dlopen_mode"];

/// What musl's loader goes through.
/// <https://git.musl-libc.org/cgit/musl/tree/ldso/dynlink.c?h=v1.2.5#n1700>
const LOADER_STAGES: [&str; 3] = ["__dls2", "__dls2b", "__dls3"];

/// The most entries of a table of jumps.
const JUMPS_MAX: usize = 4096;

struct Marker<'a> {
    modules: &'a [Module],
    marked: Marked<'a>,
    seen: HashSet<Place>,
    waiting: Vec<Place>,
    /// How many entries of tables of jumps may still be looked at, in all files together.
    jumps_left: usize,
}

/// Follows everything.
pub(super) fn mark(modules: &[Module]) -> Marked<'_> {
    let mut marker = Marker {
        modules,
        marked: Marked {
            units: BTreeSet::new(),
            names: Names::of(modules),
            loading: BTreeSet::new(),
        },
        seen: HashSet::new(),
        waiting: Vec::new(),
        jumps_left: modules.iter().map(|module| module.bytes.len()).sum(),
    };
    for (at, module) in modules.iter().enumerate() {
        marker.begin(at, module);
    }
    while let Some(place) = marker.waiting.pop() {
        marker.follow(place);
    }
    marker.marked
}

impl<'a> Marker<'a> {
    fn begin(&mut self, at: usize, module: &'a Module) {
        for &address in &module.initial {
            self.add(at, address);
        }
        match module.role {
            Role::Program => {
                for &start in &module.starts {
                    self.add(at, start);
                }
                for slot in module.slots.values() {
                    self.add_slot(at, slot);
                }
            }
            Role::Loader => {
                self.add(at, module.entry);
                // musl's finds the parts of itself by name.
                let stages = LOADER_STAGES.iter();
                for &address in stages
                    .filter_map(|&name| module.exports.get(name))
                    .flatten()
                {
                    self.add(at, address);
                }
            }
            Role::Plugin => {
                for &address in module.exports.values().flatten() {
                    self.add(at, address);
                }
            }
            Role::Library => {}
        }
    }

    fn add(&mut self, module: usize, address: u64) {
        let place = Place { module, address };
        if self.seen.insert(place) {
            self.waiting.push(place);
        }
    }

    fn add_slot(&mut self, module: usize, slot: &'a Slot) {
        match slot {
            &Slot::Address(address) => self.add(module, address),
            Slot::Symbol(name) => {
                if LOADING.contains(&name.as_str()) {
                    self.marked.loading.insert(module);
                }
                for at in 0..self.marked.names.places(name).len() {
                    let place = self.marked.names.places(name)[at];
                    self.add(place.module, place.address);
                }
            }
        }
    }

    fn follow(&mut self, place: Place) {
        let module = &self.modules[place.module];
        match module.unit(place.address) {
            Some(address) => {
                let unit = Place { address, ..place };
                if self.marked.units.insert(unit) {
                    self.code(unit);
                }
            }
            None if module.section(place.address).is_some() => self.data(place),
            None => {}
        }
    }

    /// Whatever the code of a unit leads to.
    fn code(&mut self, unit: Place) {
        let at = unit.module;
        let module = &self.modules[at];
        let end = unit
            .address
            .saturating_add(module.unit_length(unit.address) as u64);
        let is_inside = |address: u64| (unit.address..end).contains(&address);
        let mut last = None;
        let (mut tables, mut jumps) = (Vec::new(), false);
        for instruction in module.instructions(unit.address) {
            if let Some(target) = target(&instruction).filter(|&target| !is_inside(target)) {
                self.add(at, target);
            }
            if instruction.is_ip_rel_memory_operand() {
                let address = instruction.ip_rel_memory_address();
                self.add(at, address);
                tables.push(address);
            }
            jumps |= instruction.flow_control() == FlowControl::IndirectBranch;
            if !is_filler(&instruction) {
                last = Some(instruction);
            }
        }
        if last.is_some_and(|last| goes_on(&last)) {
            self.add(at, end);
        }
        if jumps {
            for table in tables {
                self.table(at, table);
            }
        }
    }

    /// Where a table of jumps leads, if it is one: differences to its own address.
    fn table(&mut self, at: usize, address: u64) {
        let module = &self.modules[at];
        let (entries, _) = module.bytes_from(address).as_chunks::<4>();
        for entry in entries.iter().take(JUMPS_MAX.min(self.jumps_left)) {
            self.jumps_left -= 1;
            let target = address.wrapping_add_signed(i64::from(i32::from_le_bytes(*entry)));
            if !module.is_code(target) {
                break;
            }
            self.add(at, target);
        }
    }

    /// Whatever the pointers in a piece of data lead to.
    fn data(&mut self, place: Place) {
        let Place {
            module: at,
            address,
        } = place;
        let module = &self.modules[at];
        let Some(section) = module.section(address) else {
            return;
        };
        let range = if section.is_got {
            address..address.saturating_add(1)
        } else {
            let after = module.marks.partition_point(|&mark| mark <= address);
            let next = module.marks.get(after).copied().unwrap_or(u64::MAX);
            let end = next.max(address.saturating_add(BEHIND)).min(section.end());
            address.saturating_sub(BEFORE).max(section.address)..end
        };
        for slot in module.slots.range(range).map(|(_, slot)| slot) {
            self.add_slot(at, slot);
        }
    }
}
