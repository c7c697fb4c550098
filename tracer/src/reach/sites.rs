//! From code that is reached to system calls: the places that make them, and their numbers.
//!
//! Where a function takes the number from its caller, as `syscall` of every C library does, its callers are
//! asked, and theirs.

use super::flow;
use super::mark::{Marked, Place};
use super::module::{Module, target};
use super::values::{Given, Value};
use super::{Reach, Site};
use crate::syscall::{Abi, Call};
use iced_x86::{FlowControl, Instruction, Mnemonic};
use std::collections::{BTreeMap, BTreeSet};

/// Who takes the number of a call from their callers, and where.
type Asking = BTreeSet<(Place, Abi, Given)>;

struct Finder<'a> {
    modules: &'a [Module],
    marked: &'a Marked<'a>,
    reach: Reach,
    asking: Asking,
    waiting: Vec<(Place, Abi, Given)>,
}

/// The calls of all code that is reached.
pub(super) fn sites(modules: &[Module], marked: &Marked<'_>) -> Reach {
    let mut finder = Finder {
        modules,
        marked,
        reach: Reach::default(),
        asking: BTreeSet::new(),
        waiting: Vec::new(),
    };
    let loading = marked.loading.iter();
    finder.reach.loading = loading.map(|&at| modules[at].name.clone()).collect();
    for &unit in &marked.units {
        finder.own(unit);
    }
    if !finder.waiting.is_empty() {
        let callers = finder.callers();
        while let Some((unit, abi, given)) = finder.waiting.pop() {
            finder.ask(unit, abi, given, callers.get(&unit));
        }
    }
    finder.reach
}

/// The ABI of a system call, if the instruction makes one.
fn makes_call(instruction: &Instruction) -> Option<Abi> {
    const INTERRUPT: u8 = 0x80;
    match instruction.mnemonic() {
        Mnemonic::Syscall => Some(Abi::X86_64),
        Mnemonic::Int if instruction.immediate8() == INTERRUPT => Some(Abi::I386),
        _ => None,
    }
}

impl Finder<'_> {
    /// The calls that a unit makes itself.
    fn own(&mut self, unit: Place) {
        let module = &self.modules[unit.module];
        let instructions: Vec<Instruction> = module.instructions(unit.address).collect();
        let mut found = Vec::new();
        if !instructions.iter().any(|one| makes_call(one).is_some()) {
            return;
        }
        let known = flow::visit(&instructions, &mut |instruction, state| {
            if let Some(abi) = makes_call(instruction) {
                found.push((instruction.ip(), abi, state.number().clone()));
            }
        });
        if !known {
            let made = instructions.iter();
            let made = made.filter_map(|one| Some((one.ip(), makes_call(one)?, Value::Unknown)));
            found.extend(made);
        }
        for (address, abi, value) in found {
            self.enter(unit, address, abi, value);
        }
    }

    /// Asks the callers of a unit that takes a number from them.
    fn ask(&mut self, asking: Place, abi: Abi, given: Given, callers: Option<&BTreeSet<Place>>) {
        let Some(callers) = callers else {
            // It is called in a way that is not followed.
            self.unresolved(asking, asking.address);
            return;
        };
        for &caller in callers {
            let module = &self.modules[caller.module];
            let instructions: Vec<Instruction> = module.instructions(caller.address).collect();
            let mut found = Vec::new();
            let known = flow::visit(&instructions, &mut |instruction, state| {
                if self.leads_to(caller.module, instruction, asking) {
                    let by_call = !is_jump(instruction);
                    found.push((instruction.ip(), state.given(given, by_call)));
                }
            });
            if !known {
                self.unresolved(caller, caller.address);
            }
            for (address, value) in found {
                self.enter(caller, address, abi, value);
            }
        }
    }

    fn enter(&mut self, unit: Place, address: u64, abi: Abi, value: Value) {
        match value {
            Value::One(numbers) => {
                for number in numbers {
                    let site = self.site(unit, address);
                    // The kernel looks at the lower half.
                    let half = u32::try_from(number & 0xFFFF_FFFF).unwrap_or(u32::MAX);
                    let call = Call::new(abi, half.cast_signed());
                    self.reach.calls.entry(call).or_default().insert(site);
                }
            }
            Value::Given(given) => {
                if self.asking.insert((unit, abi, given)) {
                    self.waiting.push((unit, abi, given));
                }
            }
            Value::Stack(_) | Value::Unknown => self.unresolved(unit, address),
        }
    }

    fn unresolved(&mut self, unit: Place, address: u64) {
        let site = self.site(unit, address);
        self.reach.unresolved.insert(site);
    }

    fn site(&self, unit: Place, address: u64) -> Site {
        let module = &self.modules[unit.module];
        Site {
            file: module.name.clone(),
            function: module.label(address),
        }
    }

    /// Who calls or jumps to which unit.
    fn callers(&self) -> BTreeMap<Place, BTreeSet<Place>> {
        let mut callers: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
        for &unit in &self.marked.units {
            let module = &self.modules[unit.module];
            for instruction in module.instructions(unit.address) {
                for callee in self.led_to(unit.module, &instruction) {
                    if callee != unit {
                        callers.entry(callee).or_default().insert(unit);
                    }
                }
            }
        }
        callers
    }

    fn leads_to(&self, module: usize, instruction: &Instruction, unit: Place) -> bool {
        self.led_to(module, instruction).contains(&unit)
    }

    /// The units that a call or jump leads to: those that it says, or those that its pointer has.
    fn led_to(&self, at: usize, instruction: &Instruction) -> Vec<Place> {
        let module = &self.modules[at];
        let places = match instruction.flow_control() {
            FlowControl::Call
            | FlowControl::UnconditionalBranch
            | FlowControl::ConditionalBranch => {
                let target = target(instruction).map(|address| Place {
                    module: at,
                    address,
                });
                target.into_iter().collect()
            }
            FlowControl::IndirectCall | FlowControl::IndirectBranch
                if instruction.is_ip_rel_memory_operand() =>
            {
                let slot = module.slots.get(&instruction.ip_rel_memory_address());
                slot.map(|slot| self.marked.names.of_slot(at, slot))
                    .unwrap_or_default()
            }
            _ => return Vec::new(),
        };
        let unit = |place: Place| {
            let address = self.modules[place.module].unit(place.address)?;
            Some(Place { address, ..place })
        };
        places.into_iter().filter_map(unit).collect()
    }
}

fn is_jump(instruction: &Instruction) -> bool {
    !matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall
    )
}
